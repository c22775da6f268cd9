/* json_read.c - one JSON object to the wire form of one message, and the way in: weir_json_to_wire.
 * Field names are found from where the last one was: clients send fields in a steady order. */
#include "json_in.h"
#include <string.h>

/* Which fields were seen (a key twice is an error) and which have a value (null is none). */
struct members {
    uint64_t seen[WEIR_JSON_MAX_FIELDS / 64], set[WEIR_JSON_MAX_FIELDS / 64];
};

static bool bit(const uint64_t *bits, unsigned i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *bits, unsigned i)
{
    bits[i / 64] |= (uint64_t)1 << (i % 64);
}

static bool is_name(const char *name, struct weir_slice key)
{
    return strncmp(name, (const char *)key.p, key.n) == 0 && name[key.n] == '\0';
}

/* key is the lowerCamelCase of name */
static bool is_camel(const char *name, struct weir_slice key)
{
    bool upper = false;
    size_t i = 0;
    for (; *name; name++) {
        char c = *name;
        if (c == '_') {
            upper = true;
            continue;
        }
        if (upper && c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
        upper = false;
        if (i == key.n || key.p[i++] != (uint8_t)c) return false;
    }
    return i == key.n;
}

static int find(const ProtobufCMessageDescriptor *type, struct weir_slice key, unsigned *next)
{
    if (!key.n || memchr(key.p, 0, key.n)) return -1;
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned n = 0; n < type->n_fields; n++) {
            unsigned i = (*next + n) % type->n_fields;
            if (!(pass ? is_camel : is_name)(type->fields[i].name, key)) continue;
            *next = i + 1;
            return (int)i;
        }
    return -1;
}

bool weir_json_is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *f)
{
    if (f->label != PROTOBUF_C_LABEL_REPEATED || f->type != PROTOBUF_C_TYPE_MESSAGE) return false;
    const ProtobufCMessageDescriptor *type = f->descriptor;
    size_t n = strlen(parent->name);
    if (type->n_fields != 2 || type->fields[0].id != 1 || type->fields[1].id != 2) return false;
    if (strcmp(type->fields[0].name, "key") != 0 || strcmp(type->fields[1].name, "value") != 0) return false;
    if (strncmp(type->name, parent->name, n) != 0 || type->name[n] != '.') return false;
    const char *entry = type->name + n + 1; /* protoc names it after the field: "by_name" has ByNameEntry */
    size_t len = strlen(entry);
    if (len < 6 || strcmp(entry + len - 5, "Entry") != 0) return false;
    struct weir_slice rest = {(const uint8_t *)entry + 1, len - 6};
    char first = entry[0] >= 'A' && entry[0] <= 'Z' ? (char)(entry[0] - 'A' + 'a') : entry[0];
    const char *name = f->name;
    while (*name == '_') name++;
    return (*name == first || *name == entry[0]) && is_camel(name + 1, rest);
}

/* Another member of f's oneof that has a value, or NULL. */
static const ProtobufCFieldDescriptor *rival(const ProtobufCMessageDescriptor *type, const struct members *m,
                                             unsigned at)
{
    const ProtobufCFieldDescriptor *f = &type->fields[at];
    if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) return NULL;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &type->fields[i];
        if (i != at && (other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            other->quantifier_offset == f->quantifier_offset && bit(m->set, i))
            return other;
    }
    return NULL;
}

static const struct weir_json_given *given_for(const struct weir_json_in *in, const ProtobufCFieldDescriptor *f)
{
    for (size_t i = 0; in->depth == 1 && i < in->n_given; i++)
        if (in->given[i].field == f) return &in->given[i];
    return NULL;
}

/* The field is on the wire already: what the text says must come to the same bytes, and is not written twice. */
static int agree(struct weir_json_in *in, const ProtobufCMessageDescriptor *type, const struct weir_json_given *given)
{
    const ProtobufCFieldDescriptor *f = given->field;
    struct weir_json_buf *out = in->out;
    size_t body = out->n;
    char expected[sizeof in->err->expected] = "the value given in ";
    if (weir_json_field(in, type, f) < 0) return -1;
    size_t again = out->n;
    if (weir_json_field_text(in, f, given->text) < 0) return -1;
    bool same = out->n - again == again - body && memcmp(out->p + body, out->p + again, again - body) == 0;
    out->n = body;
    if (same) return 0;
    strncat(expected, given->from, sizeof expected - 20);
    return weir_json_bad(in->err, in->at, expected, "another value");
}

