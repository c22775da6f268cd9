/* test_kafka_producer_mock.c - kafka-producer against faults that a real broker cannot be asked for. Needs no server.
 * Clock: real; no case depends on how long anything takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <broker.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/testkit.h>

enum { INIT_PRODUCER_ID = 22, PRODUCE = 0 }; /* keys of the protocol's requests */

static struct weir_kit *open_sink(const char *brokers, const char *more)
{
    char conf[1024];
    snprintf(conf, sizeof conf, "brokers = \"%s\"\ntopic = \"orders\"\n%s", brokers, more);
    return weir_kit_open_with("kafka-producer", conf, WEIR_KIT_REAL_CLOCK);
}

static uint64_t push_value(struct weir_kit *kit, const void *p, size_t n)
{
    const struct weir_kit_event e = {.key = {(const uint8_t *)"k", 1}, .value = {p, n}};
    return weir_kit_push(kit, &e);
}

static uint64_t push_string(struct weir_kit *kit, const char *s)
{
    return push_value(kit, s, strlen(s));
}

static void settles_as(struct weir_kit *kit, uint64_t number, enum weir_status status)
{
    assert_true(weir_kit_wait_settled(kit, number, BROKER_WAIT_MS));
    const struct weir_result *r = weir_kit_settled(kit, number);
    if (r->status != status) fail_msg("event %d: status %d, expected %d: %s", (int)number, r->status, status, r->why);
}

static void delivers(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    struct weir_kit *kit = open_sink(b.list, "");
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    uint64_t first = push_string(kit, "a"), second = push_string(kit, "b");
    settles_as(kit, first, WEIR_OK);
    settles_as(kit, second, WEIR_OK);
    weir_kit_close(kit);
    struct record *r = topic_read(&b, "orders", 2);
    assert_string_equal(r[0].value, "a");
    assert_string_equal(r[1].value, "b");
    free(r);
    broker_free(&b);
}

/* The library's queue holds 10: the rest of the batch waits and nothing is lost or turned around. */
static void a_full_queue_is_back_pressure(void **state)
{
    (void)state;
    enum { N = 500 };
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    struct weir_kit *kit = open_sink(b.list, "rdkafka = [ \"queue.buffering.max.messages=10\" ]");
    for (int i = 0; i < N; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        push_string(kit, text);
    }
    for (uint64_t i = 1; i <= N; i++) settles_as(kit, i, WEIR_OK);
    assert_true(weir_kit_metric(kit, "weir_kafka_producer_queue_full_total") >= 1);
    weir_kit_close(kit);
    struct record *r = topic_read(&b, "orders", N);
    for (int i = 0; i < N; i++) assert_int_equal(atoi(r[i].value), i);
    free(r);
    broker_free(&b);
}

static void too_large_is_the_events_own_fault(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    struct weir_kit *kit = open_sink(b.list, "");
    size_t n = 2000000;
    void *large = calloc(1, n);
    assert_non_null(large);
    uint64_t before = push_string(kit, "a"), huge = push_value(kit, large, n), after = push_string(kit, "b");
    free(large);
    settles_as(kit, huge, WEIR_REJECT);
    settles_as(kit, before, WEIR_OK);
    settles_as(kit, after, WEIR_OK);
    assert_non_null(strstr(weir_kit_settled(kit, huge)->why, "message.max.bytes"));
    weir_kit_close(kit);
    broker_free(&b);
}

/* No listener at all: nothing was sent, so RETRY is true; the state says what is wrong. */
static void no_broker(void **state)
{
    (void)state;
    struct weir_kit *kit = open_sink("127.0.0.1:1", "timeout = \"300ms\"");
    uint64_t number = push_string(kit, "a");
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    settles_as(kit, number, WEIR_RETRY);
    weir_kit_close(kit);
}

