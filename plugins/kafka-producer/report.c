/* report.c - delivery reports to settles. Whichever lane wakes first polls the one queue; reports of other lanes go to
 * their inbox and are settled there, on their own thread. */
#include "kafka_probe.h"
#include "kafka_producer.h"
#include <stdio.h>
#include <string.h>
#include <weir_failpoint.h>

enum { MAX_CLIENTS = 4 }; /* the current one and some that are on their way out */

void report_post(struct lane *lane)
{
    if (lane->posted) return;
    lane->posted = true;
    lane->ctx->host->post(lane->ctx, &lane->task);
}

/* Faults of the event itself; everything else is the world's, and the library has tried until `timeout`. */
static bool events_fault(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || err == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
           err == RD_KAFKA_RESP_ERR_INVALID_RECORD || err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
           err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
}

static enum weir_status status_of(const struct delivery *d)
{
    if (!d->err || d->status == RD_KAFKA_MSG_STATUS_PERSISTED) return WEIR_OK;
    if (events_fault(d->err)) return WEIR_REJECT;
    return d->status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED ? WEIR_RETRY : WEIR_UNKNOWN;
}

static void finish(struct lane *lane, struct delivery *d)
{
    if (WEIR_FAILPOINT("producer.reported")) { /* error: it is there, and nobody says so */
        d->err = RD_KAFKA_RESP_ERR__TIMED_OUT;
        d->status = RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED;
    }
    enum weir_status status = status_of(d);
    struct flight *f = d->flight;
    char why[200];
    if (status == WEIR_OK) {
        weir_settle(lane->ctx, d->ev, WEIR_OK, NULL);
    } else {
        snprintf(why, sizeof why, "topic %s: %s%s", (const char *)lane->shared->cfg->topic.p, rd_kafka_err2str(d->err),
                 d->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
                     ? ": raise the topic's max.message.bytes, or lower rdkafka batch.size and message.max.bytes"
                     : "");
        weir_settle(lane->ctx, d->ev, status, why);
    }
    f->open--;
    flight_check(lane, f);
}

/* A purge is our own doing and says nothing of the broker. */
static void judge(struct lane *lane, rd_kafka_resp_err_t err)
{
    struct shared *sh = lane->shared;
    char why[200];
    if (err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) return;
    pthread_mutex_lock(&sh->lock);
    sh->failing = err != 0 && !events_fault(err);
    if (!err) sh->renewals.failures = 0;
    pthread_mutex_unlock(&sh->lock);
    if (!err) {
        health_set(lane, WEIR_READY, NULL);
    } else if (!events_fault(err)) {
        snprintf(why, sizeof why, "topic %s: %s", (const char *)sh->cfg->topic.p, rd_kafka_err2str(err));
        health_set(lane, WEIR_DEGRADED, why);
    }
}

static void hand_over(struct delivery *d)
{
    struct lane *to = d->flight->lane;
    d->next = NULL;
    pthread_mutex_lock(&to->shared->lock);
    if (to->tail)
        to->tail->next = d;
    else
        to->inbox = d;
    to->tail = d;
    report_post(to);
    pthread_mutex_unlock(&to->shared->lock);
}

static void on_reports(struct lane *lane, struct client *c, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *m;
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    bool first = true;
    while ((m = rd_kafka_event_message_next(event))) {
        struct delivery *d = m->_private;
        d->err = m->err;
        d->status = rd_kafka_message_status(m);
        if (first || m->err) err = m->err;
        if (first) {
            int64_t us = rd_kafka_message_latency(m);
            if (us >= 0) lane->ctx->host->metric(lane->ctx, METRIC_DELIVERY_SECONDS, NULL, (double)us / 1e6);
        }
        first = false;
        atomic_fetch_sub(&c->open, 1);
        if (d->flight->lane == lane)
            finish(lane, d);
        else
            hand_over(d);
    }
    if (!first) judge(lane, err);
}

static void on_error(struct lane *lane, struct client *c, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(event), fatal;
    const char *text = rd_kafka_event_error_string(event);
    char why[200];
    /* Asked, not read from the event: some fatal errors come as the plain code. */
    if ((fatal = rd_kafka_fatal_error(c->rk, why, sizeof why))) {
        weir_log(lane->ctx, WEIR_ERROR, "fatal error of the producer, a new one takes over: %s: %s",
                 rd_kafka_err2name(fatal), why);
        client_retire(lane, c);
        health_set(lane, WEIR_DEGRADED, "the producer had a fatal error; a new one takes over");
        return;
    }
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || err == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
        err == RD_KAFKA_RESP_ERR__SSL || err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
        snprintf(why, sizeof why, "%s: %s", rd_kafka_err2str(err), text ? text : "");
        health_set(lane, WEIR_DEGRADED, why);
    }
    weir_log(lane->ctx, WEIR_INFO, "%s: %s", rd_kafka_err2name(err), text ? text : "");
}

static void on_probe(struct lane *lane, struct client *c, rd_kafka_event_t *event)
{
    struct shared *sh = lane->shared;
    char why[200];
    bool ok = kafka_probe_result(event, (const char *)sh->cfg->topic.p, why, sizeof why);
    if (rd_kafka_event_error(event)) kafka_brokers_again(c->rk, (const char *)sh->cfg->brokers.p);
    pthread_mutex_lock(&sh->lock);
    sh->probing = false;
    bool failing = sh->failing && atomic_load(&c->open) > 0;
    pthread_mutex_unlock(&sh->lock);
    if (!ok)
        health_set(lane, WEIR_DEGRADED, why);
    else if (!failing)
        health_set(lane, WEIR_READY, NULL);
}

static bool poll_client(struct lane *lane, struct client *c, int timeout_ms)
{
    rd_kafka_event_t *event;
    bool reports = false;
    while ((event = rd_kafka_queue_poll(c->queue, timeout_ms))) {
        timeout_ms = 0;
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR:
            on_reports(lane, c, event);
            reports = true;
            break;
        case RD_KAFKA_EVENT_ERROR: on_error(lane, c, event); break;
        case RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT: on_probe(lane, c, event); break;
        case RD_KAFKA_EVENT_LOG: kafka_log(lane->ctx, event); break;
        default: break;
        }
        rd_kafka_event_destroy(event);
    }
    return reports;
}

void report_poll(struct lane *lane, int timeout_ms)
{
    struct shared *sh = lane->shared;
    struct client *clients[MAX_CLIENTS];
    bool reports = false;
    uint32_t n = client_pin(sh, clients, MAX_CLIENTS);
    for (uint32_t i = 0; i < n; i++) reports |= poll_client(lane, clients[i], i == 0 ? timeout_ms : 0);
    for (uint32_t i = 0; i < n; i++) client_unpin(lane, clients[i]);
    if (!reports) return;
    pthread_mutex_lock(&sh->lock); /* room in the queue is news for every lane that waits for it */
    for (struct lane *l = sh->lanes; l; l = l->next)
        if (l != lane && l->waiting) report_post(l);
    pthread_mutex_unlock(&sh->lock);
}

void report_inbox(struct lane *lane)
{
    pthread_mutex_lock(&lane->shared->lock);
    struct delivery *d = lane->inbox;
    lane->inbox = lane->tail = NULL;
    pthread_mutex_unlock(&lane->shared->lock);
    while (d) {
        struct delivery *next = d->next; /* d goes with its batch */
        finish(lane, d);
        d = next;
    }
}
