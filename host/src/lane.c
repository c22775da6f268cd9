/* lane.c - one thread, one event loop, one instance of every stage: the turn, the queue, flow. See lane.h. */
#include "lane.h"
#include "log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir_failpoint.h>

#define FAILED_DRAIN_NS 5000000000u /* a pipeline that failed cannot settle everything: do not wait long */

uint64_t lane_clock(struct lane *lane)
{
    if (lane->fake_clock) return lane->fake_now;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void stage_broke(struct stage *s, const char *rule)
{
    if (s->lane->hooks) {
        s->lane->hooks->broken(s->lane->hooks->arg, s, rule);
        return;
    }
    weir_logf(WEIR_ERROR, "%s.%s (plugin %s) broke a rule: %s", s->ctx.pipeline, s->ctx.stage, s->plugin->name, rule);
}

void stage_set_state(struct stage *s, enum weir_state state, const char *why)
{
    enum weir_state before = s->state;
    if (state == WEIR_DRAINED) s->drained = true;
    if (s->state == WEIR_FAILED) return; /* for good; but it may still drain, to leave its servers in good order */
    bool said = state != before || strcmp(s->why, why ? why : "");
    s->state = state;
    snprintf(s->why, sizeof s->why, "%s", why ? why : "");
    if (!said) return;
    stage_count_state(s, before, state);
    struct weir_status_board *board = s->lane->pipeline->board;
    if (board && s->board) {
        pthread_mutex_lock(&board->lock);
        s->board->state = state;
        s->board->was_ready |= state == WEIR_READY;
        s->board->since_ns = host_calls.wall(&s->ctx);
        snprintf(s->board->why, sizeof s->board->why, "%s", s->why);
        pthread_mutex_unlock(&board->lock);
    }
    if (state == WEIR_DEGRADED || state == WEIR_FAILED || (state == WEIR_READY && before != WEIR_READY))
        s->ctx.host->log(&s->ctx,
                         state == WEIR_READY    ? WEIR_INFO
                         : state == WEIR_FAILED ? WEIR_ERROR
                                                : WEIR_WARN,
                         "%s%s%s",
                         state == WEIR_READY    ? "ready"
                         : state == WEIR_FAILED ? "failed"
                                                : "degraded",
                         *s->why ? ": " : "", s->why);
    if (state == WEIR_FAILED) pipeline_fail(s->lane->pipeline, s->ctx.stage, s->why);
}

/* ---- the turn */
void lane_enter(struct lane *lane)
{
    if (lane->depth++) return;
    lane->now = lane_clock(lane);
    lane->called_ns = lane->now;
    lane->turns++;
    if (lane->heartbeat) atomic_store_explicit(lane->heartbeat, lane->now, memory_order_relaxed);
}

void lane_enqueue(struct lane *lane, struct item *item)
{
    item->next = NULL;
    *lane->tail = item;
    lane->tail = &item->next;
}

struct item *lane_dequeue(struct lane *lane)
{
    struct item *item = lane->head;
    if (item) {
        lane->head = item->next;
        if (!lane->head) lane->tail = &lane->head;
    }
    return item;
}

static void push_to_stage(struct batch *b)
{
    struct stage *s = b->to;
    stage_count_in(s, b->pub.n);
    stage_calls(s, CALL_PUSH);
    s->plugin->push(&s->ctx, &b->pub);
    stage_count_seconds(s, (double)stage_returned(s) / 1e9);
}

static void ticket_resolved(struct weir_ticket *t)
{
    struct stage *s = t->owner;
    struct lane *lane = s->lane;
    lane->used_events -= t->charged_events;
    lane->used_bytes -= t->charged_bytes;
    lane->out_events[t->worst.status] += t->charged_events;
    s->tickets--;
    lane->hears = t;
    if (s->plugin->done) s->plugin->done(&s->ctx, t->cookie, &t->worst);
    lane->hears = NULL;
    if (t->worst.status == WEIR_FATAL)
        stage_set_state(s, WEIR_FAILED, t->worst.why ? t->worst.why : "an event was settled as fatal");
    ticket_destroy(t);
}

/* Those of one stage that follow each other are one call: a clock for each would cost as much as the rest. */
static void tickets_resolved(struct weir_ticket *t)
{
    struct stage *s = t->owner;
    stage_calls(s, CALL_DONE);
    ticket_resolved(t);
    for (struct item *next; (next = s->lane->head) && next->kind == ITEM_DONE;) {
        t = weir_container(next, struct weir_ticket, item);
        if (t->owner != s) break;
        lane_dequeue(s->lane);
        ticket_resolved(t);
    }
    stage_returned(s);
}

static void run_queue(struct lane *lane)
{
    for (struct item *item; (item = lane_dequeue(lane));) {
        if (item->kind == ITEM_PUSH)
            push_to_stage(weir_container(item, struct batch, item));
        else
            tickets_resolved(weir_container(item, struct weir_ticket, item));
        if (!lane->head) lane_advance(lane);
    }
}

/* What came into the window, what left it and what is in it: of the same moment. */
static void tell_window(struct lane *lane)
{
    weir_series_put(lane->window_series, lane->used_events);
    weir_series_put(lane->window_bytes_series, (double)lane->used_bytes);
    if (lane->in_events) weir_series_put(lane->in_series, lane->in_events);
    lane->in_events = 0;
    for (int i = 0; i <= WEIR_FATAL; i++) {
        if (lane->out_events[i]) weir_series_put(lane->out_series[i], lane->out_events[i]);
        lane->out_events[i] = 0;
    }
}

void lane_leave(struct lane *lane)
{
    if (lane->depth > 1) {
        lane->depth--;
        return;
    }
    lane_advance(lane);
    run_queue(lane);
    tell_window(lane);
    lane->depth = 0;
    if (lane->heartbeat) atomic_store_explicit(lane->heartbeat, 0, memory_order_relaxed);
}

/* ---- flow: the source may emit while the window has room and nobody asked for a pause; in a drain, too, until it says
 * that it is drained: what it has begun to take in, it may finish */
bool lane_flow_open(const struct lane *lane)
{
    bool going = lane->phase == LANE_RUNNING || (lane->phase == LANE_DRAINING && !lane->failed);
    if (!going || lane->stages[0].drained || lane->busy || lane->flow_pinned_shut) return false;
    /* once shut it opens again at three quarters, so that it does not flutter */
    uint32_t events = lane->flow_told ? lane->window_events : lane->window_events - lane->window_events / 4;
    uint64_t bytes = lane->flow_told ? lane->window_bytes : lane->window_bytes - lane->window_bytes / 4;
    return lane->used_events < events && lane->used_bytes < bytes;
}

static void tell_flow(struct lane *lane)
{
    bool open = lane_flow_open(lane);
    if (open == lane->flow_told && !(open && lane->starved)) return;
    lane->starved = false;
    struct stage *source = &lane->stages[0];
    lane->flow_told = open;
    if (!source->plugin->flow || !source->opened) return;
    stage_calls(source, CALL_FLOW);
    source->plugin->flow(&source->ctx, open);
    stage_returned(source);
}

/* ---- drain: source first, each stage until it holds nothing, then the next */
static bool stage_is_empty(const struct stage *s)
{
    return s->drained && !s->works && (!s->tickets || s->state == WEIR_FAILED);
}

static void begin_drain(struct stage *s)
{
    s->draining = true;
    (void)WEIR_FAILPOINT(s->index ? "lane.drain-stage" : "lane.drain-source");
    if (s->index) s->drained = false; /* only a source may say so before it is asked */
    if (s->plugin->drain && !s->drained) {
        stage_calls(s, CALL_DRAIN);
        s->plugin->drain(&s->ctx);
        stage_returned(s);
    } else {
        s->drained = true;
    }
    if (!s->index) tell_flow(s->lane);
}

static void advance_drain(struct lane *lane)
{
    while (lane->phase == LANE_DRAINING && !lane->head) {
        if (lane->drain_at == lane->n_stages) {
            (void)WEIR_FAILPOINT("lane.drained");
            lane->phase = LANE_CLOSING;
            uv_stop(&lane->loop);
            return;
        }
        struct stage *s = &lane->stages[lane->drain_at];
        if (!s->draining) begin_drain(s);
        if (!stage_is_empty(s) || lane->head) return;
        lane->drain_at++;
    }
}

void lane_advance(struct lane *lane)
{
    struct stage *source = &lane->stages[0];
    /* a source that has nothing more to give (a counted generator) ends its lane by itself */
    if (lane->phase == LANE_RUNNING && source->drained && source->opened) lane_start_drain(lane);
    tell_flow(lane);
    advance_drain(lane);
}

void lane_start_drain(struct lane *lane)
{
    if (lane->phase != LANE_RUNNING) return;
    uint64_t limit = lane->pipeline->conf->drain_timeout_ns;
    lane->failed = lane->pipeline->failed;
    if (lane->failed && limit > FAILED_DRAIN_NS) limit = FAILED_DRAIN_NS;
    lane->phase = LANE_DRAINING;
    lane->drain_deadline = lane_clock(lane) + limit;
    lane_rearm(lane);
}

static void say_what_is_left(struct lane *lane)
{
    const struct stage *s = &lane->stages[lane->drain_at];
    snprintf(lane->left, sizeof lane->left,
             "lane %u: stage %s was not drained in time (%u unresolved tickets, %u batches held); %u events of the "
             "source are unsettled",
             lane->index, s->ctx.stage, s->tickets, s->batches, lane->used_events);
    lane->timed_out = true;
    lane->phase = LANE_CLOSING;
    uv_stop(&lane->loop);
}

/* ---- what wakes a lane */
static void take_posts(struct stage *s)
{
    if (!atomic_load_explicit(&s->posted, memory_order_relaxed)) return;
    struct weir_task *list = atomic_exchange_explicit(&s->posted, NULL, memory_order_acquire), *oldest = NULL;
    while (list) { /* they come newest first */
        struct weir_task *next = list->next;
        list->next = oldest;
        oldest = list;
        list = next;
    }
    stage_calls(s, CALL_TASK);
    while (oldest) {
        struct weir_task *task = oldest;
        oldest = task->next;
        task->fn(task);
    }
    stage_returned(s);
}

/* When there is something to do by time: UINT64_MAX for never. */
static uint64_t next_due(const struct lane *lane)
{
    uint64_t due = timers_next(&lane->timers);
    return lane->phase == LANE_DRAINING && lane->drain_deadline < due ? lane->drain_deadline : due;
}

void lane_on_wake(uv_async_t *wake)
{
    struct lane *lane = wake->data;
    lane_enter(lane);
    for (uint32_t i = 0; i < lane->n_stages; i++) take_posts(&lane->stages[i]);
    if (atomic_load(&lane->stop)) lane_start_drain(lane);
    lane_leave(lane);
    if (!lane->fake_clock && next_due(lane) <= lane->now)
        lane_fire_timers(lane);
    else if (!uv_is_active((uv_handle_t *)&lane->tick))
        lane_rearm(lane); /* what was due, and woke us, has been stopped since: the next one is still to come */
}

void lane_fire_timers(struct lane *lane)
{
    uint64_t now = lane_clock(lane);
    for (struct weir_timer *timer; (timer = timers_due(&lane->timers, now));) {
        struct stage *s = timer_stage(timer);
        s->timers--;
        lane_enter(lane);
        stage_calls(s, CALL_TIMER);
        timer->fn(timer);
        stage_returned(s);
        lane_leave(lane);
    }
    if (lane->phase == LANE_DRAINING && now >= lane->drain_deadline) say_what_is_left(lane);
    lane_rearm(lane);
}

static void on_tick(uv_timer_t *tick)
{
    lane_fire_timers(tick->data);
}

void lane_rearm(struct lane *lane)
{
    if (lane->fake_clock || lane->phase >= LANE_CLOSING) return;
    uint64_t due = next_due(lane);
    if (due == UINT64_MAX) {
        uv_timer_stop(&lane->tick);
        return;
    }
    uint64_t now = lane_clock(lane);
    if (due <= now) { /* libuv would run it before it looks at any fd, again and again while callbacks are slow */
        uv_timer_stop(&lane->tick);
        uv_async_send(&lane->wake);
        return;
    }
    uv_update_time(&lane->loop); /* the loop's own clock may be a long callback behind */
    uv_timer_start(&lane->tick, on_tick, (due - now + 999999) / 1000000, 0);
}
