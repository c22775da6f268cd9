/* tables.c - reads the tables of a plugin that was built with older headers, whose entries are shorter than ours. */
#include "tables.h"
#include <stdbool.h>
#include <string.h>

enum { ENTRIES_MAX = 200, NESTING_MAX = 8 };

static const char too_long[] = "a table of over 200 entries, or without an end";
static const char too_deep[] = "options nested more than 8 deep";
static const char no_memory[] = "out of memory";

/* Every entry begins with its name; the one without a name is the end. */
static bool is_end(const char *entry)
{
    const char *name;
    memcpy(&name, entry, sizeof name);
    return !name;
}

static const char *widen(struct weir_arena *arena, const void **table, size_t stride, size_t ours, size_t *n)
{
    const char *from = *table;
    *n = 0;
    if (!from) return NULL;
    while (!is_end(from + *n * stride))
        if (++*n > ENTRIES_MAX) return too_long;
    char *to = weir_arena_alloc(arena, (*n + 1) * ours);
    if (!to) return no_memory;
    for (size_t i = 0; i < *n; i++) memcpy(to + i * ours, from + i * stride, stride);
    *table = to;
    return NULL;
}

static const char *widen_options(struct weir_arena *arena, const struct weir_opt **opts, size_t stride, int depth)
{
    if (depth > NESTING_MAX) return too_deep;
    const void *table = *opts;
    size_t n;
    const char *wrong = widen(arena, &table, stride, sizeof **opts, &n);
    struct weir_opt *wide = (struct weir_opt *)table; /* the copy is ours */
    for (size_t i = 0; !wrong && i < n; i++)
        if (wide[i].sub) wrong = widen_options(arena, &wide[i].sub, stride, depth + 1);
    *opts = wide;
    return wrong;
}

const char *weir_tables_widen(struct weir_arena *arena, struct weir_plugin *p)
{
    const char *wrong = NULL;
    const void *metrics = p->metrics, *outcomes = p->outcomes;
    size_t n;
    if (p->opt_size != sizeof *p->opts) wrong = widen_options(arena, &p->opts, p->opt_size, 1);
    if (!wrong && p->metric_size != sizeof *p->metrics)
        wrong = widen(arena, &metrics, p->metric_size, sizeof *p->metrics, &n);
    if (!wrong && p->outcome_size != sizeof *p->outcomes)
        wrong = widen(arena, &outcomes, p->outcome_size, sizeof *p->outcomes, &n);
    p->metrics = metrics;
    p->outcomes = outcomes;
    return wrong;
}
