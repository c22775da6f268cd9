/* test_faults.c - the database away, frozen, killed, slow at COMMIT: what is said is true, and a repeat makes it whole.
 */
#include "wallet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void the_database_is_away(void **state)
{
    (void)state;
    const char *why = NULL;
    struct weir_kit *kit = weir_kit_open_with(
        "wallet-ledger", "database = \"postgresql://w:secret-word@127.0.0.1:1/x\"", WEIR_KIT_REAL_CLOCK);
    uint64_t debit = wallet_debit_within(kit, "ada", "b1", 5, 30);
    wallet_expect(kit, debit, "not-executed");
    assert_int_equal(weir_kit_settled(kit, debit)->status, WEIR_RETRY);
    Wallet__V1__DebitReply *reply = wallet_debit_reply(kit, debit); /* with the request's id */
    assert_int_equal(reply->outcome, WALLET__V1__OUTCOME__NOT_EXECUTED);
    wallet__v1__debit_reply__free_unpacked(reply, NULL);
    assert_int_equal(weir_kit_state(kit, &why), WEIR_DEGRADED);
    assert_null(strstr(why, "secret-word"));
    weir_kit_close(kit);
}

static void open_ada(struct weir_kit *kit)
{
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "accepted");
    wallet_expect(kit, wallet_credit(kit, "ada", "k", 1000), "accepted");
}

static void somebody_holds_the_shard(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 2);
    struct weir_kit *kit = wallet_open(&db, "shards = 2; connections = 1");
    open_ada(kit);
    ledger_db_do(&db, "begin");
    ledger_db_do(&db, "select from ledger.shards for update");
    uint64_t late = wallet_debit_within(kit, "ada", "b1", 5, 100);
    wallet_expect(kit, late, "not-executed"); /* while its transaction waits for the lock */
    assert_int_equal(weir_kit_settled(kit, late)->status, WEIR_RETRY);
    uint64_t patient = wallet_debit(kit, "ada", "b2", 5); /* outlives lock_timeout, which the wallet sets to 1 s */
    assert_false(weir_kit_wait_settled(kit, patient, 1500));
    ledger_db_do(&db, "rollback");
    wallet_expect(kit, patient, "accepted");
    wallet_expect(kit, wallet_debit(kit, "ada", "b1", 5), "accepted"); /* the late one really had done nothing */
    assert_true(weir_kit_metric(kit, "weir_wallet_ledger_reruns_total") >= 1);
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

/* COMMIT takes its time: a deferred trigger runs inside it. */
static const char slow_commit[] =
    "create function pg_temp_slow() returns trigger language plpgsql as $$ begin "
    "perform pg_advisory_xact_lock_shared(4711); return null; end $$;"
    "create constraint trigger slow after insert on ledger.entries deferrable initially deferred for each row "
    "when (new.key like 'slow%') execute function pg_temp_slow()";

static void commit_is_not_answered_in_time(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 2);
    struct weir_kit *kit = wallet_open(&db, "shards = 2; connections = 1; patience = \"300ms\"");
    open_ada(kit);
    ledger_db_do(&db, slow_commit);
    ledger_db_do(&db, "select pg_advisory_lock(4711)");
    uint64_t debit = wallet_debit_within(kit, "ada", "slow1", 5, 100);
    wallet_expect(kit, debit, "unknown");
    assert_int_equal(weir_kit_settled(kit, debit)->status, WEIR_UNKNOWN);
    Wallet__V1__DebitReply *reply = wallet_debit_reply(kit, debit);
    assert_int_equal(reply->outcome, WALLET__V1__OUTCOME__UNKNOWN);
    wallet__v1__debit_reply__free_unpacked(reply, NULL);
    uint64_t again = wallet_debit(kit, "ada", "slow1", 5);
    ledger_db_do(&db, "select pg_advisory_unlock(4711)");
    wallet_expect(kit, again, "replayed"); /* it had been executed */
    assert_int_equal(wallet_balance_now(kit, "ada"), 995);
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

/* An answer that comes after the deadline, but within `patience`, is the true one: its event can be published at once.
 */
static void a_late_commit_is_answered_truly(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 2);
    struct weir_kit *kit = wallet_open(&db, "shards = 2; connections = 1; patience = \"900ms\"");
    open_ada(kit);
    ledger_db_do(&db, slow_commit);
    ledger_db_do(&db, "select pg_advisory_lock(4711)");
    uint64_t debit = wallet_debit_within(kit, "ada", "slow2", 5, 100);
    assert_false(weir_kit_wait_settled(kit, debit, 300));
    ledger_db_do(&db, "select pg_advisory_unlock(4711)");
    wallet_expect(kit, debit, "accepted");
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static bool commit_waits(void *arg)
{
    return ledger_db_number((struct ledger_db *)arg,
                            "select count(*) from pg_locks where locktype = 'advisory' and not "
                            "granted and database = (select oid from pg_database where "
                            "datname = current_database())") == 1;
}

