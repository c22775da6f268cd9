/* buf.h - a growing run of bytes. What is reserved is never refused afterwards. */
#ifndef CH_SINK_BUF_H
#define CH_SINK_BUF_H
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct buf {
    uint8_t *p;
    size_t n, cap;
};

static inline bool buf_room(struct buf *b, size_t more)
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

static inline bool buf_put(struct buf *b, const void *bytes, size_t n)
{
    if (!buf_room(b, n)) return false;
    if (n) memcpy(b->p + b->n, bytes, n);
    b->n += n;
    return true;
}

/* LEB128, ClickHouse's VarUInt: at most 10 bytes. */
static inline bool buf_varint(struct buf *b, uint64_t v)
{
    if (!buf_room(b, 10)) return false;
    for (; v > 0x7f; v >>= 7) b->p[b->n++] = (uint8_t)(v | 0x80);
    b->p[b->n++] = (uint8_t)v;
    return true;
}

static inline bool buf_string(struct buf *b, const void *bytes, size_t n)
{
    return buf_varint(b, n) && buf_put(b, bytes, n);
}

static inline void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){NULL, 0, 0};
}
#endif
