/* test_http_input.c - bad bodies, requests and confs: refused before any work, each with one clear answer. */
#include "http_test.h"
#include <stdio.h>
#include <stdlib.h>

static void bad_bodies_get_a_pointer(void **state)
{
    (void)state;
    static const struct {
        const char *body, *pointer, *detail;
    } cases[] = {
        {"{\"stake_minor\":2.5}", "/stake_minor", "found 2.5, expected an integer of 64 bits"},
        {"{\"stake_minor\":9223372036854775808}", "/stake_minor",
         "found 9223372036854775808, expected an integer of 64 bits"},
        {"{\"stake_minor\":1,\"stake_minor\":2}", "/stake_minor",
         "found the same field again, expected a field only once"},
        {"{\"what\":1}", "/what", "found an unknown field, expected a field of bets.v1.PlaceBet"},
        {"{\"bet_id\":\"\\ud800\"}", "/bet_id", "found the lone surrogate \\\\ud800, expected a pair of surrogates"},
        {"{\"bet_id\":\"\xff\"}", "/bet_id", "found byte 0xff at byte 11, expected UTF-8"},
        {"{} {}", "", "found an object, expected the end of the text"},
        {"[]", "", "found an array, expected an object"},
        {"{", "", "found the end of the text, expected a field name in quotes"},
        {"", "", "found no body, expected a JSON object"},
    };
    struct http h;
    struct client c;
    struct response r;
    char part[300];
    http_open(&h, "", 0);
    client_open(&c, &h);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        post(&c, "/v1/bets", cases[i].body);
        response(&c, &r);
        assert_int_equal(r.status, 400);
        snprintf(part, sizeof part, "\"detail\":\"%s\",\"pointer\":\"%s\",\"outcome\":\"invalid\"}", cases[i].detail,
                 cases[i].pointer);
        assert_has(r.body, part);
    }
    assert_null(weir_kit_forwarded(h.kit));
    client_close(&c);
    http_close(&h);
}

