/* test_kafka_consumer_mock.c - kafka-consumer against a cluster in this process: events, settles, faults. No server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool slice_is(struct weir_slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static void gives_the_whole_record(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 3);
    struct record *wanted = topic_read(&s.broker, s.topic, 3);
    struct weir_kit *kit = consumer_open(&s, "");
    for (int i = 0; i < 3; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        struct weir_event *ev = next_event(kit);
        assert_int_equal(ev->position, i);
        assert_int_equal(ev->partition, 0);
        assert_int_equal(ev->attempt, 0);
        assert_int_equal(ev->ts_ns, (uint64_t)wanted[i].ts_ms * 1000000u);
        assert_true(slice_is(ev->key, text));
        assert_true(slice_is(ev->value, text));
        assert_int_equal(ev->n_headers, 1);
        assert_true(slice_is(ev->headers[0].name, "n"));
        assert_true(slice_is(ev->headers[0].value, text));
        weir_kit_settle(kit, ev, WEIR_OK, NULL);
    }
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    weir_kit_close(kit);
    free(wanted);
    scene_end(&s);
}

static void ready_without_a_record(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    struct weir_kit *kit = consumer_open(&s, "");
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    assert_null(weir_kit_forwarded(kit));
    weir_kit_close(kit);
    scene_end(&s);
}

static void a_commit_is_where_reading_goes_on(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 100);
    struct weir_kit *kit = consumer_open(&s, "");
    expect_run(kit, 0, 60, WEIR_OK);
    wait_committed(kit, &s, 0, 60);
    expect_run(kit, 60, 40, WEIR_OK);
    weir_kit_close(kit); /* the rest is committed by the drain */
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 100);
    topic_write(&s.broker, s.topic, 0, 100, 5);
    kit = consumer_open(&s, "");
    expect_run(kit, 100, 5, WEIR_OK);
    weir_kit_close(kit);
    scene_end(&s);
}

/* An older event that is not settled holds the commit back, however many younger ones are. */
static void the_commit_waits_for_the_oldest(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 10);
    struct weir_kit *kit = consumer_open(&s, "commit_interval = \"1ms\"");
    struct weir_event *events[10];
    for (int i = 0; i < 10; i++) events[i] = next_event(kit);
    for (int i = 0; i < 10; i++)
        if (i != 4) weir_kit_settle(kit, events[i], WEIR_OK, NULL);
    wait_committed(kit, &s, 0, 4);
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 4);
    weir_kit_settle(kit, events[4], WEIR_OK, NULL);
    wait_committed(kit, &s, 0, 10);
    weir_kit_close(kit);
    scene_end(&s);
}

static void the_conf_says_what_message_a_value_is(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 1);
    struct weir_kit *kit = consumer_open(&s, "event = \"bets.v1.PlaceBet\"");
    struct weir_event *ev = next_event(kit);
    assert_int_equal(ev->schema, weir_kit_schema(kit, "bets.v1.PlaceBet")->id);
    weir_kit_settle(kit, ev, WEIR_OK, NULL);
    weir_kit_close(kit);
    topic_write(&s.broker, s.topic, 0, 1, 1);
    kit = consumer_open(&s, "");
    ev = next_event(kit);
    assert_int_equal(ev->schema, 0);
    weir_kit_settle(kit, ev, WEIR_OK, NULL);
    weir_kit_close(kit);
    scene_end(&s);
}

/* Many times what may be read ahead, and more than a window: reading goes on where it paused. */
static void reads_on_beyond_what_it_prefetches(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, N);
    struct weir_kit *kit = consumer_open(&s, "prefetch = \"64KiB\"\nbatch = 1000");
    expect_run(kit, 0, N, WEIR_OK);
    wait_committed(kit, &s, 0, N);
    weir_kit_close(kit);
    scene_end(&s);
}

struct lag {
    struct weir_kit *kit;
    double events;
};
static bool has_lag(void *arg)
{
    const struct lag *l = arg;
    return weir_kit_metric(l->kit, "weir_kafka_consumer_lag_events") == l->events;
}

static void what_is_not_dealt_with_yet_is_lag(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 30);
    struct weir_kit *kit = consumer_open(&s, "commit_interval = \"1ms\"");
    struct weir_event *events[30];
    for (int i = 0; i < 30; i++) events[i] = next_event(kit);
    struct lag all = {kit, 30}, none = {kit, 0};
    assert_true(weir_kit_wait(kit, has_lag, &all, BROKER_WAIT_MS));
    for (int i = 0; i < 30; i++) weir_kit_settle(kit, events[i], WEIR_OK, NULL);
    assert_true(weir_kit_wait(kit, has_lag, &none, BROKER_WAIT_MS));
    wait_committed(kit, &s, 0, 30);
    assert_true(weir_kit_metric(kit, "weir_kafka_consumer_commits_total") >= 1);
    assert_true(weir_kit_metric(kit, "weir_kafka_consumer_rebalances_total") == 1);
    weir_kit_close(kit);
    scene_end(&s);
}

