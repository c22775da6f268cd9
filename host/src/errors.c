/* errors.c - the list behind errors.h, and the guess at what a misspelt word was meant to be. */
#include "errors.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int grow(struct weir_errors *errs)
{
    if (errs->n < errs->cap) return 0;
    size_t cap = errs->cap ? errs->cap * 2 : 16;
    void *v = reallocarray(errs->v, cap, sizeof *errs->v);
    if (!v) return -1;
    errs->v = v;
    errs->cap = cap;
    return 0;
}

void weir_errors_add(struct weir_errors *errs, const char *file, int line, const char *fmt, ...)
{
    char *msg = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&msg, fmt, args);
    va_end(args);
    if (n < 0) msg = NULL;
    char *name = file ? strdup(file) : NULL;
    if (!msg || (file && !name) || grow(errs) < 0) {
        fputs("weir: out of memory: an error message was dropped\n", stderr);
        free(msg);
        free(name);
        return;
    }
    errs->v[errs->n++] = (struct weir_error_line){name, line, msg};
}

static bool same_file(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The file's place in the order in which files were first seen. */
static size_t file_rank(const struct weir_errors *errs, const char *file)
{
    size_t i = 0;
    while (i < errs->n && !same_file(errs->v[i].file, file)) i++;
    return i;
}

struct place {
    size_t rank, index;
    int line;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void print_one(const struct weir_error_line *e, FILE *out)
{
    if (e->file && e->line > 0)
        fprintf(out, "%s:%d: %s\n", e->file, e->line, e->msg);
    else if (e->file)
        fprintf(out, "%s: %s\n", e->file, e->msg);
    else
        fprintf(out, "%s\n", e->msg);
}

static bool repeats(const struct weir_errors *errs, const struct place *order, size_t i)
{
    for (size_t k = i; k > 0 && order[k - 1].rank == order[i].rank && order[k - 1].line == order[i].line; k--)
        if (strcmp(errs->v[order[k - 1].index].msg, errs->v[order[i].index].msg) == 0) return true;
    return false;
}

void weir_errors_print(struct weir_errors *errs, FILE *out)
{
    struct place *order = calloc(errs->n ? errs->n : 1, sizeof *order);
    if (!order) { /* unsorted is better than silent */
        for (size_t i = 0; i < errs->n; i++) print_one(&errs->v[i], out);
        return;
    }
    for (size_t i = 0; i < errs->n; i++)
        order[i] = (struct place){file_rank(errs, errs->v[i].file), i, errs->v[i].line};
    qsort(order, errs->n, sizeof *order, by_place);
    for (size_t i = 0; i < errs->n; i++)
        if (!repeats(errs, order, i)) print_one(&errs->v[order[i].index], out);
    free(order);
}

void weir_errors_free(struct weir_errors *errs)
{
    for (size_t i = 0; i < errs->n; i++) {
        free(errs->v[i].file);
        free(errs->v[i].msg);
    }
    free(errs->v);
    memset(errs, 0, sizeof *errs);
}

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

static int lower(char c)
{
    if (c == '_') return '-'; /* max-body for max_body costs nothing */
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Edits that make b of a; neighbours that changed places count once. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t d[3][WORD_MAX + 1];
    for (size_t j = 0; j <= m; j++) d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = d[i % 3], *above = d[(i + 2) % 3], *above2 = d[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t swap = lower(a[i - 1]) != lower(b[j - 1]);
            row[j] = least(row[j - 1] + 1, above[j] + 1, above[j - 1] + swap);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && above2[j - 2] + 1 < row[j])
                row[j] = above2[j - 2] + 1;
        }
    }
    return d[n % 3][m];
}

const char *weir_nearest(const char *word, const char *const *candidates, size_t n)
{
    size_t len = strlen(word), best = SIZE_MAX;
    if (!len || len > WORD_MAX) return NULL;
    const char *nearest = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t m = candidates[i] ? strlen(candidates[i]) : 0;
        if (!m || m > WORD_MAX) continue;
        size_t longer = m > len ? m : len;
        size_t d = distance(word, len, candidates[i], m);
        if (d < best && d <= (longer < 4 ? 1 : (longer + 1) / 3)) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
