/* test_kafka_consumer_broker.c - kafka-consumer on a real broker: where it begins, what a crash does, what is refused.
 * Skipped without WEIR_TEST_KAFKA (and WEIR_TEST_KAFKA_SASL for the login). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its name in the group makes the second life of a killed process a continuation: no wait for the session's end. */
#define INSTANCE "instance = \"one\"\n"

static void a_new_group_begins_at_the_earliest(void **state)
{
    (void)state;
    struct scene s;
    if (!scene_real(&s, 1)) skip();
    topic_write(&s.broker, s.topic, 0, 0, 300);
    struct weir_kit *kit = consumer_open(&s, "");
    expect_run(kit, 0, 300, WEIR_OK);
    weir_kit_close(kit);
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 300);
    kit = consumer_open(&s, "");
    topic_write(&s.broker, s.topic, 0, 300, 10);
    expect_run(kit, 300, 10, WEIR_OK);
    weir_kit_close(kit);
    scene_end(&s);
}

static void from_latest_only_without_a_commit(void **state)
{
    (void)state;
    struct scene s;
    if (!scene_real(&s, 1)) skip();
    topic_write(&s.broker, s.topic, 0, 0, 20);
    struct weir_kit *kit = consumer_open(&s, "");
    expect_run(kit, 0, 5, WEIR_OK);
    wait_committed(kit, &s, 0, 5);
    expect_run(kit, 5, 15, WEIR_OK);
    weir_kit_close(kit);
    topic_write(&s.broker, s.topic, 0, 20, 5);
    kit = consumer_open(&s, "from = \"latest\"");
    expect_run(kit, 20, 5, WEIR_OK); /* not skipped: the commit says where */
    weir_kit_close(kit);
    scene_end(&s);
}

/* The broker has bounds of its own (6 s and more by default): its refusal is said, and the stage does not give up. */
static void a_session_that_the_broker_does_not_grant(void **state)
{
    (void)state;
    struct scene s;
    if (!scene_real(&s, 1)) skip();
    struct weir_kit *kit = consumer_open(&s, "session_timeout = \"1s\"");
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    const char *why;
    weir_kit_state(kit, &why);
    if (!strstr(why, "session timeout")) fail_msg("why: %s", why);
    weir_kit_close(kit);
    scene_end(&s);
}

/* What was in flight when the process died comes again; what was committed does not. */
static void a_killed_consumer_loses_nothing(void **state)
{
    (void)state;
    struct scene s;
    if (!scene_real(&s, 1)) skip();
    topic_write(&s.broker, s.topic, 0, 0, 50);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(BROKER_WAIT_MS / 1000);
        /* The parent's clients have no threads here: only the names are used. */
        struct weir_kit *kit = consumer_open(&s, INSTANCE);
        for (int i = 0; i < 20; i++) weir_kit_settle(kit, next_event(kit), WEIR_OK, NULL);
        wait_committed(kit, &s, 0, 20);
        for (int i = 20; i < 30; i++) next_event(kit); /* taken, never settled */
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 20);
    struct weir_kit *kit = consumer_open(&s, INSTANCE);
    expect_run(kit, 20, 30, WEIR_OK);
    weir_kit_close(kit);
    assert_int_equal(group_committed(&s.broker, s.group, s.topic, 0), 50);
    scene_end(&s);
}

/* Retention has eaten what the group had not read: going on in silence would lose events. */
static void out_of_range_fails_loudly(void **state)
{
    (void)state;
    struct scene s;
    char expected[256];
    if (!scene_real(&s, 1)) skip();
    topic_write(&s.broker, s.topic, 0, 0, 100);
    struct weir_kit *kit = consumer_open(&s, "");
    expect_run(kit, 0, 10, WEIR_OK);
    wait_committed(kit, &s, 0, 10);
    expect_run(kit, 10, 90, WEIR_OK);
    weir_kit_close(kit);
    topic_write(&s.broker, s.topic, 0, 100, 50);
    topic_cut(&s.broker, s.topic, 0, 120); /* the commit is 100 */
    kit = consumer_open(&s, "");
    assert_true(weir_kit_wait_state(kit, WEIR_FAILED, BROKER_WAIT_MS));
    assert_null(weir_kit_forwarded(kit));
    const char *why;
    weir_kit_state(kit, &why);
    snprintf(expected, sizeof expected, "topic %s, partition 0, offset 100: committed, but no longer in the topic",
             s.topic);
    if (strncmp(why, expected, strlen(expected))) fail_msg("%s", why);
    weir_kit_close(kit);
    scene_end(&s);
}

