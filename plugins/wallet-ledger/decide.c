/* decide.c - what becomes of each request, in the order of their arrival. Pure.
 * In C and not in SQL: a window-function sum would let one refused large debit block the small ones behind it. */
#include "round.h"
#include <string.h>
#include <weir_failpoint.h>

static struct entry *entry_of(struct round *round, const struct request *r)
{
    return &round->entries[r->entry_at];
}

static void refuse(struct request *r, enum outcome outcome, const char *why)
{
    r->answer = (struct answer){.outcome = outcome, .why = why};
}

/* The row's own words, for the first answer and every later one. */
static void answer_from(struct request *r, const struct entry *e, enum outcome outcome)
{
    bool accepted = e->outcome == ACCEPTED;
    r->answer = (struct answer){.outcome = outcome,
                                .has_account = accepted,
                                .currency = e->currency,
                                .balance = e->balance,
                                .epoch = e->epoch,
                                .shard = e->shard,
                                .seq = e->seq,
                                .event = e->event};
}

/* The row stays for ever, its event only for a while (weir-ledger trim). */
static bool write_trimmed(struct request *r, struct entry *e, round_alloc alloc)
{
    const struct placed placed = {
        .epoch = e->epoch, .seq = e->seq, .balance = e->balance, .clock_us = e->clock_us, .shard = e->shard};
    e->event = event_write(r, &placed, alloc);
    return e->event.n > 0;
}

/* The key is known: the same request gets the same answer, another one is refused. */
static void repeat(struct request *r, struct entry *e, round_alloc alloc)
{
    if (memcmp(e->hash, r->hash, sizeof e->hash) != 0) {
        if (r->kind == KIND_OPEN)
            refuse(r, CURRENCY_MISMATCH, "the account is open in another currency");
        else
            refuse(r, KEY_REUSED, "the key was used before with another content");
        return;
    }
    if (e->outcome != ACCEPTED)
        answer_from(r, e, e->outcome);
    else if (e->seq && !e->event.n && !write_trimmed(r, e, alloc))
        refuse(r, UNKNOWN, "out of memory");
    else if (r->author && e->first == r) /* our own row: the answer to our COMMIT was lost, not the row */
        answer_from(r, e, ACCEPTED);
    else
        answer_from(r, e, REPLAYED);
}

static struct entry *record(struct round *round, struct request *r, enum outcome outcome, int64_t balance)
{
    struct entry *e = entry_of(round, r);
    e->exists = e->fresh = true;
    e->outcome = outcome;
    memcpy(e->hash, r->hash, sizeof e->hash);
    memcpy(e->currency, r->currency.p, 3);
    e->currency[3] = 0;
    e->amount = r->amount;
    e->balance = balance;
    round->fresh++;
    return e;
}

static void settle_as(struct round *round, struct request *r, enum outcome outcome, int64_t balance)
{
    answer_from(r, record(round, r, outcome, balance), outcome);
}

static void set_balance(struct round *round, struct account *a, int64_t balance)
{
    a->balance = balance;
    if (!a->changed && !a->created) round->changed++;
    a->changed = true;
}

static void open_account(struct round *round, struct request *r, struct account *a)
{
    if (a->exists) { /* without its row of kind open: made by hand */
        refuse(r, INVALID, "account_id: the account exists but was not opened here");
        return;
    }
    memcpy(a->currency, r->currency.p, 3);
    a->currency[3] = 0;
    a->balance = 0;
    a->exists = a->created = true;
    round->created++;
    settle_as(round, r, ACCEPTED, 0);
}

/* True when it was refused: unknown account or another currency. */
static bool refused_by_account(struct round *round, struct request *r, const struct account *a)
{
    if (!a->exists)
        settle_as(round, r, UNKNOWN_ACCOUNT, 0);
    else if (memcmp(a->currency, r->currency.p, 3) != 0)
        settle_as(round, r, CURRENCY_MISMATCH, a->balance);
    else
        return false;
    return true;
}

