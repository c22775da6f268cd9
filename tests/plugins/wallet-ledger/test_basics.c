/* test_basics.c - each request and each outcome against a real ledger; confirmations; refused set-ups. */
#include "wallet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void opens_credits_and_debits(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 8);
    struct weir_kit *kit = wallet_open(&db, "shards = 8");
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "accepted");
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "replayed");
    wallet_expect(kit, wallet_open_account(kit, "ada", "USD"), "currency-mismatch");
    wallet_expect(kit, wallet_credit(kit, "ada", "k1", 1000), "accepted");
    wallet_expect(kit, wallet_credit(kit, "ada", "k1", 1000), "replayed");
    wallet_expect(kit, wallet_credit(kit, "ada", "k1", 1001), "key-reused");
    wallet_expect(kit, wallet_credit(kit, "bob", "k1", 5), "unknown-account");
    uint64_t debit = wallet_debit(kit, "ada", "k1", 300); /* a bet_id is apart from deposit keys */
    wallet_expect(kit, debit, "accepted");
    wallet_expect(kit, wallet_debit(kit, "ada", "b2", 701), "insufficient-funds");
    wallet_expect(kit, wallet_credit(kit, "ada", "k2", 100), "accepted");
    wallet_expect(kit, wallet_debit(kit, "ada", "b2", 701), "insufficient-funds"); /* sticky */
    wallet_expect(kit, wallet_debit(kit, "bob", "b1", 1), "unknown-account");
    wallet_expect(kit, wallet_balance(kit, "bob"), "unknown-account");
    wallet_expect(kit, wallet_debit(kit, "ada", "", 1), "invalid");
    wallet_expect(kit, wallet_debit(kit, "ada", "b3", 0), "invalid");
    assert_int_equal(wallet_balance_now(kit, "ada"), 800);
    assert_int_equal(weir_kit_settled(kit, debit)->status, WEIR_OK);
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static bool has_notice(void *arg)
{
    struct ledger_db *db = arg;
    assert_int_equal(PQconsumeInput(db->conn), 1);
    PGnotify *notice = PQnotifies(db->conn);
    bool yes = notice && strcmp(notice->relname, "weir_ledger") == 0;
    PQfreemem(notice);
    return yes;
}

