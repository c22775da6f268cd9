/* test_wallet_debit.c - a debit's way: over the stream, every outcome, time-outs, broken streams, late answers. */
#include "wallet_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    world_open(w, 1, NULL);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    free(*state);
    return 0;
}

static void an_accepted_bet_is_answered_at_once_and_its_event_goes_on(void **state)
{
    struct world *w = *state;
    char text[80];
    uint64_t number = push_bet(w, "b1", "anna");
    struct weir_event *debit = wallet_event(w, 0);
    Wallet__V1__DebitRequest *m = debit_of(debit);
    assert_string_equal(m->bet->bet_id, "b1");
    assert_int_equal(m->bet->odds_milli, 1850);
    assert_in_range(m->budget_ms, 1, 80);
    wallet__v1__debit_request__free_unpacked(m, NULL);
    answer(w, 0, debit, WALLET__V1__OUTCOME__ACCEPTED, 9, NULL);

    const struct weir_result *r = wait_settled(w, number);
    assert_int_equal(r->status, WEIR_OK);
    assert_string_equal(r->outcome_name, "accepted");
    assert_int_equal(r->schema, weir_kit_schema(w->client, "bets.v1.BetAccepted")->id);
    Bets__V1__BetAccepted *body = bets__v1__bet_accepted__unpack(NULL, r->reply.n, r->reply.p);
    assert_non_null(body);
    assert_string_equal(body->bet_id, "b1");
    assert_string_equal(body->account_id, "anna");
    assert_int_equal(body->stake_minor, 250);
    assert_string_equal(body->currency, "EUR");
    assert_int_equal(body->balance_after_minor, 9750);
    assert_int_equal(body->accepted_at->seconds, 1700000000);
    assert_int_equal(body->accepted_at->nanos, 123456789);
    bets__v1__bet_accepted__free_unpacked(body, NULL);
    assert_int_equal(r->n_headers, 1);
    assert_memory_equal(r->headers[0].name.p, "Server-Timing", 13);
    assert_memory_equal(r->headers[0].value.p, "wallet;dur=0.000", 16); /* the clock is the test's */

    struct weir_event *ev = wait_forwarded(w);
    assert_int_equal(ev->schema, weir_kit_schema(w->client, "bets.v1.BetPlaced")->id);
    assert_int_equal(ev->key.n, 4);
    assert_memory_equal(ev->key.p, "anna", 4);
    assert_string_equal(header(ev, "epoch", text), "77");
    assert_string_equal(header(ev, "shard", text), "5");
    assert_string_equal(header(ev, "seq", text), "9");
    assert_string_equal(header(ev, "schema", text), "bets.v1.BetPlaced");
    assert_true(ev->ts_ns == 1700000000123456789u);
    Bets__V1__BetPlaced *placed = bets__v1__bet_placed__unpack(NULL, ev->value.n, ev->value.p);
    assert_non_null(placed);
    assert_int_equal(placed->seq, 9);
    bets__v1__bet_placed__free_unpacked(placed, NULL);
    weir_kit_settle(w->client, ev, WEIR_OK, NULL);
}

static void what_comes_in_one_turn_is_one_message(void **state)
{
    struct world *w = *state;
    uint64_t n[3];
    for (int i = 0; i < 3; i++) n[i] = push_bet(w, i == 0 ? "b0" : i == 1 ? "b1" : "b2", "anna");
    for (int64_t i = 0; i < 3; i++) answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
    for (int i = 0; i < 3; i++) wait_settled(w, n[i]);
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_results_total") == 3);
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_call_seconds") == 3);
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_batch_debits") == 1); /* messages */
}