static const char kill_wallets[] = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = "
                                   "'weir wallet-ledger' and datname = current_database()";

static void the_connection_dies_in_commit(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 2);
    struct weir_kit *kit = wallet_open(&db, "shards = 2; connections = 1");
    open_ada(kit);
    ledger_db_do(&db, slow_commit);
    ledger_db_do(&db, "select pg_advisory_lock(4711)");
    uint64_t one = wallet_debit(kit, "ada", "slow1", 5), two = wallet_debit(kit, "ada", "slow1", 5);
    assert_true(weir_kit_wait(kit, commit_waits, &db, WALLET_WAIT_MS));
    ledger_db_do(&db, kill_wallets);
    ledger_db_do(&db, "select pg_advisory_unlock(4711)");
    wallet_expect(kit, one, "accepted"); /* by the rerun, with the same key */
    wallet_expect(kit, two, "replayed");
    assert_int_equal(wallet_balance_now(kit, "ada"), 995);
    assert_number(&db, "select sum(last_seq) from ledger.shards", 1);
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static void the_epoch_is_renewed_under_it(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 2);
    struct weir_kit *kit = wallet_open(&db, "shards = 2; connections = 2");
    open_ada(kit);
    uint64_t before = wallet_debit(kit, "ada", "b1", 5);
    Wallet__V1__DebitReply *one = wallet_debit_reply(kit, before);
    int64_t epoch = ledger_db_number(&db, "select ledger.renew_epoch()");
    assert_true(epoch > 0 && epoch != one->epoch);
    uint64_t after = wallet_debit(kit, "ada", "b2", 5);
    wallet_expect(kit, after, "accepted");
    Wallet__V1__DebitReply *two = wallet_debit_reply(kit, after);
    assert_int_equal(two->epoch, epoch);
    uint64_t again = wallet_debit(kit, "ada", "b1", 5);
    Wallet__V1__DebitReply *three = wallet_debit_reply(kit, again);
    assert_int_equal(three->epoch, one->epoch); /* the event that was */
    assert_int_equal(three->seq, one->seq);
    wallet__v1__debit_reply__free_unpacked(one, NULL);
    wallet__v1__debit_reply__free_unpacked(two, NULL);
    wallet__v1__debit_reply__free_unpacked(three, NULL);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, WALLET_WAIT_MS));
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static void one_row_at_fault_hurts_no_other(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 1);
    struct weir_kit *kit = wallet_open(&db, "shards = 1; connections = 1");
    open_ada(kit);
    ledger_db_do(&db, "alter table ledger.entries add check (key <> 'poison')");
    uint64_t good[4], bad = 0;
    for (int i = 0; i < 4; i++) {
        char key[8];
        snprintf(key, sizeof key, "b%d", i);
        good[i] = wallet_debit(kit, "ada", key, 1);
        if (i == 1) bad = wallet_debit(kit, "ada", "poison", 1);
    }
    for (int i = 0; i < 4; i++) wallet_expect(kit, good[i], "accepted");
    wallet_expect(kit, bad, "invalid");
    ledger_db_audit(&db);
    weir_kit_close(kit);
    ledger_db_drop(&db);
}

static void closes_with_work_in_flight(void **state)
{
    (void)state;
    struct ledger_db db;
    ledger_db_make(&db, 2);
    struct weir_kit *kit = wallet_open(&db, "shards = 2");
    open_ada(kit);
    ledger_db_do(&db, "begin");
    ledger_db_do(&db, "select from ledger.shards for update");
    uint64_t debit = wallet_debit_within(kit, "ada", "b1", 5, 200);
    weir_kit_run(kit);
    weir_kit_close(kit); /* drains: the deadline ends the wait */
    (void)debit;
    ledger_db_do(&db, "rollback");
    assert_number(&db, "select count(*) from ledger.entries where kind = 'debit'", 0);
    ledger_db_drop(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_database_is_away),
        cmocka_unit_test(somebody_holds_the_shard),
        cmocka_unit_test(commit_is_not_answered_in_time),
        cmocka_unit_test(a_late_commit_is_answered_truly),
        cmocka_unit_test(the_connection_dies_in_commit),
        cmocka_unit_test(the_epoch_is_renewed_under_it),
        cmocka_unit_test(one_row_at_fault_hurts_no_other),
        cmocka_unit_test(closes_with_work_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
