/* kafka_probe.h - is a broker there, and does it have the topic? Asked in the background, answered as an event.
 * librdkafka tells when all brokers are gone but not when one is back; a stage that waits probes until it is. */
#ifndef WEIR_KAFKA_PROBE_H
#define WEIR_KAFKA_PROBE_H
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

/* The answer comes to `queue` as RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT. False when memory is gone. */
bool kafka_probe(rd_kafka_t *rk, const char *topic, rd_kafka_queue_t *queue);
/* True when the topic can be used; else `why` says in one line what is wrong and what to do. */
bool kafka_probe_result(rd_kafka_event_t *event, const char *topic, char *why, size_t size);

/* For a client that nobody has answered for a while; `brokers` as in bootstrap.servers. A metadata answer without a
 * broker, which a cluster gives that has just started, makes librdkafka (2.10 and later) forget all of them, those of
 * bootstrap.servers too, and it may then wait five minutes or for ever. A broker that it still knows is not added
 * twice. */
void kafka_brokers_again(rd_kafka_t *rk, const char *brokers);

#endif
