/* faulty.c - a sink that breaks one rule of the contract, the one its conf names. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include <weir/plugin.h>

enum fault {
    NONE,
    SETTLES_TWICE,
    RELEASES_UNSETTLED,
    KEEPS_BATCH,
    LEAVES_TIMER,
    FORWARDS_AT_THE_END,
    NEVER_SETTLES,
    FATAL,
    RELEASES_TWICE,
    SETTLES_RELEASED,
    WRITES_TO_RELEASED,
    ALLOCATES_FROM_RELEASED,
    LEAVES_WATCH,
    LEAVES_FD,
    LEAVES_THREAD,
    CALLS_FROM_THREAD,
    POSTS_TWICE,
    LOSES_WITHOUT_MEMORY,
    OPENS_HALF
};
static const char *const faults[] = {"none",
                                     "settles-twice",
                                     "releases-unsettled",
                                     "keeps-batch",
                                     "leaves-timer",
                                     "forwards-at-the-end",
                                     "never-settles",
                                     "fatal",
                                     "releases-twice",
                                     "settles-released",
                                     "writes-to-released",
                                     "allocates-from-released",
                                     "leaves-watch",
                                     "leaves-fd",
                                     "leaves-thread",
                                     "calls-from-thread",
                                     "posts-twice",
                                     "loses-without-memory",
                                     "opens-half",
                                     NULL};
struct cfg {
    int fault;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_timer timer;
    struct weir_watch watch;
    struct weir_task task;
    pthread_t thread;
    int pipe[2];
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, fault, WEIR_ENUM, .def = "none", .choices = faults, .doc = "rule to break"), WEIR_OPT_END};

static void never(struct weir_timer *timer)
{
    (void)timer;
}

static void never_ready(struct weir_watch *watch, uint32_t ready)
{
    (void)watch;
    (void)ready;
}

static void nothing(struct weir_task *task)
{
    (void)task;
}

static void *sleeper(void *arg)
{
    (void)arg;
    while (pause()) {
    }
    return NULL;
}

static void *caller(void *arg)
{
    struct self *self = arg;
    self->ctx->host->state(self->ctx, WEIR_READY, NULL);
    return NULL;
}

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    const struct cfg *cfg = ctx->cfg;
    struct self *self = ctx->self;
    int bad = 0;
    self->ctx = ctx;
    self->task.fn = nothing;
    self->timer.fn = never;
    err->status = WEIR_FATAL;
    if (cfg->fault == LEAVES_FD) bad = open("/dev/null", O_RDONLY) < 0;
    if (cfg->fault == LEAVES_WATCH) {
        bad = pipe(self->pipe);
        self->watch = (struct weir_watch){.fn = never_ready, .fd = self->pipe[0], .want = WEIR_READABLE};
        bad |= ctx->host->watch(ctx, &self->watch);
    }
    if (cfg->fault == LEAVES_THREAD) bad = pthread_create(&self->thread, NULL, sleeper, NULL);
    if (cfg->fault == CALLS_FROM_THREAD) bad = pthread_create(&self->thread, NULL, caller, self);
    if (cfg->fault == OPENS_HALF) {
        ctx->host->timer_arm(ctx, &self->timer, UINT64_C(3600000000000));
        return -1;
    }
    if (cfg->fault == POSTS_TWICE) {
        ctx->host->post(ctx, &self->task);
        ctx->host->post(ctx, &self->task);
    }
    ctx->host->state(ctx, WEIR_READY, NULL);
    return bad ? -1 : 0;
}

static void after_release(struct weir_ctx *ctx, struct weir_batch *batch, struct weir_event *events)
{
    const struct cfg *cfg = ctx->cfg;
    if (cfg->fault == RELEASES_TWICE) ctx->host->release(ctx, batch);
    if (cfg->fault == SETTLES_RELEASED) weir_settle(ctx, &events[0], WEIR_OK, NULL);
    if (cfg->fault == WRITES_TO_RELEASED) events[0].attempt++;
    if (cfg->fault == ALLOCATES_FROM_RELEASED) ctx->host->batch_alloc(batch, 1);
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    const struct cfg *cfg = ctx->cfg;
    struct self *self = ctx->self;
    struct weir_event *events = batch->ev;
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
    if (cfg->fault == LOSES_WITHOUT_MEMORY) {
        struct weir_batch *more = ctx->host->batch_new(ctx, 1);
        if (!more) return;
        ctx->host->release(ctx, more);
    }
    WEIR_EACH (ev, batch) weir_settle(ctx, ev, WEIR_OK, NULL);
    if (cfg->fault == SETTLES_TWICE) weir_settle(ctx, &batch->ev[0], WEIR_OK, NULL);
    if (cfg->fault == LEAVES_TIMER) ctx->host->timer_arm(ctx, &self->timer, UINT64_C(3600000000000));
    if (cfg->fault == KEEPS_BATCH) return;
    ctx->host->release(ctx, batch);
    after_release(ctx, batch, events);
}

static void close_(struct weir_ctx *ctx)
{
    const struct cfg *cfg = ctx->cfg;
    struct self *self = ctx->self;
    if (cfg->fault == CALLS_FROM_THREAD) pthread_join(self->thread, NULL);
    if (cfg->fault != LEAVES_WATCH) return;
    close(self->pipe[0]);
    close(self->pipe[1]);
}

WEIR_PLUGIN(.name = "faulty", .version = "1.0.0", .doc = "Breaks one rule.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .open = open_,
            .push = push, .close = close_);
