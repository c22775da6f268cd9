/* test_relay.c - what the wallet accepted and nobody confirmed comes out of the relay, the same bytes, until delivered.
 */
#include "wallet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEBITS = 40, SHARDS = 4 };

static struct weir_kit *relay_open(const struct ledger_db *db, const char *more)
{
    char conf[1024];
    snprintf(conf, sizeof conf, "database = \"%s\"\n%s", db->url, more);
    return weir_kit_open_with("ledger-relay", conf, WEIR_KIT_REAL_CLOCK);
}

/* Accounts a0..a9 with money, and DEBITS debits of them; returns the replies. */
static void make_debits(struct ledger_db *db, struct weir_kit *kit, Wallet__V1__DebitReply **replies)
{
    uint64_t numbers[DEBITS];
    char account[16], key[16];
    for (int i = 0; i < 10; i++) {
        snprintf(account, sizeof account, "a%d", i);
        wallet_open_account(kit, account, "EUR");
        wallet_credit(kit, account, "money", 1000);
    }
    for (int i = 0; i < DEBITS; i++) {
        snprintf(account, sizeof account, "a%d", i % 10);
        snprintf(key, sizeof key, "b%d", i);
        numbers[i] = wallet_debit(kit, account, key, 1 + i);
    }
    for (int i = 0; i < DEBITS; i++) {
        wallet_expect(kit, numbers[i], "accepted");
        replies[i] = wallet_debit_reply(kit, numbers[i]);
    }
    (void)db;
}

static void free_replies(Wallet__V1__DebitReply **replies)
{
    for (int i = 0; i < DEBITS; i++) wallet__v1__debit_reply__free_unpacked(replies[i], NULL);
}

static int64_t header(const struct weir_event *ev, const char *name)
{
    for (uint32_t i = 0; i < ev->n_headers; i++) {
        const struct weir_pair *h = &ev->headers[i];
        if (h->name.n != strlen(name) || memcmp(h->name.p, name, h->name.n) != 0) continue;
        char text[32];
        assert_true(h->value.n < sizeof text);
        memcpy(text, h->value.p, h->value.n);
        text[h->value.n] = 0;
        return strtoll(text, NULL, 10);
    }
    fail_msg("no header %s", name);
    return 0;
}

/* Which debit the event is of; all of it is as the wallet answered. */
static int check_event(const struct weir_event *ev, Wallet__V1__DebitReply **replies)
{
    for (int i = 0; i < DEBITS; i++) {
        const Wallet__V1__DebitReply *r = replies[i];
        if (r->shard != ev->partition || (uint64_t)r->seq != ev->position) continue;
        assert_true(ev->value.n == r->event.len);
        assert_memory_equal(ev->value.p, r->event.data, r->event.len);
        assert_int_equal(header(ev, "epoch"), r->epoch);
        assert_int_equal(header(ev, "shard"), r->shard);
        assert_int_equal(header(ev, "seq"), r->seq);
        assert_int_equal(ev->n_headers, 4); /* and the schema: a traceparent is of the request, which is long over */
        Bets__V1__BetPlaced *m = bets__v1__bet_placed__unpack(NULL, r->event.len, r->event.data);
        assert_non_null(m);
        assert_true(ev->key.n == strlen(m->account_id));
        assert_memory_equal(ev->key.p, m->account_id, ev->key.n);
        assert_true(ev->ts_ns == (uint64_t)m->accepted_at->seconds * 1000000000 + (uint64_t)m->accepted_at->nanos);
        bets__v1__bet_placed__free_unpacked(m, NULL);
        return i;
    }
    fail_msg("an event that no debit made");
    return -1;
}

static bool all_published(void *arg)
{
    return ledger_db_number((struct ledger_db *)arg, "select sum(last_seq - published) from ledger.shards") == 0;
}

static void the_outbox_gives_every_event_in_order(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    int64_t last[SHARDS] = {0};
    ledger_db_make(&db, SHARDS);
    struct weir_kit *wallet = wallet_open(&db, "shards = 4; notify = true");
    struct weir_kit *relay = relay_open(&db, "grace = \"0s\"; poll = \"1s\"; batch = 7");
    make_debits(&db, wallet, replies);
    for (int i = 0; i < DEBITS; i++) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        check_event(ev, replies);
        assert_true(ev->position == (uint64_t)++last[ev->partition]);
        weir_kit_settle(relay, ev, WEIR_OK, NULL);
    }
    assert_true(weir_kit_wait(relay, all_published, &db, WALLET_WAIT_MS));
    assert_true(weir_kit_metric(relay, "weir_ledger_relay_emitted_total") == DEBITS);
    assert_true(weir_kit_metric(relay, "weir_ledger_relay_again_total") == 0);
    assert_true(weir_kit_metric(relay, "weir_ledger_relay_in_flight_events") == 0);
    weir_kit_close(relay);
    relay = relay_open(&db, "grace = \"0s\"");
    assert_true(weir_kit_wait_state(relay, WEIR_READY, WALLET_WAIT_MS));
    weir_kit_run(relay);
    assert_null(weir_kit_forwarded(relay));
    weir_kit_close(relay);
    weir_kit_close(wallet);
    free_replies(replies);
    ledger_db_drop(&db);
}

