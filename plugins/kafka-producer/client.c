/* client.c - the life of one librdkafka producer: made, used by lanes, retired by a fatal error, destroyed off the
 * lane. rd_kafka_destroy waits for threads that may hang in a DNS look-up, so only a worker or unshare calls it. */
#include "kafka_producer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ORDER "events keep their order and are stored once per send because of it"
static const struct kafka_property properties[] = {
    {"enable.idempotence", "true", ORDER},
    {"acks", "all", "OK must mean stored"},
    {"request.required.acks", NULL, "OK must mean stored"},
    {"max.in.flight", NULL, ORDER},
    {"max.in.flight.requests.per.connection", NULL, ORDER},
    {"enable.gapless.guarantee", NULL, "its fatal error would stop the stage"},
    {"transactional.id", NULL, "transactions are not supported"},
    {"message.timeout.ms", NULL, "use the option timeout"},
    {"delivery.timeout.ms", NULL, "use the option timeout"},
    {"linger.ms", NULL, "use the option linger"},
    {"queue.buffering.max.ms", NULL, "use the option linger"},
    {"delivery.report.only.error", NULL, "OK comes from the delivery report"},
    {"compression.type", "lz4", NULL},
    {"partitioner", "murmur2_random", NULL}, /* a key goes where clients in Java send it */
    {"socket.timeout.ms", "10000", NULL},
    {"queue.buffering.max.kbytes", "262144", NULL},
    {NULL, NULL, NULL},
};

rd_kafka_conf_t *client_conf(const struct cfg *cfg, struct weir_err *err)
{
    struct kafka_conf_in in = {cfg->brokers, &cfg->security, &cfg->rdkafka, properties};
    rd_kafka_conf_t *conf = kafka_conf_new(&in, err);
    if (!conf) return NULL;
    if (kafka_conf_set_ms(conf, "message.timeout.ms", cfg->timeout, "timeout", err) ||
        kafka_conf_set_ms(conf, "linger.ms", cfg->linger, "linger", err)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
    return conf;
}

/* Threads are made here, connections later and by them. */
struct client *client_new(struct shared *sh, struct weir_err *err)
{
    static const uint64_t one = 1;
    err->status = WEIR_FATAL;
    snprintf(err->option, sizeof err->option, "rdkafka");
    rd_kafka_conf_t *conf = client_conf(sh->cfg, err);
    if (!conf) return NULL;
    struct client *c = calloc(1, sizeof *c);
    if (c) c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err->msg, sizeof err->msg);
    if (!c || !c->rk) {
        if (!c)
            snprintf(err->msg, sizeof err->msg, "out of memory");
        else
            kafka_conf_blame(&sh->cfg->security, err);
        rd_kafka_conf_destroy(conf);
        free(c);
        return NULL;
    }
    c->shared = sh;
    c->topic = rd_kafka_topic_new(c->rk, (const char *)sh->cfg->topic.p, NULL);
    if (!c->topic) {
        snprintf(err->option, sizeof err->option, "topic");
        snprintf(err->msg, sizeof err->msg, "%s", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_destroy(c->rk);
        free(c);
        return NULL;
    }
    c->queue = rd_kafka_queue_get_main(c->rk);
    rd_kafka_error_t *error = rd_kafka_set_log_queue(c->rk, NULL) ? rd_kafka_error_new(1, "log") : NULL;
    if (error) rd_kafka_error_destroy(error); /* without a log is better than not at all */
    rd_kafka_queue_io_event_enable(c->queue, sh->wake, &one, sizeof one);
    return c;
}

void client_free(struct client *c)
{
    rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(c->queue);
    rd_kafka_topic_destroy(c->topic);
    rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(c->rk);
}

static void unlink_client(struct shared *sh, struct client *c)
{
    for (struct client **p = &sh->clients; *p; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            return;
        }
}

static void leave_run(struct weir_work *work)
{
    struct client *c = weir_container(work, struct client, work);
    struct shared *sh = c->shared;
    client_free(c);
    pthread_mutex_lock(&sh->lock);
    unlink_client(sh, c);
    pthread_cond_broadcast(&sh->left);
    pthread_mutex_unlock(&sh->lock);
}

static void leave_done(struct weir_work *work)
{
    free(weir_container(work, struct client, work));
}

/* Lock held. */
static void unuse(struct lane *lane, struct client *c)
{
    if (--c->users > 0 || !c->retired || c->leaving || atomic_load(&c->open) > 0) return;
    c->leaving = true;
    c->work = (struct weir_work){.run = leave_run, .done = leave_done};
    lane->ctx->host->work(lane->ctx, &c->work);
}

void client_use(struct lane *lane)
{
    struct shared *sh = lane->shared;
    pthread_mutex_lock(&sh->lock);
    if (lane->client != sh->current) {
        if (lane->client) unuse(lane, lane->client);
        lane->client = sh->current;
        if (lane->client) lane->client->users++;
    }
    pthread_mutex_unlock(&sh->lock);
}

uint32_t client_pin(struct shared *sh, struct client **out, uint32_t max)
{
    uint32_t n = 0;
    pthread_mutex_lock(&sh->lock);
    for (struct client *c = sh->clients; c && n < max; c = c->next)
        if (!c->leaving) {
            c->users++;
            out[n++] = c;
        }
    pthread_mutex_unlock(&sh->lock);
    return n;
}

void client_unpin(struct lane *lane, struct client *c)
{
    pthread_mutex_lock(&lane->shared->lock);
    unuse(lane, c);
    pthread_mutex_unlock(&lane->shared->lock);
}

/* After a fatal error: what it holds comes back as reports, settled by whether it may have been stored. */
void client_retire(struct lane *lane, struct client *c)
{
    struct shared *sh = lane->shared;
    pthread_mutex_lock(&sh->lock);
    bool first = !c->retired;
    c->retired = true;
    if (first && sh->current == c) {
        sh->current = NULL;
        sh->renew_ns = lane->ctx->host->now(lane->ctx) + kafka_backoff_next(&sh->renewals);
    }
    pthread_mutex_unlock(&sh->lock);
    if (!first) return;
    rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    lane->ctx->host->metric(lane->ctx, METRIC_RESTARTS, NULL, 1);
}

/* A new client in place of a retired one, when its time has come. */
void client_renew(struct lane *lane)
{
    struct shared *sh = lane->shared;
    struct weir_err err = {WEIR_OK, "", ""};
    bool ok = true;
    pthread_mutex_lock(&sh->lock);
    if (!sh->current && lane->ctx->host->now(lane->ctx) >= sh->renew_ns) {
        struct client *c = client_new(sh, &err);
        ok = c != NULL;
        if (c) {
            c->next = sh->clients;
            sh->clients = sh->current = c;
        }
    }
    pthread_mutex_unlock(&sh->lock);
    if (!ok) weir_log(lane->ctx, WEIR_ERROR, "no new producer yet: %s", err.msg);
}
