/* test_http_tls.c - the same over HTTPS, with libcurl as the client and a certificate made for the run. */
#include "http_test.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct transfer {
    struct http *h;
    CURLM *multi;
    CURL *easy;
    char body[1024];
    size_t n;
    struct weir_event *ev;
    int running;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t room = sizeof t->body - 1 - t->n, take = size * n < room ? size * n : room;
    memcpy(t->body + t->n, data, take);
    t->n += take;
    t->body[t->n] = '\0';
    return size * n;
}

static bool pump(struct transfer *t)
{
    assert_int_equal(curl_multi_perform(t->multi, &t->running), CURLM_OK);
    return !t->running;
}

static bool has_event(void *arg)
{
    struct transfer *t = arg;
    pump(t);
    if (!t->ev) t->ev = weir_kit_forwarded(t->h->kit);
    return t->ev != NULL;
}

static bool is_over(void *arg)
{
    return pump(arg);
}

/* Makes dir/cert.pem and dir/key.pem; false where there is no openssl. */
static bool make_certificate(const char *dir)
{
    char command[512];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
             "-addext subjectAltName=DNS:localhost -keyout %s/key.pem -out %s/cert.pem >%s/log 2>&1",
             dir, dir, dir);
    return system(command) == 0;
}

static void remove_all(const char *dir)
{
    static const char *const names[] = {"key.pem", "cert.pem", "log"};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void start(struct transfer *t, const char *cert)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    t->multi = curl_multi_init();
    t->easy = curl_easy_init();
    assert_true(headers && t->multi && t->easy);
    curl_easy_setopt(t->easy, CURLOPT_URL, "https://localhost/v1/bets");
    curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, t->h->path);
    curl_easy_setopt(t->easy, CURLOPT_CAINFO, cert);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, BET);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, headers);
    curl_multi_add_handle(t->multi, t->easy);
}

static void stop(struct transfer *t)
{
    char *headers = NULL;
    curl_easy_getinfo(t->easy, CURLINFO_PRIVATE, &headers);
    curl_multi_remove_handle(t->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_multi_cleanup(t->multi);
    curl_slist_free_all((struct curl_slist *)(void *)headers);
}

static void answers_over_tls(void **state)
{
    (void)state;
    struct http h;
    struct transfer t = {.h = &h};
    char dir[] = "/tmp/weir-tls-XXXXXX", conf[256], cert[64];
    long status = 0;
    assert_non_null(mkdtemp(dir));
    if (!make_certificate(dir)) {
        remove_all(dir);
        skip();
    }
    snprintf(conf, sizeof conf, "tls = { cert = \"%s/cert.pem\", key = \"%s/key.pem\" }", dir, dir);
    snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    http_open(&h, conf, 0);
    start(&t, cert);
    assert_true(weir_kit_wait(h.kit, has_event, &t, 30000));
    settle_as(&h, t.ev, WEIR_OK, "accepted");
    assert_true(weir_kit_wait(h.kit, is_over, &t, 30000));
    curl_easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, 201);
    assert_string_equal(t.body, "{\"outcome\":\"accepted\"}");
    stop(&t);
    http_close(&h);
    remove_all(dir);
}

/* A client that speaks no TLS, or stops in the middle of the handshake, is closed after header_timeout. */
static void a_stuck_handshake_is_closed(void **state)
{
    (void)state;
    struct http h;
    struct client c;
    char dir[] = "/tmp/weir-tls-XXXXXX", conf[256];
    assert_non_null(mkdtemp(dir));
    if (!make_certificate(dir)) {
        remove_all(dir);
        skip();
    }
    snprintf(conf, sizeof conf, "tls = { cert = \"%s/cert.pem\", key = \"%s/key.pem\" }\nheader_timeout = \"3s\"", dir,
             dir);
    http_open(&h, conf, 0);
    client_open(&c, &h);
    client_bytes(&c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11); /* the begin of a ClientHello */
    weir_kit_advance(h.kit, 3000000000u);
    closes(&c);
    client_close(&c);
    http_close(&h);
    remove_all(dir);
}

static int setup(void **state)
{
    (void)state;
    return curl_global_init(CURL_GLOBAL_DEFAULT) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    curl_global_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_over_tls),
        cmocka_unit_test(a_stuck_handshake_is_closed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