static void what_fails_comes_again_until_it_is_delivered(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    int delivered[DEBITS] = {0}, n = 0, tries = 0;
    ledger_db_make(&db, SHARDS);
    struct weir_kit *wallet = wallet_open(&db, "shards = 4");
    make_debits(&db, wallet, replies);
    struct weir_kit *relay = relay_open(&db, "grace = \"0s\"");
    while (n < DEBITS) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        int i = check_event(ev, replies);
        assert_false(delivered[i]);
        bool works = ++tries % 3 != 0;
        if (works) delivered[i] = 1, n++;
        weir_kit_settle(relay, ev, works ? WEIR_OK : tries % 2 ? WEIR_RETRY : WEIR_UNKNOWN, "broker away");
        if (tries == 20)
            ledger_db_do(&db, "select pg_terminate_backend(pid) from pg_stat_activity where "
                              "application_name = 'weir ledger-relay' and datname = current_database()");
    }
    assert_true(tries > DEBITS);
    assert_true(weir_kit_metric(relay, "weir_ledger_relay_again_total") > 0);
    assert_true(weir_kit_metric(relay, "weir_ledger_relay_emitted_total") >= tries);
    assert_true(weir_kit_wait(relay, all_published, &db, WALLET_WAIT_MS));
    weir_kit_close(relay);
    weir_kit_close(wallet);
    free_replies(replies);
    ledger_db_drop(&db);
}

static bool half_published(void *arg)
{
    return ledger_db_number((struct ledger_db *)arg, "select sum(published) from ledger.shards") > 0;
}

static void only_what_nobody_confirmed_is_repaired(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    int missing = 0;
    ledger_db_make(&db, SHARDS);
    struct weir_kit *wallet = wallet_open(&db, "shards = 4");
    make_debits(&db, wallet, replies);
    for (int i = 0; i < DEBITS; i++) { /* confirmations of the first five of each shard; of the others they were lost */
        if (replies[i]->seq > 5)
            missing++;
        else
            wallet_confirm(wallet, replies[i]->epoch, replies[i]->shard, replies[i]->seq, replies[i]->seq);
    }
    assert_true(missing > 0);
    assert_true(weir_kit_wait(wallet, half_published, &db, WALLET_WAIT_MS));
    struct weir_kit *young = relay_open(&db, "grace = \"1h\"; poll = \"1ms\"");
    assert_true(weir_kit_wait_state(young, WEIR_READY, WALLET_WAIT_MS));
    struct weir_kit *relay = relay_open(&db, "grace = \"1ms\"; poll = \"5ms\"");
    for (; missing; missing--) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        assert_true(ev->position > 5);
        check_event(ev, replies);
        weir_kit_settle(relay, ev, WEIR_OK, NULL);
    }
    assert_true(weir_kit_wait(relay, all_published, &db, WALLET_WAIT_MS));
    weir_kit_run(young);
    assert_null(weir_kit_forwarded(young)); /* younger than its grace */
    weir_kit_close(young);
    weir_kit_close(relay);
    weir_kit_close(wallet);
    free_replies(replies);
    ledger_db_drop(&db);
}

/* Refused for ever (too large for the topic): it is said and tried on, and the others of its shard pass it. */
static void a_stuck_row_holds_up_no_other(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    const char *why = NULL;
    int others = 0, tries = 0;
    ledger_db_make(&db, 1);
    struct weir_kit *wallet = wallet_open(&db, "shards = 1");
    make_debits(&db, wallet, replies);
    weir_kit_close(wallet);
    struct weir_kit *relay = relay_open(&db, "grace = \"0s\"; batch = 4");
    while (others < DEBITS - 1 || tries < 2) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        if (ev->position != 2) {
            others++; /* each once, though the stuck one sends the shard back */
            weir_kit_settle(relay, ev, WEIR_OK, NULL);
            continue;
        }
        tries++;
        weir_kit_settle(relay, ev, WEIR_REJECT, "too large for the topic");
        weir_kit_run(relay);
        assert_int_equal(weir_kit_state(relay, &why), WEIR_DEGRADED);
        assert_non_null(strstr(why, "shard 0, seq 2 is refused"));
        assert_non_null(strstr(why, "too large for the topic"));
    }
    assert_int_equal(others, DEBITS - 1);
    assert_number(&db, "select published from ledger.shards", 1); /* it is not left out */
    struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
    assert_non_null(ev);
    assert_int_equal(ev->position, 2);
    weir_kit_settle(relay, ev, WEIR_OK, NULL); /* somebody has raised the topic's limit */
    assert_true(weir_kit_wait_state(relay, WEIR_READY, WALLET_WAIT_MS));
    assert_true(weir_kit_wait(relay, all_published, &db, WALLET_WAIT_MS));
    weir_kit_close(relay);
    free_replies(replies);
    ledger_db_drop(&db);
}