static void bad_requests_get_their_status(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
        const char *said;
    } cases[] = {
        {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is nothing at this path"},
        {"GET /v1/bets/ HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is nothing"},
        {"GET //v1/bets HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is nothing"},
        {"GET /v1/accounts//deposits HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is nothing"},
        {"GET /a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is nothing"},
        {"GET /v1/bets HTTP/1.1\r\nHost: x\r\n\r\n", 405, "\r\nAllow: POST\r\n"},
        {"POST /v1/accounts/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 405,
         "\r\nAllow: GET, HEAD, DELETE\r\n"},
        {"BREW /v1/bets HTTP/1.1\r\nHost: x\r\n\r\n", 405, "\r\nAllow: POST\r\n"},
        {"POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 415, "application/json"},
        {"POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415, ""},
        {"POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonp\r\nContent-Length: 2\r\n\r\n{}", 415,
         ""},
        {"POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json;charset=latin1\r\nContent-Length: "
         "2\r\n\r\n{}",
         415, ""},
        {"GET /v1/numbers/4x HTTP/1.1\r\nHost: x\r\n\r\n", 400, "\"pointer\":\"/stake_minor\""},
        {"GET /v1/accounts/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "\"pointer\":\"/account_id\""},
        {"GET /v1/accounts/%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "\"pointer\":\"/account_id\""},
        {"GET /v1/accounts/a%4 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "\"pointer\":\"/account_id\""},
        {"GET /v1/accounts/%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "found other bytes, expected UTF-8 without NUL"},
        {"POST /v1/accounts/a/deposits HTTP/1.1\r\nHost: x\r\n\r\n", 400, "header Idempotency-Key: found nothing"},
        {"POST /v1/accounts/a/deposits HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n", 400,
         "header Idempotency-Key: found it twice"},
        {"POST /v1/accounts/a/deposits HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nContent-Type: application/json\r\n"
         "Content-Length: 18\r\n\r\n{\"account_id\":\"b\"}",
         400, "found another value, expected the value given in the path"},
    };
    struct http h;
    struct client c;
    struct response r;
    char all[sizeof r.head + sizeof r.body];
    http_open(&h, "", 0);
    client_open(&c, &h);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(&c, &r, cases[i].request);
        if (r.status != cases[i].status) fail_msg("%s\n-> %s%s", cases[i].request, r.head, r.body);
        snprintf(all, sizeof all, "%s%s", r.head, r.body);
        assert_has(all, cases[i].said);
        assert_has(r.head, "Content-Type: application/problem+json\r\n");
    }
    assert_null(weir_kit_forwarded(h.kit));
    client_close(&c);
    http_close(&h);
}

static void large_bodies_are_refused(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    char body[300];
    http_open(&h, "max_body = \"128\"", 0);
    client_open(&c, &h);
    memset(body, ' ', sizeof body);
    body[200] = '\0';
    post(&c, "/v1/bets", body);
    response(&c, &r);
    assert_int_equal(r.status, 413);
    assert_has(r.head, "Connection: close\r\n"); /* it did not wait for the body */
    client_close(&c);
    client_open(&c, &h); /* chunked: its size shows only as it comes */
    client_send(
        &c, "POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            "c8\r\n");
    client_bytes(&c, body, 200);
    client_send(&c, "\r\n0\r\n\r\n");
    response(&c, &r);
    assert_int_equal(r.status, 413);
    assert_has(r.body, "expected a body of at most 128 bytes");
    ask(&c, &r, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"); /* the connection lives on */
    assert_int_equal(r.status, 404);
    client_send(
        &c,
        "POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        client_send(&c, "c8\r\n");
        client_bytes(&c, body, 200);
        client_send(&c, "\r\n");
    }
    closes(&c); /* much too large */
    client_close(&c);
    http_close(&h);
}

static void chunked_bodies_and_expect_work(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "max_body = \"1KiB\"", 0);
    client_open(&c, &h);
    client_send(&c,
                "POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                "Expect: 100-continue\r\n\r\n");
    assert_true(response_head(&c, &r));
    assert_int_equal(r.status, 100);
    client_send(&c, "5\r\n{\"bet\r\n9\r\n_id\":\"1\"}\r\n0\r\n\r\n");
    struct weir_event *ev = weir_kit_wait_forwarded(h.kit, 10000);
    assert_non_null(ev);
    assert_int_equal(ev->value.n, 3);
    settle_as(&h, ev, WEIR_OK, "accepted");
    response(&c, &r);
    assert_int_equal(r.status, 201);
    ask(&c, &r,
        "POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n"
        "Expect: 100-continue\r\n\r\n");
    assert_int_equal(r.status, 413); /* and no "100 Continue" before it */
    client_close(&c);
    http_close(&h);
}

static void large_headers_get_431(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    char *text = malloc(40000);
    assert_non_null(text);
    http_open(&h, "max_header = \"8KiB\"", 0);
    client_open(&c, &h);
    int n = snprintf(text, 40000, "GET /v1/accounts/1 HTTP/1.1\r\nHost: x\r\nX-Large: ");
    memset(text + n, 'x', 30000);
    client_bytes(&c, text, (size_t)n + 30000);
    response(&c, &r);
    assert_int_equal(r.status, 431);
    client_close(&c);
    free(text);
    http_close(&h);
}

static void nonsense_and_cut_requests_emit_nothing(void **state)
{
    (void)state;
    static const char whole[] = "POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                "Content-Length: 75\r\n\r\n" BET;
    struct http h;
    struct client c;
    http_open(&h, "", 0);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        client_open(&c, &h);
        client_bytes(&c, whole, n);
        client_close(&c);
        assert_null(weir_kit_forwarded(h.kit));
    }
    client_open(&c, &h);
    client_bytes(&c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n\0\0\0", 18);
    client_close(&c);
    assert_null(weir_kit_forwarded(h.kit));
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == 0);
    http_close(&h);
}

/* Bytes changed, added and left out at random, from a fixed seed: whatever comes out is settled, nothing is left. */
static void survives_changed_requests(void **state)
{
    (void)state;
    static const char whole[] = "POST /v1/accounts/a%20b/deposits HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\n"
                                "Content-Type: application/json\r\nContent-Length: 19\r\n\r\n{\"amount_minor\":123}"
                                "GET /v1/numbers/7 HTTP/1.1\r\nHost: x\r\n\r\n";
    struct http h;
    struct client c;
    uint64_t seed = 88172645463325252u;
    http_open(&h, "", 0);
    for (int i = 0; i < 3000; i++) {
        char text[sizeof whole];
        size_t n = sizeof whole - 1;
        memcpy(text, whole, n);
        for (int k = i % 3; k >= 0; k--) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            size_t at = (seed >> 8) % (n - 8);
            if (seed & 1)
                text[at] = (char)(seed >> 40);
            else
                memmove(text + at, text + at + (seed >> 50) % 8, n - at - 8), n -= (seed >> 50) % 8;
        }
        client_open(&c, &h);
        client_bytes(&c, text, n);
        for (struct weir_event *ev; (ev = weir_kit_forwarded(h.kit));) settle_as(&h, ev, WEIR_OK, "accepted");
        client_close(&c);
        for (struct weir_event *ev; (ev = weir_kit_forwarded(h.kit));) settle_as(&h, ev, WEIR_OK, "accepted");
    }
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == 0);
    http_close(&h);
}

static void unknown_fields_may_be_skipped(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "unknown_fields = \"skip\"", 0);
    client_open(&c, &h);
    settle_as(&h, event_of(&c, "/v1/bets", "{\"what\":[1],\"bet_id\":\"1\"}"), WEIR_OK, "accepted");
    response(&c, &r);
    assert_int_equal(r.status, 201);
    client_close(&c);
    http_close(&h);
}

