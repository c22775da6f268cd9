/* pending.c - a queue of events that grows, and batches that go when their last event is settled. */
#include "pending.h"
#include <stdlib.h>
#include <string.h>

struct weir_held *weir_hold(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct weir_held *h = malloc(sizeof(*h));
    if (!h) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "no memory");
        return NULL;
    }
    *h = (struct weir_held){batch, 1}; /* 1: the caller's, while it looks at the events */
    return h;
}

void weir_hold_end(struct weir_ctx *ctx, struct weir_held *h)
{
    if (--h->left > 0) return;
    ctx->host->release(ctx, h->batch);
    free(h);
}

void weir_entry_settle(struct weir_ctx *ctx, struct weir_entry e, enum weir_status status, const char *why)
{
    weir_settle(ctx, e.ev, status, why);
    weir_hold_end(ctx, e.held);
}

void weir_entry_reject(struct weir_ctx *ctx, struct weir_entry e, uint32_t outcome, const char *why)
{
    const struct weir_result r = {.status = WEIR_REJECT, .outcome = outcome, .why = why};
    ctx->host->settle(ctx, e.ev, &r);
    weir_hold_end(ctx, e.held);
}

bool weir_queue_add(struct weir_queue *q, struct weir_entry e)
{
    if (q->head + q->n == q->cap && q->head > q->n) { /* move down what is less than what is free */
        memcpy(q->v, q->v + q->head, q->n * sizeof(*q->v));
        q->head = 0;
    }
    if (q->head + q->n == q->cap) {
        uint32_t cap = q->cap ? q->cap * 2 : 256;
        struct weir_entry *v = cap > q->cap ? realloc(q->v, cap * sizeof(*v)) : NULL;
        if (!v) return false;
        q->v = v;
        q->cap = cap;
    }
    q->v[q->head + q->n++] = e;
    q->bytes += e.ev->value.n;
    return true;
}

struct weir_entry *weir_queue_take(struct weir_queue *q, uint64_t max_rows, uint64_t max_bytes, uint32_t *out)
{
    uint32_t n = 0;
    uint64_t bytes = 0;
    while (n < q->n && n < max_rows) {
        uint64_t more = q->v[q->head + n].ev->value.n;
        if (n && bytes + more > max_bytes) break;
        bytes += more;
        n++;
    }
    struct weir_entry *taken = n ? malloc(n * sizeof(*taken)) : NULL;
    if (!taken) return NULL;
    memcpy(taken, q->v + q->head, n * sizeof(*taken));
    q->head += n;
    q->n -= n;
    q->bytes -= bytes;
    if (q->n == 0) q->head = 0;
    *out = n;
    return taken;
}

void weir_queue_close(struct weir_ctx *ctx, struct weir_queue *q)
{
    for (uint32_t i = 0; i < q->n; i++)
        weir_entry_settle(ctx, q->v[q->head + i], WEIR_RETRY, "closed before it was sent");
    free(q->v);
    *q = (struct weir_queue){0};
}
