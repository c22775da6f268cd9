/* test_grpc_unary.c - unary calls: request to event, result to reply or status, and what is refused before any work. */
#include "cmocka_for_grpc.h"
#include "grpc_caller.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wallet/v1/wallet.pb-c.h>

#define OPEN "/wallet.v1.Wallet/Open"
static const char CONF[] = "listen = \"unix:%s\"\n"
                           "methods = {\n"
                           "  open  = { on = \"" OPEN "\", event = \"wallet.v1.OpenRequest\",\n"
                           "            answer = \"wallet.v1.AccountReply\", key = \"account_id\" }\n"
                           "  debit = { on = \"/wallet.v1.Wallet/Debit\", event = \"wallet.v1.DebitRequest\",\n"
                           "            answer = \"wallet.v1.DebitReply\", budget = \"budget_ms\" }\n"
                           "}\n"
                           "answers = [ \"insufficient-funds=FAILED_PRECONDITION\", \"unknown-account=NOT_FOUND\" ]\n";

struct world {
    char path[64];
    struct weir_kit *kit;
    struct caller caller;
    uint8_t request[128];
    size_t n;
};

static size_t open_request(uint8_t *out, const char *account)
{
    Wallet__V1__OpenRequest m = WALLET__V1__OPEN_REQUEST__INIT;
    char currency[] = "EUR", id[64];
    snprintf(id, sizeof id, "%s", account);
    m.account_id = id;
    m.currency = currency;
    return wallet__v1__open_request__pack(&m, out);
}

static int setup_with(void **state, const char *more)
{
    struct world *w = calloc(1, sizeof *w);
    char conf[1024], target[80];
    assert_non_null(w);
    snprintf(w->path, sizeof w->path, "/tmp/weir-grpc-%d.sock", (int)getpid());
    snprintf(conf, sizeof conf, CONF, w->path);
    strcat(conf, more);
    snprintf(target, sizeof target, "unix:%s", w->path);
    w->kit = weir_kit_open_with("grpc-ingress", conf, WEIR_KIT_REAL_CLOCK | WEIR_KIT_LIBRARY_KEEPS);
    caller_open(&w->caller, w->kit, target, NULL, NULL);
    w->n = open_request(w->request, "anna");
    *state = w;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, "");
}

static int setup_one_slot(void **state)
{
    return setup_with(state, "slots = 1\n");
}

static int setup_young(void **state)
{
    return setup_with(state, "max_connection_age = \"50ms\"\n");
}

static int teardown(void **state)
{
    struct world *w = *state;
    caller_close(&w->caller);
    weir_kit_close(w->kit);
    unlink(w->path);
    free(w);
    return 0;
}

