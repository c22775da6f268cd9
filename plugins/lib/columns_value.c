/* columns_value.c - values that every database takes in much the same form: names of enums, UUIDs; and words for
 * people. */
#include "columns.h"
#include <stdio.h>
#include <string.h>

const char *weir_column_enum_name(const struct weir_column *c, int64_t number)
{
    if (c->field->type != PROTOBUF_C_TYPE_ENUM || number < INT32_MIN || number > INT32_MAX) return NULL;
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(c->field->descriptor, (int)number);
    return v ? v->name : NULL;
}

const char *weir_column_enum_text(const struct weir_column *c, int64_t number, char digits[24])
{
    const char *name = weir_column_enum_name(c, number);
    if (name) return name;
    snprintf(digits, 24, "%lld", (long long)number);
    return digits;
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool weir_column_uuid(const struct weir_column *c, struct weir_slice s, uint8_t out[16])
{
    if (c->kind == WEIR_COLUMN_BYTES && s.n == 16) {
        memcpy(out, s.p, 16);
        return true;
    }
    if (s.n != 36) return false;
    for (unsigned i = 0, byte = 0; i < 36;) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s.p[i++] != '-') return false;
            continue;
        }
        int high = hex(s.p[i]), low = hex(s.p[i + 1]);
        if (high < 0 || low < 0) return false;
        out[byte++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    return true;
}

const char *weir_column_field_type(const struct weir_column *c)
{
    static const char *const names[][2] = {
        [WEIR_COLUMN_I64] = {"a signed integer", "repeated signed integers"},
        [WEIR_COLUMN_U64] = {"an unsigned integer", "repeated unsigned integers"},
        [WEIR_COLUMN_F64] = {"a float or double", "repeated floats or doubles"},
        [WEIR_COLUMN_BOOL] = {"a bool", "repeated bools"},
        [WEIR_COLUMN_ENUM] = {"an enum", "repeated enums"},
        [WEIR_COLUMN_STRING] = {"a string", "repeated strings"},
        [WEIR_COLUMN_BYTES] = {"bytes", "repeated bytes"},
        [WEIR_COLUMN_TIME] = {"a google.protobuf.Timestamp", "repeated google.protobuf.Timestamps"},
    };
    return names[c->kind][c->repeated];
}
