/* test_decide.c - what becomes of requests in their order: against hand-made cases and against a plain model with
 * random requests from fixed seeds. Pure: no database, no host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bets/v1/bets.pb-c.h"
#include "round.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 256, SHARDS = 4 };
static struct round round_;
static struct request requests[MOST];
static char texts[MOST][2][24];
static uint32_t n;

static void *give(struct request *r, size_t size)
{
    (void)r;
    return malloc(size); /* freed by clear() */
}

static void *refuse_memory(struct request *r, size_t size)
{
    (void)r;
    (void)size;
    return NULL;
}

static void clear(void)
{
    for (uint32_t i = 0; i < n; i++) free(requests[i].event);
    memset(requests, 0, sizeof requests);
    n = 0;
    round_clear(&round_);
}

static int setup(void **state)
{
    (void)state;
    n = 0;
    if (round_init(&round_, MOST, SHARDS) != 0) return -1;
    round_.epoch = 77;
    round_.clock_us = INT64_C(1700000000123456);
    round_.max_event = 16384;
    round_.max_backlog = 1000000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clear();
    round_free(&round_);
    return 0;
}

static struct weir_slice slice(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static struct request *ask(enum kind kind, const char *account, const char *key, int64_t amount)
{
    struct request *r = &requests[n];
    *r = (struct request){.kind = kind, .amount = amount};
    snprintf(texts[n][0], sizeof texts[n][0], "%s", account);
    snprintf(texts[n][1], sizeof texts[n][1], "%s", key);
    r->account = slice(texts[n][0]);
    r->key = slice(texts[n][1]);
    r->currency = slice("EUR");
    r->selection = slice("home");
    r->shard = (uint32_t)account[0] % SHARDS;
    request_hash(r);
    round_add(&round_, r);
    n++;
    return r;
}

static struct account *has(struct request *r, int64_t balance)
{
    struct account *a = &round_.accounts[r->account_at];
    a->exists = true;
    a->balance = balance;
    memcpy(a->currency, "EUR", 4);
    return a;
}

static void run(void)
{
    round_sort_shards(&round_);
    decide(&round_, give);
}

static void expect(const struct request *r, enum outcome outcome)
{
    assert_string_equal(outcome_name(r->answer.outcome), outcome_name(outcome));
}

static void order_decides(void **state)
{
    (void)state;
    struct request *large = ask(KIND_DEBIT, "ada", "b1", 101), *small = ask(KIND_DEBIT, "ada", "b2", 60);
    struct request *next = ask(KIND_DEBIT, "ada", "b3", 50), *money = ask(KIND_CREDIT, "ada", "k", 10);
    struct request *last = ask(KIND_DEBIT, "ada", "b4", 50), *query = ask(KIND_BALANCE, "ada", "", 0);
    has(large, 100);
    run();
    expect(large, INSUFFICIENT_FUNDS);
    assert_int_equal(large->answer.balance, 100);
    expect(small, ACCEPTED);
    expect(next, INSUFFICIENT_FUNDS);
    assert_int_equal(next->answer.balance, 40);
    expect(money, ACCEPTED);
    assert_int_equal(money->answer.balance, 50);
    expect(last, ACCEPTED);
    expect(query, ACCEPTED);
    assert_int_equal(query->answer.balance, 0);
    assert_int_equal(round_.fresh, 5);
    assert_int_equal(round_.changed, 1);
    assert_int_equal(round_.debits, 2);
    assert_int_equal(small->answer.seq, 1);
    assert_int_equal(last->answer.seq, 2);
}

static void equal_keys_in_one_batch(void **state)
{
    (void)state;
    struct request *first = ask(KIND_DEBIT, "ada", "b1", 10), *again = ask(KIND_DEBIT, "ada", "b1", 10);
    struct request *other = ask(KIND_DEBIT, "ada", "b1", 11), *deposit = ask(KIND_CREDIT, "ada", "b1", 11);
    struct request *elsewhere = ask(KIND_DEBIT, "bob", "b1", 10), *still = ask(KIND_DEBIT, "bob", "b1", 10);
    has(first, 100);
    run();
    expect(first, ACCEPTED);
    expect(again, REPLAYED);
    assert_int_equal(again->answer.seq, first->answer.seq);
    assert_ptr_equal(again->answer.event.p, first->answer.event.p);
    expect(other, KEY_REUSED);
    expect(deposit, ACCEPTED); /* deposits have keys of their own */
    expect(elsewhere, UNKNOWN_ACCOUNT);
    expect(still, UNKNOWN_ACCOUNT);
    assert_int_equal(round_.fresh, 3);
}

static void what_the_database_knows_is_repeated(void **state)
{
    (void)state;
    struct request *done = ask(KIND_DEBIT, "ada", "b1", 10), *refused = ask(KIND_DEBIT, "ada", "b2", 10);
    struct request *mine = ask(KIND_DEBIT, "ada", "b3", 10);
    has(done, 5);
    struct entry *e = &round_.entries[done->entry_at];
    *e = (struct entry){
        .first = done, .exists = true, .outcome = ACCEPTED, .epoch = 5, .seq = 9, .shard = 1, .balance = 42};
    memcpy(e->hash, done->hash, 16);
    e->event = slice("event");
    e = &round_.entries[refused->entry_at];
    *e = (struct entry){.first = refused, .exists = true, .outcome = INSUFFICIENT_FUNDS, .balance = 3};
    memcpy(e->hash, refused->hash, 16);
    e = &round_.entries[mine->entry_at];
    *e = (struct entry){.first = mine, .exists = true, .outcome = ACCEPTED, .seq = 10};
    memcpy(e->hash, mine->hash, 16);
    mine->author = true; /* its COMMIT went through, the answer was lost */
    round_.now_ns = 100;
    done->deadline_ns = 50; /* late, but not "not executed": it was */
    round_.backlog = round_.max_backlog;
    run();
    expect(done, REPLAYED);
    assert_int_equal(done->answer.epoch, 5);
    assert_int_equal(done->answer.seq, 9);
    assert_int_equal(done->answer.balance, 42);
    expect(refused, INSUFFICIENT_FUNDS);
    assert_int_equal(refused->answer.balance, 3);
    expect(mine, ACCEPTED);
    assert_int_equal(round_.fresh, 0);
    assert_int_equal(round_.changed, 0);
}

static void what_is_not_executed_leaves_no_trace(void **state)
{
    (void)state;
    struct request *late = ask(KIND_DEBIT, "ada", "b1", 10), *settled = ask(KIND_DEBIT, "ada", "b2", 10);
    struct request *again = ask(KIND_DEBIT, "ada", "b1", 10);
    has(late, 15);
    round_.now_ns = 100;
    late->deadline_ns = 100;
    settled->settled = true;
    run();
    expect(late, NOT_EXECUTED);
    expect(settled, OUTCOME_NONE);
    expect(again, ACCEPTED); /* the same key, still in time: not a replay */
    assert_ptr_equal(round_.entries[again->entry_at].first, again);
    assert_int_equal(round_.fresh, 1);
}

static void limits(void **state)
{
    (void)state;
    struct request *a = ask(KIND_DEBIT, "ada", "b1", 1), *b = ask(KIND_DEBIT, "ada", "b2", 1);
    struct request *rich = ask(KIND_CREDIT, "bob", "k", 1), *usd = ask(KIND_DEBIT, "cyd", "b", 1);
    has(a, 10);
    has(rich, INT64_MAX);
    memcpy(has(usd, 10)->currency, "USD", 4);
    round_.backlog = round_.max_backlog - 1;
    run();
    expect(a, ACCEPTED);
    expect(b, NOT_EXECUTED); /* the one before it filled the backlog */
    expect(rich, INVALID);
    expect(usd, CURRENCY_MISMATCH);
    clear();
    round_.backlog = 0;
    round_.max_event = 20;
    a = ask(KIND_DEBIT, "ada", "b1", 1);
    has(a, 10);
    run();
    expect(a, INVALID);
    assert_int_equal(round_.shards[0].last_seq, 0);
    clear();
    round_.max_event = 16384;
    a = ask(KIND_DEBIT, "ada", "b1", 1);
    has(a, 10);
    round_sort_shards(&round_);
    decide(&round_, refuse_memory);
    expect(a, NOT_EXECUTED);
    assert_int_equal(round_.fresh, 0);
    assert_int_equal(round_.accounts[0].balance, 10);
}

static void accounts_open_once(void **state)
{
    (void)state;
    struct request *early = ask(KIND_CREDIT, "ada", "k", 5), *opened = ask(KIND_OPEN, "ada", "", 0);
    struct request *money = ask(KIND_CREDIT, "ada", "k2", 5), *again = ask(KIND_OPEN, "ada", "", 0);
    struct request *usd = ask(KIND_OPEN, "ada", "", 0);
    usd->currency = slice("USD");
    request_hash(usd);
    run();
    expect(early, UNKNOWN_ACCOUNT);
    expect(opened, ACCEPTED);
    expect(money, ACCEPTED);
    expect(again, REPLAYED);
    assert_int_equal(again->answer.balance, 0); /* as it was after the first one */
    expect(usd, CURRENCY_MISMATCH);
    assert_int_equal(round_.created, 1);
    assert_int_equal(round_.changed, 0); /* inserted with its balance */
    assert_int_equal(round_.accounts[0].balance, 5);
}

static void the_event_says_what_happened(void **state)
{
    (void)state;
    struct request *r = ask(KIND_DEBIT, "ada", "b1", 10);
    has(r, 100);
    round_sort_shards(&round_);
    round_.shards[r->shard_at].last_seq = 41;
    decide(&round_, give);
    Bets__V1__BetPlaced *m = bets__v1__bet_placed__unpack(NULL, r->answer.event.n, r->answer.event.p);
    assert_non_null(m);
    assert_int_equal(m->epoch, 77);
    assert_int_equal(m->shard, r->shard);
    assert_int_equal(m->seq, 42);
    assert_string_equal(m->bet_id, "b1");
    assert_int_equal(m->balance_after_minor, 90);
    assert_int_equal(m->accepted_at->seconds, 1700000000);
    assert_int_equal(m->accepted_at->nanos, 123456000);
    bets__v1__bet_placed__free_unpacked(m, NULL);
    assert_int_equal(round_.shards[r->shard_at].last_seq, 42);
}

/* ---- against a model that knows nothing of batches: a table of keys and a table of balances */

enum { ACCOUNTS = 6, KEYS = 40 };
struct model {
    bool open[ACCOUNTS];
    int64_t balance[ACCOUNTS], seq[SHARDS];
    struct {
        bool known;
        enum outcome outcome;
        int64_t amount, balance, seq;
    } key[2][ACCOUNTS][KEYS]; /* credits, debits */
};

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % sides;
}

