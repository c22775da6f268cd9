/* test_ch_tls.c - ch-sink over https, with certificates that are right and wrong; and its two time-outs. */
#include "ch_bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls_front.h>

struct secure {
    struct bench bench; /* first: what the shorthand of ch_bench.h takes */
    struct tls_files files;
    struct tls_front *front;
};

static void open_https(struct secure *s, bool ask_client, const char *ca, const char *more)
{
    char conf[1024];
    s->front = tls_front_start(
        &(struct tls_front_setup){.files = &s->files, .backend = s->bench.fake.port, .ask_client = ask_client});
    snprintf(conf, sizeof conf,
             "url = \"https://127.0.0.1:%u\"\ntable = \"t\"\nevent = \"" EVENT "\"\nkey = [ \"id\" ]\n"
             "linger = \"0ms\"\ntls = { ca = \"%s/%s\" %s }",
             tls_front_port(s->front), s->files.folder, ca, more);
    s->bench.kit = weir_kit_open_with("ch-sink", conf, WEIR_KIT_REAL_CLOCK | WEIR_KIT_NOT_ALONE);
}

static void end_https(struct secure *s)
{
    weir_kit_close(s->bench.kit);
    tls_front_stop(s->front);
}

static int set_up(void **state)
{
    struct secure *s = calloc(1, sizeof *s);
    assert_non_null(s);
    fake_start(&s->bench.fake);
    describe_good(&s->bench.fake);
    tls_files_make(&s->files);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct secure *s = *state;
    tls_files_remove(&s->files);
    fake_stop(&s->bench.fake);
    free(s);
    return 0;
}

static void stores_by_https(void **state)
{
    struct secure *s = *state;
    open_https(s, false, "ca.pem", "");
    reaches(&s->bench, WEIR_READY);
    settles(&s->bench, push_note(&s->bench, 1, "x", 0), WEIR_OK);
    assert_true(tls_front_handshakes(s->front) >= 1);
    assert_int_equal(fake_inserts(&s->bench.fake), 1);
    end_https(s);
}

static void a_server_of_another_authority_is_not_trusted(void **state)
{
    struct secure *s = *state;
    open_https(s, false, "other.pem", "");
    reaches(&s->bench, WEIR_DEGRADED);
    const char *why;
    weir_kit_state(s->bench.kit, &why);
    if (!strcasestr(why, "certificate")) fail_msg("why: %s", why);
    assert_int_equal(tls_front_handshakes(s->front), 0);
    end_https(s);
}

static void a_server_that_asks_gets_our_certificate(void **state)
{
    struct secure *s = *state;
    char pair[256];
    snprintf(pair, sizeof pair, "cert = \"%s/client.pem\", key = \"%s/client.key\"", s->files.folder, s->files.folder);
    open_https(s, true, "ca.pem", pair);
    reaches(&s->bench, WEIR_READY);
    settles(&s->bench, push_note(&s->bench, 1, "x", 0), WEIR_OK);
    end_https(s);
}

static void without_a_certificate_that_server_is_away(void **state)
{
    struct secure *s = *state;
    open_https(s, true, "ca.pem", "");
    reaches(&s->bench, WEIR_DEGRADED);
    assert_int_equal(tls_front_handshakes(s->front), 0);
    assert_true(tls_front_refused(s->front) >= 1);
    end_https(s);
}

/* The peer accepts and never answers the handshake. */
static void connecting_has_an_end(void **state)
{
    struct secure *s = *state;
    char conf[512];
    const char *why;
    struct weir_kit_peer *peer = weir_kit_peer(0);
    snprintf(conf, sizeof conf,
             "url = \"https://%s\"\ntable = \"t\"\nevent = \"" EVENT "\"\nconnect_timeout = \"30ms\"\n"
             "timeout = \"1h\"",
             weir_kit_peer_address(peer));
    s->bench.kit = weir_kit_open_with("ch-sink", conf, WEIR_KIT_REAL_CLOCK);
    reaches(&s->bench, WEIR_DEGRADED);
    weir_kit_state(s->bench.kit, &why);
    if (!strcasestr(why, "time")) fail_msg("why: %s", why);
    weir_kit_close(s->bench.kit);
    weir_kit_peer_free(peer);
}

static bool has_retried(void *kit)
{
    return weir_kit_metric(kit, "weir_ch_sink_retries_total") >= 1;
}

static void an_insert_without_an_answer_is_sent_again(void **state)
{
    struct secure *s = *state;
    struct bench *b = &s->bench;
    open_sink(b, "timeout = \"100ms\"");
    reaches(b, WEIR_READY);
    fake_hold(&b->fake, true);
    uint64_t n = push_note(b, 1, "x", 0);
    assert_true(weir_kit_wait(b->kit, has_retried, b->kit, WAIT));
    assert_null(weir_kit_settled(b->kit, n));
    fake_hold(&b->fake, false);
    settles(b, n, WEIR_OK);
    assert_true(fake_inserts(&b->fake) >= 2);
    assert_string_equal(insert(b, 0)->head, insert(b, 1)->head); /* its token with it */
    weir_kit_close(b->kit);
}

static void counts_what_it_sends(void **state)
{
    struct secure *s = *state;
    struct bench *b = &s->bench;
    struct fake_answer bad = {502, NULL, "Bad Gateway"};
    b->fake.decide = first_fails;
    b->fake.arg = &bad;
    open_sink(b, "");
    settles(b, push_note(b, 1, "x", 0), WEIR_OK);
    assert_true(weir_kit_metric(b->kit, "weir_ch_sink_inserts_total") == 2); /* one answered retry, one ok */
    assert_true(weir_kit_metric(b->kit, "weir_ch_sink_insert_seconds") == 2);
    assert_true(weir_kit_metric(b->kit, "weir_ch_sink_bytes_total") == (double)insert(b, 1)->n);
    weir_kit_close(b->kit);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(stores_by_https),
        TEST(a_server_of_another_authority_is_not_trusted),
        TEST(a_server_that_asks_gets_our_certificate),
        TEST(without_a_certificate_that_server_is_away),
        TEST(connecting_has_an_end),
        TEST(an_insert_without_an_answer_is_sent_again),
        TEST(counts_what_it_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
