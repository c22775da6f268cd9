/* kafka_producer.h - what the parts of kafka-producer share.
 *
 * One librdkafka producer a stage (struct client), used by all lanes: its reports come to one queue, and the lane that
 * polls them hands those of other lanes over (report.c). Payloads are not copied, so a batch lives until the last of
 * its reports. Lock order: only shared->lock exists. */
#ifndef WEIR_KAFKA_PRODUCER_H
#define WEIR_KAFKA_PRODUCER_H
#include "kafka_conf.h"
#include <pthread.h>
#include <stdatomic.h>

struct cfg {
    struct weir_slice brokers, topic;
    struct kafka_security security;
    struct weir_list rdkafka;
    uint64_t timeout, linger;
};

enum { METRIC_DELIVERY_SECONDS, METRIC_QUEUE_MESSAGES, METRIC_QUEUE_FULL, METRIC_RESTARTS };

/* One librdkafka instance. A fatal error retires it: purged, and destroyed when nobody uses it any more. */
struct client {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue; /* reports, errors, log */
    uint32_t users;          /* lanes that send to it or poll it; under lock */
    bool retired;            /* under lock */
    bool leaving;            /* a worker destroys it; under lock */
    atomic_uint open;        /* messages without a report */
    struct shared *shared;
    struct client *next;
    struct weir_work work;
};

struct lane;
struct shared {
    pthread_mutex_t lock;
    pthread_cond_t left; /* a worker has destroyed a client */
    const struct cfg *cfg;
    int wake; /* eventfd that every client's queue writes to; watched by all lanes, the first one there polls */
    struct client *current, *clients;
    struct kafka_backoff
        renewals; /* reset by a delivery: a fatal error that comes again and again is not answered in a loop */
    uint64_t renew_ns;
    struct lane *lanes;
    /* what the lanes say of themselves; `health` counts its changes */
    uint32_t health;
    enum weir_state state;
    char why[200];
    bool failing; /* the last report was a failure: a broker that answers a probe proves nothing */
    bool probing;
};

/* One event on its way: the opaque of its message. Allocated in the batch's arena, so it lives as long as the batch. */
struct delivery {
    struct flight *flight;
    struct weir_event *ev;
    struct delivery *next; /* in a lane's inbox */
    rd_kafka_resp_err_t err;
    rd_kafka_msg_status_t status;
};
struct flight {
    struct lane *lane;
    struct weir_batch *batch;
    uint32_t sent, open; /* events looked at; messages without a report */
    struct flight *prev, *next;
    struct delivery deliveries[];
};

struct lane {
    struct weir_ctx *ctx;
    struct shared *shared;
    struct client *client;         /* the one it sends to */
    struct flight *first, *last;   /* oldest first */
    struct flight *sending;        /* the first that is not sent completely */
    struct delivery *inbox, *tail; /* reports from other lanes; under lock */
    bool posted;                   /* task is on its way; under lock */
    bool waiting;                  /* the queue was full: any report is news; under lock */
    bool busy, draining, drained;
    uint32_t health; /* of the shared one, as last told */
    struct weir_watch watch;
    struct weir_task task;
    struct weir_timer tick;
    struct kafka_backoff backoff;
    struct lane *next;
};

/* client.c */
rd_kafka_conf_t *client_conf(const struct cfg *cfg, struct weir_err *err);
struct client *client_new(struct shared *sh, struct weir_err *err);
void client_free(struct client *c); /* blocks */
void client_use(struct lane *lane); /* makes lane->client the current one, NULL when there is none */
uint32_t client_pin(struct shared *sh, struct client **out, uint32_t max);
void client_unpin(struct lane *lane, struct client *c);
void client_retire(struct lane *lane, struct client *c);
void client_renew(struct lane *lane);

/* send.c */
void send_batch(struct lane *lane, struct weir_batch *batch);
void send_pending(struct lane *lane);
void flight_check(struct lane *lane, struct flight *f); /* releases the batch when nothing of it is open */

/* report.c */
void report_poll(struct lane *lane, int timeout_ms);
void report_inbox(struct lane *lane);
void report_post(struct lane *lane); /* wakes a lane; lock held */

/* kafka_producer.c */
void health_set(struct lane *lane, enum weir_state state, const char *why);
void health_say(struct lane *lane);
void drain_check(struct lane *lane);

#endif
