/* bench_move.c - looks at each event and moves all into a batch of its own. */
#include <weir/plugin.h>

struct self {
    uint64_t seen;
};

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *s = ctx->self;
    struct weir_batch *own = ctx->host->batch_new(ctx, batch->n);
    if (!own) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    WEIR_EACH (ev, batch) {
        s->seen += ev->value.p[0];
        if (!ctx->host->move(ctx, own, batch, ev)) weir_settle(ctx, ev, WEIR_RETRY, "out of memory");
    }
    weir_forward(ctx, own);
    ctx->host->release(ctx, batch);
}

WEIR_PLUGIN(.name = "bench_move", .version = "1.0.0", .doc = "Moves every event to a new batch.", .roles = WEIR_FILTER,
            .self_size = sizeof(struct self), .push = push);
