/* text.c - "field: value; field: value" into protobuf wire bytes, for tests that want a message in one line. */
#include "kit.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kit_put_varint(struct kit_wire *o, uint64_t v)
{
    do {
        o->p[o->n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
    } while (v >>= 7);
}

static void put_fixed(struct kit_wire *o, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) o->p[o->n++] = (uint8_t)(v >> (8 * i));
}

static void put_tag(struct kit_wire *o, const ProtobufCFieldDescriptor *f, unsigned wire_type)
{
    kit_put_varint(o, ((uint64_t)f->id << 3) | wire_type);
}

static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static bool put_enum(struct kit_wire *o, const ProtobufCFieldDescriptor *f, const char *text)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, text);
    if (!v) return false;
    put_tag(o, f, 0);
    kit_put_varint(o, (uint64_t)(int64_t)v->value);
    return true;
}

/* Does the integer fit its type? What is no integer is found later. */
static bool fits(ProtobufCType type, const char *text)
{
    uint64_t most = UINT64_MAX;
    int64_t least = 0;
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32: most = INT32_MAX, least = INT32_MIN; break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: most = INT64_MAX, least = INT64_MIN; break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: most = UINT32_MAX; break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: break;
    default: return true;
    }
    return *text == '-' ? strtoll(text, NULL, 10) >= least : strtoull(text, NULL, 10) <= most;
}

bool kit_put_scalar(struct kit_wire *o, const ProtobufCFieldDescriptor *f, const char *text)
{
    char *end = NULL;
    if (!fits(f->type, text)) return false;
    errno = 0;
    union {
        double d;
        uint64_t u;
    } d;
    union {
        float f;
        uint32_t u;
    } s;
    switch (f->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
        put_tag(o, f, 2);
        kit_put_varint(o, strlen(text));
        memcpy(o->p + o->n, text, strlen(text));
        o->n += strlen(text);
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        put_tag(o, f, 0);
        kit_put_varint(o, !strcmp(text, "true"));
        return !strcmp(text, "true") || !strcmp(text, "false");
    case PROTOBUF_C_TYPE_ENUM: return put_enum(o, f, text);
    case PROTOBUF_C_TYPE_DOUBLE:
        d.d = strtod(text, &end);
        put_tag(o, f, 1);
        put_fixed(o, d.u, 8);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        s.f = strtof(text, &end);
        put_tag(o, f, 5);
        put_fixed(o, s.u, 4);
        break;
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SINT64:
        put_tag(o, f, 0);
        kit_put_varint(o, zigzag(strtoll(text, &end, 10)));
        break;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        put_tag(o, f, 1);
        put_fixed(o, *text == '-' ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10), 8);
        break;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        put_tag(o, f, 5);
        put_fixed(o, (uint64_t)strtoll(text, &end, 10), 4);
        break;
    case PROTOBUF_C_TYPE_MESSAGE: return false;
    default:
        put_tag(o, f, 0);
        kit_put_varint(o, *text == '-' ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10));
    }
    return end && end != text && !*end && !errno;
}

static char *trim(char *s)
{
    while (isspace((unsigned char)*s)) s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1])) *--end = 0;
    return s;
}

uint8_t *kit_encode(const struct weir_schema *schema, const char *fields, size_t *n, char *why, size_t why_size)
{
    char *copy = strdup(fields), *rest = copy, *part;
    struct kit_wire o = {malloc(strlen(fields) * 2 + 64), 0};
    bool ok = copy && o.p;
    snprintf(why, why_size, "out of memory");
    while (ok && (part = strsep(&rest, ";\n"))) {
        part = trim(part);
        if (!*part) continue;
        char *value = strchr(part, ':');
        if (value) *value++ = 0;
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field_by_name(schema->descriptor, trim(part));
        snprintf(why, why_size, "\"%s\" of %s: expected \"scalar_field: value\"", part, schema->full_name);
        ok = value && f && kit_put_scalar(&o, f, trim(value));
    }
    free(copy);
    *n = o.n;
    if (ok) return o.p;
    free(o.p);
    return NULL;
}
