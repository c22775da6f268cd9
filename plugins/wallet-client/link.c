/* link.c - the stream to one wallet: at most one SEND and one RECV outstanding; what gathers meanwhile goes with the
 * next message. When it breaks, what was given to gRPC may have been executed, what was not goes elsewhere. */
#include "client.h"
#include <grpc/impl/codegen/propagation_bits.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEBITS_MAX = 1024, BYTES_MAX = 1 << 20 };
static const uint64_t RETRY_MIN = 100000000u, RETRY_MAX = 800000000u; /* a wallet is missed dearly: at most 0.8 s */
static const uint64_t SILENCE = 1000000000u;

static bool start(struct link *l, const grpc_op *ops, size_t n, struct weir_grpc_tag *tag)
{
    if (l->c->closing || !weir_grpc_batch(&l->c->lane, l->call, ops, n, tag)) return false;
    l->tags++;
    return true;
}

/* ---- the end of a stream */
void link_end_call(struct link *l)
{
    if (!l->call) return;
    grpc_call_unref(l->call);
    grpc_metadata_array_destroy(&l->initial);
    grpc_metadata_array_destroy(&l->trailing);
    grpc_slice_unref(l->details);
    if (l->inbound) grpc_byte_buffer_destroy(l->inbound);
    if (l->outbound) grpc_byte_buffer_destroy(l->outbound);
    l->inbound = l->outbound = NULL;
    l->call = NULL;
}

static void requeue(struct link *l)
{
    struct node all;
    ring_init(&all);
    while (!ring_empty(&l->queue)) {
        struct node *n = l->queue.next;
        ring_remove(n);
        ring_append(&all, n);
    }
    while (!ring_empty(&all)) debit_queue(l->c, weir_container(all.next, struct debit, in_queue));
}

static void lost(struct link *l)
{
    struct client *c = l->c;
    char why[200];
    struct weir_slice text = weir_grpc_view(&l->details);
    snprintf(why, sizeof why, "%s: %.*s", l->target, text.n < 130 ? (int)text.n : 130,
             text.n ? (const char *)text.p : "the stream ended");
    l->ready = l->silent = false;
    l->silent_since = 0;
    links_own(c);
    requeue(l);
    client_state(c, why);
}

/* A frozen process keeps its connections: only its silence tells. What it was sent stays unknown; it may wake. */
void link_late(struct link *l)
{
    struct client *c = l->c;
    if (l->silent || !l->silent_since || c->ctx->host->now(c->ctx) - l->silent_since < SILENCE) return;
    l->silent = true;
    weir_log(c->ctx, WEIR_WARN, "%s: no reply for a second; other wallets get its shards", l->target);
    links_own(c);
    requeue(l);
}

void link_heard(struct link *l)
{
    l->silent_since = 0;
    if (!l->silent) return;
    l->silent = false;
    weir_log(l->c->ctx, WEIR_INFO, "%s replies again", l->target);
    links_own(l->c);
}

static void fail_sent(struct link *l)
{
    struct client *c = l->c;
    for (struct node *n = c->by_time.next, *next; n != &c->by_time; n = next) {
        struct debit *d = weir_container(n, struct debit, in_time);
        next = n->next;
        if (d->sent && d->link == l) debit_fail(c, d, "the stream to the wallet broke before it answered");
    }
}

static uint64_t back_off(struct link *l)
{
    uint64_t *x = &l->c->random, base = RETRY_MIN << (l->failures < 3 ? l->failures : 3);
    *x ^= *x << 13; /* xorshift: many clients must not come back in step */
    *x ^= *x >> 7;
    *x ^= *x << 17;
    l->failures++;
    if (base > RETRY_MAX) base = RETRY_MAX;
    return base / 2 + *x % (base / 2);
}

static void end_if_over(struct link *l)
{
    struct client *c = l->c;
    if (c->closing || !l->over || l->tags) return;
    fail_sent(l);
    link_end_call(l);
    if (l->leaving || l->gone)
        link_free(l);
    else
        c->ctx->host->timer_arm(c->ctx, &l->retry, back_off(l));
    client_drain_step(c);
}

static void on_status(struct weir_grpc_tag *tag, bool ok)
{
    (void)ok; /* always true */
    struct link *l = weir_container(tag, struct link, status);
    l->tags--;
    l->over = true;
    if (!l->c->closing) lost(l);
    end_if_over(l);
}

/* ---- in */
static void receive(struct link *l)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &l->inbound;
    start(l, &op, 1, &l->recv);
}

static void on_recv(struct weir_grpc_tag *tag, bool ok)
{
    struct link *l = weir_container(tag, struct link, recv);
    grpc_byte_buffer *buffer = l->inbound;
    grpc_slice message;
    l->tags--;
    l->inbound = NULL;
    if (buffer && ok && !l->c->closing && weir_grpc_message(buffer, &message)) {
        l->failures = 0; /* now, and not at hello: a server that only refuses the method says hello too */
        replies_read(l, weir_grpc_view(&message));
        grpc_slice_unref(message);
        receive(l);
        client_drain_step(l->c);
    } else if (buffer && (!ok || l->c->closing)) {
        grpc_byte_buffer_destroy(buffer);
    } else if (buffer) {
        grpc_call_cancel(l->call, NULL);
    }
    end_if_over(l);
}

static void on_hello(struct weir_grpc_tag *tag, bool ok)
{
    struct link *l = weir_container(tag, struct link, hello);
    struct client *c = l->c;
    l->tags--;
    if (ok && !l->over && !c->closing && !l->leaving) {
        l->ready = true;
        links_own(c);
        client_state(c, NULL);
        links_let_go(c);
        receive(l);
        client_wake(c);
    }
    end_if_over(l);
}