static enum outcome model_ask(struct model *m, enum kind kind, int a, int k, int64_t amount, int64_t *balance)
{
    int which = kind == KIND_DEBIT;
    if (m->key[which][a][k].known) {
        *balance = m->key[which][a][k].balance;
        if (m->key[which][a][k].amount != amount) return KEY_REUSED;
        return m->key[which][a][k].outcome == ACCEPTED ? REPLAYED : m->key[which][a][k].outcome;
    }
    enum outcome outcome = ACCEPTED;
    if (!m->open[a])
        outcome = UNKNOWN_ACCOUNT;
    else if (kind == KIND_CREDIT)
        m->balance[a] += amount;
    else if (m->balance[a] < amount)
        outcome = INSUFFICIENT_FUNDS;
    else
        m->balance[a] -= amount, m->key[which][a][k].seq = ++m->seq[('a' + a) % SHARDS];
    m->key[which][a][k].known = true;
    m->key[which][a][k].outcome = outcome;
    m->key[which][a][k].amount = amount;
    *balance = m->key[which][a][k].balance = m->open[a] ? m->balance[a] : 0;
    return outcome;
}

/* What the database would answer to the look-up. */
static void load(const struct model *before, const int *account, const int *key)
{
    for (uint32_t i = 0; i < n; i++) {
        struct request *r = &requests[i];
        if (before->open[account[i]]) has(r, before->balance[account[i]]);
        struct entry *e = &round_.entries[r->entry_at];
        int which = r->kind == KIND_DEBIT;
        if (e->first != r || !before->key[which][account[i]][key[i]].known) continue;
        e->exists = true;
        e->outcome = before->key[which][account[i]][key[i]].outcome;
        e->balance = before->key[which][account[i]][key[i]].balance;
        e->seq = before->key[which][account[i]][key[i]].seq;
        struct request as_it_was = *r;
        as_it_was.amount = before->key[which][account[i]][key[i]].amount;
        request_hash(&as_it_was);
        memcpy(e->hash, as_it_was.hash, 16);
    }
    round_sort_shards(&round_);
    for (uint32_t i = 0; i < round_.n_shards; i++) round_.shards[i].last_seq = before->seq[round_.shards[i].number];
}

