/* lane_life.c - a lane from its first stage to its last: init, open, run, close, and what must be gone by then. */
#include "lane.h"
#include "log.h"
#include <stdio.h>
#include <stdlib.h>

/* Which stages follow this one, and the names of the branches they begin. */
static int find_next(struct stage *s)
{
    const struct weir_conf_pipeline *p = s->lane->pipeline->conf;
    const char **names = NULL;
    for (uint32_t k = s->index; (k = weir_conf_next(p, s->index, k)) < p->n_stages;) s->n_next++;
    s->ctx.last = !s->n_next;
    if (!s->n_next) return 0;
    s->next = calloc(s->n_next, sizeof *s->next);
    if (!s->next) return -1;
    for (uint32_t k = s->index, n = 0; (k = weir_conf_next(p, s->index, k)) < p->n_stages;) {
        if (p->stages[k].branch && !names) {
            names = calloc(s->n_next, sizeof *names);
            if (!names) return -1;
            s->ctx.outputs = names;
            s->ctx.n_outputs = s->n_next;
        }
        if (names) names[n] = p->stages[k].branch;
        s->next[n++] = &s->lane->stages[k];
    }
    return 0;
}

static int stage_init(struct lane *lane, uint32_t i)
{
    struct pipeline *p = lane->pipeline;
    const struct weir_conf_stage *conf = &p->conf->stages[i];
    struct stage *s = &lane->stages[i];
    s->lane = lane;
    s->index = i;
    s->plugin = conf->loaded->plugin;
    s->ctx = (struct weir_ctx){.size = sizeof s->ctx,
                               .lane = lane->index,
                               .n_lanes = p->n_lanes,
                               .log_level = weir_log_level(),
                               .host = p->calls,
                               .cfg = conf->cfg,
                               .pipeline = p->conf->name,
                               .stage = conf->name};
    if (find_next(s)) return -1;
    struct weir_promise promise = {.size = sizeof promise};
    if (s->plugin->promise) s->plugin->promise(conf->cfg, &promise);
    s->durable = s->ctx.last && (promise.flags & WEIR_DURABLE_ON_OK);
    s->ctx.self = calloc(1, s->plugin->self_size ? s->plugin->self_size : 1);
    if (!s->ctx.self) return -1;
    if (p->board) s->board = &p->board->stages[p->board_at + lane->index * lane->n_stages + i];
    return stage_series_open(s);
}

static int lane_series(struct lane *lane)
{
    struct weir_metrics *m = lane->pipeline->metrics;
    const struct weir_label label = {"pipeline", lane->pipeline->conf->name};
    lane->window_series = weir_metrics_series(m, "weir_window_events", WEIR_GAUGE,
                                              "Events in flight: out of the source, not settled.", NULL, &label, 1);
    lane->window_bytes_series =
        weir_metrics_series(m, "weir_window_bytes", WEIR_GAUGE, "Bytes of the events in flight.", NULL, &label, 1);
    lane->in_series = weir_metrics_series(m, "weir_events_in_total", WEIR_COUNTER,
                                          "Events that came into the pipeline's windows.", NULL, &label, 1);
    bool all = lane->window_series && lane->window_bytes_series && lane->in_series;
    for (int i = 0; i <= WEIR_FATAL; i++) {
        const struct weir_label labels[] = {label, {"status", weir_status_names[i]}};
        lane->out_series[i] =
            weir_metrics_series(m, "weir_events_out_total", WEIR_COUNTER,
                                "Events that left the pipeline's windows, by what became of them.", NULL, labels, 2);
        all = all && lane->out_series[i];
    }
    return all ? 0 : -1;
}

int lane_init(struct lane *lane, struct pipeline *p, uint32_t index)
{
    lane->pipeline = p;
    lane->index = index;
    lane->n_stages = p->conf->n_stages;
    lane->tail = &lane->head;
    if (p->calls == &host_calls) lane->pool = pool_new();
    lane->window_events = p->conf->window_events;
    lane->window_bytes = p->conf->window_bytes;
    lane->stages = calloc(lane->n_stages, sizeof *lane->stages);
    if (!lane->stages || lane_series(lane)) return -1;
    for (uint32_t i = 0; i < lane->n_stages; i++)
        if (stage_init(lane, i)) return -1;
    if (uv_loop_init(&lane->loop)) return -1;
    if (uv_async_init(&lane->loop, &lane->wake, lane_on_wake)) return -1;
    if (uv_timer_init(&lane->loop, &lane->tick)) return -1;
    lane->wake.data = lane;
    lane->tick.data = lane;
    return 0;
}