static void retry_and_unknown_come_again(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 6);
    struct weir_kit *kit = consumer_open(&s, "");
    struct weir_event *events[6];
    for (int i = 0; i < 6; i++) events[i] = next_event(kit);
    weir_kit_settle(kit, events[0], WEIR_OK, NULL);
    weir_kit_settle(kit, events[3], WEIR_UNKNOWN, "no answer"); /* later ones first: they come back in order */
    weir_kit_settle(kit, events[1], WEIR_RETRY, "busy");
    for (int i = 2; i < 6; i++)
        if (i != 3) weir_kit_settle(kit, events[i], WEIR_OK, NULL);
    for (int round = 1; round <= 2; round++) {
        struct weir_event *one = next_event(kit), *three = next_event(kit);
        assert_int_equal(number_of(one), 1);
        assert_int_equal(one->attempt, round);
        assert_int_equal(one->n_headers, 1); /* given again with all it came with */
        assert_int_equal(number_of(three), 3);
        assert_int_equal(three->attempt, round);
        weir_kit_settle(kit, one, round == 1 ? WEIR_RETRY : WEIR_OK, "again");
        weir_kit_settle(kit, three, round == 1 ? WEIR_RETRY : WEIR_OK, "again");
    }
    wait_committed(kit, &s, 0, 6);
    assert_true(weir_kit_metric(kit, "weir_kafka_consumer_repeats_total") == 4);
    weir_kit_close(kit);
    scene_end(&s);
}

static void a_rejected_event_stops_by_name(void **state)
{
    (void)state;
    struct scene s;
    char expected[256];
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 5);
    struct weir_kit *kit = consumer_open(&s, "");
    expect_run(kit, 0, 2, WEIR_OK);
    weir_kit_settle(kit, next_event(kit), WEIR_REJECT, "the amount is no number");
    const char *why;
    assert_true(weir_kit_wait_state(kit, WEIR_FAILED, BROKER_WAIT_MS));
    weir_kit_state(kit, &why);
    snprintf(expected, sizeof expected, "topic %s, partition 0, offset 2: the amount is no number", s.topic);
    assert_string_equal(why, expected);
    weir_kit_close(kit);
    scene_end(&s);
}

static bool never(void *arg)
{
    return weir_kit_forwarded(arg) != NULL;
}

/* While the flow is shut nothing is emitted, yet the member answers its group and says how it is. */
static void a_shut_flow_emits_nothing(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 2);
    struct weir_kit *kit = consumer_open(&s, "");
    weir_kit_flow(kit, false);
    topic_write(&s.broker, s.topic, 0, 0, 10);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    assert_false(weir_kit_wait(kit, never, kit, 300));
    weir_kit_flow(kit, true);
    expect_run(kit, 0, 10, WEIR_OK);
    weir_kit_close(kit);
    scene_end(&s);
}

static void a_broker_that_comes_back(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 3);
    struct weir_kit *kit = consumer_open(&s, "");
    expect_run(kit, 0, 3, WEIR_OK);
    rd_kafka_mock_broker_set_down(s.broker.mock, 1);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    rd_kafka_mock_broker_set_up(s.broker.mock, 1);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, BROKER_WAIT_MS));
    topic_write(&s.broker, s.topic, 0, 3, 3);
    expect_run(kit, 3, 3, WEIR_OK);
    wait_committed(kit, &s, 0, 6);
    weir_kit_close(kit);
    scene_end(&s);
}

enum { OFFSET_COMMIT = 8, OFFSET_FETCH = 9, HEARTBEAT = 12 };

static bool has_no_partition(void *kit)
{
    return weir_kit_metric(kit, "weir_kafka_consumer_partitions") == 0;
}

/* The group's coordinator leaves the cluster, as a broker does that restarts. Its heir may not know the members: then
 * the partitions are lost, and when they come again their commits are asked from the heir. */
