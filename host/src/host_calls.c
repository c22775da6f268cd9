/* host_calls.c - the vtable a plugin calls. Each call does its bookkeeping and puts on the lane's queue what is to
 * happen next; none enters a stage. */
#include "lane.h"
#include "log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct weir_batch *call_batch_new(struct weir_ctx *ctx, uint32_t cap)
{
    struct batch *b = batch_create(stage_of(ctx), cap);
    return b ? &b->pub : NULL;
}

static void *call_batch_alloc(struct weir_batch *batch, size_t n)
{
    return batch_bytes(batch_of(batch), n);
}

static struct weir_event *call_move(struct weir_ctx *ctx, struct weir_batch *to, struct weir_batch *from,
                                    struct weir_event *ev)
{
    (void)ctx;
    return batch_move(batch_of(to), batch_of(from), ev);
}

/* ---- settle */
static const char *outcome_name(struct stage *s, uint32_t index)
{
    if (!index) return "";
    for (uint32_t i = 0; s->plugin->outcomes && s->plugin->outcomes[i].name; i++)
        if (i == index) return s->plugin->outcomes[i].name;
    stage_broke(s, "settle: the outcome is not in the plugin's table");
    return "";
}

static void settle_named(struct stage *s, struct weir_event *ev, const struct weir_result *r, const char *name)
{
    struct weir_ticket *t = ev->ticket;
    if (!t) {
        stage_broke(s, "settle: the event was settled, answered or forwarded before");
        return;
    }
    ev->ticket = NULL;
    stage_count_settled(s, r->status, name);
    if (s->series && s->durable && r->status == WEIR_OK && ev->ts_ns) stage_count_age(s, ev->ts_ns);
    if (ticket_settle(t, s, r, name)) lane_enqueue(s->lane, &t->item);
}

static void call_settle(struct weir_ctx *ctx, struct weir_event *ev, const struct weir_result *r)
{
    struct stage *s = stage_of(ctx);
    /* The kit's right end speaks for plugins it has never seen: it gives the name itself. */
    settle_named(s, ev, r, r->outcome_name ? r->outcome_name : outcome_name(s, r->outcome));
}

static void let_go(struct stage *s, struct batch *b)
{
    if (b->holder != s) {
        stage_broke(s, "release: the batch is not this stage's (any more)");
        return;
    }
    s->batches--;
    b->holder = NULL;
    batch_unref(b);
}

static void call_release(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct stage *s = stage_of(ctx);
    const struct weir_result lost = {.status = WEIR_UNKNOWN, .why = "the event was released without being settled"};
    bool broke = false;
    WEIR_EACH (ev, batch) {
        broke = true;
        settle_named(s, ev, &lost, "");
    }
    if (broke) stage_broke(s, "release: a batch with events that nobody settled or forwarded");
    let_go(s, batch_of(batch));
}

static void call_settle_all(struct weir_ctx *ctx, struct weir_batch *batch, enum weir_status status, const char *why)
{
    const struct weir_result r = {.status = status, .why = why};
    WEIR_EACH (ev, batch) settle_named(stage_of(ctx), ev, &r, "");
    let_go(stage_of(ctx), batch_of(batch));
}

/* ---- tickets */
static struct weir_ticket *call_ticket_new(struct weir_ctx *ctx, void *cookie, uint32_t refs)
{
    if (refs) return ticket_create(stage_of(ctx), cookie, refs);
    stage_broke(stage_of(ctx), "ticket_new: refs must be at least 1");
    return NULL;
}

static void call_ticket_ref(struct weir_ticket *t, uint32_t more)
{
    t->refs += more;
}

static uint32_t call_room(struct weir_ctx *ctx)
{
    struct lane *lane = stage_of(ctx)->lane;
    lane->starved = !lane_flow_open(lane) || !lane->flow_told; /* the window may fill and empty within one turn */
    return lane->starved ? 0 : lane->window_events - lane->used_events;
}

