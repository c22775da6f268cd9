/* test_wallet_publish.c - events sent on, confirmed back, bounded, left to the relay; and the drain that waits for it.
 */
#include "wallet_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t IDLE_NS = 50000000u;

static struct world *open_world(const char *conf)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    world_open(w, 1, conf);
    return w;
}

static void close_world(struct world *w)
{
    world_close(w);
    free(w);
}

/* A bet that was accepted with this seq; its event, forwarded and not settled. */
static struct weir_event *accepted(struct world *w, int64_t seq)
{
    char id[16];
    snprintf(id, sizeof id, "b%d", (int)seq);
    uint64_t number = push_bet(w, id, "anna");
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__ACCEPTED, seq, NULL);
    wait_settled(w, number);
    return wait_forwarded(w);
}

static void assert_confirmed(struct world *w, int64_t first, int64_t last)
{
    struct weir_event *ev = wallet_event(w, 0);
    assert_int_equal(ev->schema, weir_kit_schema(w->wallet[0], "wallet.v1.Confirmed")->id);
    Wallet__V1__Confirmed *m = wallet__v1__confirmed__unpack(NULL, ev->value.n, ev->value.p);
    assert_non_null(m);
    assert_int_equal(m->epoch, EPOCH);
    assert_int_equal(m->shard, 5);
    assert_int_equal(m->first_seq, first);
    assert_int_equal(m->last_seq, last);
    wallet__v1__confirmed__free_unpacked(m, NULL);
    weir_kit_settle(w->wallet[0], ev, WEIR_OK, NULL);
}

static void durable_events_are_confirmed_in_ranges_when_idle(void **state)
{
    (void)state;
    struct world *w = open_world(NULL);
    const int64_t seqs[] = {3, 1, 2, 5};
    struct weir_event *ev[4];
    for (int i = 0; i < 4; i++) ev[i] = accepted(w, seqs[i]);
    for (int i = 0; i < 4; i++) weir_kit_settle(w->client, ev[i], WEIR_OK, NULL);
    world_run(w);
    assert_null(weir_kit_forwarded(w->wallet[0]));
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_unconfirmed") == 0);
    weir_kit_advance(w->client, IDLE_NS);
    assert_confirmed(w, 1, 3);
    assert_confirmed(w, 5, 5);
    close_world(w);
}

/* Told with each debit they would be a message a bet. */
static void confirmations_gather_while_bets_go_on(void **state)
{
    (void)state;
    struct world *w = open_world(NULL);
    for (int seq = 1; seq <= 3; seq++) weir_kit_settle(w->client, accepted(w, seq), WEIR_OK, NULL);
    push_bet(w, "b4", "anna");
    struct weir_event *debit = wallet_event(w, 0);
    answer(w, 0, debit, WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
    world_run(w);
    assert_null(weir_kit_forwarded(w->wallet[0]));
    weir_kit_advance(w->client, IDLE_NS);
    assert_confirmed(w, 1, 3);
    close_world(w);
}

static void what_is_not_durable_is_never_confirmed(void **state)
{
    (void)state;
    struct world *w = open_world(NULL);
    const enum weir_status bad[] = {WEIR_RETRY, WEIR_UNKNOWN, WEIR_REJECT};
    struct weir_event *ev[4];
    for (int i = 0; i < 4; i++) ev[i] = accepted(w, i + 1);
    for (int i = 0; i < 4; i++) weir_kit_settle(w->client, ev[i], i < 3 ? bad[i] : WEIR_OK, "kaputt");
    weir_kit_run(w->client);
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_not_published_total") == 3);
    weir_kit_advance(w->client, IDLE_NS);
    assert_confirmed(w, 4, 4);
    close_world(w);
}

static void beyond_unconfirmed_max_events_are_left_to_the_relay(void **state)
{
    (void)state;
    struct world *w = open_world("unconfirmed_max = 1");
    struct weir_event *first = accepted(w, 1);
    uint64_t number = push_bet(w, "b2", "anna");
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__ACCEPTED, 2, NULL);
    assert_string_equal(wait_settled(w, number)->outcome_name, "accepted"); /* the player does not notice */
    world_run(w);
    assert_null(weir_kit_forwarded(w->client));
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_left_to_relay_total") == 1);
    weir_kit_settle(w->client, first, WEIR_OK, NULL);
    world_run(w);
    weir_kit_settle(w->client, accepted(w, 3), WEIR_OK, NULL); /* there is room again */
    close_world(w);
}

