/* test_kafka_consumer_dead.c - rejected events and the topic they go to. No server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char why_not[] = "the amount is no number";

/* A consumer whose rejected events go to `dead`, a topic of the same broker; `more` stands in its group. */
static struct weir_kit *open_with_dead(struct scene *s, char *dead, size_t size, const char *more)
{
    char conf[512];
    broker_name(dead, size, "dead");
    topic_create(&s->broker, dead, 1);
    snprintf(conf, sizeof conf, "commit_interval = \"1ms\"\ndead_letters = { topic = \"%s\" %s }", dead, more);
    return consumer_open(s, conf);
}

struct wish {
    struct weir_kit *kit;
    double letters;
};

static bool are_delivered(void *arg)
{
    struct wish *w = arg;
    return weir_kit_metric(w->kit, "weir_kafka_consumer_dead_letters_total") == w->letters;
}

static void wait_letters(struct weir_kit *kit, double n)
{
    struct wish w = {kit, n};
    assert_true(weir_kit_wait(kit, are_delivered, &w, BROKER_WAIT_MS));
}

static void has(const struct record *r, const char *header, const char *value)
{
    char text[256];
    snprintf(text, sizeof text, "%s=%s;", header, value);
    if (!strstr(r->headers, text)) fail_msg("expected %s in %s", text, r->headers);
}

static void a_rejected_event_goes_whole_and_the_rest_goes_on(void **state)
{
    (void)state;
    struct scene s;
    char dead[128];
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 5);
    struct weir_kit *kit = open_with_dead(&s, dead, sizeof dead, "");
    expect_run(kit, 0, 2, WEIR_OK);
    weir_kit_settle(kit, next_event(kit), WEIR_REJECT, why_not);
    const struct weir_result named = {.status = WEIR_REJECT, .outcome_name = "not-a-number"};
    weir_kit_settle_with(kit, next_event(kit), &named);
    expect_run(kit, 4, 1, WEIR_OK);
    wait_committed(kit, &s, 0, 5);
    wait_letters(kit, 2);
    assert_int_equal(weir_kit_state(kit, NULL), WEIR_READY);
    weir_kit_close(kit);
    struct record *r = topic_read(&s.broker, dead, 2);
    assert_string_equal(r[0].key, "2");
    assert_string_equal(r[0].value, "2");
    has(&r[0], "n", "2"); /* its own */
    has(&r[0], "weir.dead.topic", s.topic);
    has(&r[0], "weir.dead.partition", "0");
    has(&r[0], "weir.dead.offset", "2");
    has(&r[0], "weir.dead.group", s.group);
    has(&r[0], "weir.dead.pipeline", "kit");
    has(&r[0], "weir.dead.stage", "kit-right");
    has(&r[0], "weir.dead.plugin", "kit-right");
    has(&r[0], "weir.dead.class", "rejected");
    has(&r[0], "weir.dead.error", why_not);
    has(&r[0], "weir.dead.attempt", "1");
    has(&r[1], "weir.dead.class", "not-a-number");
    has(&r[1], "weir.dead.offset", "3");
    free(r);
    topic_delete(&s.broker, dead);
    scene_end(&s);
}

/* What is wrong with a record before any stage has seen it; its neighbours go on. */
static void records_that_are_wrong_by_themselves(void **state)
{
    (void)state;
    struct scene s;
    char dead[128];
    static const char *const expected[][2] = {
        {"missing-header", "the record has no header \"n\""},
        {"too-large", "the value has 5000000 bytes, max_value is 4000000"},
        {"no-value", "the record has no value, expected a bets.v1.BetPlaced"},
        {"wrong-schema", "the record says that it is a \"bets.v1.PlaceBet\", expected bets.v1.BetPlaced"}};
    char *large = calloc(1, 5000000);
    assert_non_null(large);
    scene_mock(&s, 1);
    topic_put(&s.broker, s.topic, 0, "0", 1, "n", "bets.v1.BetPlaced");
    topic_put(&s.broker, s.topic, 0, "x", 1, NULL, NULL);
    topic_put(&s.broker, s.topic, 0, large, 5000000, "n", "");
    topic_put(&s.broker, s.topic, 0, NULL, 0, "n", "");
    topic_put(&s.broker, s.topic, 0, "x", 1, "n", "bets.v1.PlaceBet");
    topic_put(&s.broker, s.topic, 0, "5", 1, "n", "bets.v1.BetPlaced");
    struct weir_kit *kit = open_with_dead(&s, dead, sizeof dead,
                                          "} headers = [ \"n\" ]  schema_header = \"n\"  max_value = 4000000  event = "
                                          "\"bets.v1.BetPlaced\"  security = {");
    expect_run(kit, 0, 1, WEIR_OK);
    expect_run(kit, 5, 1, WEIR_OK);
    wait_letters(kit, 4);
    wait_committed(kit, &s, 0, 6);
    weir_kit_close(kit);
    struct record *r = topic_read(&s.broker, dead, 4);
    for (int i = 0; i < 4; i++) {
        has(&r[i], "weir.dead.class", expected[i][0]);
        has(&r[i], "weir.dead.error", expected[i][1]);
        has(&r[i], "weir.dead.plugin", "kafka-consumer");
        has(&r[i], "weir.dead.event", "bets.v1.BetPlaced");
    }
    assert_int_equal(r[1].value_n, 5000000); /* whole, beyond the library's own limit of a message */
    assert_false(r[2].has_value);
    free(r);
    free(large);
    topic_delete(&s.broker, dead);
    scene_end(&s);
}

