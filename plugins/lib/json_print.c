/* json_print.c - one scalar as JSON text, from the bits that stood on the wire.
 * Floats print the fewest digits that read back as the same value. */
#include "json_in.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool put_word(struct weir_json_buf *out, const char *word)
{
    return weir_json_put(out, word, strlen(word));
}

static bool print_float(struct weir_json_buf *out, double v, bool wide)
{
    char text[40];
    if (isnan(v)) return put_word(out, "\"NaN\"");
    if (isinf(v)) return put_word(out, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    locale_t c = newlocale(LC_ALL_MASK, "C", NULL);
    if (!c) return false;
    locale_t old = uselocale(c); /* of this thread: snprintf has no locale parameter */
    for (int digits = wide ? 15 : 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (wide ? strtod(text, NULL) == v : strtof(text, NULL) == (float)v) break;
    }
    uselocale(old);
    freelocale(c);
    return put_word(out, text);
}

static bool print_enum(struct weir_json_buf *out, const ProtobufCEnumDescriptor *type, int32_t v)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, v);
    if (value) return weir_json_put_string(out, value->name, strlen(value->name));
    return weir_json_put_number(out, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static bool print_signed(struct weir_json_buf *out, int64_t v)
{
    return weir_json_put_number(out, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

bool weir_json_print(struct weir_json_buf *out, const ProtobufCFieldDescriptor *f, uint64_t bits)
{
    double wide;
    float narrow;
    uint32_t low = (uint32_t)bits;
    switch (f->type) {
    case PROTOBUF_C_TYPE_BOOL: return put_word(out, bits ? "true" : "false");
    case PROTOBUF_C_TYPE_ENUM: return print_enum(out, f->descriptor, (int32_t)low);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: return weir_json_put_number(out, false, low);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: return weir_json_put_number(out, false, bits);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SFIXED64: return print_signed(out, (int64_t)bits);
    case PROTOBUF_C_TYPE_SINT64: return print_signed(out, (int64_t)(bits >> 1 ^ (0 - (bits & 1))));
    case PROTOBUF_C_TYPE_SINT32: return print_signed(out, (int32_t)(low >> 1 ^ (0 - (low & 1))));
    case PROTOBUF_C_TYPE_DOUBLE: memcpy(&wide, &bits, sizeof wide); return print_float(out, wide, true);
    case PROTOBUF_C_TYPE_FLOAT: memcpy(&narrow, &low, sizeof narrow); return print_float(out, (double)narrow, false);
    default: return print_signed(out, (int32_t)low);
    }
}

bool weir_json_print_base64(struct weir_json_buf *out, struct weir_slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (s.n > SIZE_MAX / 2 || !weir_json_room(out, (s.n + 2) / 3 * 4 + 2)) return false;
    out->p[out->n++] = '"';
    for (size_t i = 0; i < s.n; i += 3) {
        uint32_t left = (uint32_t)(s.n - i > 3 ? 3 : s.n - i), acc = (uint32_t)s.p[i] << 16;
        if (left > 1) acc |= (uint32_t)s.p[i + 1] << 8;
        if (left > 2) acc |= s.p[i + 2];
        for (uint32_t k = 0; k < 4; k++) out->p[out->n++] = k > left ? '=' : (uint8_t)digits[acc >> (18 - 6 * k) & 63];
    }
    out->p[out->n++] = '"';
    return true;
}
