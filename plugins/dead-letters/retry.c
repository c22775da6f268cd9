/* retry.c - puts letters back where they came from. First the record is delivered, then a mark into the dead-letter
 * topic says so: killed in between, a letter is put back again by the next retry, and none is ever taken for done that
 * is not. */
#include "dead_letters.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct retrying {
    struct letters *all;
    const struct options *opt;
    rd_kafka_t *rk; /* NULL: a dry run */
    size_t done;
};

/* ---- delivering one record */

struct delivery {
    bool reported;
    rd_kafka_resp_err_t err;
};

static void on_event(const struct options *o, struct delivery *d, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *m;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
        client_heard(o, (int)rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR)
        while ((m = rd_kafka_event_message_next(event))) *d = (struct delivery){true, m->err};
}

/* Waits for the record that was just produced; -1 after cannot(). */
static int delivered(const struct retrying *r, const char *topic, rd_kafka_resp_err_t err)
{
    struct delivery d = {.reported = err != RD_KAFKA_RESP_ERR_NO_ERROR, .err = err};
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(r->rk);
    while (!d.reported) { /* ends by message.timeout.ms */
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
        if (!event) continue;
        on_event(r->opt, &d, event);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return d.err ? cannot("topic %s: %s", topic, client_error(r->opt, d.err)) : 0;
}

/* ---- the record as it was */

static size_t first_added(const rd_kafka_headers_t *headers)
{
    size_t n = rd_kafka_header_cnt(headers);
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = n; i--;)
        if (!rd_kafka_header_get_all(headers, i, &name, &value, &size) && !strcmp(name, LETTER_HEADER)) return i;
    return n;
}

/* Its own headers, and how often it has been tried. NULL: no memory. */
static rd_kafka_headers_t *own_headers(const rd_kafka_message_t *m, int attempt)
{
    rd_kafka_headers_t *all = NULL, *own = rd_kafka_headers_new(8);
    const char *name;
    const void *value;
    size_t size;
    char text[16];
    bool ok = own && !rd_kafka_message_headers(m, &all);
    for (size_t i = 0, n = ok ? first_added(all) : 0; ok && i < n; i++) {
        if (rd_kafka_header_get_all(all, i, &name, &value, &size) || !strcmp(name, ATTEMPT_HEADER)) continue;
        ok = !rd_kafka_header_add(own, name, -1, value, value ? (ssize_t)size : 0);
    }
    snprintf(text, sizeof text, "%d", attempt);
    if (ok && !rd_kafka_header_add(own, ATTEMPT_HEADER, -1, text, -1)) return own;
    if (own) rd_kafka_headers_destroy(own);
    return NULL;
}

static int put_back(const struct retrying *r, const struct letter *l, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = own_headers(m, l->attempt);
    if (!headers) return cannot("out of memory");
    rd_kafka_resp_err_t err =
        rd_kafka_producev(r->rk, RD_KAFKA_V_TOPIC(l->from.topic), RD_KAFKA_V_PARTITION(l->from.partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(m->key, m->key_len),
                          RD_KAFKA_V_VALUE(m->payload, m->len), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (err) rd_kafka_headers_destroy(headers);
    return delivered(r, l->from.topic, err);
}

static int put_mark(const struct retrying *r, const struct letter *l)
{
    char letter[48], partition[16], offset[24];
    snprintf(letter, sizeof letter, "%d:%" PRId64, (int)l->partition, l->offset);
    snprintf(partition, sizeof partition, "%d", (int)l->from.partition);
    snprintf(offset, sizeof offset, "%" PRId64, l->from.offset);
    rd_kafka_resp_err_t err = rd_kafka_producev(
        r->rk, RD_KAFKA_V_TOPIC(r->opt->topic), RD_KAFKA_V_PARTITION(l->partition),
        RD_KAFKA_V_HEADER(RETRIED_HEADER, letter, -1), RD_KAFKA_V_HEADER(LETTER_HEADER, l->from.topic, -1),
        RD_KAFKA_V_HEADER("weir.dead.partition", partition, -1), RD_KAFKA_V_HEADER("weir.dead.offset", offset, -1),
        RD_KAFKA_V_HEADER("weir.dead.group", l->from.group, -1), RD_KAFKA_V_END);
    return delivered(r, r->opt->topic, err);
}

/* ---- all of them */

/* A crash of the consumer may have written it twice: both are the same letter. */
static void remember(struct letters *all, const struct letter *l)
{
    for (size_t i = 0; i < all->n; i++) {
        struct letter *x = &all->v[i];
        if (x->from.partition == l->from.partition && x->from.offset == l->from.offset &&
            !strcmp(x->from.topic, l->from.topic) && !strcmp(x->from.group, l->from.group))
            x->retried_ms = 1;
    }
}

static int retry(void *arg, const rd_kafka_message_t *m)
{
    struct retrying *r = arg;
    const struct letter *l = letters_at(r->all, m->partition, m->offset);
    if (!l || !l->chosen || l->retried_ms) return 0;
    if (r->rk && (put_back(r, l, m) || put_mark(r, l))) return -1;
    printf("%d:%" PRId64 " %s to topic %s, partition %d, for attempt %d\n", (int)l->partition, l->offset,
           r->rk ? "put back" : "would go", l->from.topic, (int)l->from.partition, l->attempt + 1);
    remember(r->all, l);
    r->done++;
    return 0;
}

/* One that was named by itself must be there, and not have been put back. */
static int check_named(const struct letters *all, const struct options *o)
{
    int rc = 0;
    for (size_t i = 0; i < o->n_ranges; i++) {
        const struct range *r = &o->ranges[i];
        const struct letter *l = letters_at(all, r->partition, r->first);
        if (r->first != r->last || (l && !l->retried_ms)) continue;
        rc =
            cannot("letter %d:%" PRId64 " %s", (int)r->partition, r->first, l ? "was put back before" : "is not there");
        fprintf(stderr, "weir-dead-letters: %s\n", trouble);
    }
    return rc;
}

int retry_letters(struct letters *all, const struct options *o)
{
    struct retrying r = {.all = all, .opt = o};
    size_t before = 0;
    if (check_named(all, o)) return 1;
    for (size_t i = 0; i < all->n; i++) before += all->v[i].chosen && all->v[i].retried_ms;
    if (!o->dry_run && !(r.rk = client_new(o, RD_KAFKA_PRODUCER))) return 2;
    int rc = topic_read(o, o->ranges, o->n_ranges, retry, &r);
    if (r.rk) rd_kafka_destroy(r.rk);
    printf("%zu %s, %zu skipped: put back before\n", r.done, o->dry_run ? "would go back" : "put back", before);
    return rc ? 2 : 0;
}