static void a_debit_wakes_who_listens(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 8);
    ledger_db_do(&db, "listen weir_ledger");
    struct weir_kit *kit = wallet_open(&db, "shards = 8\nnotify = true");
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "accepted");
    wallet_expect(kit, wallet_credit(kit, "ada", "k1", 1000), "accepted");
    assert_false(has_notice(&db)); /* nothing to publish yet */
    wallet_expect(kit, wallet_debit(kit, "ada", "b1", 300), "accepted");
    assert_true(weir_kit_wait(kit, has_notice, &db, WALLET_WAIT_MS));
    weir_kit_close(kit);
    kit = wallet_open(&db, "shards = 8\nnotify = false");
    wallet_expect(kit, wallet_debit(kit, "ada", "b2", 300), "accepted");
    ledger_db_do(&db, "select 1"); /* a notice would have come before its answer */
    assert_false(has_notice(&db));
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static void counts_what_it_does(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 8);
    struct weir_kit *kit = wallet_open(&db, "shards = 8\nconnections = 1");
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "accepted");
    wallet_expect(kit, wallet_credit(kit, "ada", "k1", 1000), "accepted");
    uint64_t debit = wallet_debit(kit, "ada", "b1", 300);
    wallet_expect(kit, debit, "accepted");
    wallet_expect(kit, wallet_credit(kit, "ada", "k2", 1), "accepted");
    assert_true(weir_kit_metric(kit, "weir_wallet_ledger_backlog_events") == 1);
    double transactions = weir_kit_metric(kit, "weir_wallet_ledger_transactions_total");
    assert_true(transactions >= 4);
    assert_true(weir_kit_metric(kit, "weir_wallet_ledger_batch_requests") == transactions);
    assert_true(weir_kit_metric(kit, "weir_wallet_ledger_transaction_seconds") == transactions);
    Wallet__V1__DebitReply *r = wallet_debit_reply(kit, debit);
    wallet_confirm(kit, r->epoch, r->shard, r->seq, r->seq);
    wallet__v1__debit_reply__free_unpacked(r, NULL);
    weir_kit_run(kit);
    assert_true(weir_kit_metric(kit, "weir_wallet_ledger_confirmed_total") == 1);
    wallet_expect(kit, wallet_debit(kit, "ada", "b2", 1), "accepted"); /* writes what was confirmed along */
    wallet_expect(kit, wallet_credit(kit, "ada", "k3", 1), "accepted");
    assert_true(weir_kit_metric(kit, "weir_wallet_ledger_backlog_events") == 1); /* b2; b1 is confirmed */
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static void a_replay_brings_the_first_bytes(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 8);
    struct weir_kit *kit = wallet_open(&db, "shards = 8");
    wallet_open_account(kit, "ada", "EUR");
    wallet_credit(kit, "ada", "k1", 1000);
    uint64_t first = wallet_debit(kit, "ada", "b1", 300);
    Wallet__V1__DebitReply *one = wallet_debit_reply(kit, first);
    wallet_expect(kit, first, "accepted");
    weir_kit_close(kit);

    kit = wallet_open(&db, "shards = 8; connections = 3");
    uint64_t second = wallet_debit(kit, "ada", "b1", 300);
    Wallet__V1__DebitReply *two = wallet_debit_reply(kit, second);
    wallet_expect(kit, second, "replayed");
    assert_int_equal(one->event.len, two->event.len);
    assert_memory_equal(one->event.data, two->event.data, one->event.len);
    assert_int_equal(one->seq, two->seq);
    assert_int_equal(one->epoch, two->epoch);
    assert_int_equal(one->shard, two->shard);
    Bets__V1__BetPlaced *event = bets__v1__bet_placed__unpack(NULL, one->event.len, one->event.data);
    assert_non_null(event);
    assert_string_equal(event->bet_id, "b1");
    assert_string_equal(event->account_id, "ada");
    assert_string_equal(event->selection, "home");
    assert_int_equal(event->stake_minor, 300);
    assert_int_equal(event->balance_after_minor, 700);
    assert_int_equal(event->epoch, ledger_db_number(&db, "select epoch from ledger.meta"));
    assert_int_equal(event->seq, 1);
    assert_int_equal(event->shard, one->shard);
    assert_true(event->accepted_at->seconds > 1600000000);
    assert_number(
        &db, "select count(*) from ledger.entries where kind = 'debit' and accepted_at > now() - interval '1h'", 1);
    bets__v1__bet_placed__free_unpacked(event, NULL);
    wallet__v1__debit_reply__free_unpacked(one, NULL);
    wallet__v1__debit_reply__free_unpacked(two, NULL);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static void one_batch_with_everything_twice(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 1); /* one shard, one connection: all of it in few transactions, in order */
    struct weir_kit *kit = wallet_open(&db, "shards = 1; connections = 1");
    uint64_t n[10] = {wallet_open_account(kit, "ada", "EUR"), wallet_open_account(kit, "ada", "EUR"),
                      wallet_credit(kit, "ada", "k", 100),    wallet_credit(kit, "ada", "k", 100),
                      wallet_debit(kit, "ada", "b1", 500),    wallet_debit(kit, "ada", "b2", 60),
                      wallet_debit(kit, "ada", "b2", 60),     wallet_debit(kit, "ada", "b2", 61),
                      wallet_debit(kit, "ada", "b3", 50),     wallet_debit(kit, "ada", "b4", 40)};
    static const char *const want[10] = {"accepted",           "replayed", "accepted", "replayed",
                                         "insufficient-funds", "accepted", "replayed", "key-reused",
                                         "insufficient-funds", "accepted"};
    for (int i = 0; i < 10; i++) wallet_expect(kit, n[i], want[i]);
    assert_int_equal(wallet_balance_now(kit, "ada"), 0);
    assert_number(&db, "select last_seq from ledger.shards", 2);
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

