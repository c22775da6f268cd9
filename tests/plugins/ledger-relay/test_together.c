/* test_together.c - two wallets and two relays on one real ledger. */
#include "wallet.h"

#include "property.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHARDS = 4, MOST = 400, WALLETS = 2, RELAYS = 2, ACCOUNTS = 12 };

/* What the model knows: which events the topic has. */
struct world {
    struct ledger_db db;
    struct dice *dice;
    struct weir_kit *wallet[WALLETS], *relay[RELAYS];
    struct weir_event *flying[RELAYS][MOST * 4];
    uint32_t n_flying[RELAYS];
    bool in_topic[SHARDS][MOST + 1];
    int64_t epoch;
    struct {
        uint32_t shard;
        int64_t seq;
    } unconfirmed[MOST]; /* delivered by the inline producer, and no wallet told */
    uint32_t n_unconfirmed, debits;
};

static struct weir_kit *relay_open(const struct world *w)
{
    char conf[700];
    snprintf(conf, sizeof conf, "database = \"%s\"\ngrace = \"1ms\"; poll = \"5ms\"", w->db.url);
    return weir_kit_open_with("ledger-relay", conf, WEIR_KIT_REAL_CLOCK);
}

static void debit(struct world *w)
{
    char account[16], key[16];
    if (w->debits == MOST) return;
    struct weir_kit *kit = w->wallet[roll(w->dice, WALLETS)]; /* a shard moves from one to the other */
    snprintf(account, sizeof account, "a%u", roll(w->dice, ACCOUNTS));
    snprintf(key, sizeof key, "b%u", w->debits++);
    Wallet__V1__DebitReply *reply = wallet_debit_reply(kit, wallet_debit(kit, account, key, 1));
    assert_int_equal(reply->outcome, WALLET__V1__OUTCOME__ACCEPTED);
    w->epoch = reply->epoch;
    if (roll(w->dice, 3)) { /* else the ingress died with the answer */
        w->in_topic[reply->shard][reply->seq] = true;
        w->unconfirmed[w->n_unconfirmed].shard = reply->shard;
        w->unconfirmed[w->n_unconfirmed++].seq = reply->seq;
    }
    wallet__v1__debit_reply__free_unpacked(reply, NULL);
}

static void confirm(struct world *w)
{
    if (!w->n_unconfirmed) return;
    uint32_t i = roll(w->dice, w->n_unconfirmed);
    if (roll(w->dice, 5)) /* else it was lost */
        wallet_confirm(w->wallet[roll(w->dice, WALLETS)], w->epoch, w->unconfirmed[i].shard, w->unconfirmed[i].seq,
                       w->unconfirmed[i].seq);
    w->unconfirmed[i] = w->unconfirmed[--w->n_unconfirmed];
}

static void relay_takes(struct world *w, uint32_t i)
{
    weir_kit_run(w->relay[i]);
    for (struct weir_event *ev; (ev = weir_kit_forwarded(w->relay[i])) != NULL;) {
        assert_true(w->n_flying[i] < MOST * 4);
        w->flying[i][w->n_flying[i]++] = ev;
    }
}

static void relay_settles(struct world *w, uint32_t i, bool works)
{
    uint32_t at = roll(w->dice, w->n_flying[i]);
    struct weir_event *ev = w->flying[i][at];
    w->flying[i][at] = w->flying[i][--w->n_flying[i]];
    if (works || roll(w->dice, 2)) w->in_topic[ev->partition][ev->position] = true;
    weir_kit_settle(w->relay[i], ev, works ? WEIR_OK : roll(w->dice, 2) ? WEIR_RETRY : WEIR_UNKNOWN, "broker away");
}

static void restart(struct world *w)
{
    uint32_t i = roll(w->dice, WALLETS + RELAYS);
    if (i < WALLETS) {
        weir_kit_close(w->wallet[i]);
        w->wallet[i] = wallet_open(&w->db, "shards = 4");
        return;
    }
    i -= WALLETS;
    relay_takes(w, i);
    while (w->n_flying[i]) relay_settles(w, i, false);
    weir_kit_close(w->relay[i]);
    w->relay[i] = relay_open(w);
}

