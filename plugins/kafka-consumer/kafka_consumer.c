/* kafka_consumer.c - a source that reads one Kafka topic as a member of a group: options, life, drain.
 * An offset is committed when every event up to it was settled as OK; whatever was not comes again. */
#include "kafka_consumer.h"
#include "kafka_probe.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TICK_NS 1000000000ull

static const char *const froms[] = {"earliest", "latest", NULL};
static const char *const group_protocols[] = {"classic", "consumer", NULL};
static const struct weir_opt dead_options[] = {
    WEIR_OPT(struct dead_cfg, topic, WEIR_STRING,
             .doc = "topic for rejected events, with why; when not given, a rejected event stops the pipeline"),
    WEIR_OPT(struct dead_cfg, max_per_minute, WEIR_INT, .def = "60", .min = 1, .max = 1000000,
             .doc = "more than so many of a lane stop the pipeline: then it is not the events that are wrong"),
    WEIR_OPT(struct dead_cfg, timeout, WEIR_DURATION, .def = "10s", .min = 1000000000, .max = 300000000000,
             .doc = "for the delivery of one; then it is sent again"),
    WEIR_OPT_END};
static const struct weir_opt header_options[] = {
    WEIR_OPT(struct header_cfg, name, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "name of a header"), WEIR_OPT_END};
static const struct weir_opt options[] = {
    KAFKA_OPTIONS(struct cfg),
    WEIR_OPT(struct cfg, topic, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "topic to read"),
    WEIR_OPT(struct cfg, group, WEIR_STRING, .flags = WEIR_REQUIRED,
             .doc = "consumer group; its commits say where reading goes on"),
    WEIR_OPT(struct cfg, event, WEIR_MESSAGE, .doc = "message type of the values; unknown bytes when not given"),
    WEIR_OPT(struct cfg, headers, WEIR_LIST, .sub = header_options, .sub_size = sizeof(struct header_cfg),
             .doc = "headers that every record must have: [ \"epoch\", \"shard\", \"seq\" ]; one without is rejected"),
    WEIR_OPT(struct cfg, schema_header, WEIR_STRING,
             .doc =
                 "header that names the message type, where there is one; a record that has it and names another than "
                 "`event` is rejected"),
    WEIR_OPT(struct cfg, max_value, WEIR_SIZE, .def = "1GiB", .min = 1, .max = 1073741824,
             .doc = "a record with a larger value is rejected"),
    WEIR_OPT(struct cfg, from, WEIR_ENUM, .def = "earliest", .choices = froms,
             .doc = "where a partition begins that the group has no commit for"),
    WEIR_OPT(struct cfg, batch, WEIR_INT, .def = "4096", .min = 1, .max = 65536,
             .doc = "most events of a batch; all are of one partition"),
    WEIR_OPT(struct cfg, prefetch, WEIR_SIZE, .def = "4MiB", .min = 65536, .max = 1073741824,
             .doc = "bytes read ahead, a partition"),
    WEIR_OPT(struct cfg, commit_interval, WEIR_DURATION, .def = "200ms", .min = 1000000, .max = 60000000000,
             .doc = "how long a dealt-with offset may wait for its commit"),
    WEIR_OPT(struct cfg, session_timeout, WEIR_DURATION, .def = "10s", .min = 1000000000, .max = 300000000000,
             .doc = "a member that is silent for so long loses its partitions (classic protocol)"),
    WEIR_OPT(struct cfg, revoke_timeout, WEIR_DURATION, .def = "5s", .min = 0, .max = 30000000000,
             .doc = "how long events in flight may take to settle before a partition is given away"),
    WEIR_OPT(struct cfg, protocol, WEIR_ENUM, .def = "classic", .choices = group_protocols,
             .doc = "group protocol; \"consumer\" (KIP-848) needs Kafka 4"),
    WEIR_OPT(struct cfg, dead_letters, WEIR_GROUP, .sub = dead_options,
             .doc = "where an event goes that can never be dealt with"),
    WEIR_OPT(struct cfg, instance, WEIR_STRING,
             .doc = "name of this process in the group, unique and kept over restarts: a restart then causes no "
                    "rebalance. Each lane adds its number"),
    WEIR_OPT_END};

