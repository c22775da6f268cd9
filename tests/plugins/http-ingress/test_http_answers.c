/* test_http_answers.c - a request becomes an event, and what became of it becomes an answer. */
#include "bets/v1/bets.pb-c.h"
#include "http_test.h"
#include "wallet/v1/wallet.pb-c.h"
#include <stdio.h>

static void a_post_becomes_an_event(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    http_open(&h, "timeout = \"5s\"", 0);
    client_open(&c, &h);
    struct weir_event *ev = event_of(&c, "/v1/bets", BET);
    struct weir_ctx *ctx = weir_kit_ctx(h.kit);
    assert_int_equal(ev->schema, weir_kit_schema(h.kit, "bets.v1.PlaceBet")->id);
    Bets__V1__PlaceBet *bet = bets__v1__place_bet__unpack(NULL, ev->value.n, ev->value.p);
    assert_string_equal(bet->bet_id, "b1");
    assert_true(bet->stake_minor == 250);
    bets__v1__place_bet__free_unpacked(bet, NULL);
    assert_int_equal(ev->key.n, 2);
    assert_memory_equal(ev->key.p, "a1", 2);
    assert_true(ev->ts_ns > 0);
    assert_true(ev->deadline_ns == ctx->host->now(ctx) + 5000000000u);
    assert_int_equal(ev->n_headers, 1);
    assert_memory_equal(ev->headers[0].name.p, "traceparent", 11);
    assert_int_equal(ev->headers[0].value.n, 55);
    assert_memory_equal(ev->headers[0].value.p, "00-", 3);
    settle_as(&h, ev, WEIR_OK, "");
    struct response r;
    response(&c, &r);
    assert_int_equal(r.status, 202);
    assert_string_equal(r.body, "");
    client_close(&c);
    http_close(&h);
}

static void a_reply_is_the_body(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "", 0);
    client_open(&c, &h);
    struct weir_event *ev = event_of(&c, "/v1/bets", BET);
    const struct weir_pair headers[] = {
        {{(const uint8_t *)"Server-Timing", 13}, {(const uint8_t *)"call;dur=0.812", 14}},
        {{(const uint8_t *)"Content-Length", 14}, {(const uint8_t *)"7", 1}},
        {{(const uint8_t *)"X-Bad", 5}, {(const uint8_t *)"a\r\nSet-Cookie: b", 16}},
        {{(const uint8_t *)"X:Bad", 5}, {(const uint8_t *)"a", 1}}};
    struct weir_result result = {.status = WEIR_OK,
                                 .outcome_name = "accepted",
                                 .schema = weir_kit_schema(h.kit, "bets.v1.BetAccepted")->id,
                                 .reply = {(const uint8_t *)"\x0a\x02"
                                                            "b1\x18\xfa\x01",
                                           7},
                                 .headers = headers,
                                 .n_headers = 4};
    weir_kit_settle_with(h.kit, ev, &result);
    response(&c, &r);
    assert_int_equal(r.status, 201);
    assert_string_equal(r.body, "{\"bet_id\":\"b1\",\"account_id\":\"\",\"stake_minor\":250,\"currency\":\"\","
                                "\"balance_after_minor\":0}");
    assert_has(r.head, "Content-Type: application/json\r\n");
    assert_has(r.head, "Server-Timing: call;dur=0.812\r\n");
    assert_has_not(r.head, "Set-Cookie");
    assert_has_not(r.head, "X:Bad");
    ev = event_of(&c, "/v1/accounts", "{\"account_id\":\"a\"}"); /* the same connection, a route with its own answers */
    settle_as(&h, ev, WEIR_OK, "accepted");
    response(&c, &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "{\"outcome\":\"accepted\"}");
    client_close(&c);
    http_close(&h);
}

static void outcomes_become_statuses(void **state)
{
    (void)state;
    static const struct {
        enum weir_status status;
        const char *outcome;
        int expected;
        const char *said;
    } cases[] = {
        {WEIR_OK, "replayed", 200, "{\"outcome\":\"replayed\"}"},
        {WEIR_OK, "gone", 204, ""},
        {WEIR_OK, "insufficient-funds", 402, "\"status\":402,\"outcome\":\"insufficient-funds\"}"},
        {WEIR_OK, "unknown-account", 404, "\"title\":\"Not Found\",\"status\":404,\"outcome\":\"unknown-account\"}"},
        {WEIR_OK, "never-heard-of", 422, "\"outcome\":\"never-heard-of\"}"},
        {WEIR_OK, "not-executed", 503, "\"outcome\":\"not-executed\"}"},
        {WEIR_OK, "unknown", 503, "\"outcome\":\"unknown\"}"},
        {WEIR_REJECT, "", 400, "\"outcome\":\"invalid\"}"},
        {WEIR_REJECT, "key-reused", 422, "\"outcome\":\"key-reused\"}"},
        {WEIR_REJECT, "accepted", 422, "\"outcome\":\"accepted\"}"},
        {WEIR_RETRY, "", 503, "\"outcome\":\"not-executed\"}"},
        {WEIR_RETRY, "insufficient-funds", 503, "\"outcome\":\"not-executed\"}"},
        {WEIR_UNKNOWN, "", 503, "\"outcome\":\"unknown\"}"},
    };
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "", 0);
    client_open(&c, &h);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        settle_as(&h, event_of(&c, "/v1/bets", BET), cases[i].status, cases[i].outcome);
        if (cases[i].expected == 204) {
            assert_true(response_head(&c, &r));
        } else {
            response(&c, &r);
            assert_has(r.body, cases[i].said);
        }
        assert_int_equal(r.status, cases[i].expected);
        if (r.status >= 400) assert_has(r.head, "Content-Type: application/problem+json\r\n");
        if (r.status == 503) assert_has(r.head, "Retry-After: 1\r\n");
    }
    client_close(&c);
    http_close(&h);
}