static void credit(struct round *round, struct request *r, struct account *a)
{
    if (refused_by_account(round, r, a)) return;
    int64_t after;
    if (__builtin_add_overflow(a->balance, r->amount, &after)) {
        refuse(r, INVALID, "amount_minor: the balance would become too large");
        return;
    }
    set_balance(round, a, after);
    settle_as(round, r, ACCEPTED, after);
}

static void debit(struct round *round, struct request *r, struct account *a, round_alloc alloc)
{
    if (refused_by_account(round, r, a)) return;
    if (a->balance < r->amount) {
        settle_as(round, r, INSUFFICIENT_FUNDS, a->balance);
        return;
    }
    struct shard *shard = &round->shards[r->shard_at];
    int64_t after = a->balance - r->amount;
    if (round->backlog >= round->max_backlog) {
        refuse(r, NOT_EXECUTED, "too many events wait to be published");
        return;
    }
    const struct placed placed = {.epoch = round->epoch,
                                  .seq = shard->last_seq + 1,
                                  .balance = after,
                                  .clock_us = round->clock_us,
                                  .shard = shard->number};
    if (event_size(r, &placed) > round->max_event) { /* will never fit: not worth a retry */
        refuse(r, INVALID, "selection: the event would be larger than this wallet's max_event");
        return;
    }
    struct weir_slice event = event_write(r, &placed, alloc);
    if (!event.n) {
        refuse(r, NOT_EXECUTED, "out of memory");
        return;
    }
    shard->last_seq++;
    round->backlog++;
    round->debits++;
    set_balance(round, a, WEIR_FAILPOINT("sabotage.debit-too-much") ? after - 1 : after);
    struct entry *e = record(round, r, ACCEPTED, after);
    e->epoch = round->epoch;
    e->shard = shard->number;
    e->seq = shard->last_seq;
    e->event = event;
    answer_from(r, e, ACCEPTED);
}

static void balance_of(struct request *r, const struct account *a)
{
    if (!a->exists) {
        refuse(r, UNKNOWN_ACCOUNT, NULL);
        return;
    }
    r->answer =
        (struct answer){.outcome = ACCEPTED, .has_account = true, .currency = a->currency, .balance = a->balance};
}

/* What is booked after its deadline is told as unknown: better not begun. At most half of the time that the request was
 * given, so that one slow COMMIT does not have everything refused from then on. */
static uint64_t commit_time(const struct round *round, const struct request *r)
{
    uint64_t most = r->deadline_ns > r->arrived_ns ? (r->deadline_ns - r->arrived_ns) / 2 : 0;
    return round->commit_ns < most ? round->commit_ns : most;
}

/* Known keys come before the deadline: "not executed" must not be said of what was executed by an earlier try. */
static void decide_one(struct round *round, struct request *r, round_alloc alloc)
{
    struct account *a = &round->accounts[r->account_at];
    if (r->kind == KIND_BALANCE) {
        balance_of(r, a);
    } else if (entry_of(round, r)->exists) {
        repeat(r, entry_of(round, r), alloc);
    } else if (r->deadline_ns && round->now_ns + commit_time(round, r) >= r->deadline_ns) {
        refuse(r, NOT_EXECUTED, "it would not be booked before its deadline");
    } else {
        entry_of(round, r)->first = r; /* of equal requests the first that is executed is the author */
        switch (r->kind) {
        case KIND_OPEN: open_account(round, r, a); break;
        case KIND_CREDIT: credit(round, r, a); break;
        case KIND_DEBIT: debit(round, r, a, alloc); break;
        case KIND_BALANCE: break;
        }
    }
}

void decide(struct round *round, round_alloc alloc)
{
    for (uint32_t i = 0; i < round->n; i++)
        if (!round->requests[i]->settled) decide_one(round, round->requests[i], alloc);
}