static void a_broker_that_comes_back(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    struct weir_kit *kit = open_sink(b.list, "timeout = \"60s\"");
    settles_as(kit, push_string(kit, "a"), WEIR_OK);
    rd_kafka_mock_broker_set_down(b.mock, 1);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    uint64_t waiting = push_string(kit, "b");
    weir_kit_run(kit);
    assert_null(weir_kit_settled(kit, waiting));
    rd_kafka_mock_broker_set_up(b.mock, 1);
    settles_as(kit, waiting, WEIR_OK);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    weir_kit_close(kit);
    broker_free(&b);
}

/* Nothing is pushed: only the probe can tell. */
static void an_idle_sink_sees_the_broker_come_back(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    struct weir_kit *kit = open_sink(b.list, "");
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    rd_kafka_mock_broker_set_down(b.mock, 1);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    rd_kafka_mock_broker_set_up(b.mock, 1);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    weir_kit_close(kit);
    broker_free(&b);
}

static bool names_the_topic(void *arg)
{
    const char *why;
    return weir_kit_state(arg, &why) == WEIR_DEGRADED && strstr(why, "orders");
}

static void an_unknown_topic_is_named(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    rd_kafka_mock_topic_set_error(b.mock, "orders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    struct weir_kit *kit = open_sink(b.list, "timeout = \"300ms\"");
    assert_true(weir_kit_wait(kit, names_the_topic, kit, BROKER_WAIT_MS));
    settles_as(kit, push_string(kit, "a"), WEIR_RETRY);
    rd_kafka_mock_topic_set_error(b.mock, "orders", RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    settles_as(kit, push_string(kit, "b"), WEIR_OK);
    weir_kit_close(kit);
    broker_free(&b);
}

static bool was_restarted(void *arg)
{
    return weir_kit_metric(arg, "weir_kafka_producer_restarts_total") >= 1;
}

/* The idempotent producer may die for good: a new one takes over, and the sink is well again. */
static void a_fatal_error_makes_a_new_producer(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    rd_kafka_mock_push_request_errors(b.mock, INIT_PRODUCER_ID, 1, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    struct weir_kit *kit = open_sink(b.list, "timeout = \"60s\"");
    uint64_t early = push_string(kit, "a");
    assert_true(weir_kit_wait(kit, was_restarted, kit, BROKER_WAIT_MS));
    assert_true(weir_kit_wait_settled(kit, early, BROKER_WAIT_MS));
    uint64_t late = push_string(kit, "b");
    settles_as(kit, late, WEIR_OK);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    weir_kit_close(kit);
    broker_free(&b);
}

/* The request went out and no answer came: it may have been stored. */
static void no_answer_is_unknown(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    struct weir_kit *kit = open_sink(b.list, "timeout = \"1500ms\"");
    settles_as(kit, push_string(kit, "a"), WEIR_OK);
    rd_kafka_mock_broker_set_rtt(b.mock, 1, 10000);
    settles_as(kit, push_string(kit, "b"), WEIR_UNKNOWN);
    rd_kafka_mock_broker_set_rtt(b.mock, 1, 0);
    weir_kit_close(kit);
    broker_free(&b);
}

static void drain_waits_for_reports(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    struct weir_kit *kit = open_sink(b.list, "linger = \"20ms\"");
    uint64_t number = push_string(kit, "a");
    weir_kit_run(kit);
    weir_kit_drain(kit);
    settles_as(kit, number, WEIR_OK);
    weir_kit_close(kit);
    broker_free(&b);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"rdkafka = [ \"no.such.thing=1\" ]", "rdkafka: No such configuration property: \"no.such.thing\""},
        {"rdkafka = [ \"compression.type=tar\" ]", "rdkafka: Invalid value \"tar\""},
        {"rdkafka = [ \"acks=1\" ]", "rdkafka: acks cannot be set here: OK must mean stored"},
        {"rdkafka = [ \"linger.ms=1\" ]", "rdkafka: linger.ms cannot be set here: use the option linger"},
        {"security = { protocol = \"sasl_plaintext\" }", "security.username: sasl_plaintext needs"},
        {"security = { protocol = \"sasl_plaintext\", username = \"u\" }", "security.password: sasl_plaintext needs"},
        {"linger = \"5s\"", "linger: must be shorter than timeout"},
        {"topic = \"\"", "topic: required, but empty"},
        {"security = { protocol = \"sasl_ssl\", mechanism = \"GSSAPI\" }", "security.mechanism: expected \"PLAIN\""},
        {"brokers = \"a:1,,b:2\"", "brokers: expected host:port"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char conf[512];
        snprintf(conf, sizeof conf, "%s\n%s\n%s", cases[i][0],
                 strncmp(cases[i][0], "brokers", 7) ? "brokers = \"localhost:9092\"" : "",
                 strncmp(cases[i][0], "topic", 5) ? "topic = \"orders\"" : "");
        char *text = weir_kit_refuses("kafka-producer", conf);
        if (!text || !strstr(text, cases[i][1])) fail_msg("expected \"%s\", got: %s", cases[i][1], text);
        free(text);
    }
}

/* What the plugin's guarantees rest on is not the user's to change; and what he wrote is not shown. */
static void fixed_properties_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"log.queue",
                                        "bootstrap.servers",
                                        "metadata.broker.list",
                                        "security.protocol",
                                        "sasl.username",
                                        "sasl.password",
                                        "ssl.key.password",
                                        "plugin.library.paths",
                                        "enable.idempotence",
                                        "acks",
                                        "request.required.acks",
                                        "max.in.flight",
                                        "max.in.flight.requests.per.connection",
                                        "enable.gapless.guarantee",
                                        "transactional.id",
                                        "message.timeout.ms",
                                        "delivery.timeout.ms",
                                        "linger.ms",
                                        "queue.buffering.max.ms",
                                        "delivery.report.only.error"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char conf[256], says[128];
        snprintf(conf, sizeof conf, "brokers = \"localhost:9092\"\ntopic = \"orders\"\nrdkafka = [ \"%s=hunter2\" ]",
                 names[i]);
        snprintf(says, sizeof says, "kafka-producer.rdkafka: %s cannot be set here: ", names[i]);
        char *text = weir_kit_refuses("kafka-producer", conf);
        if (!text || !strstr(text, says) || strstr(text, "hunter2")) fail_msg("expected \"%s\", got: %s", says, text);
        free(text);
    }
}