/* The ledger's published prefix never speaks of what the topic lacks. */
static int64_t check_published(struct world *w)
{
    PGresult *r = PQexec(w->db.conn, "select shard, published, last_seq from ledger.shards order by shard");
    int64_t open = 0;
    assert_int_equal(PQntuples(r), SHARDS);
    for (int i = 0; i < SHARDS; i++) {
        int64_t published = strtoll(PQgetvalue(r, i, 1), NULL, 10);
        open += strtoll(PQgetvalue(r, i, 2), NULL, 10) - published;
        for (int64_t seq = 1; seq <= published; seq++)
            if (!w->in_topic[i][seq]) fail_msg("shard %d: seq %d is published and not in the topic", i, (int)seq);
    }
    PQclear(r);
    return open;
}

static void step(struct world *w)
{
    uint32_t i = roll(w->dice, RELAYS);
    switch (roll(w->dice, 10)) {
    case 0:
    case 1:
    case 2: debit(w); break;
    case 3:
    case 4: confirm(w); break;
    case 5: relay_takes(w, i); break;
    case 6:
        if (roll(w->dice, 8) == 0) restart(w);
        break;
    case 7: check_published(w); break;
    default:
        if (w->n_flying[i]) relay_settles(w, i, roll(w->dice, 10) != 0);
    }
    weir_kit_run(w->wallet[0]);
    weir_kit_run(w->wallet[1]);
}

static bool all_published(void *arg)
{
    struct world *w = (struct world *)arg;
    for (uint32_t i = 0; i < RELAYS; i++) {
        relay_takes(w, i);
        while (w->n_flying[i]) relay_settles(w, i, true);
    }
    return check_published(w) == 0;
}

static void world_open(struct world *w, struct dice *d)
{
    char account[16];
    w->dice = d;
    ledger_db_make(&w->db, SHARDS);
    for (int i = 0; i < WALLETS; i++) w->wallet[i] = wallet_open(&w->db, "shards = 4");
    for (int i = 0; i < RELAYS; i++) w->relay[i] = relay_open(w);
    for (int i = 0; i < ACCOUNTS; i++) {
        snprintf(account, sizeof account, "a%d", i);
        wallet_expect(w->wallet[0], wallet_open_account(w->wallet[0], account, "EUR"), "accepted");
        wallet_expect(w->wallet[0], wallet_credit(w->wallet[0], account, "money", MOST), "accepted");
    }
}

static void everybody(struct dice *d)
{
    static struct world w;
    memset(&w, 0, sizeof w);
    world_open(&w, d);
    for (int i = 0; i < 600; i++) step(&w);
    assert_true(weir_kit_wait(w.relay[0], all_published, &w, WALLET_WAIT_MS));
    for (int i = 0; i < RELAYS; i++) weir_kit_close(w.relay[i]);
    for (int i = 0; i < WALLETS; i++) weir_kit_close(w.wallet[i]);
    ledger_db_audit(&w.db);
    ledger_db_drop(&w.db);
}

static void two_wallets_and_two_relays(void **state)
{
    (void)state;
    if (!getenv("WEIR_TEST_PG")) skip();
    property_run(everybody, 4);
}

/* ---- a relay that was away for an hour */

enum { AWAY = 200000 };

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static long resident_mb(void)
{
    long all, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &all, &pages), 2);
    fclose(f);
    return pages / 256;
}

static const char away_sql[] =
    "insert into ledger.entries (account_id, kind, key, request_hash, outcome, amount_minor, currency, "
    "balance_after_minor, accepted_at, epoch, shard, seq, event) select 'x' || g % 1000, 'debit', g::text, "
    "decode(repeat('00', 16), 'hex'), 'accepted', 1, 'EUR', 0, now() - interval '1 hour', m.epoch, g % 4, g / 4 + 1, "
    "decode(repeat('ab', 200), 'hex') from generate_series(0, 199999) g, ledger.meta m";

