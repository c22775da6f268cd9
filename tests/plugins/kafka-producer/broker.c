/* broker.c - a plain blocking client for tests; see broker.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers, const char *const *extra)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
    for (; extra && *extra; extra += 2)
        if (rd_kafka_conf_set(conf, extra[0], extra[1], why, sizeof why)) fail_msg("%s", why);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk) fail_msg("%s", why);
    return rk;
}

void broker_mock(struct broker *b)
{
    char why[256];
    memset(b, 0, sizeof *b);
    b->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    b->mock = rd_kafka_mock_cluster_new(b->rk, 1);
    assert_non_null(b->mock);
    rd_kafka_mock_set_controller_id(b->mock, 1); /* or nobody answers what a client asks the controller */
    snprintf(b->list, sizeof b->list, "%s", rd_kafka_mock_cluster_bootstraps(b->mock));
}

bool broker_real(struct broker *b)
{
    const char *brokers = getenv("WEIR_TEST_KAFKA");
    memset(b, 0, sizeof *b);
    if (!brokers || !*brokers) return false;
    snprintf(b->list, sizeof b->list, "%s", brokers);
    b->rk = client(RD_KAFKA_PRODUCER, b->list, NULL);
    return true;
}

void broker_free(struct broker *b)
{
    if (b->mock) rd_kafka_mock_cluster_destroy(b->mock);
    rd_kafka_destroy(b->rk);
}

void broker_name(char *name, size_t size, const char *stem)
{
    struct timespec now;
    static int count;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, size, "weir-test-%s-%lld-%d-%d", stem, (long long)now.tv_sec, (int)getpid(), count++);
}

/* The answer to one admin request; the caller destroys it. */
static rd_kafka_event_t *wait_event(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, BROKER_WAIT_MS);
    assert_non_null(event);
    if (rd_kafka_event_error(event)) fail_msg("%s", rd_kafka_event_error_string(event));
    return event;
}

void topic_create(struct broker *b, const char *topic, int partitions)
{
    if (b->mock) {
        assert_int_equal(rd_kafka_mock_topic_create(b->mock, topic, partitions, 1), 0);
        return;
    }
    char why[256];
    size_t n;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(b->rk);
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, partitions, 1, why, sizeof why);
    rd_kafka_CreateTopics(b->rk, &t, 1, NULL, queue);
    rd_kafka_event_t *event = wait_event(queue);
    const rd_kafka_topic_result_t **r =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    if (rd_kafka_topic_result_error(r[0])) fail_msg("%s: %s", topic, rd_kafka_topic_result_error_string(r[0]));
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(t);
    rd_kafka_queue_destroy(queue);
}

void topic_delete(struct broker *b, const char *topic)
{
    if (b->mock) return;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(b->rk);
    rd_kafka_DeleteTopic_t *t = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(b->rk, &t, 1, NULL, queue);
    rd_kafka_event_destroy(wait_event(queue));
    rd_kafka_DeleteTopic_destroy(t);
    rd_kafka_queue_destroy(queue);
}

void topic_cut(struct broker *b, const char *topic, int partition, int64_t before)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(b->rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = before;
    rd_kafka_DeleteRecords_t *d = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(b->rk, &d, 1, NULL, queue);
    rd_kafka_event_destroy(wait_event(queue));
    rd_kafka_DeleteRecords_destroy(d);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
}

int64_t broker_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void topic_write(struct broker *b, const char *topic, int partition, int from, int n)
{
    int64_t first = broker_now_ms();
    const char *const extra[] = {"enable.idempotence", "true", "linger.ms", "0", NULL};
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, b->list, extra);
    for (int i = from; i < from + n; i++) {
        char text[16];
        int len = snprintf(text, sizeof text, "%d", i);
        rd_kafka_resp_err_t err =
            rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK),
                              RD_KAFKA_V_KEY(text, (size_t)len), RD_KAFKA_V_VALUE(text, (size_t)len),
                              RD_KAFKA_V_TIMESTAMP(first + i), RD_KAFKA_V_HEADER("n", text, len), RD_KAFKA_V_END);
        if (err) fail_msg("%s", rd_kafka_err2str(err));
    }
    assert_int_equal(rd_kafka_flush(rk, BROKER_WAIT_MS), 0);
    rd_kafka_destroy(rk);
}

