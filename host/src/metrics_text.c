/* metrics_text.c - the registry in Prometheus text format 0.0.4. */
#include "metrics_cell.h"
#include <math.h>
#include <stdlib.h>

static void put_number(FILE *f, double v)
{
    char text[40];
    if (isnan(v)) {
        fputs("NaN", f);
        return;
    }
    if (isinf(v)) {
        fputs(v > 0 ? "+Inf" : "-Inf", f);
        return;
    }
    snprintf(text, sizeof(text), "%.15g", v);
    if (strtod(text, NULL) != v) snprintf(text, sizeof(text), "%.17g", v);
    fputs(text, f);
}

static void put_help(FILE *f, const struct family *fam)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    fprintf(f, "# HELP %s ", fam->name);
    for (const char *c = fam->help; *c; c++) {
        if (*c == '\\')
            fputs("\\\\", f);
        else if (*c == '\n')
            fputs("\\n", f);
        else
            fputc(*c, f);
    }
    fprintf(f, "\n# TYPE %s %s\n", fam->name, types[fam->type]);
}

static void put_sample(FILE *f, const struct group *g, const char *suffix, double v)
{
    fprintf(f, "%s%s", g->family->name, suffix);
    if (*g->labels) fprintf(f, "{%s}", g->labels);
    fputc(' ', f);
    put_number(f, v);
    fputc('\n', f);
}

static double sum_of(const struct group *g)
{
    double sum = g->kept_value;
    for (const struct weir_series *s = g->cells; s; s = s->next)
        sum += atomic_load_explicit(&s->value, memory_order_relaxed);
    return sum;
}

/* _count is the sum of the buckets that were read, so that +Inf and _count agree while lanes go on writing. */
static void put_histogram(FILE *f, const struct group *g)
{
    const struct family *fam = g->family;
    uint64_t so_far = 0;
    for (size_t i = 0; i <= fam->n_buckets; i++) {
        so_far += g->kept_bucket[i];
        for (const struct weir_series *s = g->cells; s; s = s->next)
            so_far += atomic_load_explicit(&s->bucket[i], memory_order_relaxed);
        fprintf(f, "%s_bucket{%s%sle=\"", fam->name, g->labels, *g->labels ? "," : "");
        put_number(f, i < fam->n_buckets ? fam->buckets[i] : INFINITY);
        fprintf(f, "\"} %llu\n", (unsigned long long)so_far);
    }
    put_sample(f, g, "_sum", sum_of(g));
    put_sample(f, g, "_count", (double)so_far);
}

void weir_metrics_write(struct weir_metrics *m, FILE *f)
{
    pthread_mutex_lock(&m->lock);
    for (const struct family *fam = m->families; fam; fam = fam->next) {
        bool helped = false;
        for (const struct group *g = fam->groups; g; g = g->next) {
            if (fam->type == WEIR_GAUGE && !g->cells) continue; /* its lanes are gone */
            if (!helped) put_help(f, fam);
            helped = true;
            if (fam->type == WEIR_HISTOGRAM)
                put_histogram(f, g);
            else
                put_sample(f, g, "", sum_of(g));
        }
    }
    pthread_mutex_unlock(&m->lock);
}
