/* columns_wire.h - reading protobuf's wire form, never past `end`. Every function returns the byte after what it read,
 * or NULL when that is cut off or malformed. */
#ifndef WEIR_COLUMNS_WIRE_H
#define WEIR_COLUMNS_WIRE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <weir/plugin.h>

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };

static inline const uint8_t *wire_varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    if (p < end && *p < 0x80) {
        *out = *p;
        return p + 1;
    }
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t b = *p++;
        if (shift == 63 && b > 1) return NULL; /* the 65th bit */
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *out = v;
            return p;
        }
    }
    return NULL;
}

static inline const uint8_t *wire_fixed32(const uint8_t *p, const uint8_t *end, uint32_t *out)
{
    if (end - p < 4) return NULL;
    *out = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return p + 4;
}

static inline const uint8_t *wire_fixed64(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    uint32_t lo = 0, hi = 0;
    if (end - p < 8) return NULL;
    (void)wire_fixed32(p, end, &lo);
    (void)wire_fixed32(p + 4, end, &hi);
    *out = (uint64_t)hi << 32 | lo;
    return p + 8;
}

static inline const uint8_t *wire_bytes(const uint8_t *p, const uint8_t *end, struct weir_slice *out)
{
    uint64_t n;
    p = wire_varint(p, end, &n);
    if (!p || n > (uint64_t)(end - p)) return NULL;
    *out = (struct weir_slice){p, (size_t)n};
    return p + n;
}

/* A tag: field number (1 to 2^29-1) and wire type. */
static inline const uint8_t *wire_tag(const uint8_t *p, const uint8_t *end, uint32_t *id, unsigned *type)
{
    uint64_t tag;
    p = wire_varint(p, end, &tag);
    if (!p || tag > UINT32_MAX || tag >> 3 == 0) return NULL;
    *id = (uint32_t)(tag >> 3);
    *type = (unsigned)(tag & 7);
    return p;
}

/* Groups (3, 4) were never in proto3 and are refused. */
static inline const uint8_t *wire_skip(const uint8_t *p, const uint8_t *end, unsigned type)
{
    uint64_t v;
    uint32_t w;
    struct weir_slice s;
    switch (type) {
    case WIRE_VARINT: return wire_varint(p, end, &v);
    case WIRE_FIXED64: return wire_fixed64(p, end, &v);
    case WIRE_LENGTH: return wire_bytes(p, end, &s);
    case WIRE_FIXED32: return wire_fixed32(p, end, &w);
    default: return NULL;
    }
}

/* Length of the UTF-8 character at p, 0 when it is none: shortest form, no surrogates, up to U+10FFFF. */
static inline size_t wire_utf8_char(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    if (c < 0x80) return 1;
    if (c < 0xc2 || c > 0xf4) return 0;
    size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n < len) return 0;
    uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte */
    if (c == 0xe0) low = 0xa0;
    if (c == 0xed) high = 0x9f;
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return len;
}

static inline bool wire_utf8(struct weir_slice s)
{
    size_t i = 0;
    while (i < s.n) {
        uint64_t word;
        if (s.n - i >= 8) {
            memcpy(&word, s.p + i, 8);
            if (!(word & 0x8080808080808080ull)) {
                i += 8;
                continue;
            }
        }
        size_t len = wire_utf8_char(s.p + i, s.n - i);
        if (len == 0) return false;
        i += len;
    }
    return true;
}
#endif
