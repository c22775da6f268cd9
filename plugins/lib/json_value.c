/* json_value.c - the text of an integer, float, bool or enum to the bits that go on the wire.
 * Every range is that of the field's own type; nothing is rounded into it. */
#include "json_in.h"
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned weir_json_wire_type(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 1;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return 2;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return 5;
    default: return 0;
    }
}

static int bad_text(struct weir_json_in *in, struct weir_slice text, const char *expected)
{
    return weir_json_bad(in->err, in->at, expected, "%.*s", (int)(text.n < 40 ? text.n : 40), (const char *)text.p);
}

/* -?(0|[1-9][0-9]*) up to the limits; false otherwise. */
static bool integer(struct weir_slice text, uint64_t max, uint64_t min_magnitude, bool *negative, uint64_t *magnitude)
{
    size_t i = 0;
    uint64_t v = 0;
    *negative = text.n && text.p[0] == '-';
    i = *negative;
    if (i == text.n || (text.p[i] == '0' && text.n > i + 1)) return false;
    for (; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        uint64_t d = (uint64_t)(text.p[i] - '0');
        if (v > (UINT64_MAX - d) / 10) return false;
        v = v * 10 + d;
    }
    *magnitude = v;
    return v <= (*negative ? min_magnitude : max);
}

static int signed_bits(struct weir_json_in *in, struct weir_slice text, bool wide, int64_t *out)
{
    bool negative;
    uint64_t v, max = wide ? INT64_MAX : INT32_MAX;
    if (!integer(text, max, max + 1, &negative, &v))
        return bad_text(in, text, wide ? "an integer of 64 bits" : "an integer from -2147483648 to 2147483647");
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

static int unsigned_bits(struct weir_json_in *in, struct weir_slice text, bool wide, uint64_t *out)
{
    bool negative;
    if (integer(text, wide ? UINT64_MAX : UINT32_MAX, 0, &negative, out)) return 0;
    return bad_text(in, text, wide ? "an integer from 0 to 18446744073709551615" : "an integer from 0 to 4294967295");
}

/* strtod in the C locale, whatever the process has set. */
static bool number(struct weir_slice text, double *v)
{
    char copy[WEIR_JSON_NAME_MAX], *end;
    struct weir_json_in in = {.start = text.p, .p = text.p, .end = text.p + text.n};
    struct weir_json_err err;
    struct weir_slice whole;
    in.err = &err;
    if (!text.n || text.n >= sizeof copy || weir_json_scan_number(&in, &whole) < 0 || whole.n != text.n) return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    locale_t c = newlocale(LC_ALL_MASK, "C", NULL); /* glibc: no allocation for "C" */
    if (!c) return false;
    *v = strtod_l(copy, &end, c);
    freelocale(c);
    return *end == '\0' && isfinite(*v);
}

static bool is(struct weir_slice text, const char *word)
{
    return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

static int float_bits(struct weir_json_in *in, struct weir_slice text, bool wide, uint64_t *bits)
{
    double v;
    if (is(text, "NaN"))
        v = (double)NAN;
    else if (is(text, "Infinity"))
        v = HUGE_VAL;
    else if (is(text, "-Infinity"))
        v = -HUGE_VAL;
    else if (!number(text, &v) || (!wide && fabs(v) > (double)FLT_MAX))
        return bad_text(in, text, wide ? "a number in the range of a double" : "a number in the range of a float");
    if (wide) {
        memcpy(bits, &v, sizeof v);
    } else {
        float f = (float)v;
        uint32_t half;
        memcpy(&half, &f, sizeof f);
        *bits = half;
    }
    return 0;
}

static int enum_bits(struct weir_json_in *in, const ProtobufCEnumDescriptor *type, struct weir_slice text,
                     uint64_t *bits)
{
    char name[WEIR_JSON_NAME_MAX], expected[96];
    bool negative;
    uint64_t v;
    const ProtobufCEnumValue *value = NULL;
    if (text.n && text.n < sizeof name && !memchr(text.p, 0, text.n)) {
        memcpy(name, text.p, text.n);
        name[text.n] = '\0';
        value = protobuf_c_enum_descriptor_get_value_by_name(type, name);
        if (!value && integer(text, INT32_MAX, (uint64_t)INT32_MAX + 1, &negative, &v))
            value = protobuf_c_enum_descriptor_get_value(type, (int)(negative ? (int64_t)(0 - v) : (int64_t)v));
    }
    if (!value) {
        snprintf(expected, sizeof expected, "a value of %s", type->name);
        return bad_text(in, text, expected);
    }
    *bits = (uint64_t)(int64_t)value->value;
    return 0;
}

static int bool_bits(struct weir_json_in *in, struct weir_slice text, uint64_t *bits)
{
    *bits = is(text, "true");
    return *bits || is(text, "false") ? 0 : bad_text(in, text, "true or false");
}

int weir_json_bits(struct weir_json_in *in, const ProtobufCFieldDescriptor *f, struct weir_slice text, uint64_t *bits)
{
    int64_t v = 0;
    switch (f->type) {
    case PROTOBUF_C_TYPE_BOOL: return bool_bits(in, text, bits);
    case PROTOBUF_C_TYPE_ENUM: return enum_bits(in, f->descriptor, text, bits);
    case PROTOBUF_C_TYPE_FLOAT: return float_bits(in, text, false, bits);
    case PROTOBUF_C_TYPE_DOUBLE: return float_bits(in, text, true, bits);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: return unsigned_bits(in, text, false, bits);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: return unsigned_bits(in, text, true, bits);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        if (signed_bits(in, text, true, &v) < 0) return -1;
        break;
    default:
        if (signed_bits(in, text, false, &v) < 0) return -1;
        break;
    }
    *bits = (uint64_t)v;
    if (f->type == PROTOBUF_C_TYPE_SINT32 || f->type == PROTOBUF_C_TYPE_SINT64)
        *bits = ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0); /* zigzag */
    return 0;
}

static int digit64(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool weir_json_base64(uint8_t *p, size_t *n)
{
    size_t len = *n, out = 0;
    uint32_t acc = 0;
    unsigned have = 0;
    if (len && len % 4 == 0 && p[len - 1] == '=') len -= p[len - 2] == '=' ? 2 : 1;
    if (len % 4 == 1) return false;
    for (size_t i = 0; i < len; i++) {
        int d = digit64(p[i]);
        if (d < 0) return false;
        acc = (acc << 6 | (uint32_t)d) & 0xffffffu;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        p[out++] = (uint8_t)(acc >> have);
    }
    *n = out;
    return (acc & ((1u << have) - 1)) == 0; /* bits left over would make two texts of the same bytes */
}
