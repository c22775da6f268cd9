/* queue.c - requests that wait for their connection, and the end of waiting: past its deadline an answer is worth
 * nothing, so each gets "not executed" then, or "unknown" when a COMMIT with its row has been sent. */
#include "ledger.h"

static const uint64_t sweep_step_ns = 5000000; /* a deadline is noticed at most so late; bounds the sweeps' cost */

void queue_add(struct link *link, struct request *r)
{
    r->next = NULL;
    *link->waiting_end = r;
    link->waiting_end = &r->next;
}

struct request *queue_take(struct link *link)
{
    struct request *r = link->waiting;
    if (!r) return NULL;
    link->waiting = r->next;
    if (!link->waiting) link->waiting_end = &link->waiting;
    r->next = NULL;
    return r;
}

void queue_again(struct link *link)
{
    struct round *round = &link->round;
    struct request *first = NULL, **end = &first;
    for (uint32_t i = 0; i < round->n; i++) {
        struct request *r = round->requests[i];
        if (r->settled) {
            request_done(link->ledger, r);
            continue;
        }
        *end = r;
        end = &r->next;
    }
    *end = link->waiting;
    if (first) {
        if (!link->waiting) link->waiting_end = end;
        link->waiting = first;
    }
    round_clear(round);
}

void queue_watch_deadline(struct ledger *l, uint64_t deadline_ns)
{
    if (l->sweep_due && l->sweep_due <= deadline_ns) return;
    uint64_t now = l->ctx->host->now(l->ctx);
    uint64_t wait = deadline_ns > now + sweep_step_ns ? deadline_ns - now : sweep_step_ns;
    l->sweep_due = now + wait;
    l->sweep.fn = queue_sweep;
    l->ctx->host->timer_arm(l->ctx, &l->sweep, wait);
}

/* When there is no use in waiting for r any more. What has been written and only waits for its COMMIT gets `patience`
 * on top: the caller has a clock of its own, and a late "accepted" still lets it publish the event at once, while
 * "unknown" leaves the event, and those of its shard behind it, to the relay. */
static uint64_t gives_up_at(const struct link *link, const struct request *r)
{
    return r->deadline_ns && r->author ? r->deadline_ns + link->ledger->cfg->patience : r->deadline_ns;
}

static bool is_past(uint64_t at, uint64_t now)
{
    return at && now >= at;
}

static void sooner(uint64_t *next, uint64_t at)
{
    if (at && (!*next || at < *next)) *next = at;
}

static void sweep_link(struct link *link, uint64_t now, uint64_t *next)
{
    static const char *const why = "no answer from the ledger's database in time";
    for (struct request **at = &link->waiting, *r; (r = *at) != NULL;) {
        if (!is_past(r->deadline_ns, now)) {
            sooner(next, r->deadline_ns);
            at = &r->next;
            continue;
        }
        *at = r->next;
        if (!*at) link->waiting_end = at;
        reply_give_up(link->ledger, r, why);
        request_done(link->ledger, r);
    }
    for (uint32_t i = 0; i < link->round.n; i++) { /* its bytes are still in use: no request_done yet */
        struct request *r = link->round.requests[i];
        if (r->settled) continue;
        uint64_t at = gives_up_at(link, r);
        if (is_past(at, now))
            reply_give_up(link->ledger, r, why);
        else
            sooner(next, at);
    }
}

void queue_sweep(struct weir_timer *timer)
{
    struct ledger *l = weir_container(timer, struct ledger, sweep);
    uint64_t next = 0;
    l->sweep_due = 0;
    for (uint32_t i = 0; i < l->n_links; i++) sweep_link(&l->links[i], l->ctx->host->now(l->ctx), &next);
    if (next) queue_watch_deadline(l, next);
    ledger_check_drained(l);
}
