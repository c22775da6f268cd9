/* test_prefix.c - the published prefix of one shard, moved by two wallets and two relays at once, against a naive
 * model: an array of what the topic holds. Their own code (published.c, shards.c), without database and host; readings
 * that are answered late, lost confirmations, restarts of everybody, a shard that moves between the wallets.
 *
 * Always: nothing up to `published` is missing in the topic, it never goes back, and what a relay takes for a gap is
 * one. In the end, when nothing fails any more: all of it is in the topic and published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "published.h"
#include "shards.h"
#include <cmocka.h>

#include "property.h"
#include <string.h>

enum { EVENTS = 3000, STEPS = 24000, WALLETS = 2, RELAYS = 2, GRACE = 40, MOST = 9000 };

struct pile { /* of events that are under way, taken out in any order */
    int64_t seq[MOST];
    uint32_t n;
};
struct relay {
    struct shard shard;
    struct pile flying;
    bool reads;                    /* a reading is under way: what it found */
    int64_t behind, to, published; /* rows behind `behind` up to `to` */
};
struct world {
    struct dice *dice;
    uint64_t now;
    int64_t last_seq, published; /* the shard's row */
    uint64_t accepted[EVENTS + 1];
    uint8_t in_topic[EVENTS + 1];
    struct published wallet[WALLETS];
    struct pile producer;  /* given to the inline producer */
    struct pile confirmed; /* delivered, and the wallet is not yet told */
    struct relay relay[RELAYS];
    bool calm; /* nothing fails any more */
};

static void put(struct pile *pile, int64_t seq)
{
    assert_true(pile->n < MOST);
    pile->seq[pile->n++] = seq;
}

static int64_t take(struct pile *pile, struct dice *d)
{
    uint32_t i = roll(d, pile->n);
    int64_t seq = pile->seq[i];
    pile->seq[i] = pile->seq[--pile->n];
    return seq;
}

static bool fails(struct world *w, uint32_t sides)
{
    return !w->calm && roll(w->dice, sides) == 0;
}

static void publish_up_to(struct world *w, int64_t seq)
{
    if (seq > w->last_seq) fail_msg("%d is to be published, the last one is %d", (int)seq, (int)w->last_seq);
    for (int64_t s = w->published + 1; s <= seq; s++) {
        if (!w->in_topic[s]) fail_msg("%d is published and was never delivered", (int)s);
        w->published = s;
    }
}

/* ---- wallets */

static void wallet_transaction(struct world *w, struct published *p, bool debit)
{
    published_seen(p, w->published, w->last_seq);
    if (fails(w, 10)) return; /* rolled back */
    if (debit && w->last_seq < EVENTS) {
        w->accepted[++w->last_seq] = w->now;
        if (!fails(w, 5)) put(&w->producer, w->last_seq); /* else whoever had the answer died with it */
    }
    publish_up_to(w, p->prefix);
    p->written = w->published;
}

static void confirm(struct world *w)
{
    if (!w->confirmed.n) return;
    struct published *p = &w->wallet[roll(w->dice, WALLETS)];
    int64_t seq = take(&w->confirmed, w->dice);
    if (fails(w, 8)) return;                  /* lost on the way */
    if (fails(w, 8)) put(&w->confirmed, seq); /* comes again */
    published_add(p, seq, seq);
    if (fails(w, 100)) published_add(p, EVENTS + 1, EVENTS + 5); /* a client that is wrong */
}

static void wallet_step(struct world *w)
{
    struct published *p = &w->wallet[roll(w->dice, WALLETS)];
    if (fails(w, 60)) {
        *p = (struct published){0};
        published_seen(p, w->published, w->last_seq);
    } else if (roll(w->dice, 3) == 0) {
        wallet_transaction(w, p, true);
    } else if (published_pending(p)) {
        wallet_transaction(w, p, false);
    }
}

