/* debit.c - debits in flight: from the event to its reply, its timeout or the loss of its stream. The id on the wire is
 * the debit's slot and the slot's generation, so a reply finds its debit without a search and a late one finds none. */
#include "client.h"
#include <stdlib.h>

enum { SLAB = 256, PLACE_MAX = 64 << 10 };

uint64_t debit_id(const struct debit *d)
{
    return (uint64_t)d->generation << 32 | d->slot;
}

struct debit *debit_by_id(struct client *c, uint64_t id)
{
    uint32_t slot = (uint32_t)id;
    if (slot >= c->n_slabs * SLAB) return NULL;
    struct debit *d = &c->slabs[slot / SLAB][slot % SLAB];
    return d->ev && d->generation == id >> 32 ? d : NULL;
}

static bool add_slab(struct client *c)
{
    struct debit **slabs = realloc(c->slabs, (c->n_slabs + 1) * sizeof *slabs);
    if (!slabs) return false;
    c->slabs = slabs;
    struct debit *slab = calloc(SLAB, sizeof *slab);
    if (!slab) return false;
    for (uint32_t i = 0; i < SLAB; i++) {
        slab[i].slot = c->n_slabs * SLAB + i;
        ring_append(&c->free_debits, &slab[i].in_time);
    }
    slabs[c->n_slabs++] = slab;
    return true;
}

static struct debit *debit_new(struct client *c)
{
    if (ring_empty(&c->free_debits) && !add_slab(c)) return NULL;
    struct debit *d = weir_container(c->free_debits.next, struct debit, in_time);
    ring_remove(&d->in_time);
    ring_init(&d->in_queue);
    ring_append(&c->by_time, &d->in_time);
    d->generation++;
    d->sent = false;
    d->link = NULL;
    d->started = c->ctx->host->now(c->ctx);
    d->due = d->started + c->cfg->timeout;
    if (!c->n_debits++) c->ctx->host->timer_arm(c->ctx, &c->timeouts, c->cfg->timeout);
    limit_waiting(c);
    return d;
}

static void debit_free(struct client *c, struct debit *d)
{
    if (d->sent) limit_done(c, d);
    ring_remove(&d->in_time);
    ring_remove(&d->in_queue);
    ring_append(&c->free_debits, &d->in_time);
    d->ev = NULL;
    if (!--c->n_debits) c->ctx->host->timer_stop(c->ctx, &c->timeouts);
    limit_waiting(c);
}

void debit_answer(struct client *c, struct debit *d, const struct weir_result *r)
{
    struct weir_event *ev = d->ev;
    struct held *held = d->held;
    count_call(c, METHOD_STREAM, d->started);
    debit_free(c, d);
    result_settle(c, ev, held, r);
}

void debit_fail(struct client *c, struct debit *d, const char *why)
{
    struct weir_result r = d->sent ? perhaps_done(why) : nothing_done(why);
    debit_answer(c, d, &r);
}

void debit_queue(struct client *c, struct debit *d)
{
    ring_remove(&d->in_queue);
    d->link = c->owner[d->shard];
    if (!d->link) {
        debit_fail(c, d, "no wallet can be reached");
        return;
    }
    ring_append(&d->link->queue, &d->in_queue);
    client_wake(c);
}

void debit_open(struct client *c, struct weir_event *ev, struct held *held)
{
    char text[128];
    struct weir_slice account;
    const char *wrong = place_check(ev->value, &account, text);
    if (!wrong && ev->value.n > PLACE_MAX) wrong = "the bet is larger than 64 KiB";
    struct weir_result r = refusal(INVALID, wrong);
    struct debit *d = wrong ? NULL : debit_new(c);
    if (!wrong && !d) r = nothing_done("out of memory");
    if (!d) {
        result_settle(c, ev, held, &r);
        return;
    }
    d->ev = ev;
    d->held = held;
    d->shard = weir_shard_of(account, (uint32_t)c->cfg->shards);
    debit_queue(c, d);
}

void on_timeouts(struct weir_timer *timer)
{
    struct client *c = weir_container(timer, struct client, timeouts);
    uint64_t now = c->ctx->host->now(c->ctx);
    while (!ring_empty(&c->by_time)) {
        struct debit *d = weir_container(c->by_time.next, struct debit, in_time);
        if (d->due > now) {
            c->ctx->host->timer_arm(c->ctx, &c->timeouts, d->due - now);
            return;
        }
        if (d->sent) link_late(d->link);
        debit_fail(c, d, d->sent ? "the wallet did not answer in time" : "not sent in time");
    }
    client_drain_step(c);
}

/* At close without a drain: the host has nobody left to tell. */
void debits_close(struct client *c)
{
    while (!ring_empty(&c->by_time))
        debit_fail(c, weir_container(c->by_time.next, struct debit, in_time), "the stage was closed");
    for (uint32_t i = 0; i < c->n_slabs; i++) free(c->slabs[i]);
    free(c->slabs);
}
