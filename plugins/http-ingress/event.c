/* event.c - one request becomes one event with one ticket; what one turn of the loop has read goes on as one batch. */
#include "http_ingress.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 64, TURN = 2 * BATCH }; /* the pipeline says only between turns that it has enough */

static bool copy(struct weir_batch *batch, struct weir_ctx *ctx, const void *bytes, size_t n, struct weir_slice *out)
{
    uint8_t *p = ctx->host->batch_alloc(batch, n ? n : 1);
    if (!p) return false;
    if (n) memcpy(p, bytes, n);
    *out = (struct weir_slice){p, n};
    return true;
}

static bool set_trace(struct conn *c, struct weir_batch *batch, struct weir_event *ev)
{
    static const char name[] = "traceparent";
    struct weir_ctx *ctx = c->lane->ctx;
    struct weir_pair *pair = ctx->host->batch_alloc(batch, sizeof *pair);
    if (!pair) return false;
    if (!c->traceparent[0]) trace_make(&c->lane->random, c->traceparent);
    pair->name = (struct weir_slice){(const uint8_t *)name, sizeof name - 1};
    ev->headers = pair;
    ev->n_headers = 1;
    return copy(batch, ctx, c->traceparent, 55, &pair->value);
}

/* The key's bytes are the event's own; only a number needs a text made of it. */
static bool set_key(struct conn *c, struct weir_batch *batch, struct weir_event *ev)
{
    struct weir_ctx *ctx = c->lane->ctx;
    struct weir_value v;
    char text[32];
    int n;
    if (!c->route->conf->key.path || !ctx->host->get(ctx, ev, &c->route->conf->key, &v)) return true;
    switch (v.kind) {
    case WEIR_KIND_BYTES: ev->key = v.v.bytes; return true;
    case WEIR_KIND_I64: n = snprintf(text, sizeof text, "%" PRId64, v.v.i64); break;
    case WEIR_KIND_U64: n = snprintf(text, sizeof text, "%" PRIu64, v.v.u64); break;
    case WEIR_KIND_F64: n = snprintf(text, sizeof text, "%.17g", v.v.f64); break;
    case WEIR_KIND_BOOL: n = snprintf(text, sizeof text, "%s", v.v.b ? "true" : "false"); break;
    default: return true;
    }
    return copy(batch, ctx, text, (size_t)n, &ev->key);
}

static bool fill(struct conn *c, struct weir_batch *batch, struct weir_event *ev)
{
    struct lane *lane = c->lane;
    struct weir_ctx *ctx = lane->ctx;
    memset(ev, 0, sizeof *ev);
    ev->schema = c->route->conf->event->id;
    ev->ts_ns = ctx->host->wall(ctx);
    ev->deadline_ns = ctx->host->now(ctx) + lane->cfg->timeout;
    if (!copy(batch, ctx, lane->wire.p, lane->wire.n, &ev->value) || !set_trace(c, batch, ev) || !set_key(c, batch, ev))
        return false;
    ev->ticket = ctx->host->ticket_new(ctx, c, 1);
    ev->position = ++lane->position;
    return ev->ticket != NULL;
}

static bool parse(struct conn *c)
{
    struct lane *lane = c->lane;
    struct weir_json_err err;
    struct weir_slice body = {c->body.p, c->body.n};
    char detail[sizeof err.found + sizeof err.expected + 32];
    lane->wire.n = 0;
    unsigned flags = lane->cfg->unknown_fields ? WEIR_JSON_SKIP_UNKNOWN : 0;
    if (weir_json_to_wire(c->route->conf->event->descriptor, body, c->given, c->n_given, flags, &lane->wire, &err) == 0)
        return true;
    snprintf(detail, sizeof detail, "found %s, expected %s", err.found, err.expected);
    answer_problem(c, &(struct problem){.status = 400, .detail = detail, .pointer = err.pointer, .outcome = "invalid"});
    return false;
}

bool event_room(struct lane *lane)
{
    return lane->flowing && lane->ctx->host->room(lane->ctx) > (lane->batch ? lane->batch->n : 0);
}

bool event_room_now(struct lane *lane)
{
    return lane->n_emitted < TURN && event_room(lane);
}

bool event_emit(struct conn *c)
{
    struct lane *lane = c->lane;
    struct weir_ctx *ctx = lane->ctx;
    if (!event_room(lane)) { /* since the header */
        answer_full(c);
        return false;
    }
    if (!parse(c)) return false;
    if (!lane->batch) lane->batch = ctx->host->batch_new(ctx, BATCH);
    if (!lane->batch || !fill(c, lane->batch, &lane->batch->ev[lane->batch->n])) {
        answer_unavailable(c, "memory", "out of memory; send the request again later");
        return false;
    }
    lane->n_emitted++;
    if (++lane->batch->n == lane->batch->cap) events_flush(lane);
    return true;
}

void events_admit_soon(struct lane *lane)
{
    if (lane->admit_posted || !lane->phases[HELD].first) return;
    lane->admit_posted = true;
    lane->ctx->host->post(lane->ctx, &lane->admit_task);
}

/* The newest first: who has waited longest has the least use for an answer, and in a flood all would come late. A batch
 * at a time, after which the pipeline may say that it is enough. */
void events_admit(struct weir_task *task)
{
    struct lane *lane = weir_container(task, struct lane, admit_task);
    struct conn *c;
    lane->admit_posted = false;
    while ((c = lane->phases[HELD].last) != NULL && event_room_now(lane)) {
        bool emitted = event_emit(c);
        conn_phase(c, PIPELINE);
        if (!emitted) server_resume(c);
    }
    events_flush(lane);
    lane->n_emitted = 0;
    if (lane->flowing) events_admit_soon(lane);
}

void events_flush(struct lane *lane)
{
    struct weir_batch *batch = lane->batch;
    lane->batch = NULL;
    if (!batch) return;
    if (batch->n)
        weir_forward(lane->ctx, batch);
    else
        lane->ctx->host->release(lane->ctx, batch);
}
