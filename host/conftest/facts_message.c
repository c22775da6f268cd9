/* facts_message.c - a message in wire form as facts, field by field, by reflection. */
#include "facts.h"
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16, PATH_SIZE = 256 };

static void add_message(struct facts *, const ProtobufCMessage *, const char *path, int depth);

static size_t element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return 4;
    }
}

static bool is_default(ProtobufCType type, const void *p)
{
    static const uint64_t zero = 0;
    if (type == PROTOBUF_C_TYPE_STRING) return !*(char *const *)p || !**(char *const *)p;
    if (type == PROTOBUF_C_TYPE_BYTES) return !((const ProtobufCBinaryData *)p)->len;
    return !memcmp(p, &zero, element_size(type));
}

static void add_enum(struct facts *f, const char *path, const ProtobufCEnumDescriptor *d, int value)
{
    const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(d, value);
    if (v)
        facts_add(f, path, "%s", v->name);
    else
        facts_add(f, path, "%d", value);
}

static void add_value(struct facts *f, const char *path, const ProtobufCFieldDescriptor *fd, const void *p, int depth)
{
    const ProtobufCBinaryData *bytes = p;
    const char *text;
    switch (fd->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: facts_add(f, path, "%lld", (long long)*(const int64_t *)p); break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: facts_add(f, path, "%llu", (unsigned long long)*(const uint64_t *)p); break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: facts_add(f, path, "%u", *(const uint32_t *)p); break;
    case PROTOBUF_C_TYPE_FLOAT: facts_add(f, path, "%.9g", (double)*(const float *)p); break;
    case PROTOBUF_C_TYPE_DOUBLE: facts_add(f, path, "%.17g", *(const double *)p); break;
    case PROTOBUF_C_TYPE_BOOL: facts_add(f, path, *(const protobuf_c_boolean *)p ? "true" : "false"); break;
    case PROTOBUF_C_TYPE_ENUM: add_enum(f, path, fd->descriptor, *(const int *)p); break;
    case PROTOBUF_C_TYPE_STRING:
        text = *(char *const *)p ? *(char *const *)p : "";
        facts_add_bytes(f, path, (struct weir_slice){(const uint8_t *)text, strlen(text)});
        break;
    case PROTOBUF_C_TYPE_BYTES: facts_add_bytes(f, path, (struct weir_slice){bytes->data, bytes->len}); break;
    case PROTOBUF_C_TYPE_MESSAGE: add_message(f, *(ProtobufCMessage *const *)p, path, depth + 1); break;
    default: facts_add(f, path, "%d", *(const int32_t *)p);
    }
}

/* Is it on the wire? A scalar of proto3 without `optional` is not when it has its default. */
static bool is_present(const ProtobufCFieldDescriptor *fd, const uint8_t *m, const void *p)
{
    if (fd->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)(const void *)(m + fd->quantifier_offset) == fd->id;
    if (fd->type == PROTOBUF_C_TYPE_MESSAGE) return *(void *const *)p != NULL;
    if (fd->label != PROTOBUF_C_LABEL_OPTIONAL) return !is_default(fd->type, p);
    if (fd->type == PROTOBUF_C_TYPE_STRING)
        return *(char *const *)p && *(char *const *)p != (const char *)fd->default_value;
    return *(const protobuf_c_boolean *)(const void *)(m + fd->quantifier_offset);
}

static bool has_default(const ProtobufCFieldDescriptor *fd)
{
    return fd->label == PROTOBUF_C_LABEL_NONE && fd->type != PROTOBUF_C_TYPE_MESSAGE &&
           !(fd->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

static void add_repeated(struct facts *f, const char *path, const ProtobufCFieldDescriptor *fd, const uint8_t *m,
                         int depth)
{
    char item[PATH_SIZE];
    size_t n = *(const size_t *)(const void *)(m + fd->quantifier_offset);
    const uint8_t *at = *(uint8_t *const *)(const void *)(m + fd->offset);
    for (size_t i = 0; i < n; i++) {
        snprintf(item, sizeof item, "%.230s[%zu]", path, i);
        add_value(f, item, fd, at + i * element_size(fd->type), depth);
    }
}

static void add_message(struct facts *f, const ProtobufCMessage *msg, const char *path, int depth)
{
    const uint8_t *m = (const uint8_t *)msg;
    char name[PATH_SIZE];
    for (unsigned i = 0; depth < DEPTH_MAX && i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *fd = &msg->descriptor->fields[i];
        snprintf(name, sizeof name, "%.180s.%.70s", path, fd->name);
        if (fd->label == PROTOBUF_C_LABEL_REPEATED) {
            add_repeated(f, name, fd, m, depth);
            continue;
        }
        bool present = is_present(fd, m, m + fd->offset);
        if (!present && !has_default(fd)) continue;
        size_t before = f->n;
        add_value(f, name, fd, m + fd->offset, depth);
        if (!present && f->n > before) f->v[before].implied = true;
    }
}

void facts_add_message(struct facts *f, const struct weir_schema *schema, struct weir_slice wire)
{
    ProtobufCMessage *msg = protobuf_c_message_unpack(schema->descriptor, NULL, wire.n, wire.p);
    if (!msg) {
        facts_add(f, "fields", "%zu bytes that are no %s", wire.n, schema->full_name);
        return;
    }
    add_message(f, msg, "fields", 0);
    protobuf_c_message_free_unpacked(msg, NULL);
}
