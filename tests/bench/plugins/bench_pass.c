/* bench_pass.c - the least a filter does: looks at each event and passes all on. */
#include <weir/plugin.h>

struct self {
    uint64_t seen;
};

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *s = ctx->self;
    WEIR_EACH (ev, batch) s->seen += ev->value.p[0];
    weir_forward(ctx, batch);
}

WEIR_PLUGIN(.name = "bench_pass", .version = "1.0.0", .doc = "Passes every event on.", .roles = WEIR_FILTER,
            .self_size = sizeof(struct self), .push = push);
