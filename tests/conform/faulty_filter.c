/* faulty_filter.c - a filter that moves every event to a new batch, correct but for one fault: FAULT. */
#include "faults.h"
#include <weir/plugin.h>

struct self {
    uint64_t own; /* tickets of its own */
};

static int open_filter(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

/* Says OK upstream at once, and promises nothing of the kind. */
static void take_over(struct weir_ctx *ctx, struct weir_event *ev)
{
    struct self *s = ctx->self;
    struct weir_ticket *own = ctx->host->ticket_new(ctx, NULL, 1);
    if (!own) return;
    weir_settle(ctx, ev, WEIR_OK, NULL);
    ev->ticket = own;
    s->own++;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct weir_batch *out = ctx->host->batch_new(ctx, batch->n);
    if (!out) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    WEIR_EACH (ev, batch) {
        if (FAULT == SAYS_OK) take_over(ctx, ev);
        if (ctx->host->move(ctx, out, batch, ev)) continue;
        if (FAULT != LOSES_WITHOUT_MEMORY) weir_settle(ctx, ev, WEIR_RETRY, "out of memory");
    }
    ctx->host->release(ctx, batch);
    weir_forward(ctx, out);
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    struct self *s = ctx->self;
    (void)cookie;
    (void)r;
    s->own--;
}

WEIR_PLUGIN(.name = NAME, .version = "1.0.0", .doc = "Has one fault.", .roles = WEIR_FILTER,
            .self_size = sizeof(struct self), .open = open_filter, .push = push, .done = done);
