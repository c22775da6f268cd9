/* faulty_sink.c - a sink that gathers events and gives them back a moment later, correct but for one fault: FAULT. */
#include "faults.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/plugin.h>

#if FAULT == DEFAULT_OUT_OF_BOUNDS
#define LINGER "2h"
#elif FAULT == DEFAULT_UNPARSABLE
#define LINGER "soon"
#else
#define LINGER "10ms"
#endif
struct cfg {
    uint64_t linger;
};
static const struct weir_opt options[] = {WEIR_OPT(struct cfg, linger, WEIR_DURATION, .def = LINGER, .min = 1000000,
                                                   .max = 60000000000,
                                                   .doc = FAULT == NO_DOC ? NULL : "how long events are gathered"),
                                          WEIR_OPT_END};
enum { LATE = 1, NONESUCH = 9 };
static const struct weir_outcome outcomes[] = {WEIR_OUTCOME_NONE,
                                               {"late", "past its deadline"},
                                               {FAULT == OUTCOME_TWICE ? "late" : "odd", "odd"},
                                               WEIR_OUTCOME_END};
static const struct weir_metric metrics[] = {
    {FAULT == BAD_METRIC ? "events" : "events_total", WEIR_COUNTER, "Events.", NULL, NULL}, {.name = NULL}};

enum { HELD_MAX = 64 };
struct self {
    struct weir_ctx *ctx;
    struct weir_timer timer, other;
    struct weir_batch *held[HELD_MAX], *released;
    uint32_t n_held, pushes;
};

#if FAULT == SECOND_SYMBOL
WEIR_EXPORT int faulty_helper(void);
int faulty_helper(void)
{
    return 1;
}
#endif
#if FAULT == USES_GLOBAL
static struct self *the_one;
#endif

static struct self *self_of(struct weir_ctx *ctx)
{
#if FAULT == USES_GLOBAL
    (void)ctx;
    return the_one;
#else
    return ctx->self;
#endif
}

static void give_back(struct self *s)
{
    s->ctx->host->timer_stop(s->ctx, &s->timer);
    for (uint32_t i = 0; i < s->n_held; i++) {
        struct weir_batch *b = s->held[i];
        struct weir_event *first = b->ev;
        if (FAULT == LEAKS_EVENT && s->pushes % 2) continue;
        if (FAULT == FORWARDS_LAST) {
            weir_forward(s->ctx, b);
            continue;
        }
        if (FAULT == UNKNOWN_OUTCOME && first->ticket) weir_refuse(s->ctx, first, NONESUCH);
        WEIR_EACH (ev, b) weir_settle(s->ctx, ev, WEIR_OK, NULL);
        if (FAULT == SETTLES_TWICE) weir_settle(s->ctx, first, WEIR_OK, NULL);
        s->ctx->host->release(s->ctx, b);
        if (FAULT == TOUCHES_RELEASED) s->released = b;
    }
    s->n_held = 0;
}

static void on_timer(struct weir_timer *timer)
{
    give_back(weir_container(timer, struct self, timer));
}

static void on_other(struct weir_timer *timer)
{
    (void)timer;
}

static void *sleeps(void *arg)
{
    const struct timespec long_time = {600, 0};
    (void)arg;
    nanosleep(&long_time, NULL);
    return NULL;
}

static int open_sink(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *s = ctx->self;
    (void)err;
#if FAULT == USES_GLOBAL
    the_one = s;
#endif
    s->ctx = ctx;
    s->timer.fn = on_timer;
    s->other.fn = on_other;
    if (FAULT == LEAKS_TIMER) ctx->host->timer_arm(ctx, &s->other, UINT64_C(86400000000000));
    if (FAULT == LEAKS_FD && dup(0) < 0) return -1;
    if (FAULT == EXITS) exit(0);
    if (FAULT == CRASHES) abort();
    while (FAULT == HANGS) pause();
    if (FAULT == LEAVES_THREAD) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, sleeps, NULL) || pthread_detach(thread)) return -1;
    }
    if (FAULT == PRINTS) puts("faulty: opened");
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void *settles(void *arg)
{
    struct weir_batch *b = arg;
    struct self *s = NULL;
    memcpy(&s, &b->ev[0].reserved[0], sizeof s);
    s->ctx->host->metric(s->ctx, 0, NULL, 1);
    weir_settle(s->ctx, &b->ev[0], WEIR_OK, NULL);
    return NULL;
}

static void from_a_thread(struct self *s, struct weir_batch *b)
{
    pthread_t thread;
    memcpy(&b->ev[0].reserved[0], &s, sizeof s);
    if (!pthread_create(&thread, NULL, settles, b)) pthread_join(thread, NULL);
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    const struct cfg *cfg = ctx->cfg;
    struct self *s = self_of(ctx);
    const struct timespec block = {0, 60000000};
    s->pushes++;
    if (FAULT == BLOCKS) nanosleep(&block, NULL);
    if (FAULT == FOREIGN_THREAD) from_a_thread(s, batch);
    if (FAULT == TOUCHES_RELEASED && s->released && s->released->ev[0].ticket)
        weir_settle(ctx, &s->released->ev[0], WEIR_OK, NULL);
    if (FAULT == CRASHES_WITHOUT_MEMORY || FAULT == LEAKS_WITHOUT_MEMORY) {
        struct weir_batch *spare = ctx->host->batch_new(ctx, 1);
        char *copy = spare ? ctx->host->batch_alloc(spare, 16) : NULL;
        if (FAULT == CRASHES_WITHOUT_MEMORY) memset(copy, 0, 16);
        if (spare && (copy || FAULT != LEAKS_WITHOUT_MEMORY)) ctx->host->release(ctx, spare);
    }
    ctx->host->metric(ctx, 0, NULL, batch->n);
    s->held[s->n_held++] = batch;
    if (s->n_held == 1) ctx->host->timer_arm(ctx, &s->timer, cfg->linger);
    if (s->n_held == HELD_MAX) give_back(s);
}

static void drain(struct weir_ctx *ctx)
{
    if (FAULT == FORGETS_DRAIN) return;
    give_back(self_of(ctx));
    ctx->host->state(ctx, WEIR_DRAINED, NULL);
}

static void close_sink(struct weir_ctx *ctx)
{
    give_back(self_of(ctx));
}

WEIR_PLUGIN(.name = FAULT == OTHER_NAME ? "another-name" : NAME, .version = "1.0.0", .doc = "Has one fault.",
            .roles = WEIR_SINK, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options,
            .metrics = metrics, .outcomes = outcomes, .open = open_sink, .push = push, .drain = drain,
            .close = close_sink);