static void without_a_relay_a_full_memory_shuts_the_flow(void **state)
{
    (void)state;
    struct world *w = open_world("unconfirmed_max = 2\nrelay = false");
    struct weir_ctx *ctx = weir_kit_ctx(w->client);
    struct weir_event *first = accepted(w, 1);
    assert_true(ctx->host->room(ctx) > 0);
    struct weir_event *second = accepted(w, 2);
    weir_kit_run(w->client);
    assert_int_equal(ctx->host->room(ctx), 0);
    weir_kit_settle(w->client, first, WEIR_OK, NULL);
    weir_kit_settle(w->client, second, WEIR_OK, NULL);
    weir_kit_run(w->client);
    assert_true(ctx->host->room(ctx) > 0);
    close_world(w);
}

static void without_a_relay_a_replayed_event_is_sent_on_again(void **state)
{
    (void)state;
    struct world *w = open_world("relay = false");
    uint64_t number = push_bet(w, "b1", "anna");
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__REPLAYED, 1, NULL);
    assert_string_equal(wait_settled(w, number)->outcome_name, "replayed");
    weir_kit_settle(w->client, wait_forwarded(w), WEIR_OK, NULL);
    close_world(w);
}

static void the_outbox_sends_nothing_on(void **state)
{
    (void)state;
    struct world *w = open_world("unconfirmed_max = 0");
    uint64_t number = push_bet(w, "b1", "anna");
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__ACCEPTED, 1, NULL);
    assert_string_equal(wait_settled(w, number)->outcome_name, "accepted");
    world_run(w);
    assert_null(weir_kit_forwarded(w->client));
    close_world(w);
}

static bool is_drained(void *arg)
{
    return weir_kit_drained(arg);
}

static void a_drain_waits_for_answers_events_and_the_last_confirmation(void **state)
{
    (void)state;
    struct world *w = open_world(NULL);
    uint64_t number = push_bet(w, "b1", "anna");
    struct weir_event *debit = wallet_event(w, 0);
    weir_kit_drain(w->client);
    assert_false(weir_kit_drained(w->client));
    answer(w, 0, debit, WALLET__V1__OUTCOME__ACCEPTED, 1, NULL);
    wait_settled(w, number);
    struct weir_event *ev = wait_forwarded(w);
    assert_false(weir_kit_drained(w->client));
    weir_kit_settle(w->client, ev, WEIR_OK, NULL);
    assert_confirmed(w, 1, 1); /* no time has passed */
    assert_true(world_wait(w, is_drained, w->client));
    close_world(w);
}

static void a_drain_does_not_wait_for_a_wallet_that_is_away(void **state)
{
    (void)state;
    struct world *w = open_world(NULL);
    struct weir_event *ev = accepted(w, 1);
    wallet_stop(w, 0);
    assert_true(wait_state(w, WEIR_DEGRADED));
    weir_kit_drain(w->client);
    weir_kit_settle(w->client, ev, WEIR_OK, NULL);
    assert_true(world_wait(w, is_drained, w->client));
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durable_events_are_confirmed_in_ranges_when_idle),
        cmocka_unit_test(confirmations_gather_while_bets_go_on),
        cmocka_unit_test(what_is_not_durable_is_never_confirmed),
        cmocka_unit_test(beyond_unconfirmed_max_events_are_left_to_the_relay),
        cmocka_unit_test(without_a_relay_a_full_memory_shuts_the_flow),
        cmocka_unit_test(without_a_relay_a_replayed_event_is_sent_on_again),
        cmocka_unit_test(the_outbox_sends_nothing_on),
        cmocka_unit_test(a_drain_waits_for_answers_events_and_the_last_confirmation),
        cmocka_unit_test(a_drain_does_not_wait_for_a_wallet_that_is_away),
    };
    return cmocka_run_group_tests_name("wallet-client: events", tests, NULL, NULL);
}
