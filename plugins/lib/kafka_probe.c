/* kafka_probe.c - one metadata request for one topic, without creating it.
 * Needs no right beyond DESCRIBE on the topic, which both reading and writing imply. */
#include "kafka_probe.h"
#include <stdio.h>

enum { PROBE_TIMEOUT_MS = 3000 };

bool kafka_probe(rd_kafka_t *rk, const char *topic, rd_kafka_queue_t *queue)
{
    const char *names[] = {topic};
    char text[128];
    rd_kafka_TopicCollection_t *topics = rd_kafka_TopicCollection_of_topic_names(names, 1);
    if (!topics) return false;
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    bool ok = options && !rd_kafka_AdminOptions_set_request_timeout(options, PROBE_TIMEOUT_MS, text, sizeof text);
    if (ok) rd_kafka_DescribeTopics(rk, topics, options, queue);
    if (options) rd_kafka_AdminOptions_destroy(options);
    rd_kafka_TopicCollection_destroy(topics);
    return ok;
}

bool kafka_probe_result(rd_kafka_event_t *event, const char *topic, char *why, size_t size)
{
    const rd_kafka_DescribeTopics_result_t *result = rd_kafka_event_DescribeTopics_result(event);
    rd_kafka_resp_err_t err = rd_kafka_event_error(event);
    if (err || !result) {
        snprintf(why, size, "no broker answers: %s", err ? rd_kafka_err2str(err) : "empty answer");
        return false;
    }
    size_t n = 0;
    const rd_kafka_TopicDescription_t **topics = rd_kafka_DescribeTopics_result_topics(result, &n);
    const rd_kafka_error_t *error = n > 0 ? rd_kafka_TopicDescription_error(topics[0]) : NULL;
    err = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!err) return true;
    if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        snprintf(why, size, "topic %s does not exist: create it", topic);
    else if (err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        snprintf(why, size, "no right to topic %s: give this user one", topic);
    else
        snprintf(why, size, "topic %s: %s", topic, rd_kafka_err2str(err));
    return false;
}

void kafka_brokers_again(rd_kafka_t *rk, const char *brokers)
{
    (void)rd_kafka_brokers_add(rk, brokers); /* how many it knows of them: the next probe tells whether one answers */
}