static void assert_slice(struct weir_slice s, const char *text)
{
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

/* No later than so long from now, or a tenth: gRPC rounds up what it sends, and reads a clock that it calibrates
 * itself. */
static bool in_time(uint64_t deadline_ns, uint64_t ns)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return deadline_ns <= (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + ns + ns / 10;
}

static bool one_call_counted(void *kit)
{
    return weir_kit_metric(kit, "weir_grpc_ingress_calls_total") == 1;
}

static void a_request_is_an_event_and_the_reply_its_answer(void **state)
{
    struct world *w = *state;
    struct rpc rpc;
    rpc_unary(&rpc, &w->caller, OPEN, w->request, w->n, WAIT_MS,
              "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    assert_int_equal(ev->schema, weir_kit_schema(w->kit, "wallet.v1.OpenRequest")->id);
    assert_slice(ev->key, "anna");
    assert_int_equal(ev->value.n, w->n);
    assert_memory_equal(ev->value.p, w->request, w->n);
    assert_int_equal(ev->n_headers, 1);
    assert_slice(ev->headers[0].name, "traceparent");
    assert_slice(ev->headers[0].value, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_true(ev->ts_ns > 0);
    const struct weir_host *host = weir_kit_ctx(w->kit)->host;
    assert_true(ev->deadline_ns > host->now(weir_kit_ctx(w->kit)));
    assert_true(in_time(ev->deadline_ns, (uint64_t)WAIT_MS * 1000000u));

    const struct weir_result done = {.reply = {(const uint8_t *)"\010\001", 2},
                                     .schema = weir_kit_schema(w->kit, "wallet.v1.AccountReply")->id,
                                     .outcome_name = "accepted"};
    weir_kit_settle_with(w->kit, ev, &done);
    assert_true(caller_wait(&w->caller, &rpc.all.done));
    char text[128];
    assert_int_equal(rpc.code, GRPC_STATUS_OK);
    assert_string_equal(rpc_trailer(&rpc, "weir-outcome", text), "accepted");
    assert_int_equal(grpc_byte_buffer_length(rpc.in), 2);
    assert_true(weir_kit_wait(w->kit, one_call_counted, w->kit, WAIT_MS));
    rpc_free(&rpc);
}

static const struct {
    struct weir_result result;
    grpc_status_code code;
    const char *outcome, *message;
} verdicts[] = {
    {{.outcome_name = "insufficient-funds", .reply = {(const uint8_t *)"\010\003", 2}},
     GRPC_STATUS_FAILED_PRECONDITION,
     "insufficient-funds",
     "insufficient-funds"},
    {{.outcome_name = "unknown-account", .why = "no account anna"},
     GRPC_STATUS_NOT_FOUND,
     "unknown-account",
     "no account anna"},
    {{.outcome_name = "not-in-answers"}, GRPC_STATUS_OK, "not-in-answers", ""},
    {{.status = WEIR_REJECT}, GRPC_STATUS_INVALID_ARGUMENT, "rejected", "rejected"},
    {{.status = WEIR_RETRY, .outcome_name = "not-executed", .why = "database away"},
     GRPC_STATUS_UNAVAILABLE,
     "not-executed",
     "database away"},
    {{.status = WEIR_UNKNOWN},
     GRPC_STATUS_UNKNOWN,
     "unknown",
     "may have been executed; send it again with the same key"},
    /* an outcome must not turn "may have been executed" into a refusal */
    {{.status = WEIR_UNKNOWN, .outcome_name = "unknown-account"},
     GRPC_STATUS_UNKNOWN,
     "unknown-account",
     "may have been executed; send it again with the same key"},
};

static void each_result_has_its_status(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        struct rpc rpc;
        char text[256];
        rpc_unary(&rpc, &w->caller, OPEN, w->request, w->n, WAIT_MS, NULL);
        struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
        assert_non_null(ev);
        weir_kit_settle_with(w->kit, ev, &verdicts[i].result);
        assert_true(caller_wait(&w->caller, &rpc.all.done));
        assert_int_equal(rpc.code, verdicts[i].code);
        assert_string_equal(rpc_trailer(&rpc, "weir-outcome", text), verdicts[i].outcome);
        assert_string_equal(rpc_message(&rpc, text), verdicts[i].message);
        if (rpc.code != GRPC_STATUS_OK) assert_null(rpc.in); /* a refusal sends no bytes */
        rpc_free(&rpc);
    }
}

static void a_reply_of_another_type_is_not_sent(void **state)
{
    struct world *w = *state;
    struct rpc rpc;
    rpc_unary(&rpc, &w->caller, OPEN, w->request, w->n, WAIT_MS, NULL);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    const struct weir_result r = {.reply = {(const uint8_t *)"\010\001", 2},
                                  .schema = weir_kit_schema(w->kit, "wallet.v1.DebitReply")->id};
    weir_kit_settle_with(w->kit, ev, &r);
    assert_true(caller_wait(&w->caller, &rpc.all.done));
    assert_int_equal(rpc.code, GRPC_STATUS_INTERNAL);
    rpc_free(&rpc);
}

static void what_cannot_be_parsed_is_refused_before_any_work(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"\377", 1},             /* a cut tag */
        {"\012\005ab", 4},       /* a string longer than the message */
        {"\010\001", 2},         /* field 1 as a number */
        {"\012\002\303\050", 4}, /* not UTF-8 */
        {"\013", 1},             /* a group */
        {"\000\001", 2},         /* field 0 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rpc rpc;
        char text[128];
        rpc_unary(&rpc, &w->caller, OPEN, bad[i].bytes, bad[i].n, WAIT_MS, NULL);
        assert_true(caller_wait(&w->caller, &rpc.all.done));
        assert_int_equal(rpc.code, GRPC_STATUS_INVALID_ARGUMENT);
        assert_string_equal(rpc_trailer(&rpc, "weir-outcome", text), "malformed");
        assert_null(weir_kit_forwarded(w->kit));
        rpc_free(&rpc);
    }
}

static void an_unknown_method_is_unimplemented_at_once(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++) { /* the slot is posted again each time */
        struct rpc rpc;
        rpc_unary(&rpc, &w->caller, "/wallet.v1.Wallet/Steal", w->request, w->n, WAIT_MS, NULL);
        assert_true(caller_wait(&w->caller, &rpc.all.done));
        assert_int_equal(rpc.code, GRPC_STATUS_UNIMPLEMENTED);
        rpc_free(&rpc);
    }
}

