/* topic.c - every record of the topic, from the first to what was the last when we began. Repeats are information. */
#include "audit.h"
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 20000 };

static int set(struct audit *a, rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (!value || rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return 0;
    return audit_cannot(a, "topic: %s: %s", name, why);
}

static rd_kafka_t *client(struct audit *a)
{
    const struct options *o = a->opt;
    char password[256] = "", why[256];
    if (o->kafka_password_file && !audit_read_file(o->kafka_password_file, password, sizeof password)) {
        audit_cannot(a, "topic: cannot read %s", o->kafka_password_file);
        return NULL;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool login = o->kafka_user != NULL;
    const char *protocol = o->kafka_protocol ? o->kafka_protocol : login ? "sasl_plaintext" : "plaintext";
    /* what goes wrong comes back as an error: no lines of the library's own */
    if (set(a, conf, "log_level", "0") || set(a, conf, "bootstrap.servers", o->kafka) ||
        set(a, conf, "group.id", "weir-audit") || set(a, conf, "enable.auto.commit", "false") ||
        set(a, conf, "security.protocol", protocol) ||
        (login && (set(a, conf, "sasl.mechanism", "SCRAM-SHA-256") || set(a, conf, "sasl.username", o->kafka_user) ||
                   set(a, conf, "sasl.password", password)))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (rk) return rk;
    rd_kafka_conf_destroy(conf);
    audit_cannot(a, "topic: %s", why);
    return NULL;
}

bool audit_header(const rd_kafka_headers_t *headers, const char *name, int64_t *out)
{
    const void *value;
    size_t n;
    char text[32], *end;
    if (!headers || rd_kafka_header_get_last(headers, name, &value, &n) || n >= sizeof text || !n) return false;
    memcpy(text, value, n);
    text[n] = 0;
    *out = strtoll(text, &end, 10);
    return !*end;
}

/* What is no accepted bet must have been refused by both readers: then it is accounted for. */
static bool refused(struct audit *a, const rd_kafka_message_t *m)
{
    bool both = dead_by(a, m->partition, m->offset) == (RECORD | ANALYSIS);
    a->dead_records += both;
    return both;
}

static int record(struct audit *a, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;
    int64_t epoch, shard, seq;
    a->topic_records++;
    if (rd_kafka_message_headers(m, &headers)) headers = NULL;
    if (!audit_header(headers, "epoch", &epoch) || !audit_header(headers, "shard", &shard) ||
        !audit_header(headers, "seq", &seq)) {
        if (!refused(a, m))
            audit_found(a, STRAY_TOPIC, "partition %d, offset %" PRId64 ": no epoch, shard, seq in its headers",
                        m->partition, m->offset);
        return 0;
    }
    const struct identity id = {.epoch = epoch, .shard = (int32_t)shard, .seq = seq};
    struct event *e = audit_find(a, id);
    /* of a trimmed one nobody knows the bytes any more */
    bool same = e && (e->trimmed || (e->n == m->len && !memcmp(e->bytes, m->payload, m->len)));
    if (!same && refused(a, m)) return 0;
    if (!e)
        audit_found(a, STRAY_TOPIC,
                    "partition %d, offset %" PRId64 ": epoch %" PRId64 ", shard %" PRId64 ", seq %" PRId64,
                    m->partition, m->offset, epoch, shard, seq);
    else if (!same)
        audit_found(a, DIFFERS_TOPIC,
                    "partition %d, offset %" PRId64 ": epoch %" PRId64 ", shard %" PRId64 ", seq %" PRId64,
                    m->partition, m->offset, epoch, shard, seq);
    if (e && e->in_topic++) a->topic_repeats++;
    return 0;
}

/* Partitions with what is in them now; -1, or how many there are. */
static int assign(struct audit *a, const char *name, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    const struct rd_kafka_metadata *meta;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, topic, &meta, PATIENCE_MS);
    rd_kafka_topic_destroy(topic);
    if (err) return audit_cannot(a, "topic: %s: %s", a->opt->kafka, rd_kafka_err2str(err));
    if (meta->topic_cnt != 1 || meta->topics[0].err)
        err = meta->topic_cnt == 1 ? meta->topics[0].err : RD_KAFKA_RESP_ERR__FAIL;
    for (int i = 0; !err && i < meta->topics[0].partition_cnt; i++) {
        int64_t low, high;
        int32_t partition = meta->topics[0].partitions[i].id;
        err = rd_kafka_query_watermark_offsets(rk, name, partition, &low, &high, PATIENCE_MS);
        if (err || low == high) continue;
        rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_add(list, name, partition);
        p->offset = low;
        p->opaque = (void *)(intptr_t)high;
    }
    rd_kafka_metadata_destroy(meta);
    if (!err && list->cnt) err = rd_kafka_assign(rk, list);
    return err ? audit_cannot(a, "topic %s: %s", name, rd_kafka_err2str(err)) : list->cnt;
}

static int read_all(struct audit *a, rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list, int open,
                    int (*fn)(struct audit *, const rd_kafka_message_t *))
{
    bool ended[1024] = {false};
    while (open > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, PATIENCE_MS);
        if (!m) return audit_cannot(a, "topic: nothing came for %d s although there is more", PATIENCE_MS / 1000);
        if (m->err) {
            int rc = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF || m->err == RD_KAFKA_RESP_ERR__TRANSPORT ||
                             m->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
                         ? 0
                         : audit_cannot(a, "topic: %s", rd_kafka_message_errstr(m));
            rd_kafka_message_destroy(m);
            if (rc) return rc;
            continue;
        }
        const rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_find(
            (rd_kafka_topic_partition_list_t *)(uintptr_t)list, list->elems[0].topic, m->partition);
        int64_t high = (intptr_t)p->opaque;
        int slot = (int)(p - list->elems);
        int rc = m->offset < high ? fn(a, m) : 0;
        if (m->offset + 1 >= high && slot < 1024 && !ended[slot]) {
            ended[slot] = true;
            open--;
        }
        rd_kafka_message_destroy(m);
        if (rc) return rc;
    }
    return 0;
}

int topic_each(struct audit *a, const char *topic, int (*fn)(struct audit *, const rd_kafka_message_t *))
{
    rd_kafka_t *rk = client(a);
    if (!rk) return -1;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    rd_kafka_poll_set_consumer(rk);
    int open = assign(a, topic, rk, list);
    int rc = open > 0 ? read_all(a, rk, list, open, fn) : open;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return rc;
}

int topic_read(struct audit *a)
{
    return topic_each(a, a->opt->topic, record);
}