static const char *const lag_labels[] = {"partition", NULL};
static const struct weir_metric metrics[] = {
    [METRIC_LAG] = {"lag_events", WEIR_GAUGE, "events of the partition that are not dealt with yet", lag_labels, NULL},
    [METRIC_PARTITIONS] = {"partitions", WEIR_GAUGE, "partitions assigned to this lane", NULL, NULL},
    [METRIC_COMMITS] = {"commits_total", WEIR_COUNTER, "commits the broker has taken", NULL, NULL},
    [METRIC_COMMIT_ERRORS] = {"commit_errors_total", WEIR_COUNTER, "commits that failed and were repeated", NULL, NULL},
    [METRIC_REBALANCES] = {"rebalances_total", WEIR_COUNTER, "partitions came or went", NULL, NULL},
    [METRIC_REPEATS] = {"repeats_total", WEIR_COUNTER, "events emitted again after RETRY or UNKNOWN", NULL, NULL},
    [METRIC_DEAD] = {"dead_letters_total", WEIR_COUNTER, "rejected events delivered to the dead-letter topic", NULL,
                     NULL},
    {NULL, 0, NULL, NULL, NULL}};

#define OWN "offsets are committed by what was settled, and only so"
static const struct kafka_property properties[] = {
    {"enable.auto.commit", "false", OWN},
    {"auto.commit.enable", NULL, OWN},
    {"enable.auto.offset.store", "false", OWN},
    {"auto.offset.reset", "error", "use the option from; a commit that is out of range must stop the pipeline"},
    {"group.id", NULL, "use the option group"},
    {"group.instance.id", NULL, "use the option instance"},
    {"group.protocol", NULL, "use the option protocol"},
    {"session.timeout.ms", NULL, "use the option session_timeout"},
    {"queued.max.messages.kbytes", NULL, "use the option prefetch"},
    {"enable.partition.eof", "false", "the end of a partition is no event"},
    {"max.poll.interval.ms", "15000", NULL}, /* see set_group */
    {"socket.timeout.ms", "10000", NULL},
    {"fetch.queue.backoff.ms", "20", NULL}, /* its 1 s default leaves the pipeline idle after a full queue */
    {"fetch.error.backoff.ms", "200", NULL},
    {"topic.metadata.refresh.interval.ms", "10000", NULL}, /* a topic or partition made later is read soon */
    {"check.crcs", "true", NULL},
    {NULL, NULL, NULL},
};

/* ---- configuration */

static int set_group(rd_kafka_conf_t *conf, const struct cfg *cfg, struct weir_err *err)
{
    char kbytes[32];
    const uint64_t second = 1000000000;
    uint64_t beat = cfg->session_timeout / 3 < 3 * second ? cfg->session_timeout / 3 : 3 * second;
    /* A rebalance waits so long for members that it has lost sight of, and for the slowest revoke. */
    uint64_t longest = cfg->revoke_timeout + 5 * second;
    if (longest < cfg->session_timeout) longest = cfg->session_timeout;
    snprintf(kbytes, sizeof kbytes, "%llu", (unsigned long long)(cfg->prefetch / 1024));
    if (kafka_conf_set(conf, "group.id", (const char *)cfg->group.p, "group", err) ||
        kafka_conf_set(conf, "queued.max.messages.kbytes", kbytes, "prefetch", err) ||
        kafka_conf_set(conf, "group.protocol", group_protocols[cfg->protocol], "protocol", err))
        return -1;
    if (cfg->protocol == PROTOCOL_CONSUMER) return 0; /* the broker decides the rest, and the library insists on it */
    return kafka_conf_set(conf, "partition.assignment.strategy", "cooperative-sticky", "protocol", err) ||
                   kafka_conf_set_ms(conf, "session.timeout.ms", cfg->session_timeout, "session_timeout", err) ||
                   kafka_conf_set_ms(conf, "heartbeat.interval.ms", beat, "session_timeout", err) ||
                   (longest > 15 * second &&
                    kafka_conf_set_ms(conf, "max.poll.interval.ms", longest, "session_timeout", err))
               ? -1
               : 0;
}