static void catches_up_while_bets_are_taken(void **state)
{
    (void)state;
    struct world w = {.n_unconfirmed = 0};
    ledger_db_make(&w.db, SHARDS);
    ledger_db_do(&w.db, away_sql);
    ledger_db_do(&w.db, "update ledger.shards set last_seq = 50000");
    ledger_db_do(&w.db, "analyze ledger.entries");
    struct weir_kit *wallet = wallet_open(&w.db, "shards = 4; connections = 1");
    wallet_expect(wallet, wallet_open_account(wallet, "ada", "EUR"), "accepted");
    wallet_expect(wallet, wallet_credit(wallet, "ada", "money", 1000000), "accepted");
    struct weir_kit *relay = relay_open(&w);
    long before = resident_mb(), peak = before;
    uint64_t began = now_us(), slowest = 0, sum = 0;
    int64_t next[SHARDS] = {0};
    uint32_t taken = 0, debits = 0;
    char key[16];
    while (taken < AWAY) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        if (ev->position <= 50000) assert_int_equal(ev->position, ++next[ev->partition]), taken++;
        weir_kit_settle(relay, ev, WEIR_OK, NULL);
        if (taken % 4000) continue;
        snprintf(key, sizeof key, "b%u", debits++);
        uint64_t asked = now_us();
        wallet_expect(wallet, wallet_debit(wallet, "ada", key, 1), "accepted");
        uint64_t took = now_us() - asked;
        slowest = took > slowest ? took : slowest;
        sum += took;
        if (resident_mb() > peak) peak = resident_mb();
    }
    print_message("%d events in %.1f s, %ld MB more at most; %u debits meanwhile: %.1f ms, slowest %.1f ms\n", AWAY,
                  (double)(now_us() - began) / 1e6, peak - before, debits, (double)sum / 1e3 / debits,
                  (double)slowest / 1e3);
    assert_true(weir_kit_metric(relay, "weir_ledger_relay_again_total") == 0);
    assert_true(weir_kit_metric(relay, "weir_ledger_relay_emitted_total") <= AWAY + debits);
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(peak - before < 64);
#endif
    for (struct weir_event *ev; (ev = weir_kit_forwarded(relay)) != NULL;) weir_kit_settle(relay, ev, WEIR_OK, NULL);
    weir_kit_close(relay);
    weir_kit_close(wallet);
    ledger_db_drop(&w.db);
}

/* ---- max_backlog */

static bool has_room(void *db)
{
    return ledger_db_number((struct ledger_db *)db, "select sum(published) from ledger.shards") == 5;
}

static void a_full_backlog_refuses_before_the_debit(void **state)
{
    (void)state;
    struct world w = {.n_unconfirmed = 0};
    char key[16];
    ledger_db_make(&w.db, SHARDS);
    struct weir_kit *wallet = wallet_open(&w.db, "shards = 4; max_backlog = 5");
    wallet_expect(wallet, wallet_open_account(wallet, "ada", "EUR"), "accepted");
    wallet_expect(wallet, wallet_credit(wallet, "ada", "money", 100), "accepted");
    for (int i = 0; i < 5; i++) {
        snprintf(key, sizeof key, "b%d", i);
        wallet_expect(wallet, wallet_debit(wallet, "ada", key, 1), "accepted");
    }
    uint64_t refused = wallet_debit(wallet, "ada", "b5", 1);
    wallet_expect(wallet, refused, "not-executed");
    assert_int_equal(weir_kit_settled(wallet, refused)->status, WEIR_RETRY);
    assert_int_equal(wallet_balance_now(wallet, "ada"), 95);
    assert_number(&w.db, "select count(*) from ledger.entries where key = 'b5'", 0); /* nothing sticks to the key */
    wallet_expect(wallet, wallet_credit(wallet, "ada", "more", 1), "accepted");      /* has no event */
    wallet_expect(wallet, wallet_debit(wallet, "ada", "b4", 1), "replayed");
    struct weir_kit *relay = relay_open(&w);
    for (int i = 0; i < 5; i++) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        weir_kit_settle(relay, ev, WEIR_OK, NULL);
    }
    assert_true(weir_kit_wait(relay, has_room, &w.db, WALLET_WAIT_MS));
    wallet_expect(wallet, wallet_debit(wallet, "ada", "b5", 1), "accepted"); /* the same bet, sent again */
    weir_kit_close(relay);
    weir_kit_close(wallet);
    ledger_db_audit(&w.db);
    ledger_db_drop(&w.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        property_test(two_wallets_and_two_relays),
        cmocka_unit_test(catches_up_while_bets_are_taken),
        cmocka_unit_test(a_full_backlog_refuses_before_the_debit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