static void call_busy(struct weir_ctx *ctx, bool on)
{
    struct stage *s = stage_of(ctx);
    if (s->busy == on) return;
    s->busy = on;
    if (on)
        s->lane->busy++;
    else
        s->lane->busy--;
}

/* ---- events */
static bool call_get(struct weir_ctx *ctx, const struct weir_event *ev, const struct weir_field *f,
                     struct weir_value *out)
{
    if (!f->path) return false;
    const struct weir_schema *schema = weir_schemas_by_id(stage_of(ctx)->lane->pipeline->schemas, ev->schema);
    return schema && weir_schemas_get(schema, ev->value, f->path, out);
}

static const struct weir_schema *call_schema(struct weir_ctx *ctx, const char *full_name)
{
    return weir_schemas_find(stage_of(ctx)->lane->pipeline->schemas, full_name);
}

static const struct weir_schema *call_schema_by_id(struct weir_ctx *ctx, uint32_t id)
{
    return weir_schemas_by_id(stage_of(ctx)->lane->pipeline->schemas, id);
}

/* ---- loop */
static uint64_t call_now(struct weir_ctx *ctx)
{
    return stage_of(ctx)->lane->now;
}

static uint64_t call_wall(struct weir_ctx *ctx)
{
    const struct lane *lane = stage_of(ctx)->lane;
    if (lane->fake_clock) return 1700000000000000000ull + lane->fake_now;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void call_timer_arm(struct weir_ctx *ctx, struct weir_timer *timer, uint64_t after_ns)
{
    struct stage *s = stage_of(ctx);
    bool armed = timer->priv[0] != NULL;
    uint64_t now = lane_clock(s->lane); /* not the cached time: a long callback must not shorten the wait */
    if (timers_arm(&s->lane->timers, timer, s, now + after_ns)) {
        stage_set_state(s, WEIR_FAILED, "out of memory for a timer");
        return;
    }
    if (!armed) s->timers++;
    lane_rearm(s->lane);
}

static void call_timer_stop(struct weir_ctx *ctx, struct weir_timer *timer)
{
    struct stage *s = stage_of(ctx);
    if (timers_stop(&s->lane->timers, timer)) s->timers--;
}

struct watcher { /* the host's side of a weir_watch */
    uv_poll_t poll;
    struct weir_watch *watch; /* NULL once it was removed: the plugin may have freed it */
    struct stage *stage;
};

static int watcher_start(struct watcher *w);

static void watcher_fired(uv_poll_t *poll, int status, int events)
{
    struct watcher *w = (struct watcher *)poll;
    struct stage *s = w->stage;
    uint32_t ready = 0;
    if (status < 0)
        ready = w->watch->want; /* an error on the fd: reading or writing it will say which */
    else
        ready = (events & UV_READABLE ? WEIR_READABLE : 0u) | (events & UV_WRITABLE ? WEIR_WRITABLE : 0u);
    lane_enter(s->lane);
    stage_calls(s, CALL_WATCH);
    w->watch->fn(w->watch, ready);
    stage_returned(s);
    /* libuv stops a handle whose fd has an error; ours are level-triggered: what was not read yet is said again */
    if (status < 0 && w->watch && w->watch->want) watcher_start(w);
    lane_leave(s->lane);
}

static int watcher_start(struct watcher *w)
{
    uint32_t want = w->watch->want;
    int events = (want & WEIR_READABLE ? UV_READABLE : 0) | (want & WEIR_WRITABLE ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, events, watcher_fired);
}

static void watcher_closed(uv_handle_t *handle)
{
    free(handle);
}

static int watcher_new(struct stage *s, struct weir_watch *watch)
{
    struct watcher *w = calloc(1, sizeof *w);
    if (!w) return -1;
    int rc = uv_poll_init(&s->lane->loop, &w->poll, watch->fd);
    if (rc) {
        free(w);
        errno = -rc;
        return -1;
    }
    w->watch = watch;
    w->stage = s;
    watch->priv[0] = w;
    s->watches++;
    return 0;
}

static int call_watch(struct weir_ctx *ctx, struct weir_watch *watch)
{
    struct stage *s = stage_of(ctx);
    struct watcher *w = watch->priv[0];
    if (!watch->want) {
        if (!w) return 0;
        watch->priv[0] = NULL;
        w->watch = NULL;
        s->watches--;
        uv_poll_stop(&w->poll);
        uv_close((uv_handle_t *)&w->poll, watcher_closed);
        return 0;
    }
    if (!w && watcher_new(s, watch)) return -1;
    int rc = watcher_start(watch->priv[0]);
    if (!rc) return 0;
    errno = -rc;
    return -1;
}

/* A Treiber stack a stage, taken whole by the lane: one atomic exchange per post, one wake-up per burst. */
static void call_post(struct weir_ctx *ctx, struct weir_task *task)
{
    struct stage *s = stage_of(ctx);
    struct weir_task *head = atomic_load_explicit(&s->posted, memory_order_relaxed);
    do {
        task->next = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&s->posted, &head, task, memory_order_release, memory_order_relaxed));
    if (!head) uv_async_send(&s->lane->wake);
}