void topic_put(struct broker *b, const char *topic, int partition, const void *value, size_t n, const char *header,
               const char *header_value)
{
    const char *const extra[] = {"enable.idempotence", "true",      "linger.ms", "0",
                                 "message.max.bytes",  "100000000", NULL};
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, b->list, extra);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    if (header) rd_kafka_header_add(headers, header, -1, header_value, -1);
    rd_kafka_resp_err_t err =
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("k", 1),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, n), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (err) fail_msg("%s", rd_kafka_err2str(err));
    assert_int_equal(rd_kafka_flush(rk, BROKER_WAIT_MS), 0);
    rd_kafka_destroy(rk);
}

static void copy_headers(struct record *r, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size, at = 0;
    if (rd_kafka_message_headers(m, &headers)) return;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
        int n = snprintf(r->headers + at, sizeof r->headers - at, "%s=%.*s;", name, (int)size, (const char *)value);
        assert_true(n > 0 && at + (size_t)n < sizeof r->headers);
        at += (size_t)n;
    }
}

static void copy_record(struct record *r, const rd_kafka_message_t *m)
{
    memset(r, 0, sizeof *r);
    r->partition = m->partition;
    r->offset = m->offset;
    r->ts_ms = rd_kafka_message_timestamp(m, NULL);
    r->has_key = m->key != NULL;
    r->has_value = m->payload != NULL;
    r->key_n = m->key_len;
    r->value_n = m->len;
    if (m->key) memcpy(r->key, m->key, m->key_len < sizeof r->key ? m->key_len : sizeof r->key - 1);
    if (m->payload) memcpy(r->value, m->payload, m->len < sizeof r->value ? m->len : sizeof r->value - 1);
    copy_headers(r, m);
}

static int by_place(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    if (x->partition != y->partition) return x->partition < y->partition ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int partition_count(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *meta;
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    assert_int_equal(rd_kafka_metadata(rk, 0, t, &meta, BROKER_WAIT_MS), 0);
    int n = meta->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(meta);
    rd_kafka_topic_destroy(t);
    return n;
}

struct record *topic_read(struct broker *b, const char *topic, int n)
{
    const char *const extra[] = {"group.id", "weir-test-reader", "enable.auto.commit", "false", "check.crcs", "true",
                                 NULL};
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, b->list, extra);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(4);
    for (int i = partition_count(rk, topic); i--;)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    assert_int_equal(rd_kafka_assign(rk, list), 0);
    struct record *records = calloc((size_t)n, sizeof *records);
    assert_non_null(records);
    for (int i = 0; i < n;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, BROKER_WAIT_MS);
        if (!m) fail_msg("topic %s has %d records, expected %d", topic, i, n);
        if (!m->err) copy_record(&records[i++], m);
        rd_kafka_message_destroy(m);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    qsort(records, (size_t)n, sizeof *records, by_place);
    return records;
}

int64_t topic_end(struct broker *b, const char *topic, int partition)
{
    int64_t low, high;
    assert_int_equal(rd_kafka_query_watermark_offsets(b->rk, topic, partition, &low, &high, BROKER_WAIT_MS), 0);
    return high;
}

int64_t group_committed(struct broker *b, const char *group, const char *topic, int partition)
{
    const char *const extra[] = {"group.id", group, NULL};
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, b->list, extra);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    assert_int_equal(rd_kafka_committed(rk, list, BROKER_WAIT_MS), 0);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return offset < 0 ? -1 : offset;
}
