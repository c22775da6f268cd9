/* stand_ends.c - a source that gives random events as fast as there is room, a sink that settles at odd times. */
#include "stand_ends.h"
#include <string.h>

/* ---- left */
struct left {
    struct weir_ctx *ctx;
    struct rng rng;
    uint32_t given, in_flight;
    bool draining;
};

static void left_finish(struct left *s)
{
    const struct stand *stand = s->ctx->shared;
    if ((s->draining || s->given == stand->order->events) && !s->in_flight)
        s->ctx->host->state(s->ctx, WEIR_DRAINED, NULL);
}

static struct weir_slice into(struct weir_ctx *ctx, struct weir_batch *b, struct weir_slice from)
{
    uint8_t *p = ctx->host->batch_alloc(b, from.n + 1);
    if (!p) conform_fail("out of memory");
    if (from.n) memcpy(p, from.p, from.n);
    return (struct weir_slice){p, from.n};
}

static void give(struct left *s, struct weir_batch *b)
{
    struct weir_ctx *ctx = s->ctx;
    struct random_event e;
    random_event(&e, &s->rng, ((struct stand *)ctx->shared)->conform, ctx);
    const struct weir_schema *schema = e.event.message ? ctx->host->schema(ctx, e.event.message) : NULL;
    struct weir_pair *headers = ctx->host->batch_alloc(b, sizeof e.headers);
    struct weir_ticket *ticket = ctx->host->ticket_new(ctx, NULL, 1);
    if (!headers || !ticket) conform_fail("out of memory");
    for (uint32_t i = 0; i < e.event.n_headers; i++)
        headers[i] = (struct weir_pair){into(ctx, b, e.headers[i].name), into(ctx, b, e.headers[i].value)};
    b->ev[b->n++] = (struct weir_event){.ticket = ticket,
                                        .key = into(ctx, b, e.event.key),
                                        .value = into(ctx, b, e.event.value),
                                        .headers = headers,
                                        .n_headers = e.event.n_headers,
                                        .schema = schema ? schema->id : 0,
                                        .ts_ns = ctx->host->wall(ctx),
                                        .deadline_ns = e.event.deadline_ns,
                                        .position = ++s->given,
                                        .partition = e.event.partition};
    s->in_flight++;
    random_event_free(&e);
}

static void give_some(struct left *s)
{
    struct weir_ctx *ctx = s->ctx;
    struct stand *stand = ctx->shared;
    uint32_t left = stand->order->events - s->given, n = ctx->host->room(ctx);
    if (n > left) n = left;
    if (n > 32) n = 32;
    if (!n || s->draining) return;
    n = 1 + rng_below(&s->rng, n);
    struct weir_batch *b = ctx->host->batch_new(ctx, n);
    if (!b) conform_fail("out of memory");
    for (uint32_t i = 0; i < n; i++) give(s, b);
    atomic_fetch_add(&stand->given, n);
    weir_forward(ctx, b);
}

static int left_open(struct weir_ctx *ctx, struct weir_err *err)
{
    struct left *s = ctx->self;
    (void)err;
    s->ctx = ctx;
    s->rng.state = ((struct stand *)ctx->shared)->conform->seed + ctx->lane;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void left_flow(struct weir_ctx *ctx, bool open)
{
    if (open) give_some(ctx->self);
}

static void left_done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    struct left *s = ctx->self;
    struct stand *stand = ctx->shared;
    (void)cookie;
    (void)r;
    s->in_flight--;
    atomic_fetch_add(&stand->resolved, 1);
    give_some(s);
    left_finish(s);
}

static void left_drain(struct weir_ctx *ctx)
{
    struct left *s = ctx->self;
    s->draining = true;
    left_finish(s);
}

const struct weir_plugin stand_left = {.magic = WEIR_MAGIC,
                                       .abi = WEIR_ABI,
                                       .size = sizeof stand_left,
                                       .opt_size = sizeof(struct weir_opt),
                                       .metric_size = sizeof(struct weir_metric),
                                       .outcome_size = sizeof(struct weir_outcome),
                                       .name = "conform-left",
                                       .version = "1",
                                       .doc = "Gives random events.",
                                       .roles = WEIR_SOURCE,
                                       .self_size = sizeof(struct left),
                                       .open = left_open,
                                       .flow = left_flow,
                                       .done = left_done,
                                       .drain = left_drain};

