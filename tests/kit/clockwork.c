/* clockwork.c - a source: one event a tick, as many as there is room for; also posts from a thread and works. */
#include <pthread.h>
#include <string.h>
#include <weir/plugin.h>

struct cfg {
    uint64_t every;
    int64_t count, last_words;
    bool burst, speaks_drained, threads;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_timer timer;
    struct weir_task task;
    struct weir_work work;
    pthread_t thread;
    uint64_t emitted, settled, posted, worked, last_words;
    bool open, thread_started, draining;
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, every, WEIR_DURATION, .def = "10ms", .min = 1, .max = INT64_MAX, .doc = "between ticks"),
    WEIR_OPT(struct cfg, count, WEIR_INT, .def = "0", .doc = "end after so many; 0 = never"),
    WEIR_OPT(struct cfg, last_words, WEIR_INT, .def = "0", .doc = "events that it emits in a drain, one a tick"),
    WEIR_OPT(struct cfg, speaks_drained, WEIR_BOOL, .def = "false", .doc = "a fault: emits once it is drained"),
    WEIR_OPT(struct cfg, threads, WEIR_BOOL, .def = "true", .doc = "also post from a thread, and work"),
    WEIR_OPT(struct cfg, burst, WEIR_BOOL, .def = "false",
             .doc = "emit on flow(true) and at no other time, all there is room for"),
    WEIR_OPT_END};
enum { EMITTED, SETTLED, POSTED, WORKED, HELD_BACK };
static const struct weir_metric metrics[] = {{"emitted_total", WEIR_COUNTER, "emitted", NULL, NULL},
                                             {"settled_total", WEIR_COUNTER, "settled", NULL, NULL},
                                             {"posted_total", WEIR_COUNTER, "posts that arrived", NULL, NULL},
                                             {"worked_total", WEIR_COUNTER, "work items that came back", NULL, NULL},
                                             {"held_back_total", WEIR_COUNTER, "ticks without room", NULL, NULL},
                                             {NULL}};

static void emit(struct self *self)
{
    struct weir_ctx *ctx = self->ctx;
    struct weir_batch *b = ctx->host->batch_new(ctx, 1);
    if (!b) return;
    char *text = ctx->host->batch_alloc(b, 5);
    struct weir_ticket *t = text ? ctx->host->ticket_new(ctx, self, 1) : NULL;
    if (!t) {
        ctx->host->release(ctx, b);
        return;
    }
    memcpy(text, "tick", 5);
    b->ev[b->n++] = (struct weir_event){
        .ticket = t, .value = {(const uint8_t *)text, 4}, .ts_ns = ctx->host->wall(ctx), .position = ++self->emitted};
    ctx->host->metric(ctx, EMITTED, NULL, 1);
    if (self->emitted == 1) weir_log(ctx, WEIR_INFO, "first event");
    weir_forward(ctx, b);
}

static void finish(struct self *self)
{
    const struct cfg *cfg = self->ctx->cfg;
    bool counted_out = cfg->count && self->emitted == (uint64_t)cfg->count;
    if (!(self->draining && !self->last_words) && !counted_out) return;
    if (self->settled != self->emitted) return;
    self->ctx->host->state(self->ctx, WEIR_DRAINED, NULL);
}

static void tick(struct weir_timer *timer)
{
    struct self *self = weir_container(timer, struct self, timer);
    const struct cfg *cfg = self->ctx->cfg;
    if (self->open && self->ctx->host->room(self->ctx)) {
        if (self->draining) self->last_words--;
        emit(self);
    } else {
        self->ctx->host->metric(self->ctx, HELD_BACK, NULL, 1);
    }
    bool more = self->draining ? self->last_words : !cfg->count || self->emitted < (uint64_t)cfg->count;
    if (more) self->ctx->host->timer_arm(self->ctx, timer, cfg->every);
}

static void on_post(struct weir_task *task)
{
    struct self *self = weir_container(task, struct self, task);
    self->ctx->host->metric(self->ctx, POSTED, NULL, 1);
}

static void *poster(void *arg)
{
    struct self *self = arg;
    self->ctx->host->post(self->ctx, &self->task);
    return NULL;
}

static void on_run(struct weir_work *work)
{
    struct self *self = weir_container(work, struct self, work);
    self->worked++;
}

static void on_done(struct weir_work *work)
{
    struct self *self = weir_container(work, struct self, work);
    self->ctx->host->metric(self->ctx, WORKED, NULL, (double)self->worked);
}

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *self = ctx->self;
    const struct cfg *cfg = ctx->cfg;
    self->ctx = ctx;
    self->timer.fn = tick;
    self->task.fn = on_post;
    self->work = (struct weir_work){on_run, on_done, {NULL, NULL}};
    self->thread_started = cfg->threads && !pthread_create(&self->thread, NULL, poster, self);
    err->status = WEIR_FATAL;
    if (cfg->threads && !self->thread_started) return -1;
    if (cfg->threads) ctx->host->work(ctx, &self->work);
    if (!cfg->burst) ctx->host->timer_arm(ctx, &self->timer, cfg->every);
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    struct self *self = cookie;
    (void)r;
    self->settled++;
    ctx->host->metric(ctx, SETTLED, NULL, 1);
    finish(self);
}

static void flow(struct weir_ctx *ctx, bool open)
{
    struct self *self = ctx->self;
    const struct cfg *cfg = ctx->cfg;
    self->open = open;
    while (open && cfg->burst && self->emitted < (uint64_t)cfg->count && ctx->host->room(ctx)) emit(self);
}

static void drain(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    const struct cfg *cfg = ctx->cfg;
    self->draining = true;
    self->last_words = (uint64_t)cfg->last_words;
    if (!self->last_words) ctx->host->timer_stop(ctx, &self->timer);
    finish(self);
    if (cfg->speaks_drained) emit(self);
}

static void close_(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    ctx->host->timer_stop(ctx, &self->timer);
    if (self->thread_started) pthread_join(self->thread, NULL);
}

WEIR_PLUGIN(.name = "clockwork", .version = "1.0.0", .doc = "Ticks.", .roles = WEIR_SOURCE,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .metrics = metrics,
            .open = open_, .done = done, .flow = flow, .drain = drain, .close = close_);
