/* publish.c - an accepted debit's event goes on with a ticket of its own, and the wallet is told when it is durable.
 * What is lost here (a crash, a full memory, a downstream that failed) the relay publishes again from the ledger. */
#include "client.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir_failpoint.h>

enum { GATHER_MAX = 256, RANGES_MAX = 4096, HEADERS_MAX = 5, CONFIRM_MS = 50 };

/* ---- forward */
static bool copy(struct client *c, struct weir_slice from, struct weir_slice *to)
{
    uint8_t *p = c->ctx->host->batch_alloc(c->out, from.n + 1);
    if (!p) return false;
    if (from.n) memcpy(p, from.p, from.n);
    *to = (struct weir_slice){p, from.n};
    return true;
}

static bool put_header(struct client *c, struct weir_event *ev, struct weir_pair *pairs, const char *name,
                       struct weir_slice value)
{
    struct weir_pair *pair = &pairs[ev->n_headers];
    pair->name = (struct weir_slice){(const uint8_t *)name, strlen(name)};
    if (!copy(c, value, &pair->value)) return false;
    ev->n_headers++;
    return true;
}

static bool put_number(struct client *c, struct weir_event *ev, struct weir_pair *pairs, const char *name, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, v);
    return put_header(c, ev, pairs, name, (struct weir_slice){(const uint8_t *)text, (size_t)n});
}

static bool put_headers(struct client *c, struct weir_event *ev, const struct reply *r, struct weir_slice traceparent)
{
    struct weir_pair *pairs = c->ctx->host->batch_alloc(c->out, HEADERS_MAX * sizeof *pairs);
    const char *name = c->placed->full_name;
    ev->headers = pairs;
    return pairs && put_number(c, ev, pairs, "epoch", r->epoch) && put_number(c, ev, pairs, "shard", r->shard) &&
           put_number(c, ev, pairs, "seq", r->seq) &&
           put_header(c, ev, pairs, "schema", (struct weir_slice){(const uint8_t *)name, strlen(name)}) &&
           (!traceparent.n || put_header(c, ev, pairs, "traceparent", traceparent));
}

static bool put_event(struct client *c, const struct reply *r, struct weir_slice traceparent)
{
    const struct weir_host *host = c->ctx->host;
    if (!c->out && !(c->out = host->batch_new(c->ctx, GATHER_MAX))) return false;
    struct weir_event *ev = &c->out->ev[c->out->n];
    struct forwarded *f = malloc(sizeof *f);
    *ev = (struct weir_event){
        .schema = c->placed->id, .ts_ns = r->accepted_ns, .position = (uint64_t)r->seq, .partition = r->shard};
    if (f && copy(c, r->event, &ev->value) && put_headers(c, ev, r, traceparent)) {
        ev->key = (struct weir_slice){ev->value.p + (r->account.p - r->event.p), r->account.n};
        f->mark = (struct confirmed){r->epoch, r->seq, r->shard};
        ev->ticket = host->ticket_new(c->ctx, f, 1);
    }
    if (!ev->ticket) {
        free(f);
        return false;
    }
    ring_append(&c->forwarded, &f->node);
    if (++c->out->n == c->out->cap) publish_flush(c);
    return true;
}

static void count_unconfirmed(struct client *c)
{
    c->ctx->host->metric(c->ctx, METRIC_UNCONFIRMED, NULL, c->n_unconfirmed);
    int64_t most = c->full ? c->cfg->unconfirmed_max / 4 * 3 + 1 : c->cfg->unconfirmed_max;
    c->full = !c->cfg->relay && c->n_unconfirmed >= most; /* without a relay nobody else would publish it */
    client_busy(c);
}

void publish(struct client *c, const struct reply *r, struct weir_slice traceparent)
{
    bool outbox = c->cfg->unconfirmed_max == 0 || c->ctx->last; /* the relay publishes everything */
    if (outbox) return;
    if ((c->cfg->relay && c->n_unconfirmed >= c->cfg->unconfirmed_max) || !put_event(c, r, traceparent)) {
        c->ctx->host->metric(c->ctx, METRIC_LEFT_TO_RELAY, NULL, 1);
        return;
    }
    c->n_unconfirmed++;
    count_unconfirmed(c);
}

