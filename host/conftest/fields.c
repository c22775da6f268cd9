/* fields.c - a group of a test file as the wire form of a message, by reflection; every mistake has its line. */
#include "fields.h"
#include "kit.h"
#include "options_impl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct encoder {
    struct weir_cursor c;
    struct kit_wire out;
    size_t cap;
    int depth;
};
enum { DEPTH_MAX = 16 };

static void encode_group(struct encoder *, const ProtobufCMessageDescriptor *, const config_setting_t *);

static bool make_room(struct encoder *e, size_t n)
{
    if (e->cap - e->out.n >= n) return true;
    size_t cap = (e->cap + n) * 2;
    uint8_t *grown = realloc(e->out.p, cap);
    if (!grown) {
        weir_cursor_error(&e->c, "out of memory");
        return false;
    }
    e->out.p = grown;
    e->cap = cap;
    return true;
}

static const char *type_name(const ProtobufCFieldDescriptor *f, char buf[256])
{
    static const char *const names[] = {
        "int32",   "sint32", "sfixed32", "int64", "sint64", "sfixed64", "uint32", "fixed32", "uint64",
        "fixed64", "float",  "double",   "bool",  "",       "string",   "bytes",  "",
    };
    if (f->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumDescriptor *d = f->descriptor;
        size_t n = (size_t)snprintf(buf, 256, "one of");
        for (unsigned i = 0; i < d->n_values && n < 200; i++)
            n += (size_t)snprintf(buf + n, 256 - n, "%s %.60s", i ? "," : "", d->values[i].name);
        return buf;
    }
    snprintf(buf, 256, "a value of type %s", names[f->type]);
    return buf;
}

static void encode_scalar(struct encoder *e, const ProtobufCFieldDescriptor *f, const config_setting_t *value)
{
    char buf[256];
    struct weir_scalar s;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
        weir_cursor_error(&e->c, "expected a group { ... }, the fields of %s",
                          ((const ProtobufCMessageDescriptor *)f->descriptor)->name);
        return;
    }
    if (config_setting_is_aggregate(value)) {
        weir_cursor_error(&e->c, "expected %s, found a %s", type_name(f, buf),
                          config_setting_is_group(value) ? "group" : "list");
        return;
    }
    if (!weir_scalar_read(&e->c, value, &s) || !make_room(e, s.n + 32)) return;
    size_t before = e->out.n;
    if (kit_put_scalar(&e->out, f, s.text)) return;
    e->out.n = before;
    weir_cursor_error(&e->c, "expected %s, found \"%.80s\"", type_name(f, buf), s.text);
}

static void put_bytes(struct encoder *e, const ProtobufCFieldDescriptor *f, struct weir_slice s)
{
    if (!make_room(e, s.n + 32)) return;
    kit_put_varint(&e->out, ((uint64_t)f->id << 3) | 2);
    kit_put_varint(&e->out, s.n);
    if (s.n) memcpy(e->out.p + e->out.n, s.p, s.n);
    e->out.n += s.n;
}

/* A message of its own behind the field's tag. */
static void encode_nested(struct encoder *e, const ProtobufCFieldDescriptor *f, const ProtobufCMessageDescriptor *d,
                          const config_setting_t *group)
{
    struct encoder inner = {.c = e->c, .depth = e->depth + 1};
    if (inner.depth > DEPTH_MAX)
        weir_cursor_error(&e->c, "more than %d messages deep", DEPTH_MAX);
    else
        encode_group(&inner, d, group);
    e->c.bad |= inner.c.bad;
    if (!e->c.bad) put_bytes(e, f, (struct weir_slice){inner.out.p, inner.out.n});
    free(inner.out.p);
}

/* bytes = { message = "...", fields = { ... } } */
static void encode_message_in_bytes(struct encoder *e, const ProtobufCFieldDescriptor *f, const config_setting_t *group)
{
    struct keys {
        const struct weir_schema *message;
        const config_setting_t *fields;
    } keys = {0};
    static const struct weir_opt options[] = {
        WEIR_OPT(struct keys, message, WEIR_MESSAGE, .flags = WEIR_REQUIRED, .doc = "the message type"),
        WEIR_OPT(struct keys, fields, WEIR_GROUP, .doc = "its fields"), WEIR_OPT_END};
    weir_fill_group(&e->c, options, group, NULL, (char *)&keys, true);
    if (keys.message && !e->c.bad) encode_nested(e, f, keys.message->descriptor, keys.fields);
}

static void encode_value(struct encoder *e, const ProtobufCFieldDescriptor *f, const config_setting_t *value)
{
    struct weir_place where = e->c.where;
    bool group = config_setting_type(value) == CONFIG_TYPE_GROUP;
    e->c.where = weir_doc_place(value);
    if (group && f->type == PROTOBUF_C_TYPE_MESSAGE)
        encode_nested(e, f, f->descriptor, value);
    else if (group && f->type == PROTOBUF_C_TYPE_BYTES)
        encode_message_in_bytes(e, f, value);
    else
        encode_scalar(e, f, value);
    e->c.where = where;
}

static void encode_repeated(struct encoder *e, const ProtobufCFieldDescriptor *f, const config_setting_t *list)
{
    if (!config_setting_is_list(list) && !config_setting_is_array(list)) {
        weir_cursor_error(&e->c, "is repeated: expected a list ( ... ) or [ ... ]");
        return;
    }
    for (unsigned i = 0; i < (unsigned)config_setting_length(list); i++)
        encode_value(e, f, config_setting_get_elem((config_setting_t *)list, i));
}

static void say_unknown(struct encoder *e, const ProtobufCMessageDescriptor *d, const char *name)
{
    const char *names[256];
    unsigned n = 0;
    for (; n < d->n_fields && n < 256; n++) names[n] = d->fields[n].name;
    const char *near = weir_nearest(name, names, n);
    if (near)
        weir_cursor_error(&e->c, "no field of %s; did you mean \"%s\"?", d->name, near);
    else
        weir_cursor_error(&e->c, "no field of %s", d->name);
}

static void encode_group(struct encoder *e, const ProtobufCMessageDescriptor *d, const config_setting_t *group)
{
    struct weir_place where = e->c.where;
    for (unsigned i = 0; group && i < (unsigned)config_setting_length(group); i++) {
        const config_setting_t *value = config_setting_get_elem((config_setting_t *)group, i);
        const char *name = config_setting_name(value);
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(d, name);
        size_t back = weir_cursor_push(&e->c, name);
        e->c.where = weir_doc_place(value);
        if (!f)
            say_unknown(e, d, name);
        else if (f->label == PROTOBUF_C_LABEL_REPEATED)
            encode_repeated(e, f, value);
        else
            encode_value(e, f, value);
        weir_cursor_pop(&e->c, back);
    }
    e->c.where = where;
}

bool fields_encode(const struct weir_options *o, const char *path, const struct weir_schema *schema,
                   const config_setting_t *group, struct weir_slice *out)
{
    struct encoder e = {.c = {.o = o}};
    weir_cursor_push(&e.c, path);
    if (group) e.c.where = weir_doc_place(group);
    encode_group(&e, schema->descriptor, group);
    char *copy = e.c.bad ? NULL : weir_arena_copy(o->arena, e.out.n ? (const char *)e.out.p : "", e.out.n);
    if (!copy && !e.c.bad) weir_cursor_error(&e.c, "out of memory");
    *out = (struct weir_slice){(const uint8_t *)copy, e.out.n};
    free(e.out.p);
    return copy != NULL;
}