/* Nobody looks for the row of a request before the INSERT objects; after that transactions look for some time. */
static void a_repeat_is_found_though_nobody_looked(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 8);
    struct weir_kit *kit = wallet_open(&db, "shards = 8; connections = 1");
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "accepted");
    wallet_expect(kit, wallet_credit(kit, "ada", "k", 1000), "accepted");
    wallet_expect(kit, wallet_debit(kit, "ada", "b1", 300), "accepted");
    wallet_expect(kit, wallet_debit(kit, "ada", "b2", 900), "insufficient-funds");
    assert_true(weir_kit_metric(kit, "weir_wallet_ledger_reruns_total") == 0);
    for (int again = 0; again < 2; again++) {
        wallet_expect(kit, wallet_debit(kit, "ada", "b1", 300), "replayed");
        wallet_expect(kit, wallet_debit(kit, "ada", "b2", 900), "insufficient-funds");
        wallet_expect(kit, wallet_credit(kit, "ada", "k", 1000), "replayed");
        assert_true(weir_kit_metric(kit, "weir_wallet_ledger_reruns_total") == again + 1);
        for (int i = 0; i < 64; i++) {
            char key[16];
            snprintf(key, sizeof key, "k%d.%d", again, i);
            wallet_expect(kit, wallet_credit(kit, "ada", key, 1), "accepted");
        }
    }
    assert_int_equal(wallet_balance_now(kit, "ada"), 700 + 128);
    assert_number(&db, "select sum(last_seq) from ledger.shards", 1);
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

/* What would be refused without a row may have one. */
static void a_repeat_is_found_where_a_new_one_is_refused(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 8);
    struct weir_kit *kit = wallet_open(&db, "shards = 8; connections = 1; max_backlog = 1");
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "accepted");
    wallet_expect(kit, wallet_credit(kit, "ada", "k", 1000), "accepted");
    wallet_expect(kit, wallet_debit(kit, "ada", "b1", 300), "accepted");
    weir_kit_close(kit);
    kit = wallet_open(&db, "shards = 8; connections = 1; max_backlog = 1");
    wallet_expect(kit, wallet_debit(kit, "ada", "b1", 300), "replayed");
    wallet_expect(kit, wallet_debit(kit, "ada", "b2", 300), "not-executed");
    assert_true(weir_kit_metric(kit, "weir_wallet_ledger_reruns_total") == 1);
    assert_int_equal(wallet_balance_now(kit, "ada"), 700);
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static bool is_published(void *arg)
{
    return ledger_db_number((struct ledger_db *)arg, "select published from ledger.shards") == 5;
}