/* A topic whose first records are gone is no such case for a group that never read it. */
static void a_new_group_begins_after_retention(void **state)
{
    (void)state;
    struct scene s;
    if (!scene_real(&s, 1)) skip();
    topic_write(&s.broker, s.topic, 0, 0, 50);
    topic_cut(&s.broker, s.topic, 0, 30);
    struct weir_kit *kit = consumer_open(&s, "");
    expect_run(kit, 30, 20, WEIR_OK);
    weir_kit_close(kit);
    scene_end(&s);
}

/* Every batch is of one partition and in order; all partitions come. */
static void partitions_are_kept_apart(void **state)
{
    (void)state;
    enum { PARTS = 4, EACH = 500 };
    struct scene s;
    if (!scene_real(&s, PARTS)) skip();
    for (int p = 0; p < PARTS; p++) topic_write(&s.broker, s.topic, p, 0, EACH);
    struct weir_kit *kit = consumer_open(&s, "batch = 64");
    int next[PARTS] = {0};
    for (int i = 0; i < PARTS * EACH; i++) {
        struct weir_event *ev = next_event(kit);
        assert_true(ev->partition < PARTS);
        assert_int_equal(ev->position, next[ev->partition]);
        assert_int_equal(number_of(ev), next[ev->partition]++);
        weir_kit_settle(kit, ev, WEIR_OK, NULL);
    }
    weir_kit_close(kit);
    for (int p = 0; p < PARTS; p++) assert_int_equal(group_committed(&s.broker, s.group, s.topic, p), EACH);
    scene_end(&s);
}

static void login(void **state)
{
    (void)state;
    struct scene s;
    char more[512];
    const char *sasl = getenv("WEIR_TEST_KAFKA_SASL"), *user = getenv("WEIR_TEST_KAFKA_USER");
    const char *password = getenv("WEIR_TEST_KAFKA_PASSWORD");
    if (!sasl || !user || !password || !scene_real(&s, 1)) skip();
    topic_write(&s.broker, s.topic, 0, 0, 3);
    struct scene with_login = s;
    snprintf(with_login.broker.list, sizeof with_login.broker.list, "%s", sasl);
    snprintf(more, sizeof more, "security = { protocol = \"sasl_plaintext\", username = \"%s\", password = \"%s\" }",
             user, password);
    struct weir_kit *kit = consumer_open(&with_login, more);
    expect_run(kit, 0, 3, WEIR_OK);
    weir_kit_close(kit);
    snprintf(more, sizeof more, "security = { protocol = \"sasl_plaintext\", username = \"%s\", password = \"no\" }",
             user);
    kit = consumer_open(&with_login, more);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    weir_kit_close(kit);
    snprintf(more, sizeof more, /* one that the broker does not offer */
             "security = { protocol = \"sasl_plaintext\", mechanism = \"PLAIN\", username = \"%s\", password = "
             "\"%s\" }",
             user, password);
    kit = consumer_open(&with_login, more);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    weir_kit_close(kit);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_group_begins_at_the_earliest),
        cmocka_unit_test(from_latest_only_without_a_commit),
        cmocka_unit_test(a_session_that_the_broker_does_not_grant),
        cmocka_unit_test(a_killed_consumer_loses_nothing),
        cmocka_unit_test(out_of_range_fails_loudly),
        cmocka_unit_test(a_new_group_begins_after_retention),
        cmocka_unit_test(partitions_are_kept_apart),
        cmocka_unit_test(login),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
