/* faulty.c - a sink that breaks one rule of the contract, the one its conf names. */
#include <weir/plugin.h>

enum fault {
    NONE,
    SETTLES_TWICE,
    RELEASES_UNSETTLED,
    KEEPS_BATCH,
    LEAVES_TIMER,
    FORWARDS_AT_THE_END,
    NEVER_SETTLES,
    FATAL
};
static const char *const faults[] = {"none",          "settles-twice", "releases-unsettled",
                                     "keeps-batch",   "leaves-timer",  "forwards-at-the-end",
                                     "never-settles", "fatal",         NULL};
struct cfg {
    int fault;
};
struct self {
    struct weir_timer timer;
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, fault, WEIR_ENUM, .def = "none", .choices = faults, .doc = "rule to break"), WEIR_OPT_END};

static void never(struct weir_timer *timer)
{
    (void)timer;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    const struct cfg *cfg = ctx->cfg;
    struct self *self = ctx->self;
    if (cfg->fault == RELEASES_UNSETTLED) {
        ctx->host->release(ctx, batch);
        return;
    }
    if (cfg->fault == NEVER_SETTLES) return;
    if (cfg->fault == FATAL) {
        ctx->host->settle_all(ctx, batch, WEIR_FATAL, "this can never work");
        return;
    }
    if (cfg->fault == FORWARDS_AT_THE_END) {
        weir_forward(ctx, batch);
        return;
    }
    WEIR_EACH (ev, batch) weir_settle(ctx, ev, WEIR_OK, NULL);
    if (cfg->fault == SETTLES_TWICE) weir_settle(ctx, &batch->ev[0], WEIR_OK, NULL);
    if (cfg->fault == LEAVES_TIMER) {
        self->timer.fn = never;
        ctx->host->timer_arm(ctx, &self->timer, UINT64_C(3600000000000));
    }
    if (cfg->fault != KEEPS_BATCH) ctx->host->release(ctx, batch);
}

WEIR_PLUGIN(.name = "faulty", .version = "1.0.0", .doc = "Breaks one rule.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .push = push);
