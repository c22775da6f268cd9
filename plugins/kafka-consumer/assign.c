/* assign.c - partitions come: ask for the group's commits, then begin each partition exactly there.
 * A partition with a commit begins at it and nowhere else (auto.offset.reset=error), so that an offset which is no
 * longer there is a loud failure; only a partition without any commit begins where the option `from` says. */
#include "kafka_consumer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FETCH_TIMEOUT_MS = 5000 };

static void ask_again(struct consumer *c, const char *what)
{
    char why[200];
    snprintf(why, sizeof why, "group %s: cannot read its committed offsets: %s", (const char *)c->cfg->group.p, what);
    say(c, WEIR_DEGRADED, why);
    c->ctx->host->timer_arm(c->ctx, &c->fetch_timer, kafka_backoff_next(&c->fetch_backoff));
}

static void ask(struct consumer *c)
{
    char text[128] = "out of memory";
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new((const char *)c->cfg->group.p, c->assigning);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(c->rk, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_error_t *error = NULL;
    bool ok = request && options &&
              !rd_kafka_AdminOptions_set_request_timeout(options, FETCH_TIMEOUT_MS, text, sizeof text) &&
              /* not before a transaction on these offsets has ended */
              !(error = rd_kafka_AdminOptions_set_require_stable_offsets(options, 1));
    if (ok) rd_kafka_ListConsumerGroupOffsets(c->rk, &request, 1, options, c->queue);
    c->fetching = ok;
    if (error) rd_kafka_error_destroy(error);
    if (options) rd_kafka_AdminOptions_destroy(options);
    if (request) rd_kafka_ListConsumerGroupOffsets_destroy(request);
    if (!ok) ask_again(c, text);
}

void assign_retry(struct weir_timer *timer)
{
    struct consumer *c = weir_container(timer, struct consumer, fetch_timer);
    if (c->assigning && !c->fetching && c->phase < CLOSING) ask(c);
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
    else if (!c->fetching)
        ask(c);
}

/* Takes over the offsets of the answer; the name of what is missing, or NULL. */
static const char *take_offsets(struct consumer *c, const rd_kafka_topic_partition_list_t *found)
{
    for (int i = 0; i < c->assigning->cnt; i++) {
        rd_kafka_topic_partition_t *tp = &c->assigning->elems[i];
        rd_kafka_topic_partition_t *f = rd_kafka_topic_partition_list_find(
            (rd_kafka_topic_partition_list_t *)(uintptr_t)found, tp->topic, tp->partition);
        if (!f) return "the answer does not have all partitions";
        if (f->err) return rd_kafka_err2str(f->err);
        tp->offset = f->offset;
        int32_t epoch = rd_kafka_topic_partition_get_leader_epoch(f);
        if (f->offset >= 0 && epoch >= 0) rd_kafka_topic_partition_set_leader_epoch(tp, epoch);
    }
    return NULL;
}

void assign_offsets(struct consumer *c, rd_kafka_event_t *event)
{
    c->fetching = false;
    if (!c->assigning || c->phase >= CLOSING) return;
    size_t n = 0;
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    const rd_kafka_ListConsumerGroupOffsets_result_t *result = rd_kafka_event_ListConsumerGroupOffsets_result(event);
    const rd_kafka_group_result_t **groups =
        result && !err ? rd_kafka_ListConsumerGroupOffsets_result_groups(result, &n) : NULL;
    const rd_kafka_error_t *error = n > 0 ? rd_kafka_group_result_error(groups[0]) : NULL;
    const char *wrong = NULL;
    if (err)
        wrong = rd_kafka_err2str(err);
    else if (error)
        wrong = rd_kafka_error_string(error);
    else if (n == 0)
        wrong = "empty answer";
    else
        wrong = take_offsets(c, rd_kafka_group_result_partitions(groups[0]));
    if (wrong)
        ask_again(c, wrong);
    else
        begin(c);
}
