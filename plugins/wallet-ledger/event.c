/* event.c - the one author of bets.v1.BetPlaced: everybody else stores and forwards these bytes. The same request and
 * the same row give the same bytes again, which is how a repeated bet is answered after its event was trimmed. */
#include "bets/v1/bets.pb-c.h"
#include "round.h"

struct message {
    Bets__V1__BetPlaced placed;
    Google__Protobuf__Timestamp at;
};

static char *text(struct weir_slice s)
{
    return (char *)(uintptr_t)s.p; /* protobuf-c does not write to what it packs */
}

static void fill(struct message *m, const struct request *r, const struct placed *p)
{
    google__protobuf__timestamp__init(&m->at);
    m->at.seconds = p->clock_us / 1000000;
    m->at.nanos = (int32_t)(p->clock_us % 1000000) * 1000;
    bets__v1__bet_placed__init(&m->placed);
    m->placed.epoch = p->epoch;
    m->placed.shard = p->shard;
    m->placed.seq = p->seq;
    m->placed.bet_id = text(r->key);
    m->placed.account_id = text(r->account);
    m->placed.stake_minor = r->amount;
    m->placed.currency = text(r->currency);
    m->placed.selection = text(r->selection);
    m->placed.odds_milli = r->odds;
    m->placed.balance_after_minor = p->balance;
    m->placed.accepted_at = &m->at;
}

size_t event_size(const struct request *r, const struct placed *p)
{
    struct message m;
    fill(&m, r, p);
    return bets__v1__bet_placed__get_packed_size(&m.placed);
}

struct weir_slice event_write(struct request *r, const struct placed *p, round_alloc alloc)
{
    struct message m;
    fill(&m, r, p);
    size_t n = bets__v1__bet_placed__get_packed_size(&m.placed);
    if (n > r->event_room) {
        r->event = (uint8_t *)alloc(r, n + 16); /* a rerun's seq may be a byte longer */
        r->event_room = r->event ? n + 16 : 0;
    }
    if (!r->event) return (struct weir_slice){NULL, 0};
    return (struct weir_slice){r->event, bets__v1__bet_placed__pack(&m.placed, r->event)};
}