static void a_shut_flow_answers_resource_exhausted(void **state)
{
    struct world *w = *state;
    struct rpc rpc;
    weir_kit_flow(w->kit, false);
    rpc_unary(&rpc, &w->caller, OPEN, w->request, w->n, WAIT_MS, NULL);
    assert_true(caller_wait(&w->caller, &rpc.all.done));
    assert_int_equal(rpc.code, GRPC_STATUS_RESOURCE_EXHAUSTED);
    assert_null(weir_kit_forwarded(w->kit));
    rpc_free(&rpc);

    weir_kit_flow(w->kit, true);
    rpc_unary(&rpc, &w->caller, OPEN, w->request, w->n, WAIT_MS, NULL);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    weir_kit_settle(w->kit, ev, WEIR_OK, NULL);
    assert_true(caller_wait(&w->caller, &rpc.all.done));
    assert_int_equal(rpc.code, GRPC_STATUS_OK);
    rpc_free(&rpc);
}

static void the_budget_field_shortens_the_deadline(void **state)
{
    struct world *w = *state;
    struct rpc rpc;
    const uint8_t budget[] = {0x10, 0xe8, 0x07}; /* budget_ms: 1000 */
    rpc_unary(&rpc, &w->caller, "/wallet.v1.Wallet/Debit", budget, sizeof budget, WAIT_MS, NULL);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    assert_true(in_time(ev->deadline_ns, 1000000000u));
    weir_kit_settle(w->kit, ev, WEIR_OK, NULL);
    rpc_free(&rpc);
}

static void more_calls_than_slots_are_all_answered(void **state)
{
    struct world *w = *state;
    enum { N = 100 };
    struct rpc *rpcs = calloc(N, sizeof *rpcs);
    assert_non_null(rpcs);
    for (int i = 0; i < N; i++) rpc_unary(&rpcs[i], &w->caller, OPEN, w->request, w->n, WAIT_MS, NULL);
    for (int i = 0; i < N; i++) {
        struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
        assert_non_null(ev);
        weir_kit_settle(w->kit, ev, WEIR_OK, NULL);
    }
    for (int i = 0; i < N; i++) {
        assert_true(caller_wait(&w->caller, &rpcs[i].all.done));
        assert_int_equal(rpcs[i].code, GRPC_STATUS_OK);
        rpc_free(&rpcs[i]);
    }
    free(rpcs);
}

static bool has_left(void *arg)
{
    struct world *w = arg;
    const gpr_timespec at_once = gpr_time_0(GPR_CLOCK_MONOTONIC);
    grpc_completion_queue_next(w->caller.cq, at_once, NULL);
    return grpc_channel_check_connectivity_state(w->caller.channel, 0) != GRPC_CHANNEL_READY;
}

/* The server asks the client to come again; the next call does, on another connection. */
static void an_old_connection_is_left(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 2; i++) {
        struct rpc rpc;
        rpc_unary(&rpc, &w->caller, OPEN, w->request, w->n, WAIT_MS, NULL);
        struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
        assert_non_null(ev);
        weir_kit_settle(w->kit, ev, WEIR_RETRY, "later");
        assert_true(caller_wait(&w->caller, &rpc.all.done));
        assert_int_equal(rpc.code, GRPC_STATUS_UNAVAILABLE);
        char text[128];
        assert_string_equal(rpc_trailer(&rpc, "weir-outcome", text), "not-executed");
        rpc_free(&rpc);
        assert_true(weir_kit_wait(w->kit, has_left, w, WAIT_MS));
    }
}

