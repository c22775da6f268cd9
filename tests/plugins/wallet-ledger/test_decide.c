/* test_decide.c - what becomes of requests in their order, by hand-made cases. Random ones: test_decide_model.c. */
#include "decide_bench.h"

static void *refuse_memory(struct request *r, size_t size)
{
    (void)r;
    (void)size;
    return NULL;
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

static void run(void)
{
    round_sort_shards(&round_);
    decide(&round_, give);
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

/* Of 100 ns from arrival to deadline: what will take 40 may begin 55 before its end, what will take 60 may not. */
static void what_cannot_be_booked_in_time_is_not_begun(void **state)
{
    static const struct {
        uint64_t commit_ns, now_ns;
        enum outcome outcome;
    } cases[] = {{40, 145, ACCEPTED},       {60, 155, NOT_EXECUTED}, {40, 160, NOT_EXECUTED},
                 {1000, 149, ACCEPTED}, /* one slow COMMIT: half of its time is left all the same */
                 {1000, 150, NOT_EXECUTED}, {0, 199, ACCEPTED},      {0, 200, NOT_EXECUTED}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        round_clear(&round_);
        struct request *r = ask(KIND_DEBIT, "ada", "b1", 10);
        has(r, 15);
        r->arrived_ns = 100;
        r->deadline_ns = 200;
        round_.now_ns = cases[i].now_ns;
        round_.commit_ns = cases[i].commit_ns;
        run();
        expect(r, cases[i].outcome);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_decides, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_keys_in_one_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_database_knows_is_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_executed_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_booked_in_time_is_not_begun, setup, teardown),
        cmocka_unit_test_setup_teardown(limits, setup, teardown),
        cmocka_unit_test_setup_teardown(accounts_open_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_event_says_what_happened, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
