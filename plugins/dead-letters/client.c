/* client.c - Kafka, seen from a command: a client by the options, and a reader of what is in the topic now. */
#include "dead_letters.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_MS = 1000 };

/* A refused login is an event of its own; the request it belongs to only times out. */
void client_heard(const struct options *o, int err, const char *reason)
{
    if (err == RD_KAFKA_RESP_ERR__AUTHENTICATION || err == RD_KAFKA_RESP_ERR__SSL) o->heard->refused = true;
    if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) snprintf(o->heard->text, sizeof o->heard->text, "%s", reason);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
    (void)rk;
    client_heard(arg, err, reason);
}

const char *client_error(const struct options *o, rd_kafka_resp_err_t err)
{
    bool vague = err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__TIMED_OUT ||
                 err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    return vague && *o->heard->text ? o->heard->text : rd_kafka_err2str(err);
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) return 0;
    return cannot("%s: %s", name, why);
}

static int set_login(rd_kafka_conf_t *conf, const struct options *o)
{
    const char *protocol = o->protocol ? o->protocol : o->user ? "sasl_plaintext" : "plaintext";
    if (set(conf, "security.protocol", protocol)) return -1;
    if (!o->user) return 0;
    return set(conf, "sasl.mechanism", "SCRAM-SHA-256") || set(conf, "sasl.username", o->user) ||
           set(conf, "sasl.password", o->password);
}

rd_kafka_t *client_new(const struct options *o, rd_kafka_type_t type)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool reads = type == RD_KAFKA_CONSUMER;
    rd_kafka_conf_set_opaque(conf, (void *)(uintptr_t)o);
    if (reads)
        rd_kafka_conf_set_error_cb(conf, on_error);
    else
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    /* what goes wrong comes back as an error: no lines of the library's own */
    bool ok = !set(conf, "log_level", "0") && !set(conf, "bootstrap.servers", o->kafka) && !set_login(conf, o);
    if (reads) /* the name is never registered: partitions are assigned by hand and nothing is committed */
        ok = ok && !set(conf, "group.id", "weir-dead-letters") && !set(conf, "enable.auto.commit", "false") &&
             !set(conf, "enable.partition.eof", "true") && !set(conf, "auto.offset.reset", "earliest") &&
             !set(conf, "check.crcs", "true");
    else
        ok = ok && !set(conf, "enable.idempotence", "true") && !set(conf, "acks", "all") &&
             !set(conf, "linger.ms", "0") && !set(conf, "message.timeout.ms", "20000") &&
             !set(conf, "message.max.bytes", "1000000000");
    rd_kafka_t *rk = ok ? rd_kafka_new(type, conf, why, sizeof why) : NULL;
    if (rk) return rk;
    if (ok) cannot("%s", why);
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* ---- reading */

struct open_part {
    int64_t end; /* one after the last record that is wanted */
    bool done;
};
struct reader {
    const struct options *opt;
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *list;
    struct open_part *parts; /* by index in list */
    size_t open;
};

static int add_part(struct reader *r, int32_t id, int64_t from, int64_t end)
{
    int64_t low, high;
    rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(r->rk, r->opt->topic, id, &low, &high, WAIT_MS);
    if (err) return cannot("topic %s, partition %d: %s", r->opt->topic, (int)id, client_error(r->opt, err));
    if (from < low) from = low;
    if (end > high) end = high;
    if (from >= end) return 0;
    struct open_part *parts = realloc(r->parts, ((size_t)r->list->cnt + 1) * sizeof *parts);
    if (!parts) return cannot("out of memory");
    r->parts = parts;
    r->parts[r->list->cnt] = (struct open_part){.end = end};
    rd_kafka_topic_partition_list_add(r->list, r->opt->topic, id)->offset = from;
    r->open++;
    return 0;
}

