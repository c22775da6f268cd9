/* crooked.c - a filter whose option table is wrong in several ways; the host must say so and not trust it. */
#include <weir/plugin.h>

struct cfg {
    int small; /* WEIR_INT needs int64_t */
    uint64_t wait;
    int mode;
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, small, WEIR_INT, .def = "1", .doc = "too small a member"),
    WEIR_OPT(struct cfg, wait, WEIR_DURATION, .def = "5", .doc = "a default without unit"),
    WEIR_OPT(struct cfg, mode, WEIR_ENUM, .doc = "without choices"), WEIR_OPT_END};

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    weir_forward(ctx, batch);
}

WEIR_PLUGIN(.name = "crooked", .version = "1.0.0", .doc = "Has a wrong table.", .roles = WEIR_FILTER,
            .cfg_size = sizeof(struct cfg), .opts = options, .push = push);