static void a_fatal_answer_stops_the_pipeline(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    const char *why = NULL;
    ledger_db_make(&db, SHARDS);
    struct weir_kit *wallet = wallet_open(&db, "shards = 4");
    make_debits(&db, wallet, replies);
    weir_kit_close(wallet);
    struct weir_kit *relay = relay_open(&db, "grace = \"0s\"; batch = 1");
    struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
    assert_non_null(ev);
    weir_kit_settle(relay, ev, WEIR_FATAL, "the topic is gone");
    weir_kit_run(relay);
    assert_int_equal(weir_kit_state(relay, &why), WEIR_FAILED);
    assert_non_null(strstr(why, "the topic is gone"));
    while ((ev = weir_kit_forwarded(relay)) != NULL) weir_kit_settle(relay, ev, WEIR_OK, NULL);
    weir_kit_close(relay);
    free_replies(replies);
    ledger_db_drop(&db);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void a_backlog_is_published_no_faster_than_rate(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    ledger_db_make(&db, 1);
    struct weir_kit *wallet = wallet_open(&db, "shards = 1");
    make_debits(&db, wallet, replies);
    weir_kit_close(wallet);
    uint64_t began = now_ms();
    struct weir_kit *relay = relay_open(&db, "grace = \"0s\"; batch = 10; rate = 100");
    for (int i = 1; i <= DEBITS; i++) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        assert_int_equal(ev->position, i);
        weir_kit_settle(relay, ev, WEIR_OK, NULL);
    }
    assert_true(now_ms() - began >= 290); /* the last ten wait for those before them */
    assert_true(weir_kit_wait(relay, all_published, &db, WALLET_WAIT_MS));
    weir_kit_close(relay);
    free_replies(replies);
    ledger_db_drop(&db);
}

static bool says_gap(void *relay)
{
    const char *why;
    return weir_kit_state(relay, &why) == WEIR_DEGRADED && strstr(why, "the ledger lacks the entries from seq 3 to 3");
}

/* A row that somebody took away: what is before it goes, and nothing behind it, for the order would be lost. */
static void a_gap_in_the_ledger_is_said(void **state)
{
    (void)state;
    struct ledger_db db;
    Wallet__V1__DebitReply *replies[DEBITS];
    ledger_db_make(&db, 1);
    struct weir_kit *wallet = wallet_open(&db, "shards = 1");
    make_debits(&db, wallet, replies);
    weir_kit_close(wallet);
    ledger_db_do(&db, "delete from ledger.entries where seq = 3");
    struct weir_kit *relay = relay_open(&db, "grace = \"0s\"; poll = \"5ms\"");
    for (int i = 1; i <= 2; i++) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        assert_int_equal(ev->position, i);
        weir_kit_settle(relay, ev, WEIR_OK, NULL);
    }
    assert_true(weir_kit_wait(relay, says_gap, relay, WALLET_WAIT_MS));
    assert_null(weir_kit_forwarded(relay));
    ledger_db_do(&db, "update ledger.shards set published = 3"); /* whoever looked into it decided so */
    for (int i = 4; i <= DEBITS; i++) {
        struct weir_event *ev = weir_kit_wait_forwarded(relay, WALLET_WAIT_MS);
        assert_non_null(ev);
        assert_int_equal(ev->position, i);
        weir_kit_settle(relay, ev, WEIR_OK, NULL);
    }
    assert_true(weir_kit_wait_state(relay, WEIR_READY, WALLET_WAIT_MS));
    weir_kit_close(relay);
    free_replies(replies);
    ledger_db_drop(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_outbox_gives_every_event_in_order),
        cmocka_unit_test(what_fails_comes_again_until_it_is_delivered),
        cmocka_unit_test(only_what_nobody_confirmed_is_repaired),
        cmocka_unit_test(a_stuck_row_holds_up_no_other),
        cmocka_unit_test(a_fatal_answer_stops_the_pipeline),
        cmocka_unit_test(a_gap_in_the_ledger_is_said),
        cmocka_unit_test(a_backlog_is_published_no_faster_than_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
