/* origin.c - a source that never emits: the first stage of confs under test. */
#include <weir/plugin.h>

static int open_stage(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    (void)ctx, (void)cookie, (void)result;
}

WEIR_PLUGIN(.name = "origin", .version = "1.0.0", .doc = "Emits nothing.", .roles = WEIR_SOURCE, .open = open_stage,
            .done = done);
