/* shards.h - how far the relay is in one shard: what was emitted, what was delivered, what to emit again. Pure. */
#ifndef LEDGER_RELAY_SHARDS_H
#define LEDGER_RELAY_SHARDS_H
#include <stdbool.h>
#include <stdint.h>

enum { SHARD_WINDOW = 256 }; /* events beyond the prefix, at most */
struct shard {
    uint32_t number;
    int64_t prefix;  /* 1..prefix are delivered, by us or by others */
    int64_t written; /* of them, what the database knows */
    int64_t sent;    /* emitted up to here, or delivered */
    uint32_t in_flight;
    bool rewind; /* one failed: when none is in flight, begin again behind the prefix */
    uint16_t attempt;
    uint64_t retry_ns;                /* not before */
    uint64_t done[SHARD_WINDOW / 64]; /* delivered beyond the prefix: bit seq % SHARD_WINDOW */
};

/* The database's `published`, which others may have moved on. */
void shard_seen(struct shard *, int64_t published);
/* What is to be done with the row of seq, the next one in order. */
enum row { ROW_EMIT, ROW_DELIVERED, ROW_LATER, ROW_GAP };
enum row shard_row(const struct shard *, int64_t seq);
void shard_sent(struct shard *, int64_t seq); /* emitted now */
void shard_skip(struct shard *, int64_t seq); /* delivered before */
void shard_delivered(struct shard *, int64_t seq);
void shard_failed(struct shard *, uint64_t now_ns, uint64_t wait_ns); /* emit again after a while */
bool shard_may_emit(const struct shard *, uint64_t now_ns);
static inline int64_t shard_room(const struct shard *s)
{
    return SHARD_WINDOW - (s->sent - s->prefix);
}
#endif
