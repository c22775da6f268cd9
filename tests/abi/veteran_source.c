/* veteran_source.c - a source of the first header: emits `count` events, one a timer, and keeps to its flow. */
#include <stdio.h>
#include <string.h>
#include <weir/plugin.h>

struct cfg {
    int64_t count;
    uint64_t every;
    struct weir_slice text;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_timer timer;
    int64_t sent, settled;
    bool draining;
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, count, WEIR_INT, .def = "10", .min = 1, .max = 1000, .doc = "events"),
    WEIR_OPT(struct cfg, every, WEIR_DURATION, .def = "1ms", .min = 1, .max = 1000000000, .doc = "between two"),
    WEIR_OPT(struct cfg, text, WEIR_STRING, .def = "veteran", .doc = "what each begins with"),
    WEIR_OPT_END,
};
static const struct weir_metric metrics[] = {
    {"settled_total", WEIR_COUNTER, "Events that were settled.", NULL, NULL},
    {NULL, WEIR_COUNTER, NULL, NULL, NULL},
};

static void drained(struct self *self)
{
    const struct cfg *cfg = self->ctx->cfg;
    bool over = self->draining || self->sent == cfg->count;
    if (over && self->settled == self->sent) self->ctx->host->state(self->ctx, WEIR_DRAINED, NULL);
}

static void emit(struct weir_timer *timer)
{
    struct self *self = weir_container(timer, struct self, timer);
    struct weir_ctx *ctx = self->ctx;
    const struct cfg *cfg = ctx->cfg;
    if (self->draining || self->sent == cfg->count) return;
    ctx->host->timer_arm(ctx, timer, cfg->every);
    if (!ctx->host->room(ctx)) return;
    struct weir_batch *batch = ctx->host->batch_new(ctx, 1);
    char *text = batch ? ctx->host->batch_alloc(batch, cfg->text.n + 24) : NULL;
    struct weir_ticket *ticket = text ? ctx->host->ticket_new(ctx, NULL, 1) : NULL;
    if (!ticket) {
        if (batch) ctx->host->release(ctx, batch);
        return;
    }
    int n = snprintf(text, cfg->text.n + 24, "%s %lld", (const char *)cfg->text.p, (long long)++self->sent);
    struct weir_event *ev = &batch->ev[batch->n++];
    ev->ticket = ticket;
    ev->value = (struct weir_slice){(const uint8_t *)text, (size_t)n};
    ev->position = (uint64_t)self->sent;
    weir_forward(ctx, batch);
}

static int start(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *self = ctx->self;
    (void)err;
    self->ctx = ctx;
    self->timer.fn = emit;
    ctx->host->timer_arm(ctx, &self->timer, 0);
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    struct self *self = ctx->self;
    (void)cookie, (void)result;
    self->settled++;
    ctx->host->metric(ctx, 0, NULL, 1);
    drained(self);
}

static void drain(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    self->draining = true;
    drained(self);
}

static void stop(struct weir_ctx *ctx)
{
    ctx->host->timer_stop(ctx, &((struct self *)ctx->self)->timer);
}

WEIR_PLUGIN(.name = "veteran-source", .version = "1.0.0", .doc = "Emits numbered texts.", .roles = WEIR_SOURCE,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .metrics = metrics,
            .open = start, .done = done, .drain = drain, .close = stop);
