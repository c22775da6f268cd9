/* bench_forget.c - sends each event on under a ticket of its own and says RETRY of it at once: its sender learns
 * nothing, so it confirms nothing. What is left when the confirmations are taken away, at the price of one copy of the
 * event. */
#include <string.h>
#include <weir/plugin.h>

static bool copy(struct weir_ctx *ctx, struct weir_batch *to, struct weir_slice *slice)
{
    uint8_t *p = ctx->host->batch_alloc(to, slice->n + 1);
    if (!p) return false;
    if (slice->n) memcpy(p, slice->p, slice->n);
    slice->p = p;
    return true;
}

static bool copy_event(struct weir_ctx *ctx, struct weir_batch *to, const struct weir_event *ev)
{
    struct weir_event *own = &to->ev[to->n];
    struct weir_pair *headers = ctx->host->batch_alloc(to, (ev->n_headers + 1) * sizeof *headers);
    *own = *ev;
    if (!headers || !copy(ctx, to, &own->key) || !copy(ctx, to, &own->value)) return false;
    for (uint32_t i = 0; i < ev->n_headers; i++) {
        headers[i] = ev->headers[i];
        if (!copy(ctx, to, &headers[i].name) || !copy(ctx, to, &headers[i].value)) return false;
    }
    own->headers = headers;
    own->ticket = ctx->host->ticket_new(ctx, NULL, 1);
    if (!own->ticket) return false;
    to->n++;
    return true;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct weir_batch *own = ctx->host->batch_new(ctx, batch->n);
    WEIR_EACH (ev, batch) {
        if (own) copy_event(ctx, own, ev);
        weir_settle(ctx, ev, WEIR_RETRY, NULL);
    }
    ctx->host->release(ctx, batch);
    if (own && own->n)
        weir_forward(ctx, own);
    else if (own)
        ctx->host->release(ctx, own);
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    (void)ctx;
    (void)cookie;
    (void)result;
}

WEIR_PLUGIN(.name = "bench_forget", .version = "1.0.0", .doc = "Sends events on and tells their sender nothing.",
            .roles = WEIR_FILTER, .push = push, .done = done);
