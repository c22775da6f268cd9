/* test_http_limits.c - a full window, slow clients, many clients, tokens, and stopping. */
#include "http_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static void assert_full(struct client *c, double refused)
{
    struct response r;
    response(c, &r);
    assert_int_equal(r.status, 503);
    assert_has(r.head, "Retry-After: 1\r\n");
    assert_has(r.body, "\"outcome\":\"not-executed\"}");
    assert_true(weir_kit_metric(c->kit, "weir_http_ingress_unavailable_total") == refused);
    assert_null(weir_kit_forwarded(c->kit));
}

static void a_window_that_stays_full_says_503(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "hold = \"100ms\"", 0);
    client_open(&c, &h);
    weir_kit_flow(h.kit, false);
    post(&c, "/v1/bets", BET);
    weir_kit_run(h.kit);
    weir_kit_advance(h.kit, 90 * MS);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_unavailable_total") == 0);
    weir_kit_advance(h.kit, 10 * MS);
    assert_full(&c, 1);
    weir_kit_flow(h.kit, true);
    struct weir_event *ev = event_of(&c, "/v1/bets", BET); /* the same connection */
    settle_as(&h, ev, WEIR_OK, "accepted");
    response(&c, &r);
    assert_int_equal(r.status, 201);
    client_close(&c);
    http_close(&h);
}

static void what_must_not_wait_hears_at_once_of_a_full_window(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    static char large[4098];
    memset(large, ' ', sizeof large - 1);
    http_open(&h, "", 0);
    client_open(&c, &h);
    weir_kit_flow(h.kit, false);
    post(&c, "/v1/bets", large);
    assert_full(&c, 1);
    client_close(&c);
    http_close(&h);
    http_open(&h, "hold = \"0s\"", 0);
    client_open(&c, &h);
    weir_kit_flow(h.kit, false);
    post(&c, "/v1/bets", "this is not even read");
    assert_full(&c, 1);
    client_close(&c);
    http_close(&h);
}

/* Who came last gets in first; a request that turns out to be none gets its answer then. */
static void what_is_held_gets_in_when_there_is_room(void **state)
{
    (void)state;
    struct http h;
    struct client c[3];
    struct response r;
    http_open(&h, "", 0);
    for (int i = 0; i < 3; i++) client_open(&c[i], &h);
    weir_kit_flow(h.kit, false);
    for (int i = 0; i < 3; i++) {
        static const char *const bodies[] = {BET, "no bet",
                                             "{\"bet_id\":\"b3\",\"account_id\":\"a3\",\"stake_minor\":250}"};
        post(&c[i], "/v1/bets", bodies[i]);
        weir_kit_run(h.kit);
        weir_kit_advance(h.kit, 50 * MS);
    }
    weir_kit_flow(h.kit, true);
    struct weir_event *newest = weir_kit_wait_forwarded(h.kit, 60000), *oldest = weir_kit_wait_forwarded(h.kit, 60000);
    assert_memory_equal(newest->key.p, "a3", 2);
    assert_memory_equal(oldest->key.p, "a1", 2);
    response(&c[1], &r);
    assert_int_equal(r.status, 400);
    settle_as(&h, oldest, WEIR_OK, "accepted");
    settle_as(&h, newest, WEIR_OK, "accepted");
    for (int i = 0; i < 3; i += 2) {
        response(&c[i], &r);
        assert_int_equal(r.status, 201);
    }
    weir_kit_advance(h.kit, 1 * S);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_unavailable_total") == 0);
    for (int i = 0; i < 3; i++) client_close(&c[i]);
    http_close(&h);
}

/* The pipeline closes while somebody is held: nothing was done, and that is what is said. */
static void who_is_held_at_the_end_hears_that_nothing_was_done(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    char answer[1024];
    http_open(&h, "hold = \"10s\"", 0);
    client_open(&c, &h);
    weir_kit_flow(h.kit, false);
    post(&c, "/v1/bets", BET);
    weir_kit_run(h.kit);
    http_close(&h);
    ssize_t n = recv(c.fd, answer, sizeof answer - 1, 0);
    assert_true(n > 0);
    answer[n] = '\0';
    assert_has(answer, "HTTP/1.1 503 ");
    assert_has(answer, "\"outcome\":\"not-executed\"}");
    close(c.fd);
}

