/* kafka_producer.c - a sink that publishes events to one Kafka topic: options, life of stage and lane, health.
 * An event is OK when its delivery report says that all in-sync replicas have it. */
#include "kafka_producer.h"
#include "kafka_probe.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { TICK_NS = 1000000000, CLOSE_SECONDS = 10 };

static const struct weir_opt options[] = {
    KAFKA_OPTIONS(struct cfg),
    WEIR_OPT(struct cfg, topic, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "topic to publish to"),
    WEIR_OPT(struct cfg, timeout, WEIR_DURATION, .def = "5s", .min = 100000000, .max = 600000000000,
             .doc = "how long to try to deliver an event before it settles as not delivered or unknown; keep it well "
                    "under the grace of a relay that repairs the topic"),
    WEIR_OPT(struct cfg, linger, WEIR_DURATION, .def = "1ms", .min = 0, .max = 10000000000,
             .doc = "how long an event may wait for others to share its request"),
    WEIR_OPT_END};

static const struct weir_metric metrics[] = {
    [METRIC_DELIVERY_SECONDS] = {"delivery_seconds", WEIR_HISTOGRAM,
                                 "from the send of a request's first event to its report", NULL, NULL},
    [METRIC_QUEUE_MESSAGES] = {"queue_messages", WEIR_GAUGE, "events in the library without a report", NULL, NULL},
    [METRIC_QUEUE_FULL] = {"queue_full_total", WEIR_COUNTER, "times the library's queue was full", NULL, NULL},
    [METRIC_RESTARTS] = {"restarts_total", WEIR_COUNTER, "producers replaced after a fatal error", NULL, NULL},
    {NULL, 0, NULL, NULL, NULL}};

/* ---- health: found by one lane, said by all */

static void arm(struct lane *lane, bool well)
{
    if (well) lane->backoff.failures = 0;
    lane->ctx->host->timer_arm(lane->ctx, &lane->tick, well ? TICK_NS : kafka_backoff_next(&lane->backoff));
}

void health_say(struct lane *lane)
{
    struct shared *sh = lane->shared;
    char why[sizeof sh->why];
    pthread_mutex_lock(&sh->lock);
    bool news = lane->health != sh->health;
    lane->health = sh->health;
    enum weir_state state = sh->state;
    memcpy(why, sh->why, sizeof why);
    pthread_mutex_unlock(&sh->lock);
    if (!news || lane->drained) return;
    lane->ctx->host->state(lane->ctx, state, state == WEIR_READY ? NULL : why);
    arm(lane, state == WEIR_READY);
}

void health_set(struct lane *lane, enum weir_state state, const char *why)
{
    struct shared *sh = lane->shared;
    pthread_mutex_lock(&sh->lock);
    if (!why) why = "";
    if (sh->state != state || strncmp(sh->why, why, sizeof sh->why - 1) != 0) {
        sh->state = state;
        snprintf(sh->why, sizeof sh->why, "%s", why);
        sh->health++;
        for (struct lane *l = sh->lanes; l; l = l->next)
            if (l != lane) report_post(l);
    }
    pthread_mutex_unlock(&sh->lock);
    health_say(lane);
}

/* Once a second; sooner, with back-off, while it is not well. */
static void on_tick(struct weir_timer *timer)
{
    struct lane *lane = weir_container(timer, struct lane, tick);
    struct shared *sh = lane->shared;
    client_renew(lane);
    client_use(lane);
    pthread_mutex_lock(&sh->lock);
    bool well = sh->state == WEIR_READY;
    bool probe = lane->client && !well && !sh->probing;
    if (probe) sh->probing = true;
    pthread_mutex_unlock(&sh->lock);
    if (probe && !kafka_probe(lane->client->rk, (const char *)sh->cfg->topic.p, lane->client->queue)) {
        pthread_mutex_lock(&sh->lock);
        sh->probing = false;
        pthread_mutex_unlock(&sh->lock);
    }
    /* A wake-up could be lost in the library between its check and its flag; a second is the longest that costs. */
    report_poll(lane, 0);
    send_pending(lane);
    if (lane->client && lane->ctx->lane == 0)
        lane->ctx->host->metric(lane->ctx, METRIC_QUEUE_MESSAGES, NULL, (double)atomic_load(&lane->client->open));
    drain_check(lane);
    arm(lane, well);
}

/* ---- the stage */

static int check(const void *config, struct weir_err *err)
{
    const struct cfg *cfg = config;
    if (cfg->topic.n == 0 || cfg->topic.n > 249) {
        snprintf(err->option, sizeof err->option, "topic");
        snprintf(err->msg, sizeof err->msg, "expected the name of a topic, 1 to 249 characters");
        return -1;
    }
    if (cfg->linger >= cfg->timeout) {
        snprintf(err->option, sizeof err->option, "linger");
        snprintf(err->msg, sizeof err->msg, "must be shorter than timeout, or nothing would ever be sent");
        return -1;
    }
    rd_kafka_conf_t *conf = client_conf(cfg, err);
    if (!conf) return -1;
    rd_kafka_conf_destroy(conf);
    return 0;
}

static void promise(const void *config, struct weir_promise *p)
{
    const struct cfg *cfg = config;
    p->flags = WEIR_DURABLE_ON_OK;
    snprintf(p->writes, sizeof p->writes, "kafka:%.*s", (int)cfg->topic.n, (const char *)cfg->topic.p);
}

