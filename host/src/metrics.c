/* metrics.c - the registry: families, their cells, and how a lane writes one. metrics_text.c exports them. */
#include "log.h"
#include "metrics_cell.h"
#include "text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Label values can come from outside (a route, an outcome): their number has a limit, as everything from there. */
enum { GROUPS_MAX = 2000, CACHE_LINE = 64 };

static const double ladder[] = {0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03,
                                0.05,   0.1,    0.2,    0.3,    0.5,   1,     2,     3,     5,    10,   0};

struct weir_metrics *weir_metrics_new(void)
{
    struct weir_metrics *m = calloc(1, sizeof(*m));
    if (m) pthread_mutex_init(&m->lock, NULL);
    return m;
}

static void free_group(struct group *g)
{
    for (struct weir_series *s = g->cells, *next; s; s = next) {
        next = s->next;
        free(s);
    }
    free(g->labels);
    free(g->kept_bucket);
    free(g);
}

static void free_family(struct family *f)
{
    for (struct group *g = f->groups, *next; g; g = next) {
        next = g->next;
        free_group(g);
    }
    free(f->name);
    free(f->help);
    free(f->buckets);
    free(f);
}

void weir_metrics_free(struct weir_metrics *m)
{
    if (!m) return;
    for (struct family *f = m->families, *next; f; f = next) {
        next = f->next;
        free_family(f);
    }
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- names and labels */

static bool good_name(const char *s, bool colon)
{
    if (!s || !*s || isdigit((unsigned char)*s)) return false;
    for (; *s; s++)
        if (!(isalnum((unsigned char)*s) || *s == '_' || (colon && *s == ':')) || (*s & 0x80)) return false;
    return true;
}

static void put_value(FILE *f, const char *s)
{
    while (s && *s) {
        size_t n = weir_utf8_len(s);
        if (*s == '\\' || *s == '"')
            fprintf(f, "\\%c", *s);
        else if (*s == '\n')
            fputs("\\n", f);
        else if (n == 0)
            fputs("\xef\xbf\xbd", f);
        else
            fwrite(s, 1, n, f);
        s += n ? n : 1;
    }
}

static char *labels_text(const struct weir_label *labels, size_t n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    for (size_t i = 0; i < n; i++) {
        fprintf(f, "%s%s=\"", i ? "," : "", labels[i].name);
        put_value(f, labels[i].value);
        fputc('"', f);
    }
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

/* ---- families and groups, with the lock held */

static size_t count_buckets(const double *b)
{
    size_t n = 0;
    while (b[n] != 0) n++;
    return n;
}

static struct family *new_family(struct weir_metrics *m, const char *name, enum weir_metric_type type, const char *help,
                                 const double *buckets)
{
    struct family *f = calloc(1, sizeof(*f));
    if (!f) return NULL;
    f->type = type;
    f->n_buckets = type == WEIR_HISTOGRAM ? count_buckets(buckets) : 0;
    f->name = strdup(name);
    f->help = strdup(help ? help : "");
    f->buckets = calloc(f->n_buckets + 1, sizeof(double));
    if (!f->name || !f->help || !f->buckets) {
        free_family(f);
        return NULL;
    }
    if (f->n_buckets) memcpy(f->buckets, buckets, f->n_buckets * sizeof(double));
    *(m->last_family ? &m->last_family->next : &m->families) = f;
    m->last_family = f;
    return f;
}

/* NULL: no memory, or the name is in use for something else (*clash). */
static struct family *family_of(struct weir_metrics *m, const char *name, enum weir_metric_type type, const char *help,
                                const double *buckets, bool *clash)
{
    for (struct family *f = m->families; f; f = f->next) {
        if (strcmp(f->name, name) != 0) continue;
        *clash = f->type != type || strcmp(f->help, help ? help : "") != 0;
        if (type == WEIR_HISTOGRAM && !*clash)
            *clash = count_buckets(buckets) != f->n_buckets ||
                     memcmp(f->buckets, buckets, f->n_buckets * sizeof(double)) != 0;
        return *clash ? NULL : f;
    }
    return new_family(m, name, type, help, buckets);
}

static struct group *group_of(struct family *f, char *labels)
{
    for (struct group *g = f->groups; g; g = g->next)
        if (strcmp(g->labels, labels) == 0) {
            free(labels);
            return g;
        }
    struct group *g = f->n_groups < GROUPS_MAX ? calloc(1, sizeof(*g)) : NULL;
    uint64_t *kept = g ? calloc(f->n_buckets + 1, sizeof(uint64_t)) : NULL;
    if (!kept) {
        free(g);
        free(labels);
        return NULL;
    }
    *g = (struct group){.family = f, .labels = labels, .kept_bucket = kept};
    *(f->last_group ? &f->last_group->next : &f->groups) = g;
    f->last_group = g;
    f->n_groups++;
    return g;
}

static struct weir_series *new_cell(struct group *g)
{
    size_t size = sizeof(struct weir_series);
    if (g->family->type == WEIR_HISTOGRAM) size += (g->family->n_buckets + 1) * sizeof(uint64_t);
    size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE; /* lanes do not write to each other's cache lines */
    struct weir_series *s = aligned_alloc(CACHE_LINE, size);
    if (!s) return NULL;
    memset((void *)s, 0, size);
    s->group = g;
    s->next = g->cells;
    g->cells = s;
    return s;
}

static bool good_arguments(const char *name, enum weir_metric_type type, const double *buckets,
                           const struct weir_label *labels, size_t n)
{
    bool good = good_name(name, true) && n <= WEIR_LABELS_MAX && type <= WEIR_HISTOGRAM;
    for (size_t i = 0; good && i < n; i++) good = good_name(labels[i].name, false);
    for (size_t i = 1; good && type == WEIR_HISTOGRAM && buckets[i - 1] != 0 && buckets[i] != 0; i++)
        good = buckets[i] > buckets[i - 1];
    return good;
}

struct weir_series *weir_metrics_series(struct weir_metrics *m, const char *name, enum weir_metric_type type,
                                        const char *help, const double *buckets, const struct weir_label *labels,
                                        size_t n)
{
    if (!buckets) buckets = ladder;
    if (!good_arguments(name, type, buckets, labels, n)) {
        weir_logf(WEIR_ERROR,
                  "metric %s: not a metric: a name or label is not [a-zA-Z_][a-zA-Z0-9_]*, more than %d "
                  "labels, or buckets that do not rise",
                  name ? name : "", WEIR_LABELS_MAX);
        return NULL;
    }
    char *text = labels_text(labels, n);
    bool clash = false;
    pthread_mutex_lock(&m->lock);
    struct family *f = text ? family_of(m, name, type, help, buckets, &clash) : NULL;
    struct group *g = NULL;
    if (f)
        g = group_of(f, text);
    else
        free(text);
    struct weir_series *s = g ? new_cell(g) : NULL;
    pthread_mutex_unlock(&m->lock);
    if (!s)
        weir_logf(WEIR_ERROR, "metric %s: %s", name,
                  clash     ? "already exists with another type, help text or buckets"
                  : f && !g ? "too many label values, no more are counted"
                            : "out of memory");
    return s;
}

void weir_metrics_drop(struct weir_metrics *m, struct weir_series *s)
{
    if (!s) return;
    pthread_mutex_lock(&m->lock);
    struct group *g = s->group;
    struct weir_series **at = &g->cells;
    while (*at && *at != s) at = &(*at)->next;
    if (*at) *at = s->next;
    if (g->family->type != WEIR_GAUGE) g->kept_value += atomic_load_explicit(&s->value, memory_order_relaxed);
    for (size_t i = 0; g->family->type == WEIR_HISTOGRAM && i <= g->family->n_buckets; i++)
        g->kept_bucket[i] += atomic_load_explicit(&s->bucket[i], memory_order_relaxed);
    pthread_mutex_unlock(&m->lock);
    free(s);
}

/* ---- the hot path */

static void add(_Atomic double *cell, double v)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + v, memory_order_relaxed);
}