static void confirmations_become_the_published_prefix(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 1);
    struct weir_kit *kit = wallet_open(&db, "shards = 1; connections = 1; max_backlog = 5");
    wallet_open_account(kit, "ada", "EUR");
    wallet_credit(kit, "ada", "k", 100);
    uint64_t last = 0;
    for (int i = 0; i < 6; i++) {
        char key[8];
        snprintf(key, sizeof key, "b%d", i);
        last = wallet_debit(kit, "ada", key, 1);
    }
    wallet_expect(kit, last - 1, "accepted");
    wallet_expect(kit, last, "not-executed"); /* max_backlog */
    assert_int_equal(weir_kit_settled(kit, last)->status, WEIR_RETRY);
    int64_t epoch = ledger_db_number(&db, "select epoch from ledger.meta");
    uint64_t stale = wallet_confirm(kit, epoch ^ 1, 0, 1, 5), far = wallet_confirm(kit, epoch, 9, 1, 5);
    uint64_t high = wallet_confirm(kit, epoch, 0, 3, 99), low = wallet_confirm(kit, epoch, 0, 1, 2);
    assert_true(weir_kit_wait_settled(kit, low, WALLET_WAIT_MS));
    for (uint64_t n = stale; n <= low; n++) {
        assert_int_equal(weir_kit_settled(kit, n)->status, WEIR_OK);
        assert_int_equal(weir_kit_settled(kit, n)->reply.n, 0);
    }
    (void)far;
    (void)high;
    assert_true(weir_kit_wait(kit, is_published, &db, WALLET_WAIT_MS)); /* by the idle timer; 99 does not exist */
    wallet_expect(kit, wallet_debit(kit, "ada", "b5", 1), "accepted");
    assert_number(&db, "select last_seq - published from ledger.shards", 1);
    wallet_confirm(kit, epoch, 0, 6, 6);
    weir_kit_run(kit);
    weir_kit_close(kit); /* drains: writes it down without waiting for the timer */
    assert_number(&db, "select last_seq - published from ledger.shards", 0);
    ledger_db_drop(&db);
}

static void says_what_is_wrong_with_the_ledger(void **state)
{
    (void)state;
    struct ledger_db db;
    const char *why = NULL;
    ledger_db_make(&db, 4);
    struct weir_kit *kit = wallet_open(&db, "shards = 8");
    assert_true(weir_kit_wait_state(kit, WEIR_FAILED, WALLET_WAIT_MS));
    weir_kit_state(kit, &why);
    assert_non_null(strstr(why, "set shards = 4"));
    weir_kit_close(kit);
    ledger_db_drop(&db);

    ledger_db_make(&db, 0);
    kit = wallet_open(&db, "patience = \"50ms\"");
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "not-executed");
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, WALLET_WAIT_MS));
    weir_kit_state(kit, &why);
    assert_non_null(strstr(why, "run manifests/sql/apply"));
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

/* Without it COMMIT answers before the row is on disk: "accepted" would be a lie after a crash. */
static void a_ledger_that_does_not_wait_for_the_disk_is_refused(void **state)
{
    (void)state;
    struct ledger_db db;
    const char *why = NULL;
    char sql[128];
    ledger_db_make(&db, 4);
    snprintf(sql, sizeof sql, "alter database %s set synchronous_commit = off", db.name);
    ledger_db_do(&db, sql);
    struct weir_kit *kit = wallet_open(&db, "shards = 4\npatience = \"50ms\"");
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "not-executed");
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, WALLET_WAIT_MS));
    weir_kit_state(kit, &why);
    if (!strstr(why, "synchronous_commit is off")) fail_msg("why: %s", why);
    assert_number(&db, "select count(*) from ledger.accounts", 0);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static void refuses_a_bad_connection_string_without_its_password(void **state)
{
    (void)state;
    char *errors = weir_kit_refuses("wallet-ledger", "database = \"postgresql://wallet:sec/ret@db:5432/x\"");
    assert_non_null(errors);
    assert_non_null(strstr(errors, "not a connection string"));
    assert_null(strstr(errors, "sec/"));
    free(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_credits_and_debits),
        cmocka_unit_test(a_debit_wakes_who_listens),
        cmocka_unit_test(counts_what_it_does),
        cmocka_unit_test(a_replay_brings_the_first_bytes),
        cmocka_unit_test(one_batch_with_everything_twice),
        cmocka_unit_test(a_repeat_is_found_though_nobody_looked),
        cmocka_unit_test(a_repeat_is_found_where_a_new_one_is_refused),
        cmocka_unit_test(confirmations_become_the_published_prefix),
        cmocka_unit_test(says_what_is_wrong_with_the_ledger),
        cmocka_unit_test(a_ledger_that_does_not_wait_for_the_disk_is_refused),
        cmocka_unit_test(refuses_a_bad_connection_string_without_its_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
