/* event.c - the one author of bets.v1.BetPlaced: everybody else stores and forwards these bytes. */
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

static void fill(struct message *m, const struct round *round, const struct request *r, const struct shard *shard,
                 int64_t balance_after)
{
    google__protobuf__timestamp__init(&m->at);
    m->at.seconds = round->clock_us / 1000000;
    m->at.nanos = (int32_t)(round->clock_us % 1000000) * 1000;
    bets__v1__bet_placed__init(&m->placed);
    m->placed.epoch = round->epoch;
    m->placed.shard = shard->number;
    m->placed.seq = shard->last_seq + 1;
    m->placed.bet_id = text(r->key);
    m->placed.account_id = text(r->account);
    m->placed.stake_minor = r->amount;
    m->placed.currency = text(r->currency);
    m->placed.selection = text(r->selection);
    m->placed.odds_milli = r->odds;
    m->placed.balance_after_minor = balance_after;
    m->placed.accepted_at = &m->at;
}

size_t event_size(const struct round *round, const struct request *r, const struct shard *shard, int64_t balance_after)
{
    struct message m;
    fill(&m, round, r, shard, balance_after);
    return bets__v1__bet_placed__get_packed_size(&m.placed);
}

bool event_write(const struct round *round, struct request *r, const struct shard *shard, int64_t balance_after,
                 round_alloc alloc)
{
    struct message m;
    fill(&m, round, r, shard, balance_after);
    size_t n = bets__v1__bet_placed__get_packed_size(&m.placed);
    if (n > r->event_room) {
        r->event = (uint8_t *)alloc(r, n + 16); /* a rerun's seq may be a byte longer */
        r->event_room = r->event ? n + 16 : 0;
    }
    if (!r->event) return false;
    r->answer.event = (struct weir_slice){r->event, bets__v1__bet_placed__pack(&m.placed, r->event)};
    return true;
}