static void without_a_topic_for_them_they_stop_the_pipeline(void **state)
{
    (void)state;
    struct scene s;
    const char *why;
    scene_mock(&s, 1);
    topic_put(&s.broker, s.topic, 0, "x", 1, NULL, NULL);
    struct weir_kit *kit = consumer_open(&s, "headers = [ \"n\" ]");
    assert_true(weir_kit_wait_state(kit, WEIR_FAILED, BROKER_WAIT_MS));
    weir_kit_state(kit, &why);
    if (!strstr(why, "partition 0, offset 0: missing-header: the record has no header \"n\"")) fail_msg("%s", why);
    weir_kit_close(kit);
    scene_end(&s);
}

/* A record that was put back says how often it has been tried: events and letters go on from there. */
static void attempts_go_on_where_they_were(void **state)
{
    (void)state;
    struct scene s;
    char dead[128];
    scene_mock(&s, 1);
    topic_put(&s.broker, s.topic, 0, "0", 1, "weir.attempt", "3");
    topic_put(&s.broker, s.topic, 0, "1", 1, "weir.attempt", "many");
    struct weir_kit *kit = open_with_dead(&s, dead, sizeof dead, "");
    struct weir_event *ev = next_event(kit);
    assert_int_equal(ev->attempt, 3);
    weir_kit_settle(kit, ev, WEIR_REJECT, why_not);
    ev = next_event(kit);
    assert_int_equal(ev->attempt, 0);
    weir_kit_settle(kit, ev, WEIR_REJECT, why_not);
    wait_letters(kit, 2);
    weir_kit_close(kit);
    struct record *r = topic_read(&s.broker, dead, 2);
    has(&r[0], "weir.dead.attempt", "4");
    has(&r[1], "weir.dead.attempt", "1");
    free(r);
    topic_delete(&s.broker, dead);
    scene_end(&s);
}

/* A broker that takes no record of this size: said with what to do, and done when it does. */
static void a_letter_that_is_too_large_for_its_topic_says_so(void **state)
{
    (void)state;
    struct scene s;
    char dead[128];
    const char *why;
    enum { PRODUCE = 0 };
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 1);
    struct weir_kit *kit = open_with_dead(&s, dead, sizeof dead, "");
    rd_kafka_mock_push_request_errors(s.broker.mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    weir_kit_settle(kit, next_event(kit), WEIR_REJECT, why_not);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    weir_kit_state(kit, &why);
    if (!strstr(why, "raise its max.message.bytes")) fail_msg("%s", why);
    wait_letters(kit, 1);
    weir_kit_close(kit);
    topic_delete(&s.broker, dead);
    scene_end(&s);
}

/* The order is the promise: no commit goes over an event whose letter has not arrived, and a drain waits for it. */
static void the_commit_waits_for_the_letter(void **state)
{
    (void)state;
    struct scene s;
    char dead[128];
    enum { PRODUCE = 0 };
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 3);
    struct weir_kit *kit = open_with_dead(&s, dead, sizeof dead, "timeout = \"1s\"");
    rd_kafka_resp_err_t refused[1000];
    for (size_t i = 0; i < 1000; i++) refused[i] = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    rd_kafka_mock_push_request_errors_array(s.broker.mock, PRODUCE, 1000, refused);
    expect_run(kit, 0, 1, WEIR_OK);
    weir_kit_settle(kit, next_event(kit), WEIR_REJECT, why_not);
    expect_run(kit, 2, 1, WEIR_OK);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    wait_committed(kit, &s, 0, 1);
    weir_kit_drain(kit);
    assert_false(weir_kit_drained(kit));
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 1);
    rd_kafka_mock_clear_request_errors(s.broker.mock, PRODUCE);
    wait_letters(kit, 1);
    weir_kit_close(kit);
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 3);
    free(topic_read(&s.broker, dead, 1));
    topic_delete(&s.broker, dead);
    scene_end(&s);
}

