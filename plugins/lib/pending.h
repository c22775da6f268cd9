/* pending.h - for sinks: events between push() and their settling, in order, and the count that lets a batch go once
 * every event of it is settled. */
#ifndef WEIR_PENDING_H
#define WEIR_PENDING_H
#include <weir/plugin.h>

struct weir_held { /* a batch, until every event of it is settled */
    struct weir_batch *batch;
    uint32_t left;
};
struct weir_entry {
    struct weir_event *ev;
    struct weir_held *held;
};
struct weir_queue {
    struct weir_entry *v;
    uint32_t head, n, cap; /* v[head .. head + n) */
    uint64_t bytes;        /* of the values in it */
};

/* Takes a batch over: make entries of its events with `held`, count each in held->left, then weir_hold_end(). NULL: no
 * memory, the batch was settled as RETRY and released. */
struct weir_held *weir_hold(struct weir_ctx *, struct weir_batch *);
void weir_hold_end(struct weir_ctx *, struct weir_held *);
void weir_entry_settle(struct weir_ctx *, struct weir_entry, enum weir_status, const char *why);
/* It can never go in: REJECT with one of the plugin's outcomes. */
void weir_entry_reject(struct weir_ctx *, struct weir_entry, uint32_t outcome, const char *why);

/* False: no memory, the entry is still the caller's. */
bool weir_queue_add(struct weir_queue *, struct weir_entry);
/* Takes up to max_rows entries of together max_bytes (but always one) into an array of the caller's. NULL: no memory or
 * nothing there. */
struct weir_entry *weir_queue_take(struct weir_queue *, uint64_t max_rows, uint64_t max_bytes, uint32_t *n);
/* Settles what is left as RETRY and frees. */
void weir_queue_close(struct weir_ctx *, struct weir_queue *);
#endif
