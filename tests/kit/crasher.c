/* crasher.c - a sink that crashes, or holds its lane, as it is told to and where it is told to. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <weir/plugin.h>

struct cfg {
    int how, where;
};
static const char *const hows[] = {"null", "abort", "overflow", "stall", NULL};
static const char *const wheres[] = {"share", "open", "push", "timer", "post", "work", "thread", "drain", NULL};
enum { SHARE, OPEN, PUSH, TIMER, POST, WORK, THREAD, DRAIN };
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, how, WEIR_ENUM, .def = "null", .choices = hows,
             .doc = "a write to 0, abort, endless recursion, 20 ms of sleep"),
    WEIR_OPT(struct cfg, where, WEIR_ENUM, .def = "push", .choices = wheres, .doc = "in which callback"), WEIR_OPT_END};

struct self {
    struct weir_ctx *ctx;
    struct weir_timer timer;
    struct weir_task task;
    struct weir_work work;
    pthread_t thread;
};

static int deeper(volatile const char *above)
{
    volatile char here[4096];
    here[0] = above ? *above : 0;
    return deeper(here) + here[0];
}

static void crash(const struct cfg *cfg)
{
    volatile int *nowhere = NULL;
    if (cfg->how == 0) *nowhere = 1;
    if (cfg->how == 1) abort();
    if (cfg->how == 2) deeper(NULL);
    const struct timespec held = {.tv_nsec = 20000000};
    if (cfg->how == 3) nanosleep(&held, NULL);
}

static const struct cfg *cfg_of(const struct self *self)
{
    return self->ctx->cfg;
}

static void on_timer(struct weir_timer *timer)
{
    crash(cfg_of(weir_container(timer, struct self, timer)));
}

static void on_post(struct weir_task *task)
{
    crash(cfg_of(weir_container(task, struct self, task)));
}

static void on_work(struct weir_work *work)
{
    crash(cfg_of(weir_container(work, struct self, work)));
}

static void worked(struct weir_work *work)
{
    (void)work;
}

static void *run(void *arg)
{
    crash(cfg_of(arg));
    return NULL;
}

static int share(const struct weir_host *host, const void *arg, uint32_t n_lanes, void **shared, struct weir_err *err)
{
    const struct cfg *cfg = arg;
    (void)host;
    (void)n_lanes;
    (void)shared;
    (void)err;
    if (cfg->where == SHARE) crash(cfg);
    return 0;
}

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *self = ctx->self;
    const struct cfg *cfg = ctx->cfg;
    (void)err;
    self->ctx = ctx;
    self->timer.fn = on_timer;
    self->task.fn = on_post;
    self->work = (struct weir_work){on_work, worked, {NULL, NULL}};
    if (cfg->where == OPEN) crash(cfg);
    if (cfg->where == TIMER) ctx->host->timer_arm(ctx, &self->timer, 1000000);
    if (cfg->where == POST) ctx->host->post(ctx, &self->task);
    if (cfg->where == WORK) ctx->host->work(ctx, &self->work);
    if (cfg->where == THREAD && pthread_create(&self->thread, NULL, run, self)) return -1;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    const struct cfg *cfg = ctx->cfg;
    if (cfg->where == PUSH) crash(cfg);
    ctx->host->settle_all(ctx, batch, WEIR_OK, NULL);
}

static void drain(struct weir_ctx *ctx)
{
    const struct cfg *cfg = ctx->cfg;
    if (cfg->where == DRAIN) crash(cfg);
    ctx->host->state(ctx, WEIR_DRAINED, NULL);
}

WEIR_PLUGIN(.name = "crasher", .version = "4.5.6", .doc = "Crashes.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .share = share,
            .open = open_, .push = push, .drain = drain);