static int share_stage(const struct weir_host *host, const void *config, uint32_t n_lanes, void **shared,
                       struct weir_err *err)
{
    (void)host, (void)n_lanes;
    struct shared *sh = calloc(1, sizeof *sh);
    if (!sh) {
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return -1;
    }
    sh->cfg = config;
    sh->state = WEIR_STARTING;
    snprintf(sh->why, sizeof sh->why, "connecting");
    pthread_mutex_init(&sh->lock, NULL);
    pthread_cond_init(&sh->left, NULL);
    sh->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (sh->wake >= 0)
        sh->current = sh->clients = client_new(sh, err);
    else
        snprintf(err->msg, sizeof err->msg, "no file descriptor left for the producer: raise the limit (ulimit -n)");
    if (sh->current) {
        *shared = sh;
        return 0;
    }
    if (sh->wake >= 0) close(sh->wake);
    free(sh);
    return -1;
}

static void unshare_stage(void *shared)
{
    struct shared *sh = shared;
    pthread_mutex_lock(&sh->lock);
    for (;;) {
        bool leaving = false;
        for (struct client *c = sh->clients; c; c = c->next) leaving |= c->leaving;
        if (!leaving) break;
        pthread_cond_wait(&sh->left, &sh->lock);
    }
    pthread_mutex_unlock(&sh->lock);
    while (sh->clients) {
        struct client *c = sh->clients;
        sh->clients = c->next;
        client_free(c);
        free(c);
    }
    close(sh->wake);
    pthread_cond_destroy(&sh->left);
    pthread_mutex_destroy(&sh->lock);
    free(sh);
}

/* ---- the lane */

static void on_task(struct weir_task *task)
{
    struct lane *lane = weir_container(task, struct lane, task);
    pthread_mutex_lock(&lane->shared->lock);
    lane->posted = false;
    pthread_mutex_unlock(&lane->shared->lock);
    report_inbox(lane);
    health_say(lane);
    send_pending(lane);
    drain_check(lane);
}

static void on_wake(struct weir_watch *watch, uint32_t ready)
{
    struct lane *lane = weir_container(watch, struct lane, watch);
    uint64_t count;
    (void)ready;
    /* Cleared before polling: what comes in between wakes again. Another lane may have been first. */
    if (read(watch->fd, &count, sizeof count) != (ssize_t)sizeof count) return;
    report_poll(lane, 0);
    send_pending(lane);
    drain_check(lane);
}

static int open_lane(struct weir_ctx *ctx, struct weir_err *err)
{
    struct lane *lane = ctx->self;
    struct shared *sh = ctx->shared;
    lane->ctx = ctx;
    lane->shared = sh;
    lane->backoff.seed = ctx->lane * 7919u + (uint32_t)ctx->host->wall(ctx);
    lane->task.fn = on_task;
    lane->tick.fn = on_tick;
    lane->watch = (struct weir_watch){.fn = on_wake, .fd = sh->wake, .want = WEIR_READABLE};
    if (ctx->host->watch(ctx, &lane->watch)) {
        snprintf(err->msg, sizeof err->msg, "cannot watch the producer's event descriptor");
        return -1;
    }
    pthread_mutex_lock(&sh->lock);
    lane->next = sh->lanes;
    sh->lanes = lane;
    lane->health = sh->health - 1;
    pthread_mutex_unlock(&sh->lock);
    health_say(lane);
    ctx->host->timer_arm(ctx, &lane->tick, 1); /* the first probe */
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    send_batch(ctx->self, batch);
}

void drain_check(struct lane *lane)
{
    if (!lane->draining || lane->first || lane->drained) return;
    lane->drained = true;
    lane->ctx->host->state(lane->ctx, WEIR_DRAINED, NULL);
}

static void drain(struct weir_ctx *ctx)
{
    struct lane *lane = ctx->self;
    lane->draining = true;
    drain_check(lane);
}

/* Without a drain: takes back what the library still holds, because it reads the payloads in place. */
static void recall(struct lane *lane)
{
    struct client *clients[4];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t end = now.tv_sec + CLOSE_SECONDS;
    lane->sending = NULL;
    for (struct flight *f = lane->first, *next; f; f = next) {
        next = f->next;
        for (; f->sent < f->batch->n; f->sent++)
            if (f->batch->ev[f->sent].ticket)
                weir_settle(lane->ctx, &f->batch->ev[f->sent], WEIR_RETRY, "the stage closed before it was sent");
        flight_check(lane, f);
    }
    uint32_t n = lane->first ? client_pin(lane->shared, clients, 4) : 0;
    for (uint32_t i = 0; i < n; i++) {
        rd_kafka_purge(clients[i]->rk,
                       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        client_unpin(lane, clients[i]);
    }
    while (lane->first && now.tv_sec < end) {
        report_poll(lane, 10);
        report_inbox(lane);
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
    if (lane->first)
        weir_log(lane->ctx, WEIR_ERROR, "the library does not give back all events; their memory is left to it");
}

static void close_lane(struct weir_ctx *ctx)
{
    struct lane *lane = ctx->self;
    struct shared *sh = lane->shared;
    if (!sh) return;
    lane->drained = true; /* no more is said of this lane */
    recall(lane);
    lane->watch.want = 0;
    ctx->host->watch(ctx, &lane->watch);
    ctx->host->timer_stop(ctx, &lane->tick);
    pthread_mutex_lock(&sh->lock);
    for (struct lane **p = &sh->lanes; *p; p = &(*p)->next)
        if (*p == lane) {
            *p = lane->next;
            break;
        }
    if (lane->client) lane->client->users--;
    pthread_mutex_unlock(&sh->lock);
}

WEIR_PLUGIN(.name = "kafka-producer", .version = "1.0.0", .doc = "Publishes events to a Kafka topic.",
            .roles = WEIR_SINK, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct lane), .opts = options,
            .metrics = metrics, .check = check, .promise = promise, .share = share_stage, .unshare = unshare_stage,
            .open = open_lane, .push = push, .drain = drain, .close = close_lane);
