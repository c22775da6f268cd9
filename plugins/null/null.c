/* null.c - the end of a pipeline that keeps nothing: for measuring what comes before it. */
#include <weir/plugin.h>

/* Known, and known to keep nothing. */
static void promise(const void *cfg, struct weir_promise *p)
{
    (void)cfg;
    p->flags = 0;
}

static int open_null(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    ctx->host->settle_all(ctx, batch, WEIR_OK, NULL);
}

WEIR_PLUGIN(.name = "null", .version = "1.0.0", .doc = "Settles every event as done and keeps nothing.",
            .roles = WEIR_SINK, .promise = promise, .open = open_null, .push = push);