static void a_refusal_carries_reply_why_and_time(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "", 0);
    client_open(&c, &h);
    struct weir_result result = {.status = WEIR_OK,
                                 .outcome_name = "insufficient-funds",
                                 .why = "the balance is \"100\"",
                                 .schema = weir_kit_schema(h.kit, "wallet.v1.Account")->id,
                                 .reply = {(const uint8_t *)"\x18\x64", 2}};
    weir_kit_settle_with(h.kit, event_of(&c, "/v1/bets", BET), &result);
    response(&c, &r);
    assert_string_equal(r.body, "{\"type\":\"about:blank\",\"title\":\"Payment Required\",\"status\":402,"
                                "\"detail\":\"the balance is \\\"100\\\"\",\"outcome\":\"insufficient-funds\","
                                "\"reply\":{\"account_id\":\"\",\"currency\":\"\",\"balance_minor\":100}}");
    struct weir_result later = {.status = WEIR_RETRY, .retry_after_ns = 2000000001, .why = "10.0.0.5 is away"};
    weir_kit_settle_with(h.kit, event_of(&c, "/v1/bets", BET), &later);
    response(&c, &r);
    assert_has(r.head, "Retry-After: 3\r\n");
    assert_has_not(r.body, "10.0.0.5"); /* where our servers are is nobody's affair */
    struct weir_result broken = {.status = WEIR_OK,
                                 .outcome_name = "accepted",
                                 .schema = weir_kit_schema(h.kit, "wallet.v1.Account")->id,
                                 .reply = {(const uint8_t *)"\x18", 1}};
    weir_kit_settle_with(h.kit, event_of(&c, "/v1/bets", BET), &broken);
    response(&c, &r);
    assert_int_equal(r.status, 201); /* it was done, and the client hears so */
    assert_string_equal(r.body, "{\"outcome\":\"accepted\"}");
    client_close(&c);
    http_close(&h);
}

static void path_and_headers_become_fields(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "", 0);
    client_open(&c, &h);
    static const char body[] = "{\"amount_minor\":\"5\",\"account_id\":\"p\\u00e4/1\"} ";
    char request[512];
    snprintf(request, sizeof request,
             "POST /v1/accounts/p%%C3%%A4%%2F1/deposits?x=1 HTTP/1.1\r\nHost: x\r\nidempotency-key: k 1\r\n"
             "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
             "Content-Type: application/json; charset=UTF-8\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof body - 1, body);
    client_send(&c, request);
    struct weir_event *ev = weir_kit_wait_forwarded(h.kit, 10000);
    assert_non_null(ev);
    Wallet__V1__CreditRequest *credit = wallet__v1__credit_request__unpack(NULL, ev->value.n, ev->value.p);
    assert_string_equal(credit->account_id, "p\xc3\xa4/1");
    assert_string_equal(credit->idempotency_key, "k 1");
    assert_true(credit->amount_minor == 5);
    wallet__v1__credit_request__free_unpacked(credit, NULL);
    assert_memory_equal(ev->headers[0].value.p, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 55);
    settle_as(&h, ev, WEIR_OK, "accepted");
    response(&c, &r);
    assert_int_equal(r.status, 201);
    client_send(&c, "GET /v1/numbers/42 HTTP/1.1\r\nHost: x\r\ntraceparent: 00-00000000000000000000000000000000-"
                    "b7ad6b7169203331-01\r\n\r\n");
    ev = weir_kit_wait_forwarded(h.kit, 10000);
    assert_non_null(ev);
    assert_int_equal(ev->key.n, 2);
    assert_memory_equal(ev->key.p, "42", 2);
    assert_memory_not_equal(ev->headers[0].value.p + 3, "00000000000000000000000000000000", 32);
    settle_as(&h, ev, WEIR_OK, "");
    response(&c, &r);
    client_close(&c);
    http_close(&h);
}

