/* faulty_source.c - a source that gives a numbered line a millisecond, correct but for one fault: FAULT. */
#include "faults.h"
#include <stdio.h>
#include <string.h>
#include <weir/plugin.h>

struct self {
    struct weir_ctx *ctx;
    struct weir_timer timer;
    uint64_t number, in_flight;
    bool draining, shut;
};
#define EVERY_NS 1000000u

static void emit(struct self *s)
{
    struct weir_ctx *ctx = s->ctx;
    struct weir_batch *b = ctx->host->batch_new(ctx, 1);
    if (!b) return;
    char *line = ctx->host->batch_alloc(b, 32);
    struct weir_ticket *ticket = line ? ctx->host->ticket_new(ctx, NULL, 1) : NULL;
    if (!ticket) {
        ctx->host->release(ctx, b);
        return;
    }
    snprintf(line, 32, "line %ju", (uintmax_t)++s->number);
    s->in_flight++;
    b->ev[b->n++] = (struct weir_event){.ticket = ticket,
                                        .value = {(const uint8_t *)line, strlen(line)},
                                        .ts_ns = ctx->host->wall(ctx),
                                        .position = s->number};
    weir_forward(ctx, b);
}

static void tick(struct weir_timer *timer)
{
    struct self *s = weir_container(timer, struct self, timer);
    if (FAULT == IGNORES_FLOW || (!s->shut && s->ctx->host->room(s->ctx) > 0)) emit(s);
    s->ctx->host->timer_arm(s->ctx, timer, EVERY_NS);
}

static int open_source(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *s = ctx->self;
    (void)err;
    s->ctx = ctx;
    s->timer.fn = tick;
    ctx->host->timer_arm(ctx, &s->timer, EVERY_NS);
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void finish(struct self *s)
{
    if (!s->draining || s->in_flight) return;
    s->ctx->host->state(s->ctx, WEIR_DRAINED, NULL);
    if (FAULT == EMITS_AFTER_DRAINED && s->number < 1000000) emit(s);
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    struct self *s = ctx->self;
    (void)cookie;
    (void)r;
    s->in_flight--;
    finish(s);
}

static void flow(struct weir_ctx *ctx, bool open)
{
    struct self *s = ctx->self;
    if (FAULT == NEVER_GOES_ON && !open) s->shut = true;
}

static void drain(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    s->draining = true;
    ctx->host->timer_stop(ctx, &s->timer);
    finish(s);
    if (FAULT == EMITS_AFTER_DRAINED) s->number += 1000000; /* once */
}

static void close_source(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    ctx->host->timer_stop(ctx, &s->timer);
}

WEIR_PLUGIN(.name = NAME, .version = "1.0.0", .doc = "Has one fault.", .roles = WEIR_SOURCE,
            .self_size = sizeof(struct self), .open = open_source, .done = done, .flow = flow, .drain = drain,
            .close = close_source);