/* ---- out */
static uint64_t budget_ms(const struct debit *d, uint64_t now)
{
    uint64_t until = d->due;
    if (d->ev->deadline_ns && d->ev->deadline_ns < until) until = d->ev->deadline_ns;
    uint64_t ns = until > now ? until - now : 0, ms = (ns - ns / 8) / 1000000u; /* an eighth for the way back */
    return ms ? ms : 1;
}

/* Puts what fits into one message; returns how many debits of the queue that is. */
static uint32_t put_debits(struct link *l, struct buf *b)
{
    struct client *c = l->c;
    uint64_t now = c->ctx->host->now(c->ctx);
    uint32_t n = 0, room = limit_room(c);
    if (room > DEBITS_MAX) room = DEBITS_MAX;
    for (struct node *at = l->queue.next, *next; at != &l->queue && b->n < BYTES_MAX; at = next) {
        struct debit *d = weir_container(at, struct debit, in_queue);
        next = at->next;
        if (d->ev->deadline_ns && d->ev->deadline_ns <= now) {
            debit_fail(c, d, "its deadline passed before it was sent");
            continue;
        }
        if (limit_too_old(c, d, now)) {
            debit_fail(c, d, "the wallet is busy");
            continue;
        }
        if (n == room) break;
        debit_put(b, debit_id(d), budget_ms(d, now), d->ev->value);
        n++;
    }
    return n;
}

static void mark_sent(struct link *l, uint32_t n)
{
    uint64_t now = l->c->ctx->host->now(l->c->ctx);
    while (n--) {
        struct debit *d = weir_container(l->queue.next, struct debit, in_queue);
        ring_remove(&d->in_queue);
        limit_sent(l->c, d, now);
        if (!l->silent_since) l->silent_since = now;
    }
}

static void half_close(struct link *l)
{
    grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    if (l->half_closed || l->sending || !l->ready) return;
    l->half_closed = true;
    l->sending = start(l, &op, 1, &l->send);
}

void link_flush(struct link *l)
{
    struct client *c = l->c;
    struct buf b = {NULL, 0, 0, false};
    if (!l->ready || l->sending || l->half_closed || l->leaving || l->over) return;
    uint32_t n = put_debits(l, &b);
    if (c->confirm_now) confirmed_put(l, &b);
    if (!c->n_confirmed) c->confirm_now = false;
    if (b.failed || !b.n) { /* the debits stay queued, until their timeout */
        free(b.p);
        return;
    }
    l->outbound = weir_grpc_buffer(grpc_slice_new(b.p, b.n, free));
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = l->outbound;
    l->sending = start(l, &op, 1, &l->send);
    if (l->sending) {
        mark_sent(l, n);
        if (n) c->ctx->host->metric(c->ctx, METRIC_BATCH, NULL, n);
    } else {
        grpc_byte_buffer_destroy(l->outbound);
        l->outbound = NULL;
    }
}

static void on_send(struct weir_grpc_tag *tag, bool ok)
{
    (void)ok; /* when it failed the status says so */
    struct link *l = weir_container(tag, struct link, send);
    l->tags--;
    l->sending = false;
    if (l->outbound) grpc_byte_buffer_destroy(l->outbound);
    l->outbound = NULL;
    if (l->c->closing) return;
    if (l->leaving)
        half_close(l);
    else
        link_flush(l);
    client_drain_step(l->c);
    end_if_over(l);
}

/* ---- life */
void link_start(struct link *l)
{
    struct client *c = l->c;
    l->call = grpc_channel_create_registered_call(l->channel, NULL, GRPC_PROPAGATE_DEFAULTS, c->lane.cq,
                                                  l->methods[METHOD_STREAM], gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    l->over = l->sending = l->half_closed = false;
    l->hello.fn = on_hello;
    l->send.fn = on_send;
    l->recv.fn = on_recv;
    l->status.fn = on_status;
    l->details = grpc_empty_slice();
    grpc_metadata_array_init(&l->initial);
    grpc_metadata_array_init(&l->trailing);
    grpc_op status = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
    status.data.recv_status_on_client.trailing_metadata = &l->trailing;
    status.data.recv_status_on_client.status = &l->code;
    status.data.recv_status_on_client.status_details = &l->details;
    grpc_op hello[2] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_RECV_INITIAL_METADATA}};
    if (l->failures > 1) /* the first two said why; from now on go ahead in the moment that it is back */
        hello[0].flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY | GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    hello[1].data.recv_initial_metadata.recv_initial_metadata = &l->initial;
    if (!start(l, &status, 1, &l->status)) l->over = true;
    start(l, hello, 2, &l->hello);
    end_if_over(l);
}

void on_link_retry(struct weir_timer *timer)
{
    struct link *l = weir_container(timer, struct link, retry);
    l->c->ctx->host->metric(l->c->ctx, METRIC_RECONNECTS, NULL, 1);
    link_start(l);
}

/* The address is gone, or we are: answers still come, then the server ends the stream; nobody sees an error. */
void link_leave(struct link *l)
{
    struct client *c = l->c;
    if (l->leaving) return;
    l->leaving = true;
    links_own(c);
    requeue(l);
    c->ctx->host->timer_stop(c->ctx, &l->retry);
    if (!l->call)
        link_free(l);
    else if (l->ready)
        half_close(l);
    else
        grpc_call_cancel(l->call, NULL);
}