static void the_trace_goes_with_the_event(void **state)
{
    struct world *w = *state;
    char text[80];
    Bets__V1__PlaceBet m = BETS__V1__PLACE_BET__INIT;
    uint8_t bytes[128];
    char id[] = "b1", account[] = "anna", currency[] = "EUR";
    m.bet_id = id;
    m.account_id = account;
    m.stake_minor = 1;
    m.currency = currency;
    const char *trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const struct weir_pair pair = {{(const uint8_t *)"traceparent", 11}, {(const uint8_t *)trace, strlen(trace)}};
    const struct weir_kit_event e = {.message = "bets.v1.PlaceBet",
                                     .headers = &pair,
                                     .n_headers = 1,
                                     .value = {bytes, bets__v1__place_bet__pack(&m, bytes)}};
    weir_kit_push(w->client, &e);
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__ACCEPTED, 1, NULL);
    struct weir_event *ev = wait_forwarded(w);
    assert_string_equal(header(ev, "traceparent", text), trace);
    weir_kit_settle(w->client, ev, WEIR_OK, NULL);
}

static void a_replay_has_the_same_body_and_goes_no_further(void **state)
{
    struct world *w = *state;
    uint64_t first = push_bet(w, "b1", "anna");
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__ACCEPTED, 1, NULL);
    const struct weir_result *r = wait_settled(w, first);
    weir_kit_settle(w->client, wait_forwarded(w), WEIR_OK, NULL);
    uint64_t again = push_bet(w, "b1", "anna");
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__REPLAYED, 1, NULL);
    const struct weir_result *r2 = wait_settled(w, again);
    assert_string_equal(r2->outcome_name, "replayed");
    assert_int_equal(r->reply.n, r2->reply.n);
    assert_memory_equal(r->reply.p, r2->reply.p, r->reply.n);
    world_run(w);
    assert_null(weir_kit_forwarded(w->client));
}

static const struct {
    Wallet__V1__Outcome outcome;
    enum weir_status status;
    const char *name;
} others[] = {
    {WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, WEIR_OK, "insufficient-funds"},
    {WALLET__V1__OUTCOME__UNKNOWN_ACCOUNT, WEIR_OK, "unknown-account"},
    {WALLET__V1__OUTCOME__KEY_REUSED, WEIR_OK, "key-reused"},
    {WALLET__V1__OUTCOME__CURRENCY_MISMATCH, WEIR_OK, "currency-mismatch"},
    {WALLET__V1__OUTCOME__INVALID, WEIR_OK, "invalid"},
    {WALLET__V1__OUTCOME__NOT_EXECUTED, WEIR_RETRY, "not-executed"},
    {WALLET__V1__OUTCOME__UNKNOWN, WEIR_UNKNOWN, "unknown"},
    {(Wallet__V1__Outcome)99, WEIR_UNKNOWN, "unknown"}, /* of a wallet newer than we */
};

static void every_other_outcome_is_answered_and_stops_here(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint64_t number = push_bet(w, "b1", "anna");
        answer(w, 0, wallet_event(w, 0), others[i].outcome, 0, "because");
        const struct weir_result *r = wait_settled(w, number);
        assert_int_equal(r->status, others[i].status);
        assert_string_equal(r->outcome_name, others[i].name);
        assert_string_equal(r->why, "because");
        assert_int_equal(r->reply.n, 0);
        assert_null(weir_kit_forwarded(w->client));
    }
}

static void a_bad_bet_is_refused_here_and_the_field_is_named(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *fields, *why;
    } bad[] = {
        {"account_id: anna; stake_minor: 1; currency: EUR", "bet_id: found 0 bytes"},
        {"bet_id: 12345678901234567890123456789012345678901234567890123456789012345; account_id: anna; stake_minor: 1; "
         "currency: EUR",
         "bet_id: found 65 bytes"},
        {"bet_id: b; stake_minor: 1; currency: EUR", "account_id: found 0 bytes"},
        {"bet_id: b; account_id: anna; currency: EUR", "stake_minor: found 0"},
        {"bet_id: b; account_id: anna; stake_minor: -5; currency: EUR", "stake_minor: found -5"},
        {"bet_id: b; account_id: anna; stake_minor: 1; currency: eur", "currency: "},
        {"bet_id: b; account_id: anna; stake_minor: 1; currency: EURO", "currency: "},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t number = weir_kit_push_text(w->client, "bets.v1.PlaceBet", bad[i].fields);
        world_run(w);
        const struct weir_result *r = weir_kit_settled(w->client, number);
        assert_non_null(r);
        assert_string_equal(r->outcome_name, "invalid");
        assert_memory_equal(r->why, bad[i].why, strlen(bad[i].why));
    }
    assert_null(weir_kit_forwarded(w->wallet[0]));
}