static void slow_clients_are_closed(void **state)
{
    (void)state;
    struct http h;
    struct client silent, header, body, idle, waits;
    struct response r;
    http_open(&h, "header_timeout = \"3s\", body_timeout = \"5s\", idle_timeout = \"7s\"", 0);
    client_open(&silent, &h);
    client_open(&header, &h);
    client_open(&body, &h);
    client_open(&idle, &h);
    client_open(&waits, &h);
    ask(&idle, &r, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    client_send(&header, "POST /v1/bets HTTP/1.1\r\nHost: x\r\n");
    client_send(&body,
                "POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{");
    struct weir_event *ev = event_of(&waits, "/v1/bets", BET);
    weir_kit_advance(h.kit, 2 * S);
    client_send(&header, "X-Slow: 1\r\n"); /* a byte now and then does not help */
    weir_kit_advance(h.kit, 1 * S);
    closes(&silent);
    response(&header, &r);
    assert_int_equal(r.status, 408);
    closes(&header);
    weir_kit_advance(h.kit, 2 * S);
    response(&body, &r);
    assert_int_equal(r.status, 408);
    assert_string_equal(r.body, "{\"type\":\"about:blank\",\"title\":\"Request Timeout\",\"status\":408,"
                                "\"detail\":\"the request came too slowly\"}");
    closes(&body);
    weir_kit_advance(h.kit, 2 * S);
    closes(&idle);
    weir_kit_advance(h.kit, 100 * S);
    settle_as(&h, ev, WEIR_OK, "accepted"); /* what is in the pipeline has the event's deadline, not ours */
    response(&waits, &r);
    assert_int_equal(r.status, 201);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_expired_total") == 4);
    weir_kit_advance(h.kit, 8 * S);
    closes(&waits);
    struct client *all[] = {&silent, &header, &body, &idle, &waits};
    for (int i = 0; i < 5; i++) client_close(all[i]);
    http_close(&h);
}

/* A client that does not read its answers keeps one connection, for body_timeout. */
static void clients_that_do_not_read_are_closed(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    http_open(&h, "body_timeout = \"5s\"", 0);
    client_open(&c, &h);
    static const char get[] = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
    size_t at = 0;
    for (int full = 0; full < 100;) { /* until the server takes no more */
        ssize_t n = send(c.fd, get + at, sizeof get - 1 - at, MSG_NOSIGNAL);
        if (n > 0) at = (at + (size_t)n) % (sizeof get - 1);
        full = n > 0 ? 0 : full + 1;
        if (n <= 0) weir_kit_run(h.kit);
    }
    weir_kit_run(h.kit);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == 1);
    weir_kit_advance(h.kit, 6 * S);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == 0);
    client_close(&c);
    http_close(&h);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct http h;
    struct client a, b, c;
    struct response r;
    const char *why;
    http_open(&h, "max_connections = 2", 0);
    client_open(&a, &h);
    client_open(&b, &h);
    assert_int_equal(weir_kit_state(h.kit, &why), WEIR_DEGRADED);
    assert_string_equal(why, "cannot accept: max_connections are open");
    client_open(&c, &h);
    client_send(&c, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == 2);
    client_close(&a);
    response(&c, &r); /* it was waiting */
    assert_int_equal(r.status, 404);
    client_close(&b);
    client_close(&c);
    assert_int_equal(weir_kit_state(h.kit, &why), WEIR_READY);
    http_close(&h);
}

/* More than one daemon of the library takes: each is served, those in the pipeline too, and none keeps a place. */
static void many_connections(void **state)
{
    enum { N = 300 };
    (void)state;
    struct http h;
    struct weir_event *events[N];
    struct response r;
    struct client *clients = calloc(N, sizeof *clients);
    assert_non_null(clients);
    http_open(&h, "", 0);
    for (int i = 0; i < N; i++) client_open(&clients[i], &h);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == N);
    for (int i = 0; i < N; i++) events[i] = event_of(&clients[i], "/v1/bets", BET);
    for (int i = N; i-- > 0;) weir_kit_settle(h.kit, events[i], WEIR_OK, NULL);
    for (int i = 0; i < N; i++) {
        response(&clients[i], &r);
        assert_int_equal(r.status, 202);
    }
    for (int i = 0; i < N; i++) client_close(&clients[i]);
    weir_kit_run(h.kit);
    assert_true(weir_kit_metric(h.kit, "weir_http_ingress_connections") == 0);
    http_close(&h);
    free(clients);
}