static int value(struct weir_json_in *in, const ProtobufCMessageDescriptor *type, struct members *m, unsigned i)
{
    if (bit(m->seen, i)) return weir_json_bad(in->err, in->at, "a field only once", "the same field again");
    set_bit(m->seen, i);
    if (weir_json_next(in) == 'n' && weir_json_literal(in, "null")) return 0;
    const struct weir_json_given *given = given_for(in, &type->fields[i]);
    if (given) return agree(in, type, given);
    const ProtobufCFieldDescriptor *other = rival(type, m, i);
    if (other) return weir_json_bad(in->err, in->at, "one member of the oneof", "a second one beside %s", other->name);
    set_bit(m->set, i);
    return weir_json_field(in, type, &type->fields[i]);
}

static int unknown(struct weir_json_in *in, const ProtobufCMessageDescriptor *type)
{
    if (in->flags & WEIR_JSON_SKIP_UNKNOWN) return weir_json_skip(in);
    char expected[sizeof in->err->expected] = "a field of ";
    strncat(expected, type->name, sizeof expected - 12);
    return weir_json_bad(in->err, in->at, expected, "an unknown field");
}

static int member(struct weir_json_in *in, const ProtobufCMessageDescriptor *type, struct members *m, unsigned *next)
{
    uint8_t tmp[WEIR_JSON_NAME_MAX];
    struct weir_json_at here = {in->at, {NULL, 0}, 0};
    if (weir_json_next(in) != '"') return weir_json_expected(in, "a field name in quotes");
    if (weir_json_scan_name(in, tmp, &here.name) < 0 || weir_json_take(in, ':', "a colon") < 0) return -1;
    in->at = &here;
    int i = find(type, here.name, next);
    if ((i < 0 ? unknown(in, type) : value(in, type, m, (unsigned)i)) < 0) return -1;
    in->at = here.up;
    return 0;
}

/* proto2 only; proto3 has no such label. */
static int require(struct weir_json_in *in, const ProtobufCMessageDescriptor *type, const struct members *m)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (type->fields[i].label != PROTOBUF_C_LABEL_REQUIRED || bit(m->set, i)) continue;
        const char *name = type->fields[i].name;
        struct weir_json_at here = {in->at, {(const uint8_t *)name, strlen(name)}, 0};
        return weir_json_bad(in->err, &here, "a value", "nothing");
    }
    return 0;
}

static int object(struct weir_json_in *in, const ProtobufCMessageDescriptor *type, struct members *m)
{
    unsigned next = 0;
    if (weir_json_take(in, '{', "an object") < 0) return -1;
    if (weir_json_next(in) == '}') {
        in->p++;
        return 0;
    }
    for (;;) {
        if (member(in, type, m, &next) < 0) return -1;
        int c = weir_json_next(in);
        if (c != ',' && c != '}') return weir_json_expected(in, "a comma or }");
        in->p++;
        if (c == '}') return 0;
    }
}

int weir_json_object(struct weir_json_in *in, const ProtobufCMessageDescriptor *type)
{
    struct members m = {0};
    if (type->n_fields > WEIR_JSON_MAX_FIELDS)
        return weir_json_bad(in->err, in->at, "a message type of at most 256 fields", "%s", type->name);
    if (in->depth == WEIR_JSON_MAX_DEPTH) return weir_json_bad(in->err, in->at, "at most 32 levels", "one more");
    in->depth++;
    for (size_t i = 0; in->depth == 1 && i < in->n_given; i++)
        set_bit(m.set, (unsigned)(in->given[i].field - type->fields));
    if ((in->start ? object(in, type, &m) : 0) < 0 || require(in, type, &m) < 0) return -1;
    in->depth--;
    return 0;
}

/* ---- the outermost message, and fields that came from elsewhere */

bool weir_json_takes_text(const ProtobufCFieldDescriptor *f)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED) return false;
    return f->type != PROTOBUF_C_TYPE_MESSAGE || weir_json_is_time(f->descriptor);
}

static int put_given(struct weir_json_in *in)
{
    for (size_t i = 0; i < in->n_given; i++) {
        const char *name = in->given[i].field->name;
        struct weir_json_at here = {NULL, {(const uint8_t *)name, strlen(name)}, 0};
        in->at = &here;
        if (weir_json_field_text(in, in->given[i].field, in->given[i].text) < 0) return -1;
        in->at = NULL;
    }
    return 0;
}

int weir_json_to_wire(const ProtobufCMessageDescriptor *type, struct weir_slice json,
                      const struct weir_json_given *given, size_t n_given, unsigned flags, struct weir_json_buf *out,
                      struct weir_json_err *err)
{
    size_t before = out->n;
    struct weir_json_in in = {.out = out, .err = err, .flags = flags, .given = given, .n_given = n_given};
    if (json.n) {
        in.start = in.p = json.p;
        in.end = json.p + json.n;
    }
    int rc = put_given(&in);
    if (rc == 0) rc = weir_json_object(&in, type);
    if (rc == 0 && json.n && weir_json_next(&in) >= 0) rc = weir_json_expected(&in, "the end of the text");
    if (rc < 0) out->n = before;
    return rc;
}