/* ---- right */
enum { HELD_MAX = 4096 };
#define HOLD_NS 20000000u

struct right {
    struct weir_ctx *ctx;
    struct rng rng;
    struct weir_timer timer;
    struct weir_batch *held[HELD_MAX];
    uint32_t n_held;
    uint64_t events;  /* in them */
    uint64_t full_at; /* the turn in which they filled the window; 0: they do not */
    bool draining;
};

static void settle_held(struct right *s)
{
    static const enum weir_status some[] = {WEIR_OK, WEIR_OK, WEIR_OK, WEIR_REJECT, WEIR_RETRY, WEIR_UNKNOWN};
    const struct stand *stand = s->ctx->shared;
    for (uint32_t i = 0; i < s->n_held; i++) {
        WEIR_EACH (ev, s->held[i])
            weir_settle(s->ctx, ev, stand->order->hold ? WEIR_OK : some[rng_below(&s->rng, 6)], NULL);
        s->ctx->host->release(s->ctx, s->held[i]);
    }
    s->n_held = 0;
    s->events = s->full_at = 0;
    if (s->draining) s->ctx->host->state(s->ctx, WEIR_DRAINED, NULL);
}

static void right_timer(struct weir_timer *timer)
{
    settle_held(weir_container(timer, struct right, timer));
}

static int right_open(struct weir_ctx *ctx, struct weir_err *err)
{
    struct right *s = ctx->self;
    (void)err;
    s->ctx = ctx;
    s->timer.fn = right_timer;
    s->rng.state = ((struct stand *)ctx->shared)->conform->seed + 1000 + ctx->lane;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

/* In the turn that fills it a source may be a batch ahead: it hears flow(false) when it has returned. */
static void look_at_window(struct right *s, const struct weir_batch *batch)
{
    struct stand *stand = s->ctx->shared;
    uint64_t turn = s->ctx->host->now(s->ctx);
    if (s->full_at && s->full_at != turn && !atomic_exchange(&stand->overrun, true))
        snprintf(stand->result->overrun, sizeof stand->result->overrun,
                 "the event at position %llu came while %llu events of a window of %u were unsettled",
                 (unsigned long long)batch->ev[0].position, (unsigned long long)s->events, stand->order->window);
    WEIR_EACH (ev, batch) s->events++;
    if (!s->full_at && s->events >= stand->order->window) s->full_at = turn;
}

static void right_push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct right *s = ctx->self;
    struct stand *stand = ctx->shared;
    uint64_t n = 0;
    WEIR_EACH (ev, batch) n++;
    atomic_fetch_add(&stand->arrived, n);
    look_at_window(s, batch);
    s->held[s->n_held++] = batch;
    if (s->n_held == HELD_MAX || (!stand->order->hold && rng_below(&s->rng, 2)) || s->draining)
        settle_held(s);
    else
        ctx->host->timer_arm(ctx, &s->timer, stand->order->hold ? HOLD_NS : rng_below(&s->rng, 2000000));
}

static void right_drain(struct weir_ctx *ctx)
{
    struct right *s = ctx->self;
    s->draining = true;
    ctx->host->timer_stop(ctx, &s->timer);
    settle_held(s);
}

static void right_close(struct weir_ctx *ctx)
{
    struct right *s = ctx->self;
    ctx->host->timer_stop(ctx, &s->timer);
    settle_held(s);
}

const struct weir_plugin stand_right = {.magic = WEIR_MAGIC,
                                        .abi = WEIR_ABI,
                                        .size = sizeof stand_right,
                                        .opt_size = sizeof(struct weir_opt),
                                        .metric_size = sizeof(struct weir_metric),
                                        .outcome_size = sizeof(struct weir_outcome),
                                        .name = "conform-right",
                                        .version = "1",
                                        .doc = "Settles at odd times.",
                                        .roles = WEIR_SINK,
                                        .self_size = sizeof(struct right),
                                        .open = right_open,
                                        .push = right_push,
                                        .drain = right_drain,
                                        .close = right_close};