static void no_answer_in_time_is_unknown_and_a_late_one_still_counts(void **state)
{
    struct world *w = *state;
    uint64_t number = push_bet(w, "b1", "anna");
    struct weir_event *debit = wallet_event(w, 0);
    weir_kit_advance(w->client, 79000000);
    assert_null(weir_kit_settled(w->client, number));
    weir_kit_advance(w->client, 1000000);
    const struct weir_result *r = weir_kit_settled(w->client, number);
    assert_non_null(r);
    assert_int_equal(r->status, WEIR_UNKNOWN);
    assert_string_equal(r->outcome_name, "unknown");
    answer(w, 0, debit, WALLET__V1__OUTCOME__ACCEPTED, 4, NULL); /* the money has moved: its event must go on */
    struct weir_event *ev = wait_forwarded(w);
    assert_int_equal(ev->position, 4);
    weir_kit_settle(w->client, ev, WEIR_OK, NULL);
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_late_replies_total") == 1);
}

/* A hundred that were not answered in time: from then on seventy are let in, the rest waits here for a quarter of its
 * time, and with so many waiting the source takes in no more. */
static void what_a_wallet_cannot_answer_in_time_is_not_sent(void **state)
{
    enum { EARLY = 100, LET_IN = 70, N = LET_IN + 64 };
    struct world *w = *state;
    struct weir_ctx *ctx = weir_kit_ctx(w->client);
    struct weir_event *debits[LET_IN + 1];
    uint64_t numbers[N];
    for (int i = 0; i < EARLY; i++) push_bet(w, "early", "anna");
    for (int i = 0; i < EARLY; i++) wallet_event(w, 0);
    weir_kit_advance(w->client, 80000000);
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_limit_debits") == LET_IN);
    for (int i = 0; i < N; i++) numbers[i] = push_bet(w, "b", "anna");
    for (int i = 0; i < LET_IN; i++) debits[i] = wallet_event(w, 0);
    world_run(w);
    assert_null(weir_kit_forwarded(w->wallet[0]));
    assert_int_equal(ctx->host->room(ctx), 0);
    answer(w, 0, debits[0], WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
    debits[LET_IN] = wallet_event(w, 0); /* one is answered, another goes */
    weir_kit_advance(w->client, 31000000);
    answer(w, 0, debits[1], WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
    const struct weir_result *r = wait_settled(w, numbers[N - 1]);
    assert_int_equal(r->status, WEIR_RETRY);
    assert_string_equal(r->outcome_name, "not-executed");
    assert_non_null(strstr(r->why, "busy"));
    assert_null(weir_kit_settled(w->client, numbers[LET_IN])); /* sent: it can still be answered */
    weir_kit_run(w->client);
    assert_true(ctx->host->room(ctx) > 0);
}

static void a_broken_stream_leaves_what_was_sent_unknown_and_comes_back(void **state)
{
    struct world *w = *state;
    uint64_t number = push_bet(w, "b1", "anna");
    wallet_event(w, 0);
    wallet_stop(w, 0); /* without an answer */
    const struct weir_result *r = wait_settled(w, number);
    assert_int_equal(r->status, WEIR_UNKNOWN);
    assert_string_equal(r->outcome_name, "unknown");
    assert_true(wait_state(w, WEIR_DEGRADED));
    const char *why;
    weir_kit_state(w->client, &why);
    assert_true(strlen(why) > 0);

    number = push_bet(w, "b2", "anna");
    world_run(w);
    r = weir_kit_settled(w->client, number);
    assert_non_null(r); /* never sent: certainly not executed */
    assert_int_equal(r->status, WEIR_RETRY);
    assert_string_equal(r->outcome_name, "not-executed");

    wallet_start(w, 0);
    for (int i = 0; i < 1000 && weir_kit_state(w->client, NULL) != WEIR_READY; i++) {
        weir_kit_advance(w->client, 1000000000);
        weir_kit_wait_state(w->client, WEIR_READY, 20);
        weir_kit_run(w->wallet[0]);
    }
    number = push_bet(w, "b3", "anna");
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__ACCEPTED, 1, NULL);
    assert_string_equal(wait_settled(w, number)->outcome_name, "accepted");
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_reconnects_total") >= 1);
    weir_kit_settle(w->client, wait_forwarded(w), WEIR_OK, NULL);
}

static void what_is_past_its_deadline_is_not_sent(void **state)
{
    struct world *w = *state;
    struct weir_ctx *ctx = weir_kit_ctx(w->client);
    Bets__V1__PlaceBet m = BETS__V1__PLACE_BET__INIT;
    uint8_t bytes[128];
    char id[] = "b1", account[] = "anna", currency[] = "EUR";
    m.bet_id = id;
    m.account_id = account;
    m.stake_minor = 1;
    m.currency = currency;
    const struct weir_kit_event e = {.message = "bets.v1.PlaceBet",
                                     .deadline_ns = ctx->host->now(ctx),
                                     .value = {bytes, bets__v1__place_bet__pack(&m, bytes)}};
    uint64_t number = weir_kit_push(w->client, &e);
    const struct weir_result *r = wait_settled(w, number);
    assert_int_equal(r->status, WEIR_RETRY);
    assert_null(weir_kit_forwarded(w->wallet[0]));
}

static void without_a_wallet_nothing_is_executed(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 0, NULL);
    uint64_t number = push_bet(&w, "b1", "anna");
    const struct weir_result *r = wait_settled(&w, number);
    assert_int_equal(r->status, WEIR_RETRY);
    assert_string_equal(r->outcome_name, "not-executed");
    assert_true(wait_state(&w, WEIR_DEGRADED));
    world_close(&w);
}