static void as_the_model_says(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        uint32_t d = seed;
        static struct model m;
        memset(&m, 0, sizeof m);
        for (int a = 0; a < ACCOUNTS - 1; a++) m.open[a] = true;
        for (int batch = 0; batch < 12; batch++) {
            static struct model before;
            int account[MOST], key[MOST];
            enum outcome want[MOST];
            int64_t balance[MOST];
            uint32_t size = 1 + dice(&d, MOST);
            before = m;
            clear();
            for (uint32_t i = 0; i < size; i++) {
                account[i] = (int)dice(&d, ACCOUNTS);
                key[i] = (int)dice(&d, KEYS);
                enum kind kind = dice(&d, 3) ? KIND_DEBIT : KIND_CREDIT;
                int64_t amount = 1 + dice(&d, 3) * 40;
                char id[2] = {(char)('a' + account[i]), 0}, name[8];
                snprintf(name, sizeof name, "k%d", key[i]);
                ask(kind, id, name, amount);
                want[i] = model_ask(&m, kind, account[i], key[i], amount, &balance[i]);
            }
            load(&before, account, key);
            decide(&round_, give);
            for (uint32_t i = 0; i < size; i++) {
                expect(&requests[i], want[i]);
                if (want[i] != KEY_REUSED) assert_int_equal(requests[i].answer.balance, balance[i]);
            }
            for (uint32_t i = 0; i < round_.n_accounts; i++)
                if (round_.accounts[i].exists)
                    assert_int_equal(round_.accounts[i].balance, m.balance[round_.accounts[i].id.p[0] - 'a']);
            for (uint32_t i = 0; i < round_.n_shards; i++)
                assert_int_equal(round_.shards[i].last_seq, m.seq[round_.shards[i].number]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_decides, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_keys_in_one_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_database_knows_is_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_executed_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(limits, setup, teardown),
        cmocka_unit_test_setup_teardown(accounts_open_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_event_says_what_happened, setup, teardown),
        cmocka_unit_test_setup_teardown(as_the_model_says, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
