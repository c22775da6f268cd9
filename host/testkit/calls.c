/* calls.c - the host's calls as the plugin under test gets them: each checks that it comes from the lane's thread,
 * those that need memory can be made to fail, and a batch that is released goes into quarantine. Then the host's own
 * run. */
#include "kit.h"
#include "log.h"
#include <errno.h>
#include <stdio.h>

/* Called from a thread that is not the lane's, a call is not made: it would race. */
static bool here(struct weir_ctx *ctx, const char *call)
{
    struct weir_kit *kit = kit_of(ctx);
    if (pthread_equal(pthread_self(), kit->open->thread)) return true;
    kit_broke(kit, stage_of(ctx)->plugin->name,
              "%s: called from a thread that is not the lane's; only post and log may be", call);
    return false;
}

static bool no_memory(struct weir_ctx *ctx)
{
    struct weir_kit *kit = kit_of(ctx);
    return !kit_is_end(kit, stage_of(ctx)) && kit_alloc_fails(kit);
}

/* Is it this stage's to give away? Looks at nothing that is poisoned once it is not. */
static bool holds(struct weir_ctx *ctx, struct weir_batch *batch, const char *call)
{
    struct stage *s = stage_of(ctx);
    if (batch_of(batch)->holder == s) return true;
    kit_broke(kit_of(ctx), s->plugin->name, "%s: the batch is not this stage's (any more)", call);
    return false;
}

/* ---- batches */
static struct weir_batch *call_batch_new(struct weir_ctx *ctx, uint32_t cap)
{
    return here(ctx, "batch_new") && !no_memory(ctx) ? host_calls.batch_new(ctx, cap) : NULL;
}

static void *call_batch_alloc(struct weir_batch *batch, size_t n)
{
    struct stage *s = batch_of(batch)->holder;
    if (!s) {
        struct stage *by = batch_of(batch)->to; /* see kit_bury() */
        kit_broke(kit_of(&by->ctx), by->plugin->name, "batch_alloc: the batch was released before");
        return NULL;
    }
    return here(&s->ctx, "batch_alloc") && !no_memory(&s->ctx) ? host_calls.batch_alloc(batch, n) : NULL;
}

static struct weir_event *call_move(struct weir_ctx *ctx, struct weir_batch *to, struct weir_batch *from,
                                    struct weir_event *ev)
{
    if (!here(ctx, "move") || !holds(ctx, to, "move") || !holds(ctx, from, "move")) return NULL;
    return no_memory(ctx) ? NULL : host_calls.move(ctx, to, from, ev);
}

/* After a forward: what was left of the reference taken before it. */
static void forwarded(struct weir_ctx *ctx, struct batch *b)
{
    if (b->holder)
        b->refs--;
    else /* nothing in it was left to forward */
        kit_bury(kit_of(ctx), stage_of(ctx), b);
}

static void kit_forward(struct weir_ctx *ctx, struct weir_batch *batch)
{
    if (!here(ctx, "forward") || !holds(ctx, batch, "forward")) return;
    batch_of(batch)->refs++;
    host_calls.forward(ctx, batch);
    forwarded(ctx, batch_of(batch));
}

static void kit_forward_to(struct weir_ctx *ctx, struct weir_batch *batch, uint32_t output)
{
    if (!here(ctx, "forward_to") || !holds(ctx, batch, "forward_to")) return;
    batch_of(batch)->refs++;
    host_calls.forward_to(ctx, batch, output);
    forwarded(ctx, batch_of(batch));
}

static void call_release(struct weir_ctx *ctx, struct weir_batch *batch)
{
    if (!here(ctx, "release") || !holds(ctx, batch, "release")) return;
    batch_of(batch)->refs++;
    host_calls.release(ctx, batch);
    kit_bury(kit_of(ctx), stage_of(ctx), batch_of(batch));
}

static void call_settle_all(struct weir_ctx *ctx, struct weir_batch *batch, enum weir_status status, const char *why)
{
    if (!here(ctx, "settle_all") || !holds(ctx, batch, "settle_all")) return;
    batch_of(batch)->refs++;
    host_calls.settle_all(ctx, batch, status, why);
    kit_bury(kit_of(ctx), stage_of(ctx), batch_of(batch));
}

static void call_settle(struct weir_ctx *ctx, struct weir_event *ev, const struct weir_result *r)
{
    struct stage *s = stage_of(ctx);
    if (!here(ctx, "settle")) return;
    if (kit_buried(ev)) {
        kit_broke(kit_of(ctx), s->plugin->name, "settle: the event is in a batch that was released before");
    } else if (!ev->ticket) {
        kit_broke(kit_of(ctx), s->plugin->name,
                  "settle: the event was settled, answered or forwarded before (the event at position %llu)",
                  (unsigned long long)ev->position);
    } else {
        host_calls.settle(ctx, ev, r);
    }
}