void publish_flush(struct client *c)
{
    struct weir_batch *out = c->out;
    c->out = NULL;
    if (out) weir_forward(c->ctx, out);
}

/* ---- confirm */
static bool remember(struct client *c, const struct confirmed *mark)
{
    if (c->n_confirmed == c->cap_confirmed) {
        uint32_t cap = c->cap_confirmed ? c->cap_confirmed * 2 : 256;
        if (c->n_confirmed >= c->cfg->unconfirmed_max) return false; /* no wallet for long: the relay will do */
        struct confirmed *grown = realloc(c->confirmed, cap * sizeof *grown);
        if (!grown) return false;
        c->confirmed = grown;
        c->cap_confirmed = cap;
    }
    c->confirmed[c->n_confirmed++] = *mark;
    return true;
}

void publish_done(struct client *c, void *cookie, const struct weir_result *r)
{
    struct forwarded *f = cookie;
    bool unsaid = WEIR_FAILPOINT("client.published"); /* error: it is there, and nobody says so */
    ring_remove(&f->node);
    c->n_unconfirmed--;
    count_unconfirmed(c);
    if (unsaid || r->status != WEIR_OK || !remember(c, &f->mark))
        c->ctx->host->metric(c->ctx, METRIC_NOT_PUBLISHED, NULL, 1);
    else if (!c->gather.due_ns) /* what gathers in a while is a range a shard; told at once it would be one a bet */
        c->ctx->host->timer_arm(c->ctx, &c->gather, CONFIRM_MS * 1000000u);
    free(f);
    client_drain_step(c);
}

void on_gathered(struct weir_timer *timer)
{
    struct client *c = weir_container(timer, struct client, gather);
    c->confirm_now = true;
    client_wake(c);
}

static int by_identity(const void *a, const void *b)
{
    const struct confirmed *x = a, *y = b;
    if (x->epoch != y->epoch) return x->epoch < y->epoch ? -1 : 1;
    if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Moves the marks of this link's shards to the end of the array; returns where they begin. */
static uint32_t partition(struct link *l)
{
    struct client *c = l->c;
    uint32_t first = c->n_confirmed;
    for (uint32_t i = 0; i < first;) {
        struct confirmed mark = c->confirmed[i];
        if (c->owner[mark.shard % (uint32_t)c->cfg->shards] != l || c->n_confirmed - first == RANGES_MAX) {
            i++;
            continue;
        }
        c->confirmed[i] = c->confirmed[--first];
        c->confirmed[first] = mark;
    }
    return first;
}

bool confirmed_put(struct link *l, struct buf *b)
{
    struct client *c = l->c;
    uint32_t i = partition(l), n = c->n_confirmed;
    c->n_confirmed = i;
    if (i == n) return false;
    if (WEIR_FAILPOINT("client.before-confirm")) return false; /* error: they are forgotten */
    qsort(c->confirmed + i, n - i, sizeof *c->confirmed, by_identity);
    while (i < n) { /* neighbours become one range */
        const struct confirmed *first = &c->confirmed[i];
        int64_t last = first->seq;
        for (i++; i < n; i++) {
            const struct confirmed *m = &c->confirmed[i];
            if (m->epoch != first->epoch || m->shard != first->shard || m->seq > last + 1) break;
            last = m->seq;
        }
        confirmed_put_range(b, first, last);
    }
    return true;
}

void publish_close(struct client *c)
{
    while (!ring_empty(&c->forwarded)) { /* closed without a drain: their tickets die with the lane */
        struct forwarded *f = weir_container(c->forwarded.next, struct forwarded, node);
        ring_remove(&f->node);
        free(f);
    }
    free(c->confirmed);
}
