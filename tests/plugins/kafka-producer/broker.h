/* broker.h - the other side of the wire in tests: a cluster (real or mock), topics, records, commits.
 * Everything here fails the running test when it does not work. */
#ifndef WEIR_TEST_BROKER_H
#define WEIR_TEST_BROKER_H
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BROKER_WAIT_MS = 60000 }; /* far beyond what anything here takes: it decides nothing, it only ends a hang */

struct broker {
    char list[512]; /* for `brokers` */
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock; /* NULL: a real one */
};
void broker_mock(struct broker *);
bool broker_real(struct broker *); /* false: WEIR_TEST_KAFKA is not set */
void broker_free(struct broker *);

/* A name that no other run uses. */
void broker_name(char *name, size_t size, const char *stem);
void topic_create(struct broker *, const char *topic, int partitions);
void topic_delete(struct broker *, const char *topic);
void topic_cut(struct broker *, const char *topic, int partition, int64_t before); /* deletes the records before it */

/* Records of a test are of today: the broker's retention looks at their time, and comes by every five minutes. */
int64_t broker_now_ms(void);
/* value "0", "1", ... to "n-1" with that key and one header "n"; all acknowledged when it returns. */
void topic_write(struct broker *, const char *topic, int partition, int from, int n);

/* One record with that value (NULL: none) and that header (NULL: none), acknowledged when it returns. */
void topic_put(struct broker *, const char *topic, int partition, const void *value, size_t n, const char *header,
               const char *header_value);

struct record {
    int32_t partition;
    int64_t offset, ts_ms;
    bool has_key, has_value;
    size_t key_n, value_n;
    char key[128], value[2048];
    char headers[1024]; /* "name=value;name=value;" */
};
/* The first n records of the topic, by partition and offset. free() it. */
struct record *topic_read(struct broker *, const char *topic, int n);
int64_t topic_end(struct broker *, const char *topic, int partition);
/* -1: none. Of a group that has no member, or has. */
int64_t group_committed(struct broker *, const char *group, const char *topic, int partition);

#endif
