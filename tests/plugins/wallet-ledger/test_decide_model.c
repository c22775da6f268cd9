/* test_decide_model.c - random requests against a model that knows nothing of batches: a table of keys and a table of
 * balances. Rounds may be rolled back, and a COMMIT's answer may be lost, whereupon the same requests come again. */
#include "decide_bench.h"

#include "property.h"

/* ---- against a model that knows nothing of batches: a table of keys and a table of balances. Rounds may be rolled
 * back, and a COMMIT's answer may be lost, whereupon the same requests come again. */

enum { ACCOUNTS = 6, KEYS = 40, BATCHES = 12 };
static const char *const money[] = {"EUR", "USD"};
struct row {
    bool known;
    enum outcome outcome;
    int64_t amount, balance, seq;
    int currency;
};
struct model {
    int currency[ACCOUNTS]; /* 1 + index of money; 0: not open */
    int64_t balance[ACCOUNTS], seq[SHARDS], backlog;
    struct row open[ACCOUNTS], key[2][ACCOUNTS][KEYS]; /* credits, debits */
};
struct wish { /* what somebody asks */
    enum kind kind;
    int account, key, currency;
    int64_t amount;
    bool late;
};
struct said {
    enum outcome outcome;
    int64_t balance, seq;
};

static struct row *row_of(struct model *m, const struct wish *w)
{
    return w->kind == KIND_OPEN ? &m->open[w->account] : &m->key[w->kind == KIND_DEBIT][w->account][w->key];
}

static enum outcome model_change(struct model *m, const struct wish *w, struct row *row)
{
    if (w->kind == KIND_OPEN) {
        m->currency[w->account] = 1 + w->currency;
        return ACCEPTED;
    }
    if (!m->currency[w->account]) return UNKNOWN_ACCOUNT;
    if (m->currency[w->account] != 1 + w->currency) return CURRENCY_MISMATCH;
    if (w->kind == KIND_CREDIT) {
        m->balance[w->account] += w->amount;
        return ACCEPTED;
    }
    if (m->balance[w->account] < w->amount) return INSUFFICIENT_FUNDS;
    if (m->backlog >= round_.max_backlog) return NOT_EXECUTED;
    m->balance[w->account] -= w->amount;
    m->backlog++;
    row->seq = ++m->seq[('a' + w->account) % SHARDS];
    return ACCEPTED;
}

static struct said model_ask(struct model *m, const struct wish *w)
{
    struct row *row = row_of(m, w);
    if (row->known) {
        if (row->currency != w->currency)
            return (struct said){w->kind == KIND_OPEN ? CURRENCY_MISMATCH : KEY_REUSED, 0, 0};
        if (row->amount != w->amount) return (struct said){KEY_REUSED, 0, 0};
        return (struct said){row->outcome == ACCEPTED ? REPLAYED : row->outcome, row->balance, row->seq};
    }
    if (w->late) return (struct said){NOT_EXECUTED, 0, 0};
    enum outcome outcome = model_change(m, w, row);
    if (outcome == NOT_EXECUTED) return (struct said){NOT_EXECUTED, 0, 0};
    row->known = true;
    row->outcome = outcome;
    row->amount = w->amount;
    row->currency = w->currency;
    row->balance = outcome == UNKNOWN_ACCOUNT ? 0 : m->balance[w->account];
    return (struct said){outcome, row->balance, row->seq};
}

static struct wish draw(struct dice *d)
{
    struct wish w = {.kind = roll(d, 3) ? KIND_DEBIT : KIND_CREDIT};
    if (roll(d, 30) == 0) w.kind = KIND_OPEN;
    w.account = (int)roll(d, ACCOUNTS);
    w.key = (int)roll(d, KEYS);
    w.currency = roll(d, 12) == 0;
    w.amount = w.kind == KIND_OPEN ? 0 : 1 + roll(d, 3) * 40;
    w.late = roll(d, 20) == 0;
    return w;
}

static struct request *put(const struct wish *w)
{
    char id[2] = {(char)('a' + w->account), 0}, name[8];
    snprintf(name, sizeof name, w->kind == KIND_OPEN ? "" : "k%d", w->key);
    struct request *r = &requests[n];
    *r = (struct request){.kind = w->kind, .amount = w->amount, .deadline_ns = w->late ? 1 : 0};
    snprintf(texts[n][0], sizeof texts[n][0], "%s", id);
    snprintf(texts[n][1], sizeof texts[n][1], "%s", name);
    r->account = slice(texts[n][0]);
    r->key = slice(texts[n][1]);
    r->currency = slice(money[w->currency]);
    r->selection = slice("home");
    r->shard = (uint32_t)id[0] % SHARDS;
    request_hash(r);
    round_add(&round_, r);
    n++;
    return r;
}

