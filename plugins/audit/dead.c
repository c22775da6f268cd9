/* dead.c - dead letters: what recorder and analytics could not store. A bet that has one is not lost; a record of the
 * topic that is no bet must have one of each. A letter that was put back counts for nothing: its record is in the topic
 * once more, and is stored or has another letter. */
#include "audit.h"
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

static bool says(const rd_kafka_headers_t *headers, const char *name, const char *value)
{
    const void *p;
    size_t n;
    return !rd_kafka_header_get_last(headers, name, &p, &n) && p && n == strlen(value) && !memcmp(p, value, n);
}

static struct event *bet_of(struct audit *a, const rd_kafka_message_t *m, const rd_kafka_headers_t *headers)
{
    int64_t epoch, shard, seq;
    if (!audit_header(headers, "epoch", &epoch) || !audit_header(headers, "shard", &shard) ||
        !audit_header(headers, "seq", &seq))
        return NULL;
    const struct identity id = {.epoch = epoch, .shard = (int32_t)shard, .seq = seq};
    struct event *e = audit_find(a, id);
    return e && (e->trimmed || (e->n == m->len && !memcmp(e->bytes, m->payload, m->len))) ? e : NULL;
}

static int add(struct audit *a, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;
    int64_t partition, offset;
    const void *value;
    size_t n;
    if (rd_kafka_message_headers(m, &headers) || !says(headers, "weir.dead.topic", a->opt->topic) ||
        !audit_header(headers, "weir.dead.partition", &partition) ||
        !audit_header(headers, "weir.dead.offset", &offset))
        return 0;
    unsigned by = says(headers, "weir.dead.group", a->opt->record_group)     ? RECORD
                  : says(headers, "weir.dead.group", a->opt->analysis_group) ? ANALYSIS
                                                                             : 0;
    if (!by) return 0;
    if (a->n_letters == a->cap_letters) {
        size_t cap = a->cap_letters ? a->cap_letters * 2 : 256;
        struct dead_letter *letters = reallocarray(a->letters, cap, sizeof *letters);
        if (!letters) return audit_cannot(a, "out of memory");
        a->letters = letters;
        a->cap_letters = cap;
    }
    a->letters[a->n_letters++] =
        (struct dead_letter){.partition = (int32_t)partition,
                             .offset = offset,
                             .by = by,
                             .put_back = !rd_kafka_header_get_last(headers, "weir.dead.retried", &value, &n),
                             .event = bet_of(a, m, headers)};
    return 0;
}

static int by_record(const void *x, const void *y)
{
    const struct dead_letter *a = x, *b = y;
    if (a->partition != b->partition) return a->partition < b->partition ? -1 : 1;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return (int)a->by - (int)b->by;
}

/* One of each record and reader, with what all of them say: written twice by a crash, or letter and mark. */
static void merge(struct audit *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_letters; i++) {
        struct dead_letter *l = &a->letters[i], *last = n ? &a->letters[n - 1] : NULL;
        if (!last || by_record(last, l)) {
            a->letters[n++] = *l;
            continue;
        }
        last->put_back |= l->put_back;
        if (!last->event) last->event = l->event;
    }
    a->n_letters = n;
}

unsigned dead_by(const struct audit *a, int32_t partition, int64_t offset)
{
    unsigned by = 0;
    for (unsigned bit = RECORD; bit <= ANALYSIS; bit <<= 1) {
        const struct dead_letter key = {.partition = partition, .offset = offset, .by = bit};
        if (a->n_letters && bsearch(&key, a->letters, a->n_letters, sizeof key, by_record)) by |= bit;
    }
    return by;
}

int dead_read(struct audit *a)
{
    if (!*a->opt->dead_topic) return 0;
    if (topic_each(a, a->opt->dead_topic, add)) return -1;
    if (a->n_letters) qsort(a->letters, a->n_letters, sizeof *a->letters, by_record);
    merge(a);
    for (size_t i = 0; i < a->n_letters; i++)
        if (a->letters[i].event && !a->letters[i].put_back) a->letters[i].event->dead |= a->letters[i].by;
    return 0;
}