static void producer_step(struct world *w)
{
    if (!w->producer.n) return;
    int64_t seq = take(&w->producer, w->dice);
    if (fails(w, 10)) return;
    w->in_topic[seq] = 1;
    put(&w->confirmed, seq);
}

/* ---- relays: what database.c and emit.c do */

static void relay_asks(struct world *w, struct relay *r)
{
    if (r->reads || !shard_may_emit(&r->shard, w->now)) return;
    r->reads = true;
    r->behind = shard_ask(&r->shard);
    if (r->behind < w->published) r->behind = w->published;
    r->to = r->behind + 1 + roll(w->dice, 300);
    if (r->to > w->last_seq) r->to = w->last_seq;
    r->published = w->published;
    while (r->to > r->behind && w->accepted[r->to] + GRACE > w->now) r->to--;
}

static void relay_reads(struct relay *r)
{
    if (!r->reads) return;
    r->reads = false;
    for (int64_t seq = r->behind + 1; seq <= r->to; seq++) {
        shard_seen(&r->shard, r->published);
        switch (shard_row(&r->shard, seq)) {
        case ROW_GAP:
            fail_msg("%d comes after %d, which is no gap of the ledger", (int)seq, (int)r->shard.sent);
            return;
        case ROW_STALE:
        case ROW_LATER: return;
        case ROW_DELIVERED: shard_skip(&r->shard, seq); break;
        case ROW_EMIT:
            shard_sent(&r->shard, seq);
            put(&r->flying, seq);
            break;
        }
    }
}

static void relay_delivers(struct world *w, struct relay *r)
{
    if (!r->flying.n) return;
    int64_t seq = take(&r->flying, w->dice);
    bool lost = fails(w, 6);
    if (!lost || roll(w->dice, 2)) w->in_topic[seq] = 1; /* failed may mean: nobody knows */
    if (lost && seq > r->shard.prefix && roll(w->dice, 4) == 0)
        shard_refused(&r->shard, w->now, roll(w->dice, 90));
    else if (lost && seq > r->shard.prefix)
        shard_failed(&r->shard, w->now, roll(w->dice, 30));
    else
        shard_delivered(&r->shard, seq);
    assert_int_equal(r->shard.in_flight, r->flying.n);
}

static void relay_step(struct world *w)
{
    struct relay *r = &w->relay[roll(w->dice, RELAYS)];
    if (fails(w, 400)) { /* killed; what it had sent may still arrive */
        while (r->flying.n) {
            int64_t seq = take(&r->flying, w->dice);
            if (roll(w->dice, 2)) w->in_topic[seq] = 1;
        }
        *r = (struct relay){0};
        shard_seen(&r->shard, w->published);
        return;
    }
    switch (roll(w->dice, 8)) {
    case 0: relay_asks(w, r); break;
    case 1:
    case 2: relay_reads(r); break;
    case 3:
        if (r->shard.prefix > w->published && !fails(w, 10)) publish_up_to(w, r->shard.prefix);
        break;
    default: relay_delivers(w, r);
    }
}

static void step(struct world *w)
{
    w->now++;
    switch (roll(w->dice, 4)) {
    case 0: wallet_step(w); break;
    case 1: producer_step(w); break;
    case 2: confirm(w); break;
    default: relay_step(w);
    }
}

static void four_hands(struct dice *d)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    w.dice = d;
    for (uint32_t i = 0; i < STEPS; i++) step(&w);
    w.calm = true;
    for (uint32_t i = 0; w.published < w.last_seq || w.last_seq < EVENTS; i++) {
        if (i == 1000000) fail_msg("after all failures: %d of %d are published", (int)w.published, (int)w.last_seq);
        step(&w);
    }
    for (int i = 1; i <= EVENTS; i++) assert_true(w.in_topic[i]);
}

static void everybody_at_once(void **state)
{
    (void)state;
    property_run(four_hands, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {property_test(everybody_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
