/* dead_letter.c - an event that a stage has rejected goes to a topic of its own, with where it came from and why.
 *
 * The order is: the stages below have settled it, the letter is delivered (acks=all), its offset may be committed. So a
 * crash writes a letter twice at most, and never loses one. Key, value and headers are the record's own; what is added
 * stands in headers named weir.dead.*. */
#include "kafka_consumer.h"
#include "kafka_probe.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir_failpoint.h>

#define MINUTE_NS 60000000000ull
enum { ADDED = 11 };

struct letter {
    struct slot *slot;
    struct letter *next; /* in dead.waiting */
    char stage[64], plugin[64], class[64], why[300];
};

static const struct kafka_property properties[] = {
    {"enable.idempotence", "true", NULL},
    {"acks", "all", NULL},
    {"message.max.bytes", "1000000000", NULL}, /* what could be read can be written: the broker has its own limit */
    {NULL, NULL, NULL},
};

/* ---- the producer */

static rd_kafka_conf_t *producer_conf(const struct cfg *cfg, struct weir_err *err)
{
    /* What `rdkafka` says is the consumer's. */
    static const struct weir_list none = {NULL, 0, sizeof(struct weir_pair)};
    const struct kafka_conf_in in = {cfg->brokers, &cfg->security, &none, properties};
    rd_kafka_conf_t *conf = kafka_conf_new(&in, err);
    if (!conf) return NULL;
    if (kafka_conf_set_ms(conf, "message.timeout.ms", cfg->dead_letters.timeout, "dead_letters.timeout", err)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    return conf;
}

int dead_check(const struct cfg *cfg, struct weir_err *err)
{
    const struct weir_slice topic = cfg->dead_letters.topic;
    const char *wrong = NULL;
    if (!topic.p) return 0;
    if (topic.n == 0 || topic.n > 249) wrong = "expected the name of a topic, 1 to 249 characters";
    if (topic.n == cfg->topic.n && !memcmp(topic.p, cfg->topic.p, topic.n))
        wrong = "is the topic that is read: a rejected event would come back for ever; name another";
    if (wrong) {
        snprintf(err->option, sizeof err->option, "dead_letters.topic");
        snprintf(err->msg, sizeof err->msg, "%s", wrong);
        return -1;
    }
    rd_kafka_conf_t *conf = producer_conf(cfg, err);
    if (!conf) return -1;
    rd_kafka_conf_destroy(conf);
    return 0;
}

static bool start(struct consumer *c)
{
    static const uint64_t one = 1;
    struct weir_err err = {0};
    char why[256];
    if (c->dead.rk) return true;
    rd_kafka_conf_t *conf = producer_conf(c->cfg, &err);
    if (conf) c->dead.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!c->dead.rk) {
        if (conf) rd_kafka_conf_destroy(conf);
        weir_log(c->ctx, WEIR_WARN, "no producer for dead letters: %s", conf ? why : err.msg);
        return false;
    }
    c->dead.queue = rd_kafka_queue_get_main(c->dead.rk);
    rd_kafka_set_log_queue(c->dead.rk, c->dead.queue);
    rd_kafka_queue_io_event_enable(c->dead.queue, c->wake, &one, sizeof one);
    return true;
}

