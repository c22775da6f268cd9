/* json_utf8.c - UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 * The table of that RFC's section 4, once. */
#include "json_in.h"

static bool tail(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

size_t weir_json_utf8(const uint8_t *p, const uint8_t *end)
{
    size_t left = (size_t)(end - p);
    if (!left) return 0;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < 2 || !tail(p[1])) return 0;
    if (p[0] < 0xe0) return 2;
    if (left < 3 || !tail(p[2])) return 0;
    if (p[0] < 0xf0) return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ? 0 : 3;
    if (left < 4 || !tail(p[3])) return 0;
    return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

bool weir_json_is_utf8(const uint8_t *p, size_t n)
{
    const uint8_t *end = p ? p + n : p;
    while (p < end) {
        size_t width = weir_json_utf8(p, end);
        if (!width) return false;
        p += width;
    }
    return true;
}

size_t weir_json_utf8_put(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}
