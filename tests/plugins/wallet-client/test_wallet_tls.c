/* test_wallet_tls.c - the stream over TLS: whom the client trusts, by which name, and what it shows of itself. */
#include "wallet_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls_front.h>
#include <unistd.h>

struct secure {
    struct world world;
    struct tls_files files;
};

/* A wallet that asks for a certificate of its authority, and a client with those options. */
static struct world *open_tls(struct secure *s, const char *tls, const char *more)
{
    struct world *w = &s->world;
    char conf[1024], group[512];
    const char *at = s->files.folder;
    *w = (struct world){.client = NULL};
    snprintf(w->address[0], sizeof w->address[0], "unix:/tmp/weir-wallet-tls-%d.sock", (int)getpid());
    snprintf(w->address[1], sizeof w->address[1], "unix:/tmp/weir-wallet-none-%d.sock", (int)getpid());
    snprintf(w->wallet_conf, sizeof w->wallet_conf,
             "tls = { cert = \"%s/server.pem\", key = \"%s/server.key\", ca = \"%s/ca.pem\" }", at, at, at);
    wallet_start(w, 0);
    snprintf(group, sizeof group, tls, at, at, at);
    snprintf(conf, sizeof conf, "target = \"%s\"\ntls = { %s }\n%s", w->address[0], group, more);
    w->client = weir_kit_open_with("wallet-client", conf, WEIR_KIT_NOT_ALONE);
    return w;
}

static int set_up(void **state)
{
    struct secure *s = calloc(1, sizeof *s);
    assert_non_null(s);
    tls_files_make(&s->files);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct secure *s = *state;
    tls_files_remove(&s->files);
    free(s);
    return 0;
}

#define OURS "ca = \"%s/ca.pem\", cert = \"%s/client.pem\", key = \"%s/client.key\""
#define NAME "tls_name = \"wallet.test\""

static void debits_by_tls(void **state)
{
    struct world *w = open_tls(*state, OURS, NAME);
    assert_true(wait_state(w, WEIR_READY));
    uint64_t number = push_bet(w, "b1", "anna");
    answer(w, 0, wallet_event(w, 0), WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
    assert_string_equal(wait_settled(w, number)->outcome_name, "insufficient-funds");
    world_close(w);
}

static void has_no_stream(struct world *w)
{
    assert_true(wait_state(w, WEIR_DEGRADED));
    assert_true(weir_kit_metric(w->client, "weir_wallet_client_ready_streams") == 0);
    uint64_t number = push_bet(w, "b1", "anna");
    assert_string_equal(wait_settled(w, number)->outcome_name, "not-executed");
    assert_null(weir_kit_forwarded(w->wallet[0]));
    world_close(w);
}

static void a_wallet_of_another_authority_is_not_trusted(void **state)
{
    has_no_stream(open_tls(*state, "ca = \"%s/other.pem\", cert = \"%s/client.pem\", key = \"%s/client.key\"", NAME));
}

static void a_wallet_of_another_name_is_not_trusted(void **state)
{
    has_no_stream(open_tls(*state, OURS, "tls_name = \"bank.test\""));
}

static void the_name_is_that_of_the_target_unless_given(void **state)
{
    has_no_stream(open_tls(*state, OURS, "")); /* of a socket in the file system: localhost */
}

static void without_a_certificate_a_wallet_that_asks_is_away(void **state)
{
    has_no_stream(open_tls(*state, "ca = \"%s/ca.pem\"", NAME));
}

static void a_certificate_alone_is_refused(void **state)
{
    struct secure *s = *state;
    char conf[512], *error = NULL;
    snprintf(conf, sizeof conf, "target = \"unix:/none\"\ntls = { cert = \"%s/client.pem\", key = \"%s/client.key\" }",
             s->files.folder, s->files.folder);
    struct weir_kit *kit = weir_kit_try_open(&(struct weir_kit_setup){.plugin = "wallet-client", .conf = conf}, &error);
    assert_null(kit);
    if (!strstr(error, "wallet-client.tls.ca: found tls.cert without tls.ca: expected both")) fail_msg("%s", error);
    free(error);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(debits_by_tls),
        TEST(a_wallet_of_another_authority_is_not_trusted),
        TEST(a_wallet_of_another_name_is_not_trusted),
        TEST(the_name_is_that_of_the_target_unless_given),
        TEST(without_a_certificate_a_wallet_that_asks_is_away),
        TEST(a_certificate_alone_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
