/* test_grpc_stream.c - streams of batches: elements to events, replies of a turn to one message, windows, ends. */
#include "cmocka_for_grpc.h"
#include "grpc_caller.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wallet/v1/wallet.pb-c.h>

#define STREAM "/wallet.v1.Wallet/DebitStream"
static const char CONF[] = "listen = \"unix:%s\"\n"
                           "methods = { stream = { on = \"" STREAM "\", event = \"wallet.v1.DebitBatch\",\n"
                           "  answer = \"wallet.v1.DebitReplies\", stream = true, budget = \"budget_ms\" } }\n";

struct world {
    char path[64];
    struct weir_kit *kit;
    struct caller caller;
    struct rpc rpc;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    char conf[1024], target[80];
    assert_non_null(w);
    snprintf(w->path, sizeof w->path, "/tmp/weir-grpc-s%d.sock", (int)getpid());
    snprintf(conf, sizeof conf, CONF, w->path);
    snprintf(target, sizeof target, "unix:%s", w->path);
    w->kit = weir_kit_open_with("grpc-ingress", conf, WEIR_KIT_REAL_CLOCK | WEIR_KIT_LIBRARY_KEEPS);
    caller_open(&w->caller, w->kit, target, NULL, NULL);
    rpc_stream(&w->rpc, &w->caller, STREAM);
    /* the server says hello before anything was sent */
    assert_true(caller_wait(&w->caller, &w->rpc.hello.done));
    assert_true(w->rpc.hello.ok);
    assert_true(weir_kit_metric(w->kit, "weir_grpc_ingress_open_streams") == 1);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    rpc_free(&w->rpc);
    caller_close(&w->caller);
    weir_kit_close(w->kit);
    unlink(w->path);
    free(w);
    return 0;
}

/* n debits with ids from first on, and a Confirmed when asked for. */
static size_t batch(uint8_t **out, uint64_t first, size_t n, bool confirmed)
{
    Wallet__V1__DebitBatch m = WALLET__V1__DEBIT_BATCH__INIT;
    Wallet__V1__DebitRequest *debits = calloc(n + 1, sizeof *debits), **list = calloc(n + 1, sizeof *list);
    Wallet__V1__Confirmed range = WALLET__V1__CONFIRMED__INIT, *ranges = &range;
    assert_non_null(debits);
    assert_non_null(list);
    for (size_t i = 0; i < n; i++) {
        wallet__v1__debit_request__init(&debits[i]);
        debits[i].id = first + i;
        debits[i].budget_ms = 5000;
        list[i] = &debits[i];
    }
    range.last_seq = 7;
    m.debits = list;
    m.n_debits = n;
    m.confirmed = &ranges;
    m.n_confirmed = confirmed ? 1 : 0;
    *out = malloc(wallet__v1__debit_batch__get_packed_size(&m) + 1);
    assert_non_null(*out);
    size_t size = wallet__v1__debit_batch__pack(&m, *out);
    free(debits);
    free(list);
    return size;
}

static void send_batch(struct world *w, uint64_t first, size_t n, bool confirmed)
{
    uint8_t *bytes;
    size_t size = batch(&bytes, first, n, confirmed);
    rpc_send(&w->rpc, bytes, size);
    free(bytes);
}

static uint64_t id_of(const struct weir_event *ev)
{
    Wallet__V1__DebitRequest *m = wallet__v1__debit_request__unpack(NULL, ev->value.n, ev->value.p);
    assert_non_null(m);
    uint64_t id = m->id;
    wallet__v1__debit_request__free_unpacked(m, NULL);
    return id;
}

static void answer(struct world *w, struct weir_event *ev)
{
    Wallet__V1__DebitReply m = WALLET__V1__DEBIT_REPLY__INIT;
    uint8_t bytes[64];
    m.id = id_of(ev);
    m.outcome = WALLET__V1__OUTCOME__ACCEPTED;
    const struct weir_result r = {.reply = {bytes, wallet__v1__debit_reply__pack(&m, bytes)},
                                  .schema = weir_kit_schema(w->kit, "wallet.v1.DebitReply")->id};
    weir_kit_settle_with(w->kit, ev, &r);
}

static size_t receive(struct world *w)
{
    rpc_receive(&w->rpc);
    if (!w->rpc.bytes) return 0;
    Wallet__V1__DebitReplies *m = wallet__v1__debit_replies__unpack(NULL, w->rpc.n, w->rpc.bytes);
    assert_non_null(m);
    size_t n = m->n_replies;
    wallet__v1__debit_replies__free_unpacked(m, NULL);
    return n;
}

static void assert_ends(struct world *w, grpc_status_code code)
{
    assert_true(caller_wait(&w->caller, &w->rpc.end.done));
    assert_int_equal(w->rpc.code, code);
}

