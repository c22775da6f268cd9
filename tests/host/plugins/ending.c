/* ending.c - a sink, the last stage of confs under test; its one option is required. */
#include <weir/plugin.h>

struct cfg {
    struct weir_slice target;
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, target, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "where events go"), WEIR_OPT_END};

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    ctx->host->settle_all(ctx, batch, WEIR_OK, NULL);
}

WEIR_PLUGIN(.name = "ending", .version = "1.0.0", .doc = "Takes everything.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .opts = options, .push = push);
