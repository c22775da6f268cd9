/* test_kafka_producer_broker.c - what arrives at a real broker: order, bytes, keys, headers, times; and the login.
 * Skipped without WEIR_TEST_KAFKA (and WEIR_TEST_KAFKA_SASL for the login). */
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

static struct weir_slice bytes(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, s ? strlen(s) : 0};
}

static struct weir_kit *open_sink(const char *brokers, const char *topic, const char *more)
{
    char conf[1024];
    snprintf(conf, sizeof conf, "brokers = \"%s\"\ntopic = \"%s\"\n%s", brokers, topic, more);
    return weir_kit_open_with("kafka-producer", conf, WEIR_KIT_REAL_CLOCK);
}

static void all_ok(struct weir_kit *kit, uint64_t n)
{
    for (uint64_t i = 1; i <= n; i++) {
        assert_true(weir_kit_wait_settled(kit, i, BROKER_WAIT_MS));
        const struct weir_result *r = weir_kit_settled(kit, i);
        if (r->status != WEIR_OK) fail_msg("event %d: status %d: %s", (int)i, r->status, r->why);
    }
}

static void order_and_bytes(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct broker b;
    char topic[128];
    if (!broker_real(&b)) skip();
    int64_t first = broker_now_ms();
    broker_name(topic, sizeof topic, "order");
    topic_create(&b, topic, 1);
    struct weir_kit *kit = open_sink(b.list, topic, "");
    for (int i = 0; i < N; i++) {
        char key[16], value[64];
        snprintf(key, sizeof key, "k%d", i % 7);
        snprintf(value, sizeof value, "value %d", i);
        const struct weir_pair headers[] = {
            {bytes("seq"), bytes(key)}, {bytes("schema"), bytes("a.v1.B")}, {bytes("empty"), bytes("")}};
        const struct weir_kit_event e = {.key = bytes(key),
                                         .value = bytes(value),
                                         .headers = headers,
                                         .n_headers = 3,
                                         .ts_ns = (uint64_t)(first + i) * 1000000u + 999999u};
        weir_kit_push(kit, &e);
        if (i % 100 == 0) weir_kit_run(kit);
    }
    all_ok(kit, N);
    weir_kit_close(kit);
    struct record *r = topic_read(&b, topic, N);
    for (int i = 0; i < N; i++) {
        char key[16], value[64], headers[128];
        snprintf(key, sizeof key, "k%d", i % 7);
        snprintf(value, sizeof value, "value %d", i);
        snprintf(headers, sizeof headers, "seq=%s;schema=a.v1.B;empty=;", key);
        assert_int_equal(r[i].offset, i);
        assert_string_equal(r[i].key, key);
        assert_string_equal(r[i].value, value);
        assert_string_equal(r[i].headers, headers);
        assert_int_equal(r[i].ts_ms, first + i);
    }
    assert_int_equal(topic_end(&b, topic, 0), N); /* once each, and nothing else */
    free(r);
    topic_delete(&b, topic);
    broker_free(&b);
}

/* Brokers refuse records of tomorrow; such a time is that of a clock which has been set back. */
static void a_time_from_the_future_is_now(void **state)
{
    (void)state;
    struct broker b;
    char topic[128];
    if (!broker_real(&b)) skip();
    broker_name(topic, sizeof topic, "future");
    topic_create(&b, topic, 1);
    struct weir_kit *kit = open_sink(b.list, topic, "");
    int64_t now = broker_now_ms();
    const int64_t ahead_ms[] = {30000, 86400000};
    for (int i = 0; i < 2; i++) {
        const struct weir_kit_event e = {.value = bytes("v"), .ts_ns = (uint64_t)(now + ahead_ms[i]) * 1000000u};
        weir_kit_push(kit, &e);
    }
    all_ok(kit, 2);
    weir_kit_close(kit);
    struct record *r = topic_read(&b, topic, 2);
    assert_int_equal(r[0].ts_ms, now + 30000); /* clocks of two machines differ */
    assert_in_range(r[1].ts_ms, broker_now_ms() - 60000, broker_now_ms());
    free(r);
    topic_delete(&b, topic);
    broker_free(&b);
}

