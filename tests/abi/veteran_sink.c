/* veteran_sink.c - a sink of the first header: takes what comes, says so on stdout, settles it after a posted task. */
#include <stdio.h>
#include <weir/plugin.h>

struct self {
    struct weir_ctx *ctx;
    struct weir_task task;
    struct weir_batch *batch;
};

static void settle(struct weir_task *task)
{
    struct self *self = weir_container(task, struct self, task);
    struct weir_batch *batch = self->batch;
    self->batch = NULL;
    WEIR_EACH (ev, batch) {
        printf("%.*s taken\n", (int)ev->value.n, (const char *)ev->value.p);
        weir_settle(self->ctx, ev, WEIR_OK, NULL);
    }
    fflush(stdout);
    self->ctx->host->release(self->ctx, batch);
    self->ctx->host->busy(self->ctx, false);
    self->ctx->host->state(self->ctx, WEIR_DRAINED, NULL);
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *self = ctx->self;
    if (self->batch) { /* one at a time: the source was told that we are busy */
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "busy");
        return;
    }
    self->ctx = ctx;
    self->batch = batch;
    self->task.fn = settle;
    ctx->host->busy(ctx, true);
    ctx->host->post(ctx, &self->task);
}

static void drain(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    if (!self->batch) ctx->host->state(ctx, WEIR_DRAINED, NULL);
}

WEIR_PLUGIN(.name = "veteran-sink", .version = "1.0.0", .doc = "Takes everything.", .roles = WEIR_SINK,
            .self_size = sizeof(struct self), .push = push, .drain = drain);
