/* published.c - ranges of confirmed events, in any order, repeated or overlapping, folded into a contiguous prefix. */
#include "published.h"

static void drop(struct published *p, uint32_t at, uint32_t n)
{
    for (uint32_t i = at; i + n < p->n; i++) p->range[i] = p->range[i + n];
    p->n -= n;
}

/* Ranges that the prefix has reached become part of it. */
static void fold(struct published *p)
{
    uint32_t n = 0;
    while (n < p->n && p->range[n].first <= p->prefix + 1) {
        if (p->range[n].last > p->prefix) p->prefix = p->range[n].last;
        n++;
    }
    if (n) drop(p, 0, n);
}

void published_add(struct published *p, int64_t first, int64_t last)
{
    if (first < 1 || last < first || last == INT64_MAX || last <= p->prefix) return;
    if (first <= p->prefix + 1) {
        p->prefix = last;
        fold(p);
        return;
    }
    uint32_t at = 0;
    while (at < p->n && p->range[at].last < first - 1) at++;
    uint32_t end = at; /* at..end touch the new one */
    for (; end < p->n && p->range[end].first <= last + 1; end++) {
        if (p->range[end].first < first) first = p->range[end].first;
        if (p->range[end].last > last) last = p->range[end].last;
    }
    if (end > at) {
        drop(p, at, end - at - 1);
    } else {
        if (p->n == PUBLISHED_RANGES) { /* the highest is the last that the prefix would reach */
            if (at == p->n) return;
            p->n--;
        }
        for (uint32_t i = p->n; i > at; i--) p->range[i] = p->range[i - 1];
        p->n++;
    }
    p->range[at].first = first;
    p->range[at].last = last;
}

void published_seen(struct published *p, int64_t published, int64_t last_seq)
{
    p->written = published;
    /* Under the lock nobody can have confirmed what was not yet committed: above last_seq a client was wrong, and
     * believing it would keep events from the relay for ever. */
    if (p->prefix > last_seq) p->prefix = last_seq;
    while (p->n && p->range[p->n - 1].first > last_seq) p->n--;
    if (p->n && p->range[p->n - 1].last > last_seq) p->range[p->n - 1].last = last_seq;
    if (p->prefix < published) p->prefix = published;
    fold(p);
}
