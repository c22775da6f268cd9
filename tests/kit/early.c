/* early.c - a filter that answers at once and keeps what it forwards under a ticket of its own. */
#include <weir/plugin.h>

struct self {
    uint64_t unconfirmed;
    bool draining;
};
enum { CONFIRMED, LOST };
static const struct weir_metric metrics[] = {{"confirmed_total", WEIR_COUNTER, "Delivered downstream.", NULL, NULL},
                                             {"lost_total", WEIR_COUNTER, "Not delivered.", NULL, NULL},
                                             {NULL}};
enum { TAKEN = 1 };
static const struct weir_outcome outcomes[] = {WEIR_OUTCOME_NONE, {"taken", "answered"}, WEIR_OUTCOME_END};

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *self = ctx->self;
    struct weir_batch *out = ctx->host->batch_new(ctx, batch->n);
    if (!out) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    WEIR_EACH (ev, batch) {
        struct weir_event *moved = ctx->host->move(ctx, out, batch, ev);
        struct weir_ticket *own = moved ? ctx->host->ticket_new(ctx, self, 1) : NULL;
        if (!own) {
            weir_settle(ctx, moved ? moved : ev, WEIR_RETRY, "out of memory");
            continue;
        }
        weir_refuse(ctx, moved, TAKEN);
        moved->ticket = own;
        self->unconfirmed++;
    }
    ctx->host->release(ctx, batch);
    weir_forward(ctx, out);
}

static void finish(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    if (self->draining && !self->unconfirmed) ctx->host->state(ctx, WEIR_DRAINED, NULL);
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    struct self *self = cookie;
    self->unconfirmed--;
    ctx->host->metric(ctx, r->status == WEIR_OK ? CONFIRMED : LOST, NULL, 1);
    finish(ctx);
}

static void drain(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    self->draining = true;
    finish(ctx);
}

WEIR_PLUGIN(.name = "early", .version = "1.0.0", .doc = "Answers early.", .roles = WEIR_FILTER,
            .self_size = sizeof(struct self), .metrics = metrics, .outcomes = outcomes, .open = open_, .push = push,
            .done = done, .drain = drain);