static void drains_what_is_in_flight(void **state)
{
    (void)state;
    struct http h;
    struct client idle, waits, late;
    struct response r;
    http_open(&h, "farewell = \"0s\"", 0);
    client_open(&idle, &h);
    client_open(&waits, &h);
    client_open(&late, &h);
    ask(&idle, &r, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    client_send(&late, "POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n");
    struct weir_event *ev = event_of(&waits, "/v1/bets", BET);
    weir_kit_drain(h.kit);
    closes(&idle);
    client_send(&late, "\r\n{}");
    response(&late, &r);
    assert_int_equal(r.status, 503);
    assert_has(r.head, "Connection: close\r\n");
    assert_has(r.body, "\"outcome\":\"not-executed\"}");
    closes(&late);
    assert_false(weir_kit_drained(h.kit));
    settle_as(&h, ev, WEIR_OK, "accepted");
    response(&waits, &r);
    assert_int_equal(r.status, 201);
    assert_has(r.head, "Connection: close\r\n");
    closes(&waits);
    assert_true(weir_kit_drained(h.kit));
    client_close(&idle);
    client_close(&waits);
    client_close(&late);
    http_close(&h);
}

/* An idle connection closed at once would take a request that is on its way with it. */
static void open_connections_may_bring_one_more_request(void **state)
{
    (void)state;
    struct http h;
    struct client idle, kept, late;
    struct response r;
    http_open(&h, "farewell = \"3s\"", 0);
    client_open(&idle, &h);
    client_open(&kept, &h);
    client_open(&late, &h);
    ask(&kept, &r, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_has_not(r.head, "Connection: close\r\n");
    client_send(&late, "POST /v1/bets HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n");
    weir_kit_drain(h.kit);
    weir_kit_advance(h.kit, 2 * S);
    struct weir_event *ev = event_of(&kept, "/v1/bets", BET);
    settle_as(&h, ev, WEIR_OK, "accepted");
    response(&kept, &r);
    assert_int_equal(r.status, 201);
    assert_has(r.head, "Connection: close\r\n");
    closes(&kept);
    assert_false(weir_kit_drained(h.kit));
    weir_kit_advance(h.kit, 1 * S);
    closes(&idle);
    client_send(&late, "\r\n{}");
    response(&late, &r);
    assert_int_equal(r.status, 503);
    assert_has(r.body, "\"outcome\":\"not-executed\"}");
    closes(&late);
    assert_true(weir_kit_drained(h.kit));
    client_close(&idle);
    client_close(&kept);
    client_close(&late);
    http_close(&h);
}

static void a_farewell_ends_with_the_last_connection(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "farewell = \"1h\"", 0);
    client_open(&c, &h);
    weir_kit_drain(h.kit);
    assert_false(weir_kit_drained(h.kit));
    ask(&c, &r, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(r.status, 404);
    closes(&c);
    weir_kit_run(h.kit);
    assert_true(weir_kit_drained(h.kit));
    client_close(&c);
    http_close(&h);
}

static void tokens_are_needed(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    struct response r;
    http_open(&h, "tokens = \"first-token second-token\\n\"", 0);
    client_open(&c, &h);
    static const char *const bad[] = {"",
                                      "Authorization: Basic second-token\r\n",
                                      "Authorization: Bearer \r\n",
                                      "Authorization: Bearer second-toke\r\n",
                                      "Authorization: Bearer second-token2\r\n",
                                      "Authorization: Bearer first-token second-token\r\n"};
    char request[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(request, sizeof request, "GET /nothing HTTP/1.1\r\nHost: x\r\n%s\r\n", bad[i]);
        ask(&c, &r, request);
        assert_int_equal(r.status, 401);
        assert_has(r.head, "WWW-Authenticate: Bearer\r\n");
    }
    ask(&c, &r, "GET /nothing HTTP/1.1\r\nHost: x\r\nAuthorization: bearer second-token\r\n\r\n");
    assert_int_equal(r.status, 404);
    client_close(&c);
    http_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_that_stays_full_says_503),
        cmocka_unit_test(what_must_not_wait_hears_at_once_of_a_full_window),
        cmocka_unit_test(what_is_held_gets_in_when_there_is_room),
        cmocka_unit_test(who_is_held_at_the_end_hears_that_nothing_was_done),
        cmocka_unit_test(slow_clients_are_closed),
        cmocka_unit_test(clients_that_do_not_read_are_closed),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(many_connections),
        cmocka_unit_test(drains_what_is_in_flight),
        cmocka_unit_test(open_connections_may_bring_one_more_request),
        cmocka_unit_test(a_farewell_ends_with_the_last_connection),
        cmocka_unit_test(tokens_are_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