/* The last stage first: when the source opens, everything downstream is there. */
int lane_open(struct lane *lane, struct weir_err *err, struct stage **at)
{
    lane->phase = LANE_RUNNING;
    for (uint32_t i = lane->n_stages; i--;) {
        struct stage *s = &lane->stages[i];
        *at = s;
        s->ctx.shared = lane->pipeline->shared[i];
        lane_enter(lane);
        stage_calls(s, CALL_OPEN);
        int rc = s->plugin->open ? s->plugin->open(&s->ctx, err) : 0;
        s->opened = rc == 0;
        stage_returned(s);
        if (!rc && !s->plugin->open) stage_set_state(s, WEIR_READY, NULL);
        lane->depth = 0;
        if (rc) return -1;
    }
    lane_enter(lane);
    lane_leave(lane); /* opens the flow */
    return 0;
}

void lane_run(struct lane *lane)
{
    while (lane->phase != LANE_CLOSING) uv_run(&lane->loop, UV_RUN_DEFAULT);
}

static void wait_for_works(struct lane *lane)
{
    for (uint32_t i = 0; i < lane->n_stages; i++)
        while (lane->stages[i].works) uv_run(&lane->loop, UV_RUN_ONCE);
}

static void report_leaks(struct stage *s)
{
    char msg[160];
    /* close() can always disarm; to settle, it had no chance */
    bool excused = s->lane->timed_out || s->lane->pipeline->failed;
    if (!s->timers && !s->watches && (excused || (!s->batches && !s->tickets))) return;
    snprintf(msg, sizeof msg, "close: left behind %u armed timers, %u watches, %u batches, %u tickets", s->timers,
             s->watches, s->batches, s->tickets);
    stage_broke(s, msg);
}

static void drop_queue(struct lane *lane)
{
    for (struct item *item; (item = lane_dequeue(lane));) {
        if (item->kind == ITEM_PUSH) {
            struct batch *b = weir_container(item, struct batch, item);
            b->holder->batches--;
            batch_unref(b);
        } else {
            struct weir_ticket *t = weir_container(item, struct weir_ticket, item);
            t->owner->tickets--;
            ticket_destroy(t);
        }
    }
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, handle->type == UV_POLL ? free_handle : NULL);
}

void lane_close(struct lane *lane)
{
    lane->phase = LANE_CLOSING;
    wait_for_works(lane);
    for (uint32_t i = 0; i < lane->n_stages; i++) {
        struct stage *s = &lane->stages[i];
        lane_enter(lane);
        stage_calls(s, CALL_CLOSE);
        if (s->opened && s->plugin->close) s->plugin->close(&s->ctx);
        stage_returned(s);
        s->opened = false;
        lane->depth = 0;
    }
    wait_for_works(lane);
    drop_queue(lane);
    for (uint32_t i = 0; i < lane->n_stages; i++) report_leaks(&lane->stages[i]);
    uv_walk(&lane->loop, close_handle, NULL);
    while (uv_loop_close(&lane->loop) == UV_EBUSY) uv_run(&lane->loop, UV_RUN_DEFAULT);
    for (uint32_t i = 0; i < lane->n_stages; i++) {
        stage_series_close(&lane->stages[i]);
        free(lane->stages[i].ctx.self);
        free(lane->stages[i].next);
        free((void *)lane->stages[i].ctx.outputs);
    }
    weir_metrics_drop(lane->pipeline->metrics, lane->window_series);
    weir_metrics_drop(lane->pipeline->metrics, lane->window_bytes_series);
    weir_metrics_drop(lane->pipeline->metrics, lane->in_series);
    for (int i = 0; i <= WEIR_FATAL; i++) weir_metrics_drop(lane->pipeline->metrics, lane->out_series[i]);
    pool_free(lane->pool);
    free(lane->timers.v);
    free(lane->stages);
    lane->phase = LANE_CLOSED;
}