static void another_message_is_rejected(void **state)
{
    struct world *w = *state;
    uint64_t number = weir_kit_push_text(w->client, "wallet.v1.Account", "account_id: anna");
    assert_int_equal(wait_settled(w, number)->status, WEIR_REJECT);
}

static void bad_confs_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *conf, *text;
    } bad[] = {
        {"target = \"localhost\"", "expected \"host:port\""},
        {"target = \", ,\"", "expected \"host:port\""},
        {"target = \"a:1,b:port\"", "expected \"host:port\""},
        {"target = \"a:1\"\nunconfirmed_max = 0\nrelay = false", "nobody would publish"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = weir_kit_refuses("wallet-client", bad[i].conf);
        assert_non_null(text);
        if (!strstr(text, bad[i].text)) fail_msg("expected \"%s\" in:\n%s", bad[i].text, text);
        free(text);
    }
    char target[256] = "target = \"unix:/";
    memset(target + strlen(target), 'x', 120);
    strcat(target, "\"");
    char *text = weir_kit_refuses("wallet-client", target);
    assert_non_null(text);
    assert_non_null(strstr(text, "wallet-client.target: the socket path is too long"));
    free(text);
    assert_null(weir_kit_refuses("wallet-client", "target = \"a:1, [::1]:2 ,unix:/x\""));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_accepted_bet_is_answered_at_once_and_its_event_goes_on),
        TEST(what_comes_in_one_turn_is_one_message),
        TEST(the_trace_goes_with_the_event),
        TEST(a_replay_has_the_same_body_and_goes_no_further),
        TEST(every_other_outcome_is_answered_and_stops_here),
        TEST(a_bad_bet_is_refused_here_and_the_field_is_named),
        TEST(no_answer_in_time_is_unknown_and_a_late_one_still_counts),
        TEST(what_a_wallet_cannot_answer_in_time_is_not_sent),
        TEST(a_broken_stream_leaves_what_was_sent_unknown_and_comes_back),
        TEST(what_is_past_its_deadline_is_not_sent),
        TEST(another_message_is_rejected),
        cmocka_unit_test(without_a_wallet_nothing_is_executed),
        cmocka_unit_test(bad_confs_are_named),
    };
    return cmocka_run_group_tests_name("wallet-client: debits", tests, NULL, NULL);
}