static rd_kafka_conf_t *make_conf(const struct cfg *cfg, uint32_t lane, struct weir_err *err)
{
    struct kafka_conf_in in = {cfg->brokers, &cfg->security, &cfg->rdkafka, properties};
    rd_kafka_conf_t *conf = kafka_conf_new(&in, err);
    if (!conf) return NULL;
    char instance[256];
    snprintf(instance, sizeof instance, "%s-%u", cfg->instance.n ? (const char *)cfg->instance.p : "", lane);
    if (set_group(conf, cfg, err) ||
        (cfg->instance.n && kafka_conf_set(conf, "group.instance.id", instance, "instance", err))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_ERROR |
                                       RD_KAFKA_EVENT_LOG);
    return conf;
}

static int refuse(struct weir_err *err, const char *option, const char *msg)
{
    snprintf(err->option, sizeof err->option, "%s", option);
    snprintf(err->msg, sizeof err->msg, "%s", msg);
    return -1;
}

static int check(const void *config, struct weir_err *err)
{
    const struct cfg *cfg = config;
    if (cfg->topic.n == 0 || cfg->topic.n > 249)
        return refuse(err, "topic", "expected the name of a topic, 1 to 249 characters");
    if (cfg->group.n == 0) return refuse(err, "group", "expected the name of a consumer group");
    rd_kafka_conf_t *conf = make_conf(cfg, 0, err);
    if (!conf) return -1;
    rd_kafka_conf_destroy(conf);
    return dead_check(cfg, err);
}

static void promise(const void *config, struct weir_promise *p)
{
    const struct cfg *cfg = config;
    p->flags = WEIR_REPLAYS;
    snprintf(p->reads, sizeof p->reads, "kafka:%.*s", (int)cfg->topic.n, (const char *)cfg->topic.p);
}

/* ---- what people see */

void say(struct consumer *c, enum weir_state state, const char *why)
{
    if (c->failed || c->phase != RUNNING) return;
    c->state = state;
    c->ctx->host->state(c->ctx, state, why);
}

