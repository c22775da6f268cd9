/* json_buf.c - the growing, bounded buffer that json_pb writes into.
 * It doubles up to its bound and is meant to be used again, so that a steady load allocates nothing. */
#include "json_in.h"
#include <stdlib.h>
#include <string.h>

void weir_json_buf_free(struct weir_json_buf *buf)
{
    free(buf->p);
    buf->p = NULL;
    buf->n = buf->cap = 0;
}

bool weir_json_room(struct weir_json_buf *buf, size_t more)
{
    if (buf->n > buf->max || more > buf->max - buf->n) return false;
    if (buf->cap - buf->n >= more) return true;
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap - buf->n < more && cap < buf->max) cap = cap > buf->max / 2 ? buf->max : cap * 2;
    if (cap > buf->max) cap = buf->max;
    uint8_t *p = realloc(buf->p, cap);
    if (!p) return false;
    buf->p = p;
    buf->cap = cap;
    return true;
}

bool weir_json_put(struct weir_json_buf *buf, const void *bytes, size_t n)
{
    if (!weir_json_room(buf, n)) return false;
    if (n) memcpy(buf->p + buf->n, bytes, n);
    buf->n += n;
    return true;
}

bool weir_json_put_varint(struct weir_json_buf *buf, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    return weir_json_put(buf, bytes, n);
}

bool weir_json_put_number(struct weir_json_buf *buf, bool negative, uint64_t magnitude)
{
    char text[24];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude);
    if (negative) text[--at] = '-';
    return weir_json_put(buf, text + at, sizeof text - at);
}

/* The escape of a byte that may not stand in a JSON string as it is. */
static bool put_escape(struct weir_json_buf *buf, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    switch (c) {
    case '"': return weir_json_put(buf, "\\\"", 2);
    case '\\': return weir_json_put(buf, "\\\\", 2);
    case '\n': return weir_json_put(buf, "\\n", 2);
    case '\r': return weir_json_put(buf, "\\r", 2);
    case '\t': return weir_json_put(buf, "\\t", 2);
    default: return weir_json_put(buf, text, sizeof text);
    }
}

bool weir_json_put_string(struct weir_json_buf *buf, const void *text, size_t n)
{
    static const uint8_t none[1];
    const uint8_t *p = n ? text : none, *end = p + n, *plain = p;
    if (!weir_json_put(buf, "\"", 1)) return false;
    while (p < end) {
        size_t width = weir_json_utf8(p, end);
        if (width && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f) {
            p += width;
            continue;
        }
        if (!weir_json_put(buf, plain, (size_t)(p - plain))) return false;
        if (!(width ? put_escape(buf, *p) : weir_json_put(buf, "\xef\xbf\xbd", 3))) return false;
        plain = ++p;
    }
    return weir_json_put(buf, plain, (size_t)(p - plain)) && weir_json_put(buf, "\"", 1);
}
