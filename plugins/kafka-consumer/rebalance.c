/* rebalance.c - partitions go: what is in flight settles, its watermark is committed, then the revoke is answered.
 * Nothing blocks: the group waits for our answer, other partitions go on, and `revoke_timeout` bounds the wait. Lost
 * partitions belong to somebody else already: no wait, no commit. */
#include "kafka_consumer.h"
#include <stdlib.h>
#include <string.h>
#include <weir_failpoint.h>

struct part *part_find(struct consumer *c, int32_t id)
{
    for (struct part *p = c->parts; p; p = p->next)
        if (p->id == id) return p;
    return NULL;
}

void part_retire(struct consumer *c, struct part *p)
{
    for (struct part **at = &c->parts; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    c->cursor = NULL;
    if (c->taken_of == p) taken_forget(c);
    rd_kafka_queue_io_event_enable(p->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(p->queue);
    p->queue = NULL;
    p->ready = p->ready_last = NULL; /* the watermark has them, and frees them */
    const char *const labels[] = {p->label, NULL};
    c->ctx->host->metric(c->ctx, METRIC_LAG, labels, 0);
    if (p->in_flight == 0) {
        part_free(p);
        return;
    }
    p->next = c->orphans;
    c->orphans = p;
}

rd_kafka_error_t *change_assignment(struct consumer *c, const rd_kafka_topic_partition_list_t *list, bool add)
{
    const char *protocol = rd_kafka_rebalance_protocol(c->rk);
    if (protocol && strcmp(protocol, "COOPERATIVE") == 0)
        return add ? rd_kafka_incremental_assign(c->rk, list) : rd_kafka_incremental_unassign(c->rk, list);
    rd_kafka_resp_err_t err = rd_kafka_assign(c->rk, add ? list : NULL);
    return err ? rd_kafka_error_new(err, "%s", rd_kafka_err2str(err)) : NULL;
}

static void answer(struct consumer *c)
{
    rd_kafka_topic_partition_list_t *list = c->revoking;
    uint32_t n = 0;
    c->revoking = NULL;
    c->ctx->host->timer_stop(c->ctx, &c->revoke_timer);
    for (int i = 0; i < list->cnt; i++) {
        struct part *p = part_find(c, list->elems[i].partition);
        if (!p) continue;
        if (p->in_flight > 0)
            weir_log(c->ctx, WEIR_WARN, "topic %s, partition %d: revoked with %u events in flight; they come again",
                     c->topic, (int)p->id, p->in_flight);
        part_retire(c, p);
    }
    rd_kafka_error_t *error = change_assignment(c, list, false);
    if (error) {
        weir_log(c->ctx, WEIR_WARN, "the revoke was not taken: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    for (struct part *p = c->parts; p; p = p->next) n++;
    c->ctx->host->metric(c->ctx, METRIC_PARTITIONS, NULL, n);
}

/* Called whenever something settled, was committed, or the time is up. */
void revoke_check(struct consumer *c)
{
    if (!c->revoking) return;
    if (!c->revoke_late) {
        for (struct part *p = c->parts; p; p = p->next)
            if (p->leaving && p->in_flight > 0) return;
        if (c->committing || (c->commit_backoff.failures && c->commit_timer.due_ns)) return;
        if (commit_dirty(c, true)) {
            commit_now(c);
            if (!c->revoke_late) return;
        }
    }
    answer(c);
}

void revoke_timeout(struct weir_timer *timer)
{
    struct consumer *c = weir_container(timer, struct consumer, revoke_timer);
    c->revoke_late = true;
    revoke_check(c);
}

static void revoke_begin(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
    (void)WEIR_FAILPOINT("consumer.revoke");
    if (c->revoking) rd_kafka_topic_partition_list_destroy(c->revoking);
    c->revoking = rd_kafka_topic_partition_list_copy(list);
    c->revoke_late = rd_kafka_assignment_lost(c->rk) || c->phase >= CLOSING;
    if (rd_kafka_assignment_lost(c->rk))
        weir_log(c->ctx, WEIR_WARN, "topic %s: %d partitions were lost to the group", c->topic, list->cnt);
    for (int i = 0; i < list->cnt; i++) {
        struct part *p = part_find(c, list->elems[i].partition);
        if (!p) continue;
        p->leaving = true;
        p->ready = p->ready_last = NULL; /* emits no more; nothing of it was dealt with */
    }
    if (!c->revoke_late) c->ctx->host->timer_arm(c->ctx, &c->revoke_timer, c->cfg->revoke_timeout);
    revoke_check(c);
}

void on_rebalance(struct consumer *c, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    c->ctx->host->metric(c->ctx, METRIC_REBALANCES, NULL, 1);
    switch (rd_kafka_event_error(event)) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS: assign_begin(c, list); break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS: revoke_begin(c, list); break;
    default:
        weir_log(c->ctx, WEIR_WARN, "rebalance: %s", rd_kafka_event_error_string(event));
        rd_kafka_assign(c->rk, NULL);
    }
}
