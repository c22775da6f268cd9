/* json_err.c - what was wrong and where: the JSON pointer, what was found, what was expected.
 * All three are valid UTF-8 whatever the client sent, for they go back to it. */
#include "json_in.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
    char *p;
    size_t n, size;
};

static void add(struct text *t, const char *bytes, size_t n)
{
    if (t->n + n >= t->size) return; /* one piece, all or nothing: no half code point */
    memcpy(t->p + t->n, bytes, n);
    t->n += n;
    t->p[t->n] = '\0';
}

/* The bytes of a client's text, '?' for what cannot be shown. */
static void add_shown(struct text *t, struct weir_slice s, bool as_pointer)
{
    const uint8_t *p = s.p, *end = s.p + s.n;
    while (p < end) {
        size_t width = weir_json_utf8(p, end);
        if (as_pointer && *p == '~')
            add(t, "~0", 2);
        else if (as_pointer && *p == '/')
            add(t, "~1", 2);
        else if (!width || *p < 0x20 || *p == 0x7f)
            add(t, "?", 1);
        else
            add(t, (const char *)p, width);
        p += width ? width : 1;
    }
}

static void pointer(struct text *t, const struct weir_json_at *at)
{
    char index[24];
    if (!at) return;
    pointer(t, at->up); /* as deep as the text at most: WEIR_JSON_MAX_DEPTH */
    add(t, "/", 1);
    if (at->name.p) {
        add_shown(t, at->name, true);
        return;
    }
    int n = snprintf(index, sizeof index, "%zu", at->index);
    add(t, index, (size_t)n);
}

int weir_json_bad(struct weir_json_err *err, const struct weir_json_at *at, const char *expected, const char *found_fmt,
                  ...)
{
    char found[sizeof err->found * 2];
    struct text where = {err->pointer, 0, sizeof err->pointer};
    struct text what = {err->found, 0, sizeof err->found}, wanted = {err->expected, 0, sizeof err->expected};
    va_list args;
    va_start(args, found_fmt);
    int n = vsnprintf(found, sizeof found, found_fmt, args);
    va_end(args);
    err->pointer[0] = err->found[0] = err->expected[0] = '\0';
    pointer(&where, at);
    if (n > 0) add_shown(&what, (struct weir_slice){(const uint8_t *)found, strlen(found)}, false);
    add_shown(&wanted, (struct weir_slice){(const uint8_t *)expected, strlen(expected)}, false);
    return -1;
}

/* A word for what stands at p: its kind, and the text of a short scalar. */
int weir_json_expected(struct weir_json_in *in, const char *expected)
{
    int c = weir_json_next(in);
    const uint8_t *p = in->p;
    int n = 0;
    while (p + n < in->end && n < 32 && p[n] > ' ' && p[n] < 0x7f && !strchr(",]}[{\":", p[n])) n++;
    if (c < 0) return weir_json_bad(in->err, in->at, expected, "the end of the text");
    if (c == '{') return weir_json_bad(in->err, in->at, expected, "an object");
    if (c == '[') return weir_json_bad(in->err, in->at, expected, "an array");
    if (c == '"') return weir_json_bad(in->err, in->at, expected, "a string");
    if (n) return weir_json_bad(in->err, in->at, expected, "%.*s", n, (const char *)p);
    return weir_json_bad(in->err, in->at, expected,
                         c > ' ' && c < 0x7f ? "'%c' at byte %zu" : "byte 0x%02x at byte %zu", c,
                         (size_t)(p - in->start));
}

int weir_json_full(struct weir_json_err *err, const struct weir_json_at *at, const struct weir_json_buf *out)
{
    char expected[64];
    snprintf(expected, sizeof expected, "at most %zu bytes, and memory for them", out->max);
    return weir_json_bad(err, at, expected, "more bytes than fit");
}
