/* letters.c - which letters there are, and which of them were put back: a mark in the same topic says so. */
#include "dead_letters.h"
#include <stdlib.h>
#include <string.h>

static const void *last(const rd_kafka_headers_t *headers, const char *name, size_t *n)
{
    const void *value = NULL;
    if (!headers || rd_kafka_header_get_last(headers, name, &value, n)) return NULL;
    return value;
}

char *header_text(const rd_kafka_headers_t *headers, const char *name)
{
    size_t n = 0;
    const void *value = last(headers, name, &n);
    char *text = malloc(n + 1);
    if (!text) return NULL;
    if (value) memcpy(text, value, n);
    text[value ? n : 0] = 0;
    return text;
}

static int64_t header_number(const rd_kafka_headers_t *headers, const char *name)
{
    char *text = header_text(headers, name);
    int64_t n = text ? strtoll(text, NULL, 10) : 0;
    free(text);
    return n;
}

/* False: no memory; what there is must be freed anyway. */
static bool read_source(const rd_kafka_headers_t *headers, struct source *s)
{
    s->group = header_text(headers, "weir.dead.group");
    s->topic = header_text(headers, LETTER_HEADER);
    s->partition = (int32_t)header_number(headers, "weir.dead.partition");
    s->offset = header_number(headers, "weir.dead.offset");
    return s->group && s->topic;
}

static void *grown(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return v;
    size_t more = *cap ? *cap * 2 : 256;
    void *p = reallocarray(v, more, size);
    if (p) *cap = more;
    return p;
}

static int add_mark(struct letters *all, const rd_kafka_message_t *m, const rd_kafka_headers_t *headers)
{
    void *marks = grown(all->marks, all->n_marks, &all->cap_marks, sizeof *all->marks);
    if (!marks) return cannot("out of memory");
    all->marks = marks;
    struct mark *mark = &all->marks[all->n_marks++];
    *mark = (struct mark){.ms = rd_kafka_message_timestamp(m, NULL)};
    return read_source(headers, &mark->of) ? 0 : cannot("out of memory");
}

static int add_letter(struct letters *all, const rd_kafka_message_t *m, const rd_kafka_headers_t *headers)
{
    void *v = grown(all->v, all->n, &all->cap, sizeof *all->v);
    if (!v) return cannot("out of memory");
    all->v = v;
    struct letter *l = &all->v[all->n++];
    *l = (struct letter){.partition = m->partition, .offset = m->offset, .ms = rd_kafka_message_timestamp(m, NULL)};
    bool ok = read_source(headers, &l->from);
    l->pipeline = header_text(headers, "weir.dead.pipeline");
    l->stage = header_text(headers, "weir.dead.stage");
    l->plugin = header_text(headers, "weir.dead.plugin");
    l->class = header_text(headers, "weir.dead.class");
    l->error = header_text(headers, "weir.dead.error");
    l->event = header_text(headers, "weir.dead.event");
    l->attempt = (int)header_number(headers, "weir.dead.attempt");
    ok = ok && l->pipeline && l->stage && l->plugin && l->class && l->error && l->event;
    return ok ? 0 : cannot("out of memory");
}

/* What is neither a letter nor a mark is somebody else's record. */
static int add(void *arg, const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;
    size_t n;
    if (rd_kafka_message_headers(m, &headers) || !last(headers, LETTER_HEADER, &n)) return 0;
    return last(headers, RETRIED_HEADER, &n) ? add_mark(arg, m, headers) : add_letter(arg, m, headers);
}

static int by_source(const struct source *a, const struct source *b)
{
    if (a->partition != b->partition) return a->partition < b->partition ? -1 : 1;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    int c = strcmp(a->topic, b->topic);
    return c ? c : strcmp(a->group, b->group);
}

static int by_mark(const void *a, const void *b)
{
    return by_source(&((const struct mark *)a)->of, &((const struct mark *)b)->of);
}

static int by_place(const void *a, const void *b)
{
    const struct letter *x = a, *y = b;
    if (x->partition != y->partition) return x->partition < y->partition ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

int letters_read(const struct options *o, struct letters *all)
{
    if (topic_read(o, NULL, 0, add, all)) return -1;
    if (all->n) qsort(all->v, all->n, sizeof *all->v, by_place);
    if (all->n_marks) qsort(all->marks, all->n_marks, sizeof *all->marks, by_mark);
    for (size_t i = 0; all->n_marks && i < all->n; i++) {
        const struct mark key = {.of = all->v[i].from};
        const struct mark *m = bsearch(&key, all->marks, all->n_marks, sizeof key, by_mark);
        if (m) all->v[i].retried_ms = m->ms ? m->ms : 1;
    }
    return 0;
}

static bool matches(const char *wanted, const char *is)
{
    return !wanted || !strcmp(wanted, is);
}

static bool named(const struct options *o, const struct letter *l)
{
    for (size_t i = 0; i < o->n_ranges; i++)
        if (l->partition == o->ranges[i].partition && l->offset >= o->ranges[i].first && l->offset <= o->ranges[i].last)
            return true;
    return o->all || (o->command == LIST && !o->n_ranges);
}

void letters_choose(struct letters *all, const struct options *o)
{
    for (size_t i = 0; i < all->n; i++) {
        struct letter *l = &all->v[i];
        l->chosen = named(o, l) && matches(o->group, l->from.group) && matches(o->class, l->class) &&
                    matches(o->plugin, l->plugin);
    }
}

struct letter *letters_at(const struct letters *all, int32_t partition, int64_t offset)
{
    const struct letter key = {.partition = partition, .offset = offset};
    return all->n ? bsearch(&key, all->v, all->n, sizeof key, by_place) : NULL;
}

void letters_free(struct letters *all)
{
    for (size_t i = 0; i < all->n; i++) {
        struct letter *l = &all->v[i];
        char *const texts[] = {l->from.group, l->from.topic, l->pipeline, l->stage,
                               l->plugin,     l->class,      l->error,    l->event};
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) free(texts[k]);
    }
    for (size_t i = 0; i < all->n_marks; i++) {
        free(all->marks[i].of.group);
        free(all->marks[i].of.topic);
    }
    free(all->v);
    free(all->marks);
}