/* All of a partition's ranges as one: what lies between them is read, too, and the callee looks. */
static void span(const struct range *ranges, size_t n, int32_t id, int64_t *from, int64_t *end)
{
    *from = INT64_MAX;
    *end = 0;
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].partition != id) continue;
        if (ranges[i].first < *from) *from = ranges[i].first;
        if (ranges[i].last >= *end) *end = ranges[i].last < INT64_MAX ? ranges[i].last + 1 : INT64_MAX;
    }
}

/* In steps, as nothing but a look tells that waiting is in vain. */
static rd_kafka_resp_err_t ask_metadata(const struct reader *r, const struct rd_kafka_metadata **meta)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(r->rk, r->opt->topic, NULL);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TRANSPORT;
    for (int waited = 0; err && !r->opt->heard->refused && waited < WAIT_MS; waited += STEP_MS) {
        err = rd_kafka_metadata(r->rk, 0, topic, meta, STEP_MS);
        rd_kafka_poll(r->rk, 0);
    }
    rd_kafka_topic_destroy(topic);
    return err;
}

static int find_parts(struct reader *r, const struct range *ranges, size_t n)
{
    const struct rd_kafka_metadata *meta;
    rd_kafka_resp_err_t err = ask_metadata(r, &meta);
    if (err) return cannot("%s: %s", r->opt->kafka, client_error(r->opt, err));
    err = meta->topic_cnt == 1 ? meta->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    int rc = err ? cannot("topic %s: %s", r->opt->topic, rd_kafka_err2str(err)) : 0;
    for (int i = 0; !rc && i < meta->topics[0].partition_cnt; i++) {
        int64_t from = 0, end = INT64_MAX;
        if (n) span(ranges, n, meta->topics[0].partitions[i].id, &from, &end);
        rc = add_part(r, meta->topics[0].partitions[i].id, from, end);
    }
    rd_kafka_metadata_destroy(meta);
    if (!rc && r->list->cnt && (err = rd_kafka_assign(r->rk, r->list)))
        rc = cannot("topic %s: %s", r->opt->topic, rd_kafka_err2str(err));
    return rc;
}

static struct open_part *part_of(const struct reader *r, int32_t id)
{
    for (int i = 0; i < r->list->cnt; i++)
        if (r->list->elems[i].partition == id) return &r->parts[i];
    return NULL;
}

/* A partition is read when its last record was, or its end was seen: the last offsets may hold no records. */
static int take(struct reader *r, const rd_kafka_message_t *m, int (*fn)(void *, const rd_kafka_message_t *), void *arg)
{
    struct open_part *p = part_of(r, m->partition);
    if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        bool passes = m->err == RD_KAFKA_RESP_ERR__TRANSPORT || m->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
        return passes ? 0 : cannot("topic %s: %s", r->opt->topic, rd_kafka_message_errstr(m));
    }
    if (!p || p->done) return 0;
    int rc = !m->err && m->offset < p->end ? fn(arg, m) : 0;
    p->done = m->err ? m->offset >= p->end : m->offset + 1 >= p->end;
    if (p->done) r->open--;
    return rc;
}

int topic_read(const struct options *o, const struct range *ranges, size_t n,
               int (*fn)(void *arg, const rd_kafka_message_t *), void *arg)
{
    struct reader r = {.opt = o, .rk = client_new(o, RD_KAFKA_CONSUMER)};
    if (!r.rk) return -1;
    r.list = rd_kafka_topic_partition_list_new(16);
    int rc = find_parts(&r, ranges, n);
    rd_kafka_poll_set_consumer(r.rk);
    while (!rc && r.open) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r.rk, WAIT_MS);
        rc = m ? take(&r, m, fn, arg)
               : cannot("topic %s: nothing came for %d s although there is more", o->topic, WAIT_MS / 1000);
        if (m) rd_kafka_message_destroy(m);
    }
    rd_kafka_topic_partition_list_destroy(r.list);
    free(r.parts);
    rd_kafka_consumer_close(r.rk);
    rd_kafka_destroy(r.rk);
    return rc;
}
