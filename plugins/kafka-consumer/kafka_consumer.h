/* kafka_consumer.h - what the parts of kafka-consumer share.
 *
 * A lane is one member of the group. Each assigned partition has its own queue (so that a batch is of one partition,
 * and not taking from it is the back-pressure) and its own watermark; rebalances, commits and errors come by another
 * queue that is always served. An assignment of a partition is one struct part: when the partition is taken away, the
 * struct is the generation, and what settles late finds it orphaned and changes nothing. */
#ifndef WEIR_KAFKA_CONSUMER_H
#define WEIR_KAFKA_CONSUMER_H
#include "kafka_conf.h"
#include "record.h"
#include <weir/schema.h>

struct dead_cfg {
    struct weir_slice topic; /* p == NULL: a rejected event stops the pipeline */
    int64_t max_per_minute;
    uint64_t timeout;
};
struct header_cfg {
    struct weir_slice name;
};
struct cfg {
    struct weir_slice brokers, topic, group, instance, schema_header;
    struct kafka_security security;
    struct weir_list rdkafka;
    const struct weir_schema *event;
    int from, protocol;
    int64_t batch;
    uint64_t commit_interval, session_timeout, revoke_timeout, prefetch, max_value;
    struct weir_list headers; /* of struct header_cfg */
    struct dead_cfg dead_letters;
};
enum { FROM_EARLIEST, FROM_LATEST };
enum { PROTOCOL_CLASSIC, PROTOCOL_CONSUMER };

enum { TOO_LARGE = 1, NO_VALUE, MISSING_HEADER, WRONG_SCHEMA }; /* outcomes: classes of dead letters of its own */
enum {
    METRIC_LAG,
    METRIC_PARTITIONS,
    METRIC_COMMITS,
    METRIC_COMMIT_ERRORS,
    METRIC_REBALANCES,
    METRIC_REPEATS,
    METRIC_DEAD
};

struct part {
    int32_t id;
    char label[12];
    rd_kafka_queue_t *queue; /* NULL once it was taken away */
    struct watermark wm;
    struct slot *ready, *ready_last; /* to be emitted, by offset */
    uint32_t in_flight;
    int64_t position;  /* after the last one taken */
    int64_t committed; /* what the broker has, as far as known; -1 nothing */
    bool leaving;      /* being revoked: emits nothing */
    struct kafka_backoff backoff;
    uint64_t resume_ns; /* after a RETRY: not before */
    struct part *next;
};

struct dead_letters { /* dead_letter.c */
    rd_kafka_t *rk;   /* a producer, made with the first letter */
    rd_kafka_queue_t *queue;
    struct letter *waiting; /* to be sent (again) */
    struct kafka_backoff backoff;
    uint64_t minute_ns; /* when the present minute of counting began */
    int64_t in_minute;
};

enum phase { RUNNING, SETTLING, COMMITTING, CLOSING, DESTROYING, GONE }; /* draining runs through them in order */

struct consumer {
    struct weir_ctx *ctx;
    const struct cfg *cfg;
    const char *topic; /* cfg's */
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;       /* rebalances, commits, errors, log: the consumer queue */
    rd_kafka_queue_t *close_queue; /* the same while the consumer closes */
    int wake;                      /* eventfd that all queues write to */
    struct part *parts, *orphans;
    struct part *cursor; /* where the next round of emitting begins */
    uint32_t in_flight;
    bool flow, failed, joined, posted, down;
    enum phase phase;
    enum weir_state state; /* as last said */
    bool probing;

    rd_kafka_topic_partition_list_t *assigning; /* asked for their commits, then assigned */
    struct {
        struct weir_work work;
        rd_kafka_topic_partition_list_t *list; /* NULL: no question is on its way; else the worker thread's */
        rd_kafka_resp_err_t err;
    } fetch;
    rd_kafka_topic_partition_list_t *revoking;  /* answered when they have settled and are committed */
    bool revoke_late;                           /* ... or when this says so */

    struct dead_letters dead;
    bool committing, drain_late;
    struct kafka_backoff commit_backoff, fetch_backoff, probe_backoff;

    rd_kafka_message_t **taken; /* cfg->batch of them: for the length of a take, or until there is memory */
    uint32_t n_taken;
    struct part *taken_of; /* whose they are; NULL once that was taken away */
    struct weir_watch watch;
    struct weir_task task;
    struct weir_work work;
    struct weir_timer tick, commit_timer, revoke_timer, resume_timer, fetch_timer, drain_timer, dead_timer;
};

/* kafka_consumer.c */
void say(struct consumer *c, enum weir_state state, const char *why);
void fail(struct consumer *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* drain.c */
void drain_check(struct consumer *c);
void drain_timeout(struct weir_timer *timer);
void forget(struct consumer *c); /* frees everything but the library's instance */

/* event.c: the always-served queue */
void serve_queue(struct consumer *c);
bool is_data_lost(rd_kafka_resp_err_t err);

/* assign.c: partitions come */
void assign_begin(struct consumer *c, const rd_kafka_topic_partition_list_t *list);
void assign_retry(struct weir_timer *timer);

/* rebalance.c: partitions go */
void on_rebalance(struct consumer *c, rd_kafka_event_t *event);
void revoke_check(struct consumer *c);
void revoke_timeout(struct weir_timer *timer);
struct part *part_find(struct consumer *c, int32_t id);
void part_free(struct part *p);
void part_retire(struct consumer *c, struct part *p); /* takes it out of parts */
rd_kafka_error_t *change_assignment(struct consumer *c, const rd_kafka_topic_partition_list_t *list, bool add);

/* emit.c */
void emit(struct consumer *c);
void emit_later(struct consumer *c);
void settled(struct consumer *c, struct slot *slot, const struct weir_result *result);
void resume(struct weir_timer *timer);
void taken_forget(struct consumer *c);

/* refuse.c: what is wrong with a record whatever the stages below say. False: nothing; else r is filled. */
extern const struct weir_outcome refusals[];
bool refuse_size(const struct consumer *c, const struct slot *s, struct weir_result *r, char why[200]);
bool refuse_event(const struct consumer *c, const struct weir_event *ev, struct weir_result *r, char why[200]);
#define ATTEMPT_HEADER "weir.attempt" /* of a record that was put back: how often it has been tried */
uint16_t attempts_before(struct weir_slice text);

/* dead_letter.c: what can never work leaves by another topic */
int dead_check(const struct cfg *cfg, struct weir_err *err);
bool dead_write(struct consumer *c, struct slot *s, const struct weir_result *result);
void dead_serve(struct consumer *c);
void dead_resend(struct weir_timer *timer);
void dead_free_letter(struct slot *s);
void dead_close(struct consumer *c);                /* blocks for the library's threads only */
void delivered(struct consumer *c, struct slot *s); /* emit.c: the letter is in its topic */

/* commit.c */
bool commit_dirty(const struct consumer *c, bool leaving_only);
void commit_soon(struct consumer *c);
void commit_now(struct consumer *c);
void commit_result(struct consumer *c, rd_kafka_event_t *event);
void commit_tick(struct weir_timer *timer);

#endif