/* ---- tickets */
static struct weir_ticket *call_ticket_new(struct weir_ctx *ctx, void *cookie, uint32_t refs)
{
    return here(ctx, "ticket_new") && !no_memory(ctx) ? host_calls.ticket_new(ctx, cookie, refs) : NULL;
}

static void call_ticket_ref(struct weir_ticket *t, uint32_t more)
{
    if (here(&t->owner->ctx, "ticket_ref")) host_calls.ticket_ref(t, more);
}

static uint32_t call_room(struct weir_ctx *ctx)
{
    return here(ctx, "room") ? host_calls.room(ctx) : 0;
}

static void call_busy(struct weir_ctx *ctx, bool on)
{
    if (here(ctx, "busy")) host_calls.busy(ctx, on);
}

/* ---- events */
static bool call_get(struct weir_ctx *ctx, const struct weir_event *ev, const struct weir_field *f,
                     struct weir_value *out)
{
    if (!here(ctx, "get")) return false;
    if (!kit_buried(ev)) return host_calls.get(ctx, ev, f, out);
    kit_broke(kit_of(ctx), stage_of(ctx)->plugin->name, "get: the event is in a batch that was released before");
    return false;
}

static const struct weir_schema *call_schema(struct weir_ctx *ctx, const char *full_name)
{
    return here(ctx, "schema") ? host_calls.schema(ctx, full_name) : NULL;
}

static const struct weir_schema *call_schema_by_id(struct weir_ctx *ctx, uint32_t id)
{
    return here(ctx, "schema_by_id") ? host_calls.schema_by_id(ctx, id) : NULL;
}

/* ---- loop */
static uint64_t call_now(struct weir_ctx *ctx)
{
    here(ctx, "now");
    return host_calls.now(ctx);
}

static uint64_t call_wall(struct weir_ctx *ctx)
{
    here(ctx, "wall");
    return host_calls.wall(ctx);
}

static void call_timer_arm(struct weir_ctx *ctx, struct weir_timer *timer, uint64_t after_ns)
{
    if (!here(ctx, "timer_arm")) return;
    if (!timer->due_ns && no_memory(ctx)) /* one that is armed has its place already */
        stage_set_state(stage_of(ctx), WEIR_FAILED, "out of memory for a timer");
    else
        host_calls.timer_arm(ctx, timer, after_ns);
}

static void call_timer_stop(struct weir_ctx *ctx, struct weir_timer *timer)
{
    if (here(ctx, "timer_stop")) host_calls.timer_stop(ctx, timer);
}

static int call_watch(struct weir_ctx *ctx, struct weir_watch *watch)
{
    if (!here(ctx, "watch")) return -1;
    if (!watch->want || watch->priv[0] || !no_memory(ctx)) return host_calls.watch(ctx, watch);
    errno = ENOMEM;
    return -1;
}

static void call_post(struct weir_ctx *ctx, struct weir_task *task)
{
    kit_post(ctx, task);
}

static void call_work(struct weir_ctx *ctx, struct weir_work *work)
{
    if (!here(ctx, "work")) return;
    if (no_memory(ctx))
        stage_set_state(stage_of(ctx), WEIR_FAILED, "out of memory for a work item");
    else
        kit_work(ctx, work);
}

static int call_listen(struct weir_ctx *ctx, const char *address, struct weir_err *err)
{
    if (!here(ctx, "listen")) return -1;
    if (!no_memory(ctx)) return host_calls.listen(ctx, address, err);
    err->status = WEIR_FATAL;
    snprintf(err->msg, sizeof err->msg, "cannot listen on \"%s\": out of memory", address);
    return -1;
}

/* ---- what people see */
static void call_state(struct weir_ctx *ctx, enum weir_state state, const char *why)
{
    if (here(ctx, "state")) host_calls.state(ctx, state, why);
}

static void call_metric(struct weir_ctx *ctx, uint32_t index, const char *const *labels, double v)
{
    if (here(ctx, "metric")) host_calls.metric(ctx, index, labels, v);
}

static void call_log(struct weir_ctx *ctx, enum weir_level level, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    weir_logv(level, ctx->pipeline, ctx->stage, (int)ctx->lane, fmt, args);
    va_end(args);
}

static const char *call_settled_by(struct weir_ctx *ctx, const char **plugin)
{
    if (plugin) *plugin = "";
    return !here(ctx, "settled_by") ? "" : host_calls.settled_by(ctx, plugin);
}

const struct weir_host kit_calls = {
    .abi = WEIR_ABI,
    .size = sizeof(struct weir_host),
    .batch_new = call_batch_new,
    .batch_alloc = call_batch_alloc,
    .forward = kit_forward,
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
    .forward_to = kit_forward_to,
    .settled_by = call_settled_by,
};