void dead_close(struct consumer *c)
{
    if (!c->dead.rk) return;
    rd_kafka_queue_io_event_enable(c->dead.queue, -1, NULL, 0);
    rd_kafka_queue_destroy(c->dead.queue);
    rd_kafka_purge(c->dead.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(c->dead.rk);
    c->dead.rk = NULL;
    c->dead.queue = NULL;
}

/* ---- letters */

static bool add(rd_kafka_headers_t *headers, const char *name, const char *value)
{
    return rd_kafka_header_add(headers, name, -1, value, -1) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool add_number(rd_kafka_headers_t *headers, const char *name, long long value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", value);
    return add(headers, name, text);
}

static bool add_own(rd_kafka_headers_t *headers, const struct weir_pair *p)
{
    return rd_kafka_header_add(headers, (const char *)p->name.p, (ssize_t)p->name.n, p->value.p, (ssize_t)p->value.n) ==
           RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* The record's own headers, then where it came from, why it is here, and how often it was tried, this time included. */
static rd_kafka_headers_t *headers_of(const struct consumer *c, const struct letter *l)
{
    const struct slot *s = l->slot;
    struct headers own = headers_begin(s->bytes, s->n_headers);
    struct weir_pair pair;
    uint16_t before = 0;
    bool ok = true;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(ADDED);
    if (!headers) return NULL;
    while (ok && headers_next(&own, &pair)) {
        ok = add_own(headers, &pair);
        if (pair.name.n == sizeof ATTEMPT_HEADER - 1 && !memcmp(pair.name.p, ATTEMPT_HEADER, pair.name.n))
            before = attempts_before(pair.value);
    }
    if (ok && add(headers, "weir.dead.topic", c->topic) && add_number(headers, "weir.dead.partition", s->part->id) &&
        add_number(headers, "weir.dead.offset", s->wm.offset) &&
        add(headers, "weir.dead.group", (const char *)c->cfg->group.p) &&
        add(headers, "weir.dead.pipeline", c->ctx->pipeline) && add(headers, "weir.dead.stage", l->stage) &&
        add(headers, "weir.dead.plugin", l->plugin) && add(headers, "weir.dead.class", l->class) &&
        add(headers, "weir.dead.error", l->why) &&
        add_number(headers, "weir.dead.attempt", 1ll + s->attempt + before) &&
        (!c->cfg->event || add(headers, "weir.dead.event", c->cfg->event->full_name)))
        return headers;
    rd_kafka_headers_destroy(headers);
    return NULL;
}

/* Payloads are not copied: the slot keeps them until the report has come. */
static rd_kafka_resp_err_t produce(struct consumer *c, struct letter *l)
{
    const struct weir_slice key = record_key(l->slot), value = record_value(l->slot);
    rd_kafka_headers_t *headers = headers_of(c, l);
    if (!headers) return RD_KAFKA_RESP_ERR__FAIL;
    rd_kafka_resp_err_t err =
        rd_kafka_producev(c->dead.rk, RD_KAFKA_V_TOPIC((const char *)c->cfg->dead_letters.topic.p),
                          RD_KAFKA_V_KEY(key.p, key.n), RD_KAFKA_V_VALUE((void *)(uintptr_t)value.p, value.n),
                          RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(l), RD_KAFKA_V_END);
    if (err) rd_kafka_headers_destroy(headers);
    return err;
}

static const char *what_of(rd_kafka_resp_err_t err)
{
    if (err != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) return rd_kafka_err2str(err);
    return "a letter is larger than it takes: raise its max.message.bytes above that of the topic that is read";
}

static void wait_and_send(struct consumer *c, struct letter *l, const char *what)
{
    char why[200];
    l->next = c->dead.waiting;
    c->dead.waiting = l;
    snprintf(why, sizeof why, "dead-letter topic %s: %s", (const char *)c->cfg->dead_letters.topic.p, what);
    say(c, WEIR_DEGRADED, why);
    if (!c->dead_timer.due_ns) c->ctx->host->timer_arm(c->ctx, &c->dead_timer, kafka_backoff_next(&c->dead.backoff));
}

static void send_letter(struct consumer *c, struct letter *l)
{
    if (!start(c)) {
        wait_and_send(c, l, "no producer");
        return;
    }
    rd_kafka_resp_err_t err = produce(c, l);
    if (err) wait_and_send(c, l, what_of(err));
}

void dead_resend(struct weir_timer *timer)
{
    struct consumer *c = weir_container(timer, struct consumer, dead_timer);
    struct letter *list = c->dead.waiting;
    c->dead.waiting = NULL;
    if (c->dead.rk) kafka_brokers_again(c->dead.rk, (const char *)c->cfg->brokers.p);
    for (struct letter *next; list; list = next) {
        next = list->next;
        send_letter(c, list);
    }
}

static bool too_many(struct consumer *c)
{
    uint64_t now = c->ctx->host->now(c->ctx);
    if (!c->dead.minute_ns || now - c->dead.minute_ns >= MINUTE_NS) {
        c->dead.minute_ns = now;
        c->dead.in_minute = 0;
    }
    return ++c->dead.in_minute > c->cfg->dead_letters.max_per_minute;
}

/* False: no memory, or the pipeline has failed. */
bool dead_write(struct consumer *c, struct slot *s, const struct weir_result *r)
{
    const char *why = r->why ? r->why : "refused by the sink";
    if (too_many(c)) {
        fail(c, "topic %s, partition %d, offset %lld: %s; more than %lld dead letters in a minute (max_per_minute)",
             c->topic, (int)s->part->id, (long long)s->wm.offset, why, (long long)c->cfg->dead_letters.max_per_minute);
        return false;
    }
    if (WEIR_FAILPOINT("sabotage.no-letter")) {
        delivered(c, s);
        return true;
    }
    struct letter *l = calloc(1, sizeof *l);
    if (!l) return false;
    l->slot = s;
    s->letter = l;
    const char *plugin, *stage = c->ctx->host->settled_by(c->ctx, &plugin);
    snprintf(l->stage, sizeof l->stage, "%s", *stage ? stage : c->ctx->stage); /* none: it was refused here */
    snprintf(l->plugin, sizeof l->plugin, "%s", *stage ? plugin : "kafka-consumer");
    snprintf(l->class, sizeof l->class, "%s", *r->outcome_name ? r->outcome_name : "rejected");
    snprintf(l->why, sizeof l->why, "%s", why);
    weir_log(c->ctx, WEIR_WARN, "topic %s, partition %d, offset %lld goes to %s: %s", c->topic, (int)s->part->id,
             (long long)s->wm.offset, (const char *)c->cfg->dead_letters.topic.p, why);
    send_letter(c, l);
    return true;
}

/* Of a slot that goes: its letter is delivered, or nobody waits for it any more. */
void dead_free_letter(struct slot *s)
{
    free(s->letter);
    s->letter = NULL;
}

static void reported(struct consumer *c, const rd_kafka_message_t *m)
{
    struct letter *l = m->_private;
    rd_kafka_resp_err_t err = rd_kafka_message_status(m) == RD_KAFKA_MSG_STATUS_PERSISTED ? 0 : m->err;
    if (WEIR_FAILPOINT("consumer.letter-delivered"))
        err = RD_KAFKA_RESP_ERR__TIMED_OUT; /* error: it is there, unsaid */
    if (err) {
        wait_and_send(c, l, what_of(err));
        return;
    }
    c->dead.backoff.failures = 0;
    c->ctx->host->metric(c->ctx, METRIC_DEAD, NULL, 1);
    delivered(c, l->slot);
}

static void on_fatal(struct consumer *c)
{
    char why[200];
    if (!rd_kafka_fatal_error(c->dead.rk, why, sizeof why)) return;
    fail(c, "dead-letter topic %s: %s", (const char *)c->cfg->dead_letters.topic.p, why);
}

void dead_serve(struct consumer *c)
{
    rd_kafka_event_t *event;
    while (c->phase < DESTROYING && c->dead.queue && (event = rd_kafka_queue_poll(c->dead.queue, 0))) {
        const rd_kafka_message_t *m;
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR:
            while ((m = rd_kafka_event_message_next(event))) reported(c, m);
            break;
        case RD_KAFKA_EVENT_ERROR: on_fatal(c); break;
        case RD_KAFKA_EVENT_LOG: kafka_log(c->ctx, event); break;
        default: break;
        }
        rd_kafka_event_destroy(event);
    }
}