struct worker {
    uv_work_t req;
    struct weir_work *work;
    struct stage *stage;
};

static void worker_run(uv_work_t *req)
{
    struct worker *w = (struct worker *)req;
    weir_blame = (struct weir_blame){.stage = w->stage, .callback = "work, on a worker thread"};
    w->work->run(w->work);
    weir_blame.callback = NULL;
}

static void worker_done(uv_work_t *req, int status)
{
    (void)status; /* never cancelled */
    struct worker *w = (struct worker *)req;
    struct stage *s = w->stage;
    struct weir_work *work = w->work;
    free(w);
    s->works--;
    lane_enter(s->lane);
    stage_calls(s, CALL_WORK);
    work->done(work);
    stage_returned(s);
    lane_leave(s->lane);
}

static void call_work(struct weir_ctx *ctx, struct weir_work *work)
{
    struct stage *s = stage_of(ctx);
    struct worker *w = calloc(1, sizeof *w);
    if (!w) {
        stage_set_state(s, WEIR_FAILED, "out of memory for a work item");
        return;
    }
    w->work = work;
    w->stage = s;
    s->works++;
    uv_queue_work(&s->lane->loop, &w->req, worker_run, worker_done);
}

static int call_listen(struct weir_ctx *ctx, const char *address, struct weir_err *err)
{
    return listen_on(stage_of(ctx)->lane->pipeline, address, err);
}

/* ---- what people see */
static void call_state(struct weir_ctx *ctx, enum weir_state state, const char *why)
{
    stage_set_state(stage_of(ctx), state, why);
}

static void call_metric(struct weir_ctx *ctx, uint32_t index, const char *const *labels, double v)
{
    stage_metric(stage_of(ctx), index, labels, v);
}

static void call_log(struct weir_ctx *ctx, enum weir_level level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    weir_logv(level, ctx->pipeline, ctx->stage, (int)ctx->lane, fmt, args);
    va_end(args);
}

const struct weir_host host_calls = {
    .abi = WEIR_ABI,
    .size = sizeof(struct weir_host),
    .batch_new = call_batch_new,
    .batch_alloc = call_batch_alloc,
    .forward = call_forward,
    .release = call_release,
    .move = call_move,
    .ticket_new = call_ticket_new,
    .ticket_ref = call_ticket_ref,
    .settle = call_settle,
    .settle_all = call_settle_all,
    .room = call_room,
    .busy = call_busy,
    .get = call_get,
    .schema = call_schema,
    .schema_by_id = call_schema_by_id,
    .now = call_now,
    .wall = call_wall,
    .timer_arm = call_timer_arm,
    .timer_stop = call_timer_stop,
    .watch = call_watch,
    .post = call_post,
    .work = call_work,
    .listen = call_listen,
    .state = call_state,
    .metric = call_metric,
    .log = call_log,
    .forward_to = call_forward_to,
    .settled_by = ticket_settled_by,
};