static void too_many_in_a_minute_stop_the_pipeline(void **state)
{
    (void)state;
    struct scene s;
    char dead[128], expected[256];
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 4);
    struct weir_kit *kit = open_with_dead(&s, dead, sizeof dead, "max_per_minute = 2");
    for (int i = 0; i < 2; i++) weir_kit_settle(kit, next_event(kit), WEIR_REJECT, why_not);
    wait_letters(kit, 2);
    wait_committed(kit, &s, 0, 2);
    weir_kit_settle(kit, next_event(kit), WEIR_REJECT, why_not);
    const char *why;
    assert_true(weir_kit_wait_state(kit, WEIR_FAILED, BROKER_WAIT_MS));
    weir_kit_state(kit, &why);
    snprintf(expected, sizeof expected, "topic %s, partition 0, offset 2: %s; more than 2 dead letters in a minute",
             s.topic, why_not);
    if (!strstr(why, expected)) fail_msg("expected %s, found %s", expected, why);
    weir_kit_close(kit);
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 2);
    free(topic_read(&s.broker, dead, 2));
    topic_delete(&s.broker, dead);
    scene_end(&s);
}

/* Stopped before its letter could go: the event comes again, and its letter with it. */
static void what_was_not_delivered_comes_again(void **state)
{
    (void)state;
    struct scene s;
    char dead[128], conf[256];
    scene_mock(&s, 1);
    topic_write(&s.broker, s.topic, 0, 0, 2);
    struct weir_kit *kit = open_with_dead(&s, dead, sizeof dead, "max_per_minute = 1");
    weir_kit_settle(kit, next_event(kit), WEIR_REJECT, why_not);
    wait_letters(kit, 1);
    wait_committed(kit, &s, 0, 1);
    weir_kit_settle(kit, next_event(kit), WEIR_REJECT, why_not); /* one too many */
    assert_true(weir_kit_wait_state(kit, WEIR_FAILED, BROKER_WAIT_MS));
    weir_kit_close(kit);
    snprintf(conf, sizeof conf, "dead_letters = { topic = \"%s\" }", dead);
    kit = consumer_open(&s, conf);
    struct weir_event *ev = next_event(kit);
    assert_int_equal(number_of(ev), 1);
    weir_kit_settle(kit, ev, WEIR_REJECT, why_not);
    weir_kit_close(kit); /* waits for the letter and commits */
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 2);
    free(topic_read(&s.broker, dead, 2));
    topic_delete(&s.broker, dead);
    scene_end(&s);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"topic = \"t\"", "dead_letters.topic: is the topic that is read"},
        {"topic = \"\"", "dead_letters.topic: expected the name of a topic"},
        {"topic = \"d\" max_per_minute = 0", "dead_letters.max_per_minute: 0 is below the smallest, 1"},
        {"topic = \"d\" timeout = \"1ms\"", "dead_letters.timeout: 1ms is below the smallest, 1s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char conf[512];
        snprintf(conf, sizeof conf, "brokers = \"localhost:9092\"\ntopic = \"t\"\ngroup = \"g\"\ndead_letters = { %s }",
                 cases[i][0]);
        char *text = weir_kit_refuses("kafka-consumer", conf);
        if (!text || !strstr(text, cases[i][1])) fail_msg("expected \"%s\", got: %s", cases[i][1], text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rejected_event_goes_whole_and_the_rest_goes_on),
        cmocka_unit_test(records_that_are_wrong_by_themselves),
        cmocka_unit_test(without_a_topic_for_them_they_stop_the_pipeline),
        cmocka_unit_test(attempts_go_on_where_they_were),
        cmocka_unit_test(a_letter_that_is_too_large_for_its_topic_says_so),
        cmocka_unit_test(the_commit_waits_for_the_letter),
        cmocka_unit_test(too_many_in_a_minute_stop_the_pipeline),
        cmocka_unit_test(what_was_not_delivered_comes_again),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
