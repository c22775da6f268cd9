/* published.h - how far a shard's events are known to be durable in the topic: a contiguous prefix and a few ranges
 * beyond it. Pure. What does not fit is forgotten; the relay publishes it again. */
#ifndef WALLET_LEDGER_PUBLISHED_H
#define WALLET_LEDGER_PUBLISHED_H
#include <stdbool.h>
#include <stdint.h>

enum { PUBLISHED_RANGES = 16 };
struct published {
    int64_t prefix;  /* 1..prefix are confirmed */
    int64_t written; /* what the database has */
    uint32_t n;
    struct {
        int64_t first, last;
    } range[PUBLISHED_RANGES]; /* ascending, apart from each other and from the prefix */
};

void published_add(struct published *, int64_t first, int64_t last);
/* The shard's row as just read under its lock: the prefix is at least `published`, nothing is above `last_seq`. */
void published_seen(struct published *, int64_t published, int64_t last_seq);
static inline bool published_pending(const struct published *p)
{
    return p->prefix > p->written;
}
#endif