static void what_is_past_its_deadline_is_not_sent(void **state)
{
    (void)state;
    struct broker b;
    broker_mock(&b);
    topic_create(&b, "orders", 1);
    struct weir_kit *kit = open_sink(b.list, "");
    const struct weir_kit_event late = {.value = {(const uint8_t *)"late", 4}, .deadline_ns = 1};
    uint64_t first = push_string(kit, "a"), second = weir_kit_push(kit, &late), third = push_string(kit, "b");
    settles_as(kit, second, WEIR_RETRY);
    assert_string_equal(weir_kit_settled(kit, second)->why, "past its deadline before it was sent");
    settles_as(kit, first, WEIR_OK);
    settles_as(kit, third, WEIR_OK);
    weir_kit_close(kit);
    struct record *r = topic_read(&b, "orders", 2);
    assert_string_equal(r[0].value, "a");
    assert_string_equal(r[1].value, "b");
    free(r);
    broker_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers),
        cmocka_unit_test(a_full_queue_is_back_pressure),
        cmocka_unit_test(too_large_is_the_events_own_fault),
        cmocka_unit_test(no_broker),
        cmocka_unit_test(a_broker_that_comes_back),
        cmocka_unit_test(an_idle_sink_sees_the_broker_come_back),
        cmocka_unit_test(an_unknown_topic_is_named),
        cmocka_unit_test(a_fatal_error_makes_a_new_producer),
        cmocka_unit_test(no_answer_is_unknown),
        cmocka_unit_test(drain_waits_for_reports),
        cmocka_unit_test(refusals),
        cmocka_unit_test(fixed_properties_are_refused),
        cmocka_unit_test(what_is_past_its_deadline_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