static void a_coordinator_that_goes_for_good(void **state)
{
    enum { FIRST = 1, GOES };
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    rd_kafka_mock_broker_add(s.broker.mock, GOES); /* and every partition has a new leader's epoch */
    rd_kafka_mock_partition_set_leader(s.broker.mock, s.topic, 0, FIRST);
    topic_write(&s.broker, s.topic, 0, 0, 3);
    rd_kafka_mock_coordinator_set(s.broker.mock, "group", s.group, GOES);
    struct weir_kit *kit = consumer_open(&s, "");
    expect_run(kit, 0, 3, WEIR_OK);
    wait_committed(kit, &s, 0, 3);
    rd_kafka_mock_coordinator_set(s.broker.mock, "group", s.group, FIRST);
    rd_kafka_mock_push_request_errors(s.broker.mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    rd_kafka_mock_broker_decommission(s.broker.mock, GOES);
    assert_true(weir_kit_wait(kit, has_no_partition, kit, BROKER_WAIT_MS));
    topic_write(&s.broker, s.topic, 0, 3, 3);
    expect_run(kit, 3, 3, WEIR_OK);
    wait_committed(kit, &s, 0, 6);
    weir_kit_close(kit);
    scene_end(&s);
}

static void failed_requests_are_repeated(void **state)
{
    (void)state;
    struct scene s;
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 10);
    rd_kafka_mock_push_request_errors(s.broker.mock, OFFSET_FETCH, 2, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    struct weir_kit *kit = consumer_open(&s, "");
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    rd_kafka_mock_push_request_errors(s.broker.mock, OFFSET_COMMIT, 2, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    expect_run(kit, 0, 10, WEIR_OK);
    wait_committed(kit, &s, 0, 10);
    assert_true(weir_kit_metric(kit, "weir_kafka_consumer_commit_errors_total") >= 1);
    weir_kit_close(kit);
    scene_end(&s);
}

/* Nobody there at all: it says so, and can be stopped. */
static void no_broker(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open_with(
        "kafka-consumer", "brokers = \"127.0.0.1:1\"\ntopic = \"t\"\ngroup = \"g\"", WEIR_KIT_REAL_CLOCK);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    weir_kit_close(kit);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"rdkafka = [ \"enable.auto.commit=true\" ]", "rdkafka: enable.auto.commit cannot be set here"},
        {"rdkafka = [ \"auto.offset.reset=latest\" ]",
         "rdkafka: auto.offset.reset cannot be set here: use the option from"},
        {"rdkafka = [ \"fetch.min.bytes=none\" ]",
         "rdkafka: Invalid value for configuration property \"fetch.min.bytes\""},
        {"from = \"middle\"", "from"},
        {"security = { protocol = \"sasl_ssl\" }", "security.username: sasl_ssl needs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char conf[512];
        snprintf(conf, sizeof conf, "%s\nbrokers = \"localhost:9092\"\ntopic = \"t\"\ngroup = \"g\"", cases[i][0]);
        char *text = weir_kit_refuses("kafka-consumer", conf);
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
                                        "enable.auto.commit",
                                        "auto.commit.enable",
                                        "enable.auto.offset.store",
                                        "auto.offset.reset",
                                        "group.id",
                                        "group.instance.id",
                                        "group.protocol",
                                        "session.timeout.ms",
                                        "queued.max.messages.kbytes",
                                        "enable.partition.eof"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char conf[256], says[128];
        snprintf(conf, sizeof conf,
                 "brokers = \"localhost:9092\"\ntopic = \"orders\"\ngroup = \"g\"\nrdkafka = [ \"%s=hunter2\" ]",
                 names[i]);
        snprintf(says, sizeof says, "kafka-consumer.rdkafka: %s cannot be set here: ", names[i]);
        char *text = weir_kit_refuses("kafka-consumer", conf);
        if (!text || !strstr(text, says) || strstr(text, "hunter2")) fail_msg("expected \"%s\", got: %s", says, text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_whole_record),
        cmocka_unit_test(ready_without_a_record),
        cmocka_unit_test(a_commit_is_where_reading_goes_on),
        cmocka_unit_test(the_commit_waits_for_the_oldest),
        cmocka_unit_test(the_conf_says_what_message_a_value_is),
        cmocka_unit_test(reads_on_beyond_what_it_prefetches),
        cmocka_unit_test(what_is_not_dealt_with_yet_is_lag),
        cmocka_unit_test(retry_and_unknown_come_again),
        cmocka_unit_test(a_rejected_event_stops_by_name),
        cmocka_unit_test(a_shut_flow_emits_nothing),
        cmocka_unit_test(a_broker_that_comes_back),
        cmocka_unit_test(a_coordinator_that_goes_for_good),
        cmocka_unit_test(failed_requests_are_repeated),
        cmocka_unit_test(no_broker),
        cmocka_unit_test(refusals),
        cmocka_unit_test(fixed_properties_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