static void elements_are_events_and_replies_of_a_turn_one_message(void **state)
{
    struct world *w = *state;
    struct weir_event *ev[4];
    send_batch(w, 10, 3, true);
    for (int i = 0; i < 4; i++) assert_non_null(ev[i] = weir_kit_wait_forwarded(w->kit, WAIT_MS));
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(ev[i]->schema, weir_kit_schema(w->kit, "wallet.v1.DebitRequest")->id);
        assert_int_equal(id_of(ev[i]), 10 + i);
        assert_true(ev[i]->deadline_ns > 0);
    }
    assert_int_equal(ev[3]->schema, weir_kit_schema(w->kit, "wallet.v1.Confirmed")->id);
    assert_true(ev[3]->deadline_ns == 0);

    answer(w, ev[2]); /* in any order */
    answer(w, ev[0]);
    weir_kit_settle(w->kit, ev[3], WEIR_OK, NULL); /* no reply: nothing is sent */
    assert_int_equal(receive(w), 2);
    answer(w, ev[1]);
    assert_int_equal(receive(w), 1);
    rpc_half_close(&w->rpc);
    assert_int_equal(receive(w), 0);
    assert_ends(w, GRPC_STATUS_OK);
}

static void replies_come_out_after_the_client_has_closed_its_side(void **state)
{
    struct world *w = *state;
    send_batch(w, 1, 1, false);
    rpc_half_close(&w->rpc);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    answer(w, ev);
    assert_int_equal(receive(w), 1);
    assert_ends(w, GRPC_STATUS_OK);
}

static void a_malformed_message_ends_the_stream_after_the_replies(void **state)
{
    struct world *w = *state;
    send_batch(w, 1, 1, false);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    const uint8_t bad[] = {0x0a, 0x02, 0x08}; /* an element cut off */
    rpc_send(&w->rpc, bad, sizeof bad);
    weir_kit_run(w->kit);
    answer(w, ev);
    assert_int_equal(receive(w), 1);
    assert_ends(w, GRPC_STATUS_INVALID_ARGUMENT);
    assert_null(weir_kit_forwarded(w->kit));
}

static void a_shut_flow_stops_reading_and_loses_nothing(void **state)
{
    struct world *w = *state;
    weir_kit_flow(w->kit, false);
    send_batch(w, 1, 2, false); /* taken by the RECV that was out already, and kept */
    send_batch(w, 3, 2, false);
    weir_kit_run(w->kit);
    assert_null(weir_kit_forwarded(w->kit));
    weir_kit_flow(w->kit, true);
    for (uint64_t id = 1; id <= 4; id++) {
        struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
        assert_non_null(ev);
        assert_int_equal(id_of(ev), id);
        answer(w, ev);
    }
    for (size_t n = 0; n < 4;) n += receive(w);
}

static void a_message_larger_than_the_window_goes_in_by_and_by(void **state)
{
    struct world *w = *state;
    enum { N = 30000 };
    send_batch(w, 1, N, false);
    struct weir_ctx *ctx = weir_kit_ctx(w->kit);
    size_t most = 0, open = 0;
    struct weir_event *held[64];
    for (uint64_t id = 1; id <= N; id++) {
        struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
        assert_non_null(ev);
        assert_int_equal(id_of(ev), id);
        held[open++] = ev;
        if (open < 64 && id < N) continue;
        if (ctx->host->room(ctx) > most) most = ctx->host->room(ctx);
        while (open) answer(w, held[--open]);
    }
    assert_true(most < N);
    for (size_t n = 0; n < N;) {
        size_t more = receive(w);
        assert_true(more > 0);
        n += more;
    }
}

static void a_drain_ends_streams_with_unavailable_after_their_replies(void **state)
{
    struct world *w = *state;
    send_batch(w, 1, 1, false);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    weir_kit_drain(w->kit);
    assert_false(weir_kit_drained(w->kit));
    answer(w, ev);
    assert_int_equal(receive(w), 1);
    assert_ends(w, GRPC_STATUS_UNAVAILABLE);
}

static void a_client_that_goes_away_with_debits_open_leaks_nothing(void **state)
{
    struct world *w = *state;
    send_batch(w, 1, 5, true);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    grpc_call_cancel(w->rpc.call, NULL);
    assert_ends(w, GRPC_STATUS_CANCELLED);
    answer(w, ev);
    weir_kit_run(w->kit);
}

static void a_close_without_a_drain_neither_hangs_nor_leaks(void **state)
{
    struct world *w = *state;
    send_batch(w, 1, 5, true);
    assert_non_null(weir_kit_wait_forwarded(w->kit, WAIT_MS));
    /* teardown closes the kit while the stream and the connection are still open on the client's side */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(elements_are_events_and_replies_of_a_turn_one_message),
        TEST(replies_come_out_after_the_client_has_closed_its_side),
        TEST(a_malformed_message_ends_the_stream_after_the_replies),
        TEST(a_shut_flow_stops_reading_and_loses_nothing),
        TEST(a_message_larger_than_the_window_goes_in_by_and_by),
        TEST(a_drain_ends_streams_with_unavailable_after_their_replies),
        TEST(a_client_that_goes_away_with_debits_open_leaks_nothing),
        TEST(a_close_without_a_drain_neither_hangs_nor_leaks),
    };
    return cmocka_run_group_tests_name("grpc-ingress: streams", tests, NULL, NULL);
}
