/* shards.h - how far the relay is in one shard: what was emitted, what was delivered, what to emit again. Pure. */
#ifndef LEDGER_RELAY_SHARDS_H
#define LEDGER_RELAY_SHARDS_H
#include <stdbool.h>
#include <stdint.h>

/* Events beyond the prefix, at most: so many of its shard overtake one that is not delivered. A bit each. */
enum { SHARD_WINDOW = 4096 };
struct shard {
    uint32_t number;
    int64_t prefix;  /* 1..prefix are delivered, by us or by others */
    int64_t written; /* of them, what the database knows */
    int64_t sent;    /* emitted up to here, or delivered */
    int64_t asked;   /* the reading that is under way gives what is behind this */
    uint32_t in_flight;
    bool rewind;  /* one failed: when none is in flight, begin again behind the prefix */
    bool refused; /* somebody said of one beyond the prefix that it will never be taken */
    uint16_t attempt;
    uint64_t again_ns;                /* when those that were refused are tried again; 0: none */
    uint64_t retry_ns;                /* not before */
    uint64_t done[SHARD_WINDOW / 64]; /* delivered beyond the prefix: bit seq % SHARD_WINDOW */
};

/* The database's `published`, which others may have moved on. */
void shard_seen(struct shard *, int64_t published);
/* A reading begins, of the rows behind what is returned: what was delivered right behind `sent` is not read again. */
int64_t shard_ask(struct shard *);
/* What is to be done with the row of seq, the next one in order. STALE: one failed after the reading began, so that it
 * does not begin where the shard has gone back to. */
enum row { ROW_EMIT, ROW_DELIVERED, ROW_LATER, ROW_STALE, ROW_GAP };
enum row shard_row(const struct shard *, int64_t seq);
void shard_sent(struct shard *, int64_t seq); /* emitted now */
void shard_skip(struct shard *, int64_t seq); /* delivered before */
void shard_delivered(struct shard *, int64_t seq);
void shard_failed(struct shard *, uint64_t now_ns, uint64_t wait_ns);  /* emit again after a while */
void shard_refused(struct shard *, uint64_t now_ns, uint64_t wait_ns); /* the same, but what is behind it goes on */
bool shard_may_emit(struct shard *, uint64_t now_ns);
static inline int64_t shard_room(const struct shard *s)
{
    return SHARD_WINDOW - (s->sent - s->prefix);
}
#endif
