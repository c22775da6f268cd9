/* drain.c - the end in order: what is in flight settles, the last commit, leaving the group, destroying the client.
 * Each step is asynchronous and bounded, and ends in a call of drain_check, never from inside an event of the library.
 */
#include "kafka_consumer.h"
#include <weir_failpoint.h>

#define STEP_NS 5000000000ull /* for the last commit, and again for leaving the group */

/* Everything that must be gone before the library's instance may go. */
void forget(struct consumer *c)
{
    while (c->parts) part_retire(c, c->parts);
    while (c->orphans) {
        struct part *p = c->orphans;
        c->orphans = p->next;
        part_free(p);
    }
    if (c->assigning) rd_kafka_topic_partition_list_destroy(c->assigning);
    if (c->revoking) rd_kafka_topic_partition_list_destroy(c->revoking);
    c->assigning = c->revoking = NULL;
    rd_kafka_queue_t **queues[] = {&c->queue, &c->close_queue};
    for (int i = 0; i < 2; i++) {
        if (!*queues[i]) continue;
        rd_kafka_queue_io_event_enable(*queues[i], -1, NULL, 0);
        rd_kafka_queue_destroy(*queues[i]);
        *queues[i] = NULL;
    }
}

static void destroy_run(struct weir_work *work)
{
    struct consumer *c = weir_container(work, struct consumer, work);
    /* Closed, or given up: it must not try to leave the group now. */
    rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    dead_close(c);
}

static void destroy_done(struct weir_work *work)
{
    struct consumer *c = weir_container(work, struct consumer, work);
    c->rk = NULL;
    c->phase = GONE;
    c->ctx->host->state(c->ctx, WEIR_DRAINED, NULL);
}

static void leave_group(struct consumer *c)
{
    c->phase = CLOSING;
    c->drain_late = WEIR_FAILPOINT("consumer.leave"); /* error: it goes without leaving its group */
    c->ctx->host->timer_stop(c->ctx, &c->commit_timer);
    c->ctx->host->timer_arm(c->ctx, &c->drain_timer, STEP_NS);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(c->rk, c->close_queue);
    if (error) {
        weir_log(c->ctx, WEIR_WARN, "cannot leave the group: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        c->drain_late = true;
        return;
    }
    /* A rebalance that waits for us is answered now: closing does not go on without. */
    c->revoke_late = true;
    revoke_check(c);
    if (c->assigning) {
        rd_kafka_topic_partition_list_t *list = c->assigning;
        c->assigning = NULL;
        assign_begin(c, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
    serve_queue(c);
}

void drain_check(struct consumer *c)
{
    if (c->phase == SETTLING && c->in_flight == 0) {
        c->phase = COMMITTING;
        c->ctx->host->timer_arm(c->ctx, &c->drain_timer, STEP_NS);
    }
    if (c->phase == COMMITTING) {
        if (!c->drain_late) {
            if (c->committing || (c->commit_backoff.failures && c->commit_timer.due_ns)) return;
            if (commit_dirty(c, false)) {
                commit_now(c);
                if (!c->drain_late) return;
            }
        }
        leave_group(c);
    }
    if (c->phase == CLOSING && !c->fetch.list && (c->drain_late || rd_kafka_consumer_closed(c->rk))) {
        c->phase = DESTROYING;
        c->ctx->host->timer_stop(c->ctx, &c->drain_timer);
        forget(c);
        c->work = (struct weir_work){.run = destroy_run, .done = destroy_done};
        c->ctx->host->work(c->ctx, &c->work);
    }
}

void drain_timeout(struct weir_timer *timer)
{
    struct consumer *c = weir_container(timer, struct consumer, drain_timer);
    c->drain_late = true;
    drain_check(c);
}
