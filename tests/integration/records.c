/* records.c - writes records into a topic as no client of weir would: weir-test-records BROKERS TOPIC <LINES
 * A line: partition, key, headers, value, separated by tabs. Key and value as hex, headers as name=hex,name=hex; "-" is
 * none at all. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

static void reported(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    (void)rk, (void)arg;
    if (!m->err) return;
    fprintf(stderr, "weir-test-records: %s\n", rd_kafka_err2str(m->err));
    failed = 1;
}

/* In place; NULL for "-". */
static void *from_hex(char *text, size_t *n)
{
    *n = 0;
    if (!strcmp(text, "-")) return NULL;
    for (char *p = text; p[0] && p[1]; p += 2) {
        const char pair[] = {p[0], p[1], 0};
        text[(*n)++] = (char)strtoul(pair, NULL, 16);
    }
    return text;
}

static rd_kafka_headers_t *headers_of(char *text)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    if (!strcmp(text, "-")) return headers;
    for (char *next = text, *one; (one = strsep(&next, ","));) {
        size_t n;
        char *name = strsep(&one, "=");
        const void *value = from_hex(one, &n);
        rd_kafka_header_add(headers, name, -1, value, (ssize_t)n);
    }
    return headers;
}

static void put(rd_kafka_t *rk, const char *topic, char *line)
{
    size_t key_n, value_n;
    int partition = atoi(strsep(&line, "\t"));
    void *key = from_hex(strsep(&line, "\t"), &key_n);
    rd_kafka_headers_t *headers = headers_of(strsep(&line, "\t"));
    void *value = from_hex(line, &value_n);
    rd_kafka_resp_err_t err =
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK), RD_KAFKA_V_KEY(key, key_n),
                          RD_KAFKA_V_VALUE(value, value_n), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (!err) return;
    rd_kafka_headers_destroy(headers);
    fprintf(stderr, "weir-test-records: %s\n", rd_kafka_err2str(err));
    failed = 1;
}

int main(int argc, char **argv)
{
    static const char *const settings[][2] = {
        {"enable.idempotence", "true"}, {"message.max.bytes", "100000000"}, {"linger.ms", "0"}};
    char why[256], *line = NULL;
    size_t cap = 0;
    if (argc != 3) return 2;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof why);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why)) return 2;
    rd_kafka_conf_set_dr_msg_cb(conf, reported);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk) return 2;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        line[strcspn(line, "\n")] = 0;
        put(rk, argv[2], line);
    }
    free(line);
    if (rd_kafka_flush(rk, 30000)) failed = 1;
    rd_kafka_destroy(rk);
    return failed;
}
