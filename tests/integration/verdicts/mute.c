/* mute.c - a sink that keeps nothing and promises nothing. */
#include <weir/plugin.h>

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    ctx->host->settle_all(ctx, batch, WEIR_OK, NULL);
}

WEIR_PLUGIN(.name = "mute", .version = "1.0.0", .doc = "Keeps nothing and promises nothing.", .roles = WEIR_SINK,
            .push = push);
