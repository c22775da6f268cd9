/* send.c - events to messages. A batch that the library's queue cannot take whole waits here, never in a sleep.
 * Value and headers of an event stay where they are; the library copies key and headers, and reads the value in place.
 */
#include "kafka_producer.h"
#include <stdio.h>
#include <string.h>
#include <weir_failpoint.h>

enum { SENT, FULL, STOPPED };

void flight_check(struct lane *lane, struct flight *f)
{
    if (f->open > 0 || f->sent < f->batch->n) return;
    if (f->prev)
        f->prev->next = f->next;
    else
        lane->first = f->next;
    if (f->next)
        f->next->prev = f->prev;
    else
        lane->last = f->prev;
    lane->ctx->host->release(lane->ctx, f->batch); /* f lives in it */
}

static rd_kafka_headers_t *headers_of(const struct weir_event *ev)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(ev->n_headers);
    for (uint32_t i = 0; headers && i < ev->n_headers; i++) {
        const struct weir_pair *h = &ev->headers[i];
        if (rd_kafka_header_add(headers, (const char *)h->name.p, (ssize_t)h->name.n, h->value.p,
                                (ssize_t)h->value.n)) {
            rd_kafka_headers_destroy(headers);
            return NULL;
        }
    }
    return headers;
}

/* Milliseconds; 0: now. A time from the future was written by a clock that has been set back since, and brokers refuse
 * a record that is more than an hour ahead (message.timestamp.after.max.ms): it could not be published before then. */
static int64_t timestamp_of(const struct weir_event *ev, uint64_t wall_ns)
{
    const uint64_t minute = 60000000000;
    return ev->ts_ns > wall_ns + minute ? 0 : (int64_t)(ev->ts_ns / 1000000);
}

/* The library's error for one event; 0 when it has taken it. */
static rd_kafka_resp_err_t produce(struct client *c, struct weir_event *ev, struct delivery *d, uint64_t wall_ns)
{
    rd_kafka_vu_t args[8];
    size_t n = 0;
    rd_kafka_headers_t *headers = NULL;
    args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = c->topic};
    args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0}; /* no copy: the batch outlives it */
    args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)ev->value.p, ev->value.n}};
    args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)ev->key.p, ev->key.n}};
    args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = d};
    args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp_of(ev, wall_ns)};
    if (ev->n_headers > 0) {
        headers = headers_of(ev);
        if (!headers) return RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
        args[n++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
    }
    atomic_fetch_add(&c->open, 1); /* before: another lane may see the report first */
    rd_kafka_error_t *error = rd_kafka_produceva(c->rk, args, n);
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    atomic_fetch_sub(&c->open, 1);
    rd_kafka_resp_err_t err = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers) rd_kafka_headers_destroy(headers);
    return err;
}

/* An event that the library did not take has had no effect. */
static int refused(struct lane *lane, struct weir_event *ev, rd_kafka_resp_err_t err)
{
    char why[256];
    switch (err) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL: return FULL;
    case RD_KAFKA_RESP_ERR__FATAL:
        client_retire(lane, lane->client);
        health_set(lane, WEIR_DEGRADED, "the producer had a fatal error; a new one takes over");
        return STOPPED;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        snprintf(why, sizeof why, "an event of %zu bytes is larger than rdkafka message.max.bytes allows",
                 ev->key.n + ev->value.n);
        weir_settle(lane->ctx, ev, WEIR_REJECT, why);
        return SENT;
    default:
        snprintf(why, sizeof why, "topic %s: %s", (const char *)lane->shared->cfg->topic.p, rd_kafka_err2str(err));
        health_set(lane, WEIR_DEGRADED, why);
        weir_settle(lane->ctx, ev, WEIR_RETRY, why);
        return SENT;
    }
}

static int send_flight(struct lane *lane, struct flight *f)
{
    uint64_t now = lane->ctx->host->now(lane->ctx), wall = lane->ctx->host->wall(lane->ctx);
    for (; f->sent < f->batch->n; f->sent++) {
        struct weir_event *ev = &f->batch->ev[f->sent];
        struct delivery *d = &f->deliveries[f->sent];
        if (!ev->ticket) continue;
        if (ev->deadline_ns && ev->deadline_ns < now) {
            weir_settle(lane->ctx, ev, WEIR_RETRY, "past its deadline before it was sent");
            continue;
        }
        if (WEIR_FAILPOINT("sabotage.lost-is-ok")) {
            weir_settle(lane->ctx, ev, WEIR_OK, NULL);
            continue;
        }
        *d = (struct delivery){.flight = f, .ev = ev};
        bool fails = WEIR_FAILPOINT("producer.before-send"); /* error: the library does not take it */
        rd_kafka_resp_err_t err = fails ? RD_KAFKA_RESP_ERR__TIMED_OUT : produce(lane->client, ev, d, wall);
        int result = err ? refused(lane, ev, err) : SENT;
        if (result != SENT) return result;
        if (!err) f->open++;
    }
    return SENT;
}

static void set_busy(struct lane *lane, bool busy)
{
    if (lane->busy == busy) return;
    lane->busy = busy;
    lane->ctx->host->busy(lane->ctx, busy);
    if (busy) lane->ctx->host->metric(lane->ctx, METRIC_QUEUE_FULL, NULL, 1);
}

static void set_waiting(struct lane *lane, bool waiting)
{
    pthread_mutex_lock(&lane->shared->lock);
    lane->waiting = waiting;
    pthread_mutex_unlock(&lane->shared->lock);
}

/* Sends what waits, oldest first, until the queue is full. */
void send_pending(struct lane *lane)
{
    bool told = false;
    while (lane->sending) {
        client_use(lane);
        struct flight *f = lane->sending;
        int result = lane->client ? send_flight(lane, f) : FULL;
        if (result == STOPPED) continue;
        if (result == FULL) {
            set_busy(lane, true);
            if (told) return;
            /* Once more after saying so: the reports that make room may have come in between, to another lane. */
            set_waiting(lane, told = true);
            continue;
        }
        lane->sending = f->next;
        flight_check(lane, f);
    }
    if (!lane->busy) return;
    set_waiting(lane, false);
    set_busy(lane, false);
}

void send_batch(struct lane *lane, struct weir_batch *batch)
{
    struct flight *f = lane->ctx->host->batch_alloc(batch, sizeof *f + batch->n * sizeof f->deliveries[0]);
    if (!f) {
        lane->ctx->host->settle_all(lane->ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    *f = (struct flight){.lane = lane, .batch = batch, .prev = lane->last};
    if (lane->last)
        lane->last->next = f;
    else
        lane->first = f;
    lane->last = f;
    if (lane->sending) return; /* older ones wait: keep the order */
    lane->sending = f;
    send_pending(lane);
}