void fail(struct consumer *c, const char *fmt, ...)
{
    char why[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    if (c->failed) return;
    c->failed = true;
    c->ctx->host->state(c->ctx, WEIR_FAILED, why);
}

static void report_lag(struct consumer *c)
{
    for (struct part *p = c->parts; p; p = p->next) {
        int64_t low, high, at = p->wm.next >= 0 ? p->wm.next : p->committed;
        if (rd_kafka_get_watermark_offsets(c->rk, c->topic, p->id, &low, &high) || high < 0) continue;
        if (at < 0) at = low > 0 ? low : 0;
        const char *const labels[] = {p->label, NULL};
        c->ctx->host->metric(c->ctx, METRIC_LAG, labels, high > at ? (double)(high - at) : 0);
    }
}

/* ---- loop */

static void serve(struct consumer *c)
{
    serve_queue(c);
    dead_serve(c);
    emit(c);
    drain_check(c);
}

static void on_wake(struct weir_watch *watch, uint32_t ready)
{
    struct consumer *c = weir_container(watch, struct consumer, watch);
    uint64_t count;
    (void)ready;
    if (read(watch->fd, &count, sizeof count) == (ssize_t)sizeof count) serve(c);
}

static void on_task(struct weir_task *task)
{
    struct consumer *c = weir_container(task, struct consumer, task);
    c->posted = false;
    emit(c);
}

/* Also keeps us in the group while nothing arrives, and makes good for a wake-up that the library may lose. */
static void on_tick(struct weir_timer *timer)
{
    struct consumer *c = weir_container(timer, struct consumer, tick);
    uint64_t next = TICK_NS;
    serve(c);
    if (c->phase >= DESTROYING) return;
    report_lag(c);
    if (c->phase == RUNNING && c->state != WEIR_READY) {
        if (!c->probing) c->probing = kafka_probe(c->rk, c->topic, c->queue);
        next = kafka_backoff_next(&c->probe_backoff);
    }
    c->ctx->host->timer_arm(c->ctx, timer, next);
}

/* ---- life */

static void prepare(struct consumer *c, struct weir_ctx *ctx)
{
    c->ctx = ctx;
    c->cfg = ctx->cfg;
    c->topic = (const char *)c->cfg->topic.p;
    c->wake = -1;
    c->task.fn = on_task;
    c->tick.fn = on_tick;
    c->commit_timer.fn = commit_tick;
    c->revoke_timer.fn = revoke_timeout;
    c->resume_timer.fn = resume;
    c->fetch_timer.fn = assign_retry;
    c->drain_timer.fn = drain_timeout;
    c->dead_timer.fn = dead_resend;
    c->fetch_backoff.seed = c->commit_backoff.seed = c->probe_backoff.seed = (uint32_t)ctx->host->wall(ctx) + ctx->lane;
}

/* Threads are made here, connections later and by them. */
static int start_client(struct consumer *c, struct weir_err *err)
{
    static const uint64_t one = 1;
    snprintf(err->option, sizeof err->option, "rdkafka");
    rd_kafka_conf_t *conf = make_conf(c->cfg, c->ctx->lane, err);
    if (!conf) return -1;
    c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, err->msg, sizeof err->msg);
    if (!c->rk) {
        kafka_conf_blame(&c->cfg->security, err);
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    rd_kafka_poll_set_consumer(c->rk); /* one queue for all that is no message */
    rd_kafka_error_t *error = rd_kafka_set_log_queue(c->rk, NULL) ? rd_kafka_error_new(1, "log") : NULL;
    if (error) rd_kafka_error_destroy(error);
    c->queue = rd_kafka_queue_get_consumer(c->rk);
    c->close_queue = rd_kafka_queue_new(c->rk);
    rd_kafka_queue_io_event_enable(c->queue, c->wake, &one, sizeof one);
    rd_kafka_queue_io_event_enable(c->close_queue, c->wake, &one, sizeof one);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, c->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t rc = rd_kafka_subscribe(c->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return rc ? refuse(err, "topic", rd_kafka_err2str(rc)) : 0;
}

static void close_lane(struct weir_ctx *ctx);

static int open_lane(struct weir_ctx *ctx, struct weir_err *err)
{
    struct consumer *c = ctx->self;
    prepare(c, ctx);
    c->taken = calloc((size_t)c->cfg->batch, sizeof *c->taken);
    c->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    c->watch = (struct weir_watch){.fn = on_wake, .fd = c->wake, .want = WEIR_READABLE};
    int rc = 0;
    if (!c->taken || c->wake < 0 || ctx->host->watch(ctx, &c->watch))
        rc = refuse(err, "", "out of memory or file descriptors");
    if (!rc) rc = start_client(c, err);
    if (rc) {
        close_lane(ctx);
        return -1;
    }
    say(c, WEIR_STARTING, "joining the group");
    ctx->host->timer_arm(ctx, &c->tick, 1);
    return 0;
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    settled(ctx->self, cookie, result);
}

static void flow(struct weir_ctx *ctx, bool open)
{
    struct consumer *c = ctx->self;
    c->flow = open;
    if (open) emit(c);
}

static void drain(struct weir_ctx *ctx)
{
    struct consumer *c = ctx->self;
    c->phase = SETTLING;
    c->drain_late = false;
    drain_check(c);
}

/* Without a drain this is what a crash is to the group: no commit, no leaving. */
static void close_lane(struct weir_ctx *ctx)
{
    struct consumer *c = ctx->self;
    struct weir_timer *timers[] = {&c->tick,        &c->commit_timer, &c->revoke_timer, &c->resume_timer,
                                   &c->fetch_timer, &c->drain_timer,  &c->dead_timer};
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) ctx->host->timer_stop(ctx, timers[i]);
    c->watch.want = 0;
    if (c->wake >= 0) ctx->host->watch(ctx, &c->watch);
    dead_close(c); /* before the records whose bytes its letters are */
    forget(c);
    if (c->rk) rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (c->wake >= 0) close(c->wake);
    free(c->taken);
}

WEIR_PLUGIN(.name = "kafka-consumer", .version = "1.0.0", .doc = "Reads a Kafka topic as a member of a consumer group.",
            .roles = WEIR_SOURCE, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct consumer), .opts = options,
            .metrics = metrics, .outcomes = refusals, .check = check, .promise = promise, .open = open_lane,
            .done = done, .flow = flow, .drain = drain, .close = close_lane);