/* No key is not an empty key, and no value (a tombstone) is not an empty one. */
static void null_is_not_empty(void **state)
{
    (void)state;
    struct broker b;
    char topic[128];
    if (!broker_real(&b)) skip();
    broker_name(topic, sizeof topic, "null");
    topic_create(&b, topic, 1);
    struct weir_kit *kit = open_sink(b.list, topic, "");
    const struct weir_kit_event events[] = {{.value = bytes("no key")},
                                            {.key = bytes(""), .value = bytes("empty key")},
                                            {.key = bytes("gone")},
                                            {.key = bytes("k"), .value = bytes("")}};
    for (int i = 0; i < 4; i++) weir_kit_push(kit, &events[i]);
    all_ok(kit, 4);
    weir_kit_close(kit);
    struct record *r = topic_read(&b, topic, 4);
    assert_false(r[0].has_key);
    assert_true(r[1].has_key && r[1].key_n == 0);
    assert_false(r[2].has_value);
    assert_true(r[3].has_value && r[3].value_n == 0);
    free(r);
    topic_delete(&b, topic);
    broker_free(&b);
}

/* A key stays on its partition. */
static void keys_have_partitions(void **state)
{
    (void)state;
    enum { N = 300, KEYS = 10 };
    struct broker b;
    char topic[128];
    if (!broker_real(&b)) skip();
    broker_name(topic, sizeof topic, "keys");
    topic_create(&b, topic, 3);
    struct weir_kit *kit = open_sink(b.list, topic, "");
    for (int i = 0; i < N; i++) {
        char key[2] = {(char)('a' + i % KEYS), 0}, value[16];
        snprintf(value, sizeof value, "%d", i);
        const struct weir_kit_event e = {.key = bytes(key), .value = bytes(value)};
        weir_kit_push(kit, &e);
    }
    all_ok(kit, N);
    weir_kit_close(kit);
    struct record *r = topic_read(&b, topic, N);
    int32_t home[KEYS];
    int last[KEYS];
    memset(home, -1, sizeof home);
    memset(last, -1, sizeof last);
    for (int i = 0; i < N; i++) {
        int k = r[i].key[0] - 'a';
        if (home[k] < 0) home[k] = r[i].partition;
        assert_int_equal(r[i].partition, home[k]);
        assert_true(atoi(r[i].value) > last[k]);
        last[k] = atoi(r[i].value);
    }
    free(r);
    topic_delete(&b, topic);
    broker_free(&b);
}

static void login(void **state)
{
    (void)state;
    struct broker b;
    char topic[128], more[512];
    const char *sasl = getenv("WEIR_TEST_KAFKA_SASL"), *user = getenv("WEIR_TEST_KAFKA_USER");
    const char *password = getenv("WEIR_TEST_KAFKA_PASSWORD");
    if (!sasl || !user || !password || !broker_real(&b)) skip();
    broker_name(topic, sizeof topic, "login");
    topic_create(&b, topic, 1);
    snprintf(more, sizeof more,
             "security = { protocol = \"sasl_plaintext\", mechanism = \"SCRAM-SHA-256\", username = \"%s\", password = "
             "\"%s\" }",
             user, password);
    struct weir_kit *kit = open_sink(sasl, topic, more);
    const struct weir_kit_event e = {.value = bytes("x")};
    weir_kit_push(kit, &e);
    all_ok(kit, 1);
    weir_kit_close(kit);
    snprintf(
        more, sizeof more,
        "timeout = \"500ms\"\nsecurity = { protocol = \"sasl_plaintext\", username = \"%s\", password = \"wrong\" }",
        user);
    kit = open_sink(sasl, topic, more);
    weir_kit_push(kit, &e);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    assert_true(weir_kit_wait_settled(kit, 1, BROKER_WAIT_MS));
    assert_int_equal(weir_kit_settled(kit, 1)->status, WEIR_RETRY);
    weir_kit_close(kit);
    topic_delete(&b, topic);
    broker_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_bytes),
        cmocka_unit_test(a_time_from_the_future_is_now),
        cmocka_unit_test(null_is_not_empty),
        cmocka_unit_test(keys_have_partitions),
        cmocka_unit_test(login),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
