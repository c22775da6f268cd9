/* buf.h - for sinks: a growing run of bytes. What is reserved is never refused afterwards. */
#ifndef WEIR_BUF_H
#define WEIR_BUF_H
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct weir_buf {
    uint8_t *p;
    size_t n, cap;
};

static inline bool weir_buf_room(struct weir_buf *b, size_t more)
{
    if (b->cap - b->n >= more) return true;
    size_t cap = b->cap ? b->cap : 256;
    while (cap - b->n < more) {
        if (cap > SIZE_MAX / 2) return false;
        cap *= 2;
    }
    uint8_t *p = realloc(b->p, cap);
    if (!p) return false;
    b->p = p;
    b->cap = cap;
    return true;
}

static inline bool weir_buf_put(struct weir_buf *b, const void *bytes, size_t n)
{
    if (!weir_buf_room(b, n)) return false;
    if (n) memcpy(b->p + b->n, bytes, n);
    b->n += n;
    return true;
}

/* LEB128, ClickHouse's VarUInt: at most 10 bytes. */
static inline bool weir_buf_varint(struct weir_buf *b, uint64_t v)
{
    if (!weir_buf_room(b, 10)) return false;
    for (; v > 0x7f; v >>= 7) b->p[b->n++] = (uint8_t)(v | 0x80);
    b->p[b->n++] = (uint8_t)v;
    return true;
}

static inline bool weir_buf_string(struct weir_buf *b, const void *bytes, size_t n)
{
    return weir_buf_varint(b, n) && weir_buf_put(b, bytes, n);
}

static inline void weir_buf_free(struct weir_buf *b)
{
    free(b->p);
    *b = (struct weir_buf){NULL, 0, 0};
}
#endif