static void a_caller_that_goes_away_costs_nothing(void **state)
{
    struct world *w = *state;
    struct rpc rpc;
    rpc_unary(&rpc, &w->caller, OPEN, w->request, w->n, WAIT_MS, NULL);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    rpc_free(&rpc); /* cancels */
    weir_kit_settle(w->kit, ev, WEIR_OK, NULL);
    weir_kit_run(w->kit);
}

static void a_drain_answers_what_is_in_flight(void **state)
{
    struct world *w = *state;
    struct rpc rpc, late;
    rpc_unary(&rpc, &w->caller, OPEN, w->request, w->n, WAIT_MS, NULL);
    struct weir_event *ev = weir_kit_wait_forwarded(w->kit, WAIT_MS);
    assert_non_null(ev);
    weir_kit_drain(w->kit);
    assert_false(weir_kit_drained(w->kit));
    rpc_unary(&late, &w->caller, OPEN, w->request, w->n, 200, NULL);
    assert_true(caller_wait(&w->caller, &late.all.done));
    assert_int_not_equal(late.code, GRPC_STATUS_OK);
    weir_kit_settle(w->kit, ev, WEIR_OK, NULL);
    assert_true(caller_wait(&w->caller, &rpc.all.done));
    assert_int_equal(rpc.code, GRPC_STATUS_OK);
    rpc_free(&rpc);
    rpc_free(&late);
}

static void bad_confs_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *conf, *text;
    } bad[] = {
        {"listen = \"unix:/tmp/x\"\nmethods = { a = { on = \"Open\", event = \"wallet.v1.OpenRequest\", answer = "
         "\"wallet.v1.AccountReply\" } }",
         "/package.Service/Method"},
        {"listen = \"unix:/tmp/x\"\nmethods = { a = { on = \"/a.B/C\", event = \"wallet.v1.OpenRequest\", answer = "
         "\"wallet.v1.AccountReply\", stream = true } }",
         "repeated message field"},
        {"listen = \"unix:/tmp/x\"\nmethods = { a = { on = \"/a.B/C\", event = \"wallet.v1.OpenRequest\", answer = "
         "\"wallet.v1.AccountReply\" } }\nanswers = [ \"x=NO_SUCH_STATUS\" ]",
         "expected a gRPC status by name"},
        {"listen = \"unix:/tmp/x\"\nmethods = { a = { on = \"/a.B/C\", event = \"wallet.v1.OpenRequest\", answer = "
         "\"wallet.v1.AccountReply\" }\nb = { on = \"/a.B/C\", event = \"wallet.v1.OpenRequest\", answer = "
         "\"wallet.v1.AccountReply\" } }",
         "the same method twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = weir_kit_refuses("grpc-ingress", bad[i].conf);
        assert_non_null(text);
        if (!strstr(text, bad[i].text)) fail_msg("expected \"%s\" in:\n%s", bad[i].text, text);
        free(text);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_an_event_and_the_reply_its_answer),
        TEST(each_result_has_its_status),
        TEST(a_reply_of_another_type_is_not_sent),
        TEST(what_cannot_be_parsed_is_refused_before_any_work),
        TEST(an_unknown_method_is_unimplemented_at_once),
        TEST(a_shut_flow_answers_resource_exhausted),
        TEST(the_budget_field_shortens_the_deadline),
        TEST(more_calls_than_slots_are_all_answered),
        cmocka_unit_test_setup_teardown(more_calls_than_slots_are_all_answered, setup_one_slot, teardown),
        cmocka_unit_test_setup_teardown(an_old_connection_is_left, setup_young, teardown),
        TEST(a_caller_that_goes_away_costs_nothing),
        TEST(a_drain_answers_what_is_in_flight),
        cmocka_unit_test(bad_confs_are_named),
    };
    return cmocka_run_group_tests_name("grpc-ingress: unary", tests, NULL, NULL);
}
