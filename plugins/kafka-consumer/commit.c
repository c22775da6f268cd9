/* commit.c - watermarks to the broker: asynchronous, one request at a time, all partitions in it.
 * A commit never says more than the watermark, so a failed or lost one costs repeats, never an event. */
#include "kafka_consumer.h"
#include <stdio.h>
#include <weir_failpoint.h>

static bool is_dirty(const struct part *p)
{
    return p->wm.next > p->committed;
}

bool commit_dirty(const struct consumer *c, bool leaving_only)
{
    for (const struct part *p = c->parts; p; p = p->next)
        if ((p->leaving || !leaving_only) && is_dirty(p)) return true;
    return false;
}

void commit_soon(struct consumer *c)
{
    if (!c->committing && !c->commit_timer.due_ns)
        c->ctx->host->timer_arm(c->ctx, &c->commit_timer, c->cfg->commit_interval);
}

static void commit_failed(struct consumer *c, rd_kafka_resp_err_t err)
{
    char why[200];
    snprintf(why, sizeof why, "group %s: offsets are not committed: %s", (const char *)c->cfg->group.p,
             rd_kafka_err2str(err));
    c->ctx->host->metric(c->ctx, METRIC_COMMIT_ERRORS, NULL, 1);
    weir_log(c->ctx, WEIR_WARN, "%s", why);
    /* No longer a member: the rebalance that follows gives the partitions anew. */
    bool gone = err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
                err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID || err == RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH;
    if (gone)
        c->revoke_late = c->drain_late = true;
    else if (err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        say(c, WEIR_DEGRADED, why);
    c->ctx->host->timer_arm(c->ctx, &c->commit_timer, kafka_backoff_next(&c->commit_backoff));
}

void commit_now(struct consumer *c)
{
    int n = 0;
    for (struct part *p = c->parts; p; p = p->next) n += is_dirty(p);
    if (c->committing || !n || !c->rk) return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (struct part *p = c->parts; p; p = p->next) {
        if (!is_dirty(p)) continue;
        rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_add(list, c->topic, p->id);
        tp->offset = WEIR_FAILPOINT("sabotage.commit-before-sink") ? p->position : p->wm.next;
        if (p->wm.epoch >= 0) rd_kafka_topic_partition_set_leader_epoch(tp, p->wm.epoch);
    }
    c->ctx->host->timer_stop(c->ctx, &c->commit_timer);
    rd_kafka_queue_t *queue = c->phase >= CLOSING ? c->close_queue : c->queue;
    bool fails = WEIR_FAILPOINT("consumer.before-commit"); /* error: it cannot be sent */
    rd_kafka_resp_err_t err =
        fails ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_commit_queue(c->rk, list, queue, NULL, NULL);
    rd_kafka_topic_partition_list_destroy(list);
    if (err)
        commit_failed(c, err);
    else
        c->committing = true;
}

void commit_result(struct consumer *c, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    c->committing = false;
    if (WEIR_FAILPOINT("consumer.committed"))
        err = RD_KAFKA_RESP_ERR__TIMED_OUT; /* error: done, and the answer is lost */
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &list->elems[i];
        struct part *p = part_find(c, tp->partition);
        if (tp->err && !err) err = tp->err;
        if (!err && p && tp->offset > p->committed) p->committed = tp->offset;
    }
    if (err) {
        commit_failed(c, err);
        if (!c->revoke_late && !c->drain_late) return; /* again after the back-off */
    } else {
        c->commit_backoff.failures = 0;
        c->ctx->host->metric(c->ctx, METRIC_COMMITS, NULL, 1);
        if (commit_dirty(c, false)) commit_soon(c);
    }
    revoke_check(c); /* drain_check follows when the queue has been served */
}

void commit_tick(struct weir_timer *timer)
{
    struct consumer *c = weir_container(timer, struct consumer, commit_timer);
    commit_now(c);
    revoke_check(c);
    drain_check(c);
}
