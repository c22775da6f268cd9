/* event.c - the queue that is served whatever the flow: rebalances, commits, errors, log, answers to questions. */
#include "kafka_consumer.h"
#include "kafka_probe.h"
#include <stdio.h>

/* Going on would skip what cannot be read. */
bool is_data_lost(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || err == RD_KAFKA_RESP_ERR__BAD_MSG ||
           err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION || err == RD_KAFKA_RESP_ERR__LOG_TRUNCATION ||
           err == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

static bool is_down(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || err == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
           err == RD_KAFKA_RESP_ERR__SSL;
}

static bool is_worth_a_state(rd_kafka_resp_err_t err)
{
    return is_down(err) || err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           err == RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL || err == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION ||
           err == RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT || err == RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED;
}

static void on_error(struct consumer *c, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(event), fatal;
    const char *text = rd_kafka_event_error_string(event);
    char why[200];
    /* Asked, not read from the event: some fatal errors come as the plain code. */
    if ((fatal = rd_kafka_fatal_error(c->rk, why, sizeof why))) {
        fail(c, "%s: %s", rd_kafka_err2name(fatal), why);
        return;
    }
    snprintf(why, sizeof why, "%s: %s", rd_kafka_err2str(err), text ? text : "");
    if (is_data_lost(err)) {
        fail(c, "topic %s: %s", c->topic, why);
    } else if (is_worth_a_state(err)) {
        if (is_down(err)) c->down = true;
        say(c, WEIR_DEGRADED, why);
    } else {
        weir_log(c->ctx, err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED ? WEIR_WARN : WEIR_INFO, "%s", why);
    }
}

static void on_probe(struct consumer *c, rd_kafka_event_t *event)
{
    char why[200];
    c->probing = false;
    if (!kafka_probe_result(event, c->topic, why, sizeof why)) {
        c->down = true;
        say(c, WEIR_DEGRADED, why);
        if (rd_kafka_event_error(event)) kafka_brokers_again(c->rk, (const char *)c->cfg->brokers.p);
        return;
    }
    c->probe_backoff.failures = 0;
    if (c->dead.backoff.failures) return; /* the broker is there, the topic of dead letters may not be */
    if (c->joined)
        say(c, WEIR_READY, NULL);
    else if (c->down)
        say(c, WEIR_STARTING, "joining the group");
    c->down = false;
}

static void dispatch(struct consumer *c, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_REBALANCE: on_rebalance(c, event); break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT: commit_result(c, event); break;
    case RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT: on_probe(c, event); break;
    case RD_KAFKA_EVENT_ERROR: on_error(c, event); break;
    case RD_KAFKA_EVENT_LOG: kafka_log(c->ctx, event); break;
    default: break; /* no messages here: partitions have queues of their own */
    }
}

void serve_queue(struct consumer *c)
{
    rd_kafka_event_t *event;
    while (c->phase < DESTROYING && (event = rd_kafka_queue_poll(c->phase >= CLOSING ? c->close_queue : c->queue, 0))) {
        dispatch(c, event);
        rd_kafka_event_destroy(event);
    }
}