/* What the database would answer to the look-up. The event was trimmed in every other row: it is written anew. */
static void load(struct model *before, const struct wish *wishes)
{
    for (uint32_t i = 0; i < n; i++) {
        struct request *r = &requests[i];
        const struct wish *w = &wishes[i];
        if (before->currency[w->account])
            memcpy(has(r, before->balance[w->account])->currency, money[before->currency[w->account] - 1], 4);
        struct entry *e = &round_.entries[r->entry_at];
        const struct row *row = row_of(before, w);
        if (e->first != r || !row->known) continue;
        *e = (struct entry){.first = r, .exists = true, .outcome = row->outcome, .balance = row->balance};
        e->seq = row->seq;
        e->shard = r->shard;
        e->epoch = round_.epoch;
        if (row->seq % 2) e->event = slice("event");
        struct request as_it_was = *r;
        as_it_was.amount = row->amount;
        as_it_was.currency = slice(money[row->currency]);
        request_hash(&as_it_was);
        memcpy(e->hash, as_it_was.hash, 16);
    }
    round_sort_shards(&round_);
    for (uint32_t i = 0; i < round_.n_shards; i++) round_.shards[i].last_seq = before->seq[round_.shards[i].number];
    round_.backlog = before->backlog;
}

static void compare(const struct model *m, const struct said *want, uint32_t size, bool authors)
{
    for (uint32_t i = 0; i < size; i++) {
        const struct request *r = &requests[i];
        enum outcome outcome = want[i].outcome;
        if (authors && r->author && outcome == REPLAYED && round_.entries[r->entry_at].first == r) outcome = ACCEPTED;
        expect(r, outcome);
        if (outcome == KEY_REUSED || outcome == NOT_EXECUTED || (r->kind == KIND_OPEN && outcome == CURRENCY_MISMATCH))
            continue;
        assert_int_equal(r->answer.balance, want[i].balance);
        assert_int_equal(r->answer.seq, want[i].seq);
        if (r->kind == KIND_DEBIT && want[i].seq) assert_true(r->answer.event.n > 0);
    }
    for (uint32_t i = 0; i < round_.n_accounts; i++)
        if (round_.accounts[i].exists)
            assert_int_equal(round_.accounts[i].balance, m->balance[round_.accounts[i].id.p[0] - 'a']);
    for (uint32_t i = 0; i < round_.n_shards; i++)
        assert_int_equal(round_.shards[i].last_seq, m->seq[round_.shards[i].number]);
}

/* One round; `authors`: the same requests again, after the answer to their COMMIT was lost. */
static void one_round(struct model *m, const struct wish *wishes, uint32_t size, const bool *authors)
{
    static struct model before;
    struct said want[MOST];
    before = *m;
    clear();
    for (uint32_t i = 0; i < size; i++) {
        put(&wishes[i]);
        requests[i].author = authors && authors[i];
        want[i] = model_ask(m, &wishes[i]);
    }
    load(&before, wishes);
    decide(&round_, give);
    compare(m, want, size, authors != NULL);
}

static void rounds(struct dice *d)
{
    static struct model m, before;
    static struct wish wishes[MOST];
    bool authors[MOST];
    memset(&m, 0, sizeof m);
    for (int a = 0; a < ACCOUNTS - 2; a++) {
        m.currency[a] = 1;
        m.open[a] = (struct row){.known = true, .outcome = ACCEPTED};
    }
    round_.max_backlog = 20 + roll(d, 200);
    round_.now_ns = 5;
    for (int batch = 0; batch < BATCHES; batch++) {
        uint32_t size = 1 + roll(d, MOST);
        for (uint32_t i = 0; i < size; i++) wishes[i] = draw(d);
        before = m;
        one_round(&m, wishes, size, NULL);
        for (uint32_t i = 0; i < size; i++) {
            const struct entry *e = &round_.entries[requests[i].entry_at];
            authors[i] = e->fresh && e->first == &requests[i];
        }
        switch (roll(d, 4)) {
        case 0: m = before; break;                           /* rolled back: as if it had not been */
        case 1: one_round(&m, wishes, size, authors); break; /* committed, and the answer lost */
        default: break;
        }
        if (roll(d, 2)) m.backlog = m.backlog > 30 ? m.backlog - 30 : 0; /* published meanwhile */
    }
}

static void as_the_model_says(void **state)
{
    (void)state;
    property_run(rounds, 100);
}

static int teardown_and_say(void **state)
{
    property_say(state);
    return teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_the_model_says, setup, teardown_and_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