static void refuses(const char *conf, const char *said)
{
    char *text = weir_kit_refuses("http-ingress", conf);
    if (!text) fail_msg("accepted: %s", conf);
    assert_has(text, said);
    free(text);
}

static void bad_confs_are_refused(void **state)
{
    (void)state;
#define ROUTE(text) "routes = { r = { event = \"bets.v1.PlaceBet\", " text " } }"
    refuses("", "routes");
    refuses(ROUTE("on = \"POST\""), "expected GET, POST, PUT, PATCH or DELETE and a path");
    refuses(ROUTE("on = \"post /v1\""), "found \"post /v1\"");
    refuses(ROUTE("on = \"POST /v1/{bet\""), "found the part \"{bet\"");
    refuses(ROUTE("on = \"POST /v1/\""), "expected GET");
    refuses(ROUTE("on = \"POST /{nothing}\""), "bets.v1.PlaceBet has no field \"nothing\"");
    refuses(ROUTE("on = \"POST /{bet_id}/{bet_id}\""), "{bet_id} stands twice");
    refuses(ROUTE("on = \"POST /{bet_id}\", headers = [ \"A=bet_id\" ]"), "comes from the path already");
    refuses(ROUTE("on = \"POST /\", headers = [ \"A B=bet_id\" ]"), "Header-Name=field");
    refuses(ROUTE("on = \"POST /\", key = \"amount_minor\""), "bets.v1.PlaceBet has no single field \"amount_minor\"");
    refuses(ROUTE("on = \"POST /\", answers = [ \"a=99\" ]"), "a status from 200 to 599, found \"a=99\"");
    refuses(ROUTE("on = \"POST /\"") "\nanswers = [ \"a=600\" ]", "found \"a=600\"");
    refuses(ROUTE("on = \"POST /\"") "\nanswers = [ \"a=20x\" ]", "found \"a=20x\"");
    refuses(ROUTE("on = \"POST /\"") "\ntls = { cert = \"x\" }", "expected both");
    refuses(ROUTE("on = \"POST /\"") "\ntokens = \"\\t\"", "expected at least one");
#define DEBIT(text) "routes = { r = { on = \"POST /\", event = \"wallet.v1.DebitRequest\", " text " } }"
    refuses(DEBIT("key = \"bet\""), "field \"bet\" is a message; a key is a scalar");
    refuses(DEBIT("headers = [ \"A=bet\" ]"),
            "a text cannot go into field \"bet\" of wallet.v1.DebitRequest: it is repeated or a message");
    refuses("routes = { a = { on = \"GET /{bet_id}\", event = \"bets.v1.PlaceBet\" }\n"
            "b = { on = \"GET /{account_id}\", event = \"bets.v1.PlaceBet\" } }",
            "route \"a\" answers this method and path already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_bodies_get_a_pointer),  cmocka_unit_test(bad_requests_get_their_status),
        cmocka_unit_test(large_bodies_are_refused),  cmocka_unit_test(chunked_bodies_and_expect_work),
        cmocka_unit_test(large_headers_get_431),     cmocka_unit_test(nonsense_and_cut_requests_emit_nothing),
        cmocka_unit_test(survives_changed_requests), cmocka_unit_test(unknown_fields_may_be_skipped),
        cmocka_unit_test(bad_confs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