static void traceparents_are_checked(void **state)
{
    (void)state;
#define TRACE "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    static const struct {
        const char *given;
        bool taken;
    } cases[] = {{"00-" TRACE, true},
                 {"01-" TRACE "-more", true},
                 {"01-" TRACE, true},
                 {"00-" TRACE "-more", false},
                 {"01-" TRACE "more", false},
                 {"ff-" TRACE, false},
                 {"00-" TRACE "0", false},
                 {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
                 {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
                 {"00", false}};
    struct http h;
    struct client c;
    struct response r;
    char request[300];
    http_open(&h, "", 0);
    client_open(&c, &h);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(request, sizeof request, "GET /v1/accounts/a HTTP/1.1\r\nHost: x\r\ntraceparent: %s\r\n\r\n",
                 cases[i].given);
        client_send(&c, request);
        struct weir_event *ev = weir_kit_wait_forwarded(h.kit, 10000);
        assert_non_null(ev);
        assert_int_equal(ev->headers[0].value.n, 55);
        bool taken = memcmp(ev->headers[0].value.p, "00-" TRACE, 55) == 0;
        if (taken != cases[i].taken) fail_msg("%s", cases[i].given);
        settle_as(&h, ev, WEIR_OK, "");
        response(&c, &r);
    }
    client_close(&c);
    http_close(&h);
}

static void head_is_a_get_without_a_body(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "", 0);
    client_open(&c, &h);
    client_send(&c, "HEAD /v1/accounts/a HTTP/1.1\r\nHost: x\r\n\r\n");
    struct weir_event *ev = weir_kit_wait_forwarded(h.kit, 10000);
    assert_non_null(ev);
    struct weir_result result = {
        .status = WEIR_OK, .outcome_name = "replayed", .schema = weir_kit_schema(h.kit, "wallet.v1.Account")->id};
    weir_kit_settle_with(h.kit, ev, &result);
    assert_true(response_head(&c, &r));
    assert_int_equal(r.status, 200);
    assert_has(r.head, "Content-Length: 49\r\n"); /* {"account_id":"","currency":"","balance_minor":0} */
    client_send(&c, "GET /v1/accounts/a HTTP/1.1\r\nHost: x\r\n\r\n");
    ev = weir_kit_wait_forwarded(h.kit, 10000);
    assert_non_null(ev);
    weir_kit_settle_with(h.kit, ev, &result);
    response(&c, &r);
    assert_string_equal(r.body, "{\"account_id\":\"\",\"currency\":\"\",\"balance_minor\":0}");
    client_close(&c);
    http_close(&h);
}

static void many_at_once_and_one_after_the_other(void **state)
{
    (void)state;
    enum { N = 70 };
    static struct client c[N];
    struct http h;
    struct response r;
    char two[1024];
    http_open(&h, "", 0);
    for (int i = 0; i < N; i++) client_open(&c[i], &h);
    for (int i = 0; i < N; i++) post(&c[i], "/v1/bets", BET);
    for (int i = 0; i < N; i++) {
        struct weir_event *ev = weir_kit_wait_forwarded(h.kit, 10000);
        assert_non_null(ev);
        settle_as(&h, ev, WEIR_OK, "accepted");
    }
    for (int i = 0; i < N; i++) {
        response(&c[i], &r);
        assert_int_equal(r.status, 201);
    }
    /* pipelined: the second waits for the first one's answer */
    snprintf(two, sizeof two,
             "GET /v1/accounts/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    client_send(&c[0], two);
    struct weir_event *ev = weir_kit_wait_forwarded(h.kit, 10000);
    assert_non_null(ev);
    settle_as(&h, ev, WEIR_OK, "");
    response(&c[0], &r);
    assert_int_equal(r.status, 202);
    response(&c[0], &r);
    assert_int_equal(r.status, 404);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_requests_total") == N + 2);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_request_seconds") == N + 1); /* of those with a route */
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_received_bytes_total") == (double)(N * strlen(BET)));
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_sent_bytes_total") >= (double)strlen(r.body));
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == N);
    for (int i = 0; i < N; i++) client_close(&c[i]);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == 0);
    http_close(&h);
}

static void a_client_that_goes_away_changes_nothing(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    http_open(&h, "", 0);
    client_open(&c, &h);
    struct weir_event *ev = event_of(&c, "/v1/bets", BET);
    client_close(&c);
    settle_as(&h, ev, WEIR_OK, "accepted");
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == 0);
    http_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_becomes_an_event),
        cmocka_unit_test(a_reply_is_the_body),
        cmocka_unit_test(outcomes_become_statuses),
        cmocka_unit_test(a_refusal_carries_reply_why_and_time),
        cmocka_unit_test(path_and_headers_become_fields),
        cmocka_unit_test(traceparents_are_checked),
        cmocka_unit_test(head_is_a_get_without_a_body),
        cmocka_unit_test(many_at_once_and_one_after_the_other),
        cmocka_unit_test(a_client_that_goes_away_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
