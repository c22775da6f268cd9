/* test_kafka_producer_tls.c - kafka-producer over TLS, before a mock cluster; and the metrics of a plain delivery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <broker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls_front.h>
#include <weir/testkit.h>

struct secure {
    struct broker broker;
    struct tls_files files;
    struct tls_front *front;
    struct weir_kit *kit;
};

static void open_tls(struct secure *s, const char *ca, const char *more)
{
    char conf[1024];
    const char *port = strrchr(s->broker.list, ':');
    assert_non_null(port);
    s->front = tls_front_start(&(struct tls_front_setup){
        .files = &s->files, .backend = (unsigned)strtoul(port + 1, NULL, 10), .ask_client = *more, .kafka = true});
    snprintf(conf, sizeof conf,
             "brokers = \"127.0.0.1:%u\"\ntopic = \"orders\"\nsecurity = { protocol = \"ssl\", ca = \"%s/%s\" %s }",
             tls_front_port(s->front), s->files.folder, ca, more);
    s->kit = weir_kit_open_with("kafka-producer", conf, WEIR_KIT_REAL_CLOCK | WEIR_KIT_NOT_ALONE);
}

static int set_up(void **state)
{
    struct secure *s = calloc(1, sizeof *s);
    assert_non_null(s);
    broker_mock(&s->broker);
    topic_create(&s->broker, "orders", 1);
    tls_files_make(&s->files);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct secure *s = *state;
    tls_files_remove(&s->files);
    broker_free(&s->broker);
    free(s);
    return 0;
}

static void delivers(struct secure *s)
{
    const struct weir_kit_event e = {.value = {(const uint8_t *)"a", 1}};
    uint64_t number = weir_kit_push(s->kit, &e);
    assert_true(weir_kit_wait_settled(s->kit, number, BROKER_WAIT_MS));
    weir_kit_assert_settled(s->kit, number, WEIR_OK, NULL);
    assert_true(weir_kit_wait_state(s->kit, WEIR_READY, BROKER_WAIT_MS));
    struct record *r = topic_read(&s->broker, "orders", 1);
    assert_string_equal(r->value, "a");
    free(r);
}

/* Written once a tick: it may be of the moment before the report. */
static bool queue_is_empty(void *arg)
{
    struct secure *s = arg;
    return weir_kit_metric(s->kit, "weir_kafka_producer_queue_messages") == 0;
}

static void publishes_by_tls(void **state)
{
    struct secure *s = *state;
    open_tls(s, "ca.pem", "");
    delivers(s);
    assert_true(tls_front_handshakes(s->front) >= 1);
    assert_true(weir_kit_metric(s->kit, "weir_kafka_producer_delivery_seconds") == 1);
    assert_true(weir_kit_wait(s->kit, queue_is_empty, s, BROKER_WAIT_MS));
    weir_kit_close(s->kit);
    tls_front_stop(s->front);
}

static void a_broker_of_another_authority_is_not_trusted(void **state)
{
    struct secure *s = *state;
    open_tls(s, "other.pem", "");
    assert_true(weir_kit_wait_state(s->kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    assert_int_equal(tls_front_handshakes(s->front), 0);
    weir_kit_close(s->kit);
    tls_front_stop(s->front);
}

static void a_broker_that_asks_gets_our_certificate(void **state)
{
    struct secure *s = *state;
    char pair[256];
    snprintf(pair, sizeof pair, "certificate = \"%s/client.pem\", key = \"%s/locked.key\", key_password = \"sesame\"",
             s->files.folder, s->files.folder);
    open_tls(s, "ca.pem", pair);
    delivers(s);
    weir_kit_close(s->kit);
    tls_front_stop(s->front);
}

/* Before anything is connected: the conf is at fault, and its line is named. */
static void files_that_do_not_fit_are_refused(void **state)
{
    struct secure *s = *state;
    static const struct {
        const char *files, *says;
    } wrong[] = {
        {"ca = \"%s/none.pem\"",
         "conf:1: kafka-producer.security.ca: %s/none.pem: No such file or directory (ssl.ca.location"},
        {"certificate = \"%s/client.pem\", key = \"%s/locked.key\", key_password = \"guess\"",
         "conf:1: kafka-producer.security.key: %s/locked.key: no PEM file of a key, or security.key_password is not "
         "its password ("},
        {"certificate = \"%s/none.pem\", key = \"%s/client.key\"",
         "conf:1: kafka-producer.security.certificate: %s/none.pem: No such file or directory ("},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char files[256], conf[512], says[256], *error = NULL;
        snprintf(files, sizeof files, wrong[i].files, s->files.folder, s->files.folder);
        snprintf(says, sizeof says, wrong[i].says, s->files.folder);
        snprintf(conf, sizeof conf,
                 "brokers = \"127.0.0.1:1\"\ntopic = \"orders\"\nsecurity = { protocol = \"ssl\", %s }", files);
        struct weir_kit *kit = weir_kit_try_open(
            &(struct weir_kit_setup){.plugin = "kafka-producer", .conf = conf, .flags = WEIR_KIT_REAL_CLOCK}, &error);
        if (kit || !error || !strstr(error, says)) fail_msg("%s: %s", files, error ? error : "it opens");
        if (strstr(error, "guess")) fail_msg("the secret is shown: %s", error);
        free(error);
    }
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(publishes_by_tls),
        TEST(a_broker_of_another_authority_is_not_trusted),
        TEST(a_broker_that_asks_gets_our_certificate),
        TEST(files_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
