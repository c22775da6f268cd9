/* test_money.c - two wallets, the same keys, connections that die: each key is executed once and the money is all
 * there. The sequence comes from fixed seeds. */
#include "wallet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACCOUNTS = 7, KEYS = 150, ROUNDS = 12, PER_ROUND = 60 };

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % sides;
}

struct asked {
    struct weir_kit *kit;
    uint64_t number;
    int account, key;
};

/* What each key was last told for good, over all wallets and repeats. */
struct told {
    const char *outcome;
    uint8_t event[512];
    size_t event_n;
};

static uint64_t ask(struct weir_kit *kit, int account, int key, bool credit)
{
    char name[8], id[16];
    snprintf(name, sizeof name, "a%d", account);
    snprintf(id, sizeof id, "k%d", key);
    return credit ? wallet_credit(kit, name, id, 10 + key % 7) : wallet_debit(kit, name, id, 5 + key % 60);
}

static void remember(struct told *told, const struct asked *a)
{
    const char *outcome = weir_kit_settled(a->kit, a->number)->outcome_name;
    if (strcmp(outcome, "insufficient-funds") == 0) {
        assert_true(!told->outcome || strcmp(told->outcome, outcome) == 0);
        told->outcome = "insufficient-funds";
        return;
    }
    if (strcmp(outcome, "accepted") != 0 && strcmp(outcome, "replayed") != 0) {
        const char *why = NULL;
        weir_kit_state(a->kit, &why);
        fail_msg("account %d, key %d: unexpected %s (%s); the stage says: %s", a->account, a->key, outcome,
                 weir_kit_settled(a->kit, a->number)->why, why ? why : "");
    }
    Wallet__V1__DebitReply *reply = wallet_debit_reply(a->kit, a->number);
    assert_true(reply->event.len > 0 && reply->event.len <= sizeof told->event);
    if (told->outcome) {
        assert_string_equal(told->outcome, "accepted");
        assert_int_equal((int)told->event_n, (int)reply->event.len);
        assert_memory_equal(told->event, reply->event.data, told->event_n);
    }
    told->outcome = "accepted";
    told->event_n = reply->event.len;
    memcpy(told->event, reply->event.data, told->event_n);
    wallet__v1__debit_reply__free_unpacked(reply, NULL);
}

static void wait_for_all(struct weir_kit *const kits[2], struct asked *asked, int n)
{
    for (int i = 0; i < n;) { /* both loops turn, so that the two wallets meet at the locks */
        if (weir_kit_settled(asked[i].kit, asked[i].number)) {
            i++;
            continue;
        }
        weir_kit_wait_settled(kits[0], asked[i].kit == kits[0] ? asked[i].number : 1, 1);
        weir_kit_run(kits[1]);
        weir_kit_wait_settled(asked[i].kit, asked[i].number, 1);
    }
}

static void two_wallets(uint32_t seed, bool with_kills)
{
    static struct told told[ACCOUNTS][KEYS];
    static struct asked asked[PER_ROUND];
    struct ledger_db db;
    memset(told, 0, sizeof told);
    ledger_db_make(&db, 4);
    struct weir_kit *kits[2] = {wallet_open(&db, "shards = 4; connections = 2"),
                                wallet_open(&db, "shards = 4; connections = 3; max_batch = 8")};
    for (int a = 0; a < ACCOUNTS; a++) {
        char name[8];
        snprintf(name, sizeof name, "a%d", a);
        uint64_t number = wallet_open_account(kits[a % 2], name, "EUR");
        assert_true(weir_kit_wait_settled(kits[a % 2], number, WALLET_WAIT_MS));
        number = wallet_credit(kits[a % 2], name, "start", 500);
        assert_true(weir_kit_wait_settled(kits[a % 2], number, WALLET_WAIT_MS));
    }
    for (int round = 0; round < ROUNDS; round++) {
        int n = 0;
        for (int i = 0; i < PER_ROUND; i++) {
            struct weir_kit *kit = kits[dice(&seed, 2)];
            int account = (int)dice(&seed, ACCOUNTS), key = (int)dice(&seed, KEYS);
            bool credit = dice(&seed, 5) == 0;
            uint64_t number = ask(kit, account, key, credit);
            if (!credit) asked[n++] = (struct asked){kit, number, account, key};
        }
        weir_kit_run(kits[0]);
        weir_kit_run(kits[1]);
        if (with_kills)
            ledger_db_do(&db, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir "
                              "wallet-ledger' and datname = current_database()");
        wait_for_all(kits, asked, n);
        for (int i = 0; i < n; i++) remember(&told[asked[i].account][asked[i].key], &asked[i]);
    }
    ledger_db_audit(&db);
    int64_t accepted = 0;
    for (int a = 0; a < ACCOUNTS; a++)
        for (int k = 0; k < KEYS; k++) accepted += told[a][k].outcome && strcmp(told[a][k].outcome, "accepted") == 0;
    assert_true(accepted > 50);
    assert_number(&db, "select count(*) from ledger.entries where kind = 'debit' and outcome = 'accepted'", accepted);
    assert_number(&db, "select sum(last_seq) from ledger.shards", accepted);
    weir_kit_close(kits[0]);
    weir_kit_close(kits[1]);
    ledger_db_drop(&db);
}

static void each_key_is_executed_once(void **state)
{
    (void)state;
    two_wallets(1, false);
    two_wallets(2, false);
}

static void also_when_connections_die(void **state)
{
    (void)state;
    two_wallets(3, true);
    two_wallets(4, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_is_executed_once),
        cmocka_unit_test(also_when_connections_die),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
