/* test_maintenance.c - weir-ledger: what is trimmed is no loss to anybody, and a restored ledger makes new events. */
#include "wallet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEBITS = 12 };

/* Its exit code; with its output in `out`. */
static int tool(char *out, size_t size, const char *const *argv)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        execv(WEIR_LEDGER, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; n + 1 < size && (got = read(ends[0], out + n, size - 1 - n)) > 0;) n += (size_t)got;
    out[n] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int trim(const struct ledger_db *db, const char *keep, char *out, size_t size)
{
    const char *const argv[] = {"weir-ledger", "trim", "--keep",  keep, "--ledger", db->url,
                                "--most",      "3",    "--pause", "0",  NULL};
    return tool(out, size, argv);
}

static void make_debits(struct weir_kit *kit, Wallet__V1__DebitReply **replies)
{
    char key[16];
    wallet_expect(kit, wallet_open_account(kit, "ada", "EUR"), "accepted");
    wallet_expect(kit, wallet_credit(kit, "ada", "money", 1000), "accepted");
    for (int i = 0; i < DEBITS; i++) {
        snprintf(key, sizeof key, "b%d", i);
        replies[i] = wallet_debit_reply(kit, wallet_debit(kit, "ada", key, 1 + i));
        assert_int_equal(replies[i]->outcome, WALLET__V1__OUTCOME__ACCEPTED);
    }
}

static void free_replies(Wallet__V1__DebitReply **replies)
{
    for (int i = 0; i < DEBITS; i++) wallet__v1__debit_reply__free_unpacked(replies[i], NULL);
}

static void only_what_is_published_and_old_is_trimmed(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    char out[512];
    ledger_db_make(&db, 2);
    struct weir_kit *kit = wallet_open(&db, "shards = 2");
    make_debits(kit, replies);
    assert_int_equal(trim(&db, "0s", out, sizeof out), 0);
    assert_non_null(strstr(out, "trimmed 0 events")); /* nothing is published */
    ledger_db_do(&db, "update ledger.shards set published = last_seq - 2 where last_seq > 0");
    assert_int_equal(trim(&db, "1h", out, sizeof out), 0);
    assert_non_null(strstr(out, "trimmed 0 events")); /* nothing is old */
    ledger_db_do(&db, "update ledger.entries set accepted_at = accepted_at - interval '2 days' where seq <= 5");
    assert_int_equal(trim(&db, "1d", out, sizeof out), 0);
    assert_non_null(strstr(out, "trimmed 5 events"));
    assert_number(&db, "select count(*) from ledger.entries where seq is not null and event is null", 5);
    ledger_db_do(&db, "update ledger.entries set accepted_at = accepted_at + interval '2 days' where seq <= 5");
    assert_int_equal(trim(&db, "0s", out, sizeof out), 0); /* goes on where it was */
    assert_non_null(strstr(out, "trimmed 5 events"));
    assert_number(&db, "select min(seq) from ledger.entries where event is not null", DEBITS - 1);
    for (int i = 0; i < DEBITS; i++) { /* and each bet sent again gets the very same bytes */
        char key[16];
        snprintf(key, sizeof key, "b%d", i);
        Wallet__V1__DebitReply *again = wallet_debit_reply(kit, wallet_debit(kit, "ada", key, 1 + i));
        assert_int_equal(again->outcome, WALLET__V1__OUTCOME__REPLAYED);
        assert_int_equal(again->seq, replies[i]->seq);
        assert_int_equal(again->event.len, replies[i]->event.len);
        assert_memory_equal(again->event.data, replies[i]->event.data, again->event.len);
        wallet__v1__debit_reply__free_unpacked(again, NULL);
        wallet_expect(kit, wallet_debit(kit, "ada", key, 500), "key-reused");
    }
    weir_kit_close(kit);
    free_replies(replies);
    ledger_db_drop(&db);
}

/* A backup from before the last five debits: their seqs are given again, as other events. */
static void after_a_restore_a_new_epoch(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    char out[512];
    ledger_db_make(&db, 1);
    struct weir_kit *kit = wallet_open(&db, "shards = 1");
    make_debits(kit, replies);
    weir_kit_close(kit);
    ledger_db_do(&db, "update ledger.accounts set balance_minor = balance_minor + (select sum(amount_minor) from "
                      "ledger.entries where seq > 7)");
    ledger_db_do(&db, "delete from ledger.entries where seq > 7");
    ledger_db_do(&db, "update ledger.shards set last_seq = 7, published = 3");
    const char *const timid[] = {"weir-ledger", "new-epoch", "--ledger", db.url, NULL};
    assert_int_equal(tool(out, sizeof out, timid), 2);
    assert_non_null(strstr(out, "--yes"));
    const char *const sure[] = {"weir-ledger", "new-epoch", "--yes", "--ledger", db.url, NULL};
    assert_int_equal(tool(out, sizeof out, sure), 0);
    assert_non_null(strstr(out, "begins"));
    kit = wallet_open(&db, "shards = 1");
    Wallet__V1__DebitReply *lost = wallet_debit_reply(kit, wallet_debit(kit, "ada", "b8", 9));
    assert_int_equal(lost->outcome, WALLET__V1__OUTCOME__ACCEPTED); /* the restored ledger does not know it */
    assert_int_equal(lost->seq, 8);
    assert_true(lost->epoch != replies[8]->epoch);
    Wallet__V1__DebitReply *kept = wallet_debit_reply(kit, wallet_debit(kit, "ada", "b6", 7));
    assert_int_equal(kept->outcome, WALLET__V1__OUTCOME__REPLAYED);
    assert_int_equal(kept->epoch, replies[6]->epoch); /* is the event that it was */
    assert_memory_equal(kept->event.data, replies[6]->event.data, kept->event.len);
    wallet__v1__debit_reply__free_unpacked(lost, NULL);
    wallet__v1__debit_reply__free_unpacked(kept, NULL);
    weir_kit_close(kit);
    ledger_db_audit(&db);
    free_replies(replies);
    ledger_db_drop(&db);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    struct ledger_db db;
    char out[512];
    ledger_db_make(&db, 0);
    assert_int_equal(trim(&db, "7x", out, sizeof out), 2);
    assert_non_null(strstr(out, "--keep: found \"7x\", expected a duration"));
    assert_int_equal(trim(&db, "7d", out, sizeof out), 1);
    assert_non_null(strstr(out, "run manifests/sql/apply"));
    const char *const away[] = {"weir-ledger", "trim", "--keep", "7d", "--ledger", "postgresql://x@127.0.0.1:1/x",
                                NULL};
    assert_int_equal(tool(out, sizeof out, away), 2);
    assert_non_null(strstr(out, "127.0.0.1"));
    const char *const nothing[] = {"weir-ledger", "prune", NULL};
    assert_int_equal(tool(out, sizeof out, nothing), 2);
    assert_non_null(strstr(out, "expected trim or new-epoch"));
    ledger_db_drop(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_published_and_old_is_trimmed),
        cmocka_unit_test(after_a_restore_a_new_epoch),
        cmocka_unit_test(what_is_wrong_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