void weir_series_observe_n(struct weir_series *s, double value, uint64_t times)
{
    if (!s || times == 0) return;
    const struct family *f = s->group->family;
    size_t low = 0, high = f->n_buckets;
    while (low < high) { /* the first bucket that is not below the value */
        size_t mid = low + (high - low) / 2;
        if (f->buckets[mid] < value)
            low = mid + 1;
        else
            high = mid;
    }
    _Atomic uint64_t *b = &s->bucket[low];
    atomic_store_explicit(b, atomic_load_explicit(b, memory_order_relaxed) + times, memory_order_relaxed);
    add(&s->value, value * (double)times);
}

void weir_series_put(struct weir_series *s, double v)
{
    if (!s) return;
    switch (s->group->family->type) {
    case WEIR_COUNTER:
        if (v > 0) add(&s->value, v); /* a counter that falls reads as a restart */
        break;
    case WEIR_GAUGE: atomic_store_explicit(&s->value, v, memory_order_relaxed); break;
    case WEIR_HISTOGRAM: weir_series_observe_n(s, v, 1); break;
    }
}

double weir_series_value(const struct weir_series *s)
{
    if (!s) return 0;
    if (s->group->family->type != WEIR_HISTOGRAM) return atomic_load_explicit(&s->value, memory_order_relaxed);
    uint64_t n = 0;
    for (size_t i = 0; i <= s->group->family->n_buckets; i++)
        n += atomic_load_explicit(&s->bucket[i], memory_order_relaxed);
    return (double)n;
}
