/* facts.c - the list of named texts, and the difference of two. */
#include "facts.h"
#include "text.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void add(struct facts *f, const char *key, char *value)
{
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        void *grown = reallocarray(f->v, cap, sizeof *f->v);
        if (grown) {
            f->v = grown;
            f->cap = cap;
        }
    }
    char *name = strdup(key);
    if (!name || !value || f->n == f->cap) {
        f->no_memory = true;
        free(name);
        free(value);
        return;
    }
    f->v[f->n++] = (struct fact){.key = name, .value = value};
}

void facts_add(struct facts *f, const char *key, const char *fmt, ...)
{
    char *value = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&value, fmt, args) < 0) value = NULL;
    va_end(args);
    add(f, key, value);
}

void facts_add_bytes(struct facts *f, const char *key, struct weir_slice s)
{
    char *text = calloc(1, s.n + 1), *value = malloc(4 * s.n + 1), *to = value; /* UTF-8 is looked at up to a NUL */
    if (text && s.n) memcpy(text, s.p, s.n);
    for (size_t i = 0; text && value && i < s.n;) {
        size_t n = (uint8_t)text[i] < 0x20 || text[i] == 0x7f ? 0 : weir_utf8_len(text + i);
        if (n)
            to = mempcpy(to, text + i, n);
        else
            to += sprintf(to, "\\x%02x", (unsigned)(uint8_t)text[i]);
        i += n ? n : 1;
    }
    if (value) *to = '\0';
    add(f, key, text ? value : NULL);
    if (!text) free(value);
    free(text);
}

void facts_filter(struct facts *f, bool (*keep)(void *arg, const struct fact *), void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (keep(arg, &f->v[i])) {
            f->v[kept++] = f->v[i];
            continue;
        }
        free(f->v[i].key);
        free(f->v[i].value);
    }
    f->n = kept;
}

const char *facts_get(const struct facts *f, const char *key)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->v[i].key, key)) return f->v[i].value;
    return NULL;
}

void facts_free(struct facts *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].key);
        free(f->v[i].value);
    }
    free(f->v);
    *f = (struct facts){0};
}

/* ---- the difference */
static bool holds(const struct fact *expected, const char *seen)
{
    if (!seen) return false;
    return expected->part ? strstr(seen, expected->value) != NULL : !strcmp(expected->value, seen);
}

/* Two parts may be expected of one text; two equal keys else do not occur. */
static bool expects(const struct facts *expected, const char *key)
{
    return facts_get(expected, key) != NULL;
}

static bool is_extra(const struct fact *seen, const struct facts *expected, bool whole)
{
    return whole && !strncmp(seen->key, "fields", 6) && !seen->implied && !expects(expected, seen->key);
}

bool facts_agree(const struct facts *expected, const struct facts *seen, bool whole)
{
    if (expected->no_memory || seen->no_memory) return false;
    for (size_t i = 0; i < expected->n; i++)
        if (!holds(&expected->v[i], facts_get(seen, expected->v[i].key))) return false;
    for (size_t i = 0; i < seen->n; i++)
        if (is_extra(&seen->v[i], expected, whole)) return false;
    return true;
}

static void put_line(FILE *out, char sign, const struct fact *f)
{
    fprintf(out, "      %c%s: %s%s%s\n", sign, f->key, f->part ? "... " : "", f->value, f->part ? " ..." : "");
}

void facts_print(const struct facts *seen, FILE *out)
{
    for (size_t i = 0; i < seen->n; i++)
        if (!seen->v[i].implied) put_line(out, '+', &seen->v[i]);
}

void facts_diff(const struct facts *expected, const struct facts *seen, bool whole, FILE *out)
{
    fputs("      --- expected\n      +++ seen\n", out);
    for (size_t i = 0; i < expected->n; i++) {
        const struct fact *e = &expected->v[i];
        const char *value = facts_get(seen, e->key);
        if (holds(e, value)) {
            if (!e->implied) put_line(out, ' ', e);
            continue;
        }
        put_line(out, '-', e);
        if (value) fprintf(out, "      +%s: %s\n", e->key, value);
    }
    for (size_t i = 0; i < seen->n; i++)
        if (is_extra(&seen->v[i], expected, whole)) put_line(out, '+', &seen->v[i]);
    if (expected->no_memory || seen->no_memory) fputs("      out of memory: some lines are missing\n", out);
}
