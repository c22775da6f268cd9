/* limit.c - how many debits the wallets may have unanswered: no more than they answer within a part of `timeout`. A
 * longer queue has them work on debits whose players have been told "unknown" meanwhile: then all are late, and none is
 * accepted. What is beyond waits, most of it with the source, as we shut its flow, and some here, for another part of
 * `timeout`; then it is refused as not executed, which is definite. How many that is nobody knows beforehand: more are
 * let in while answers come in time, fewer as soon as they do not, as TCP finds its window (additive increase,
 * multiplicative decrease; V. Jacobson, Congestion Avoidance and Control, 1988). */
#include "client.h"

static const double least = 64, grow = 16, cut = 0.7;
static const uint32_t waiting_most = 64; /* a turn of the source may bring some more */

/* What an answer may take, and what a debit may wait before; the rest of `timeout` is for the way back. */
static uint64_t in_time(const struct client *c)
{
    return c->cfg->timeout / 8 * 5;
}
static uint64_t patience(const struct client *c)
{
    return c->cfg->timeout / 4;
}

static void set(struct client *c, double most)
{
    c->limit.most = most < least ? least : most;
    c->ctx->host->metric(c->ctx, METRIC_LIMIT, NULL, c->limit.most);
}

void limit_init(struct client *c)
{
    set(c, LIMIT_MOST);
}

uint32_t limit_room(const struct client *c)
{
    uint32_t most = (uint32_t)c->limit.most;
    return most > c->limit.sent ? most - c->limit.sent : 0;
}

bool limit_too_old(const struct client *c, const struct debit *d, uint64_t now)
{
    return now - d->started > patience(c);
}

/* What waits here for too long is refused in the end: the source does better to keep it, and to take it back in when it
 * can be sent soon. Flow opens again at half of that, so that it does not flutter. */
void limit_waiting(struct client *c)
{
    uint32_t waiting = c->n_debits - c->limit.sent;
    c->crowded = c->crowded ? waiting > waiting_most / 2 : waiting >= waiting_most && !limit_room(c);
    client_busy(c);
}

void limit_sent(struct client *c, struct debit *d, uint64_t now)
{
    d->sent = true;
    d->sent_ns = now;
    c->limit.sent++;
    limit_waiting(c);
}

/* Answered, or given up. Cut once in the time that an answer may take: the others of that time were in the same queue.
 */
void limit_done(struct client *c, const struct debit *d)
{
    struct limit *l = &c->limit;
    uint64_t now = c->ctx->host->now(c->ctx);
    uint32_t sent = l->sent--;
    if (sent >= (uint32_t)l->most) client_wake(c); /* others wait for this room */
    if (now - d->sent_ns <= in_time(c)) {
        bool used = sent * 2 > (uint32_t)l->most; /* what nobody asks for need not grow */
        if (used && l->most < LIMIT_MOST) set(c, l->most + grow / l->most);
    } else if (now - l->cut_ns >= in_time(c)) {
        l->cut_ns = now;
        set(c, (sent < l->most ? sent : l->most) * cut); /* what was never asked for says nothing */
    }
}
