/* assign.c - partitions come: ask for the group's commits, then begin each partition exactly there.
 * A partition with a commit begins at it and nowhere else (auto.offset.reset=error), so that an offset which is no
 * longer there is a loud failure; only a partition without any commit begins where the option `from` says. */
#include "kafka_consumer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FETCH_TIMEOUT_MS = 2000 }; /* a drain may have to wait for it */

static void fetch_done(struct weir_work *work);

static void ask_again(struct consumer *c, const char *what)
{
    char why[200];
    snprintf(why, sizeof why, "group %s: cannot read its committed offsets: %s", (const char *)c->cfg->group.p, what);
    say(c, WEIR_DEGRADED, why);
    c->ctx->host->timer_arm(c->ctx, &c->fetch_timer, kafka_backoff_next(&c->fetch_backoff));
}

/* On a worker thread, for the library has no call that does not block but that of its admin client, which goes on
 * asking a coordinator that has left the cluster until its cache of ten minutes forgets it (librdkafka issue 5511). */
static void fetch_run(struct weir_work *work)
{
    struct consumer *c = weir_container(work, struct consumer, fetch.work);
    c->fetch.err = rd_kafka_committed(c->rk, c->fetch.list, FETCH_TIMEOUT_MS);
}

static void ask(struct consumer *c)
{
    c->fetch.list = rd_kafka_topic_partition_list_copy(c->assigning);
    c->fetch.work = (struct weir_work){.run = fetch_run, .done = fetch_done};
    c->ctx->host->work(c->ctx, &c->fetch.work);
}

void assign_retry(struct weir_timer *timer)
{
    struct consumer *c = weir_container(timer, struct consumer, fetch_timer);
    if (c->assigning && !c->fetch.list && c->phase < CLOSING) ask(c);
}

static struct part *part_new(struct consumer *c, const rd_kafka_topic_partition_t *tp)
{
    static const uint64_t one = 1;
    struct part *p = calloc(1, sizeof *p);
    if (p) p->queue = rd_kafka_queue_get_partition(c->rk, c->topic, tp->partition);
    if (!p || !p->queue) {
        free(p);
        return NULL;
    }
    p->id = tp->partition;
    snprintf(p->label, sizeof p->label, "%d", (int)p->id);
    watermark_init(&p->wm);
    p->committed = tp->offset >= 0 ? tp->offset : -1;
    p->position = tp->offset >= 0 ? tp->offset : 0;
    p->backoff.seed = (uint32_t)p->id * 2654435761u + (uint32_t)c->ctx->host->wall(c->ctx);
    rd_kafka_queue_forward(p->queue, NULL); /* a queue of its own, before anything is fetched */
    rd_kafka_queue_io_event_enable(p->queue, c->wake, &one, sizeof one);
    p->next = c->parts;
    c->parts = p;
    return p;
}

static void assigned(struct consumer *c)
{
    uint32_t n = 0;
    for (struct part *p = c->parts; p; p = p->next) n++;
    c->ctx->host->metric(c->ctx, METRIC_PARTITIONS, NULL, n);
    c->fetch_backoff.failures = 0;
    c->joined = true;
    if (c->state != WEIR_DEGRADED || !c->down) say(c, WEIR_READY, NULL);
    weir_log(c->ctx, WEIR_INFO, "topic %s: reading %u partitions", c->topic, n);
}

/* c->assigning has its offsets: begin. */
static void begin(struct consumer *c)
{
    rd_kafka_topic_partition_list_t *list = c->assigning;
    c->assigning = NULL;
    for (int i = 0; i < list->cnt && c->phase < CLOSING; i++) {
        rd_kafka_topic_partition_t *tp = &list->elems[i];
        struct part *old = part_find(c, tp->partition);
        if (old) part_retire(c, old); /* given again without having been taken: a new generation */
        if (!part_new(c, tp)) {
            fail(c, "topic %s, partition %d: out of memory", c->topic, (int)tp->partition);
            break;
        }
        if (tp->offset < 0) tp->offset = c->cfg->from == FROM_LATEST ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_error_t *error = change_assignment(c, list, true);
    if (error) {
        weir_log(c->ctx, WEIR_WARN, "the assignment was not taken: %s", rd_kafka_error_string(error));
        for (int i = 0; i < list->cnt; i++) {
            struct part *p = part_find(c, list->elems[i].partition);
            if (p) part_retire(c, p);
        }
        rd_kafka_error_destroy(error);
    } else if (c->phase < CLOSING) {
        assigned(c);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

void assign_begin(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
    if (c->assigning) rd_kafka_topic_partition_list_destroy(c->assigning);
    c->assigning = rd_kafka_topic_partition_list_copy(list);
    if (list->cnt == 0 || c->phase >= CLOSING)
        begin(c);
    else if (!c->fetch.list)
        ask(c);
}

/* Takes over the offsets of the answer; the name of what is missing, or NULL. */
static const char *take_offsets(struct consumer *c, rd_kafka_topic_partition_list_t *found)
{
    for (int i = 0; i < c->assigning->cnt; i++) {
        rd_kafka_topic_partition_t *tp = &c->assigning->elems[i];
        rd_kafka_topic_partition_t *f = rd_kafka_topic_partition_list_find(found, tp->topic, tp->partition);
        if (!f) return "the answer does not have all partitions";
        if (f->err) return rd_kafka_err2str(f->err);
        tp->offset = f->offset;
        int32_t epoch = rd_kafka_topic_partition_get_leader_epoch(f);
        if (f->offset >= 0 && epoch >= 0) rd_kafka_topic_partition_set_leader_epoch(tp, epoch);
    }
    return NULL;
}

static void fetch_done(struct weir_work *work)
{
    struct consumer *c = weir_container(work, struct consumer, fetch.work);
    rd_kafka_topic_partition_list_t *found = c->fetch.list;
    c->fetch.list = NULL;
    if (c->assigning && c->phase < CLOSING) {
        const char *wrong = c->fetch.err ? rd_kafka_err2str(c->fetch.err) : take_offsets(c, found);
        if (wrong)
            ask_again(c, wrong);
        else
            begin(c);
    }
    rd_kafka_topic_partition_list_destroy(found);
    drain_check(c);
}
