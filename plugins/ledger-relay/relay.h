/* relay.h - the stage: one connection, the shards of its lane, and what is under way.
 *
 *   timer, NOTIFY, delivered ──▶ cycle: write `published` + read what is due ──▶ emit ──▶ done ──▶ next cycle
 */
#ifndef LEDGER_RELAY_RELAY_H
#define LEDGER_RELAY_RELAY_H
#include "pg_array.h"
#include "pg_conn.h"
#include "shards.h"

struct cfg {
    struct weir_slice database, publishes, ledger;
    uint64_t grace, poll;
    int64_t batch, rate;
};

enum metric { METRIC_EMITTED, METRIC_AGAIN, METRIC_IN_FLIGHT };
enum statement { ST_META, ST_PREPARE, ST_LISTEN, ST_WRITE, ST_READ };

struct item { /* one event that is under way; the ticket's cookie */
    struct item *next, **back;
    struct relay *relay;
    uint32_t shard; /* index into relay->shards */
    uint32_t life;  /* of the shards' state: what was emitted before an epoch changed counts no more */
    int64_t seq;
};

struct relay {
    struct weir_ctx *ctx;
    const struct cfg *cfg;
    struct weir_pg pg;
    struct weir_timer poll;
    struct shard *shards;                 /* those of this lane */
    uint32_t n_shards, all_shards, first; /* first: where the next reading begins, for fairness */
    struct item *items;
    uint32_t life, schema;
    int64_t epoch;
    uint64_t poll_ns, random, not_before_ns; /* not_before: the next reading, by `rate` */
    int64_t rate;                            /* 0: no limit */
    bool prepared, busy;                     /* a pipeline is in flight */
    bool due;                                /* there may be something to read */
    bool more;                               /* something had to wait for a delivery to make room */
    bool open, draining, drained, failed;
    bool gap;     /* the last reading found rows missing */
    bool trouble; /* said of a row, and not yet over */
    bool error;
    char error_text[200];
    uint8_t script[8];
    uint32_t n_script, at;
    struct weir_pg_array params[2];
};

/* ledger_relay.c */
void relay_next(struct relay *); /* starts a cycle when there is something to do */
void relay_degraded(struct relay *, const char *why);
void relay_trouble(struct relay *, const char *why); /* degraded by a row, until the shards are past it */
void relay_pace(struct relay *, uint32_t n);         /* so many were emitted */
bool relay_is_paced(const struct relay *);           /* has to wait, by `rate` */
void relay_look_at(struct relay *, uint64_t ns);     /* not later than that */
void relay_fail(struct relay *, const char *why);
void relay_check_drained(struct relay *);
/* database.c */
extern const struct weir_pg_hooks relay_hooks;
void relay_cycle(struct relay *, bool write, bool read);
bool relay_has_to_write(const struct relay *);
bool relay_can_read(const struct relay *);
/* emit.c */
uint32_t emit_rows(struct relay *, const PGresult *); /* how many */
void emit_done(struct weir_ctx *, void *cookie, const struct weir_result *);
void emit_forget(struct relay *);
struct shard *relay_shard(struct relay *, uint32_t number); /* NULL: not of this lane */
#endif
