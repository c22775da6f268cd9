/* json_write.c - the wire form of one message to JSON text: weir_json_from_wire.
 * Fields may stand on the wire in any order, so a message is read once to note where each field begins and ends, then
 * its fields are printed in the order of the .proto. The last value of a single field wins, as protobuf has it. */
#include "json_in.h"
#include <stdio.h>
#include <string.h>

struct field { /* one value as it stands on the wire */
    uint32_t id;
    unsigned wire;
    uint64_t bits;
    struct weir_slice bytes;
};

struct place { /* of one field in its message: its first value, and behind its last */
    const uint8_t *first, *last, *end;
    uint32_t n;
};

struct writer {
    struct weir_json_buf *out;
    struct weir_json_err *err;
    const struct weir_json_at *at;
    unsigned depth;
};

static int message(struct writer *, const ProtobufCMessageDescriptor *, struct weir_slice);

static int malformed(struct writer *w, const char *found)
{
    return weir_json_bad(w->err, w->at, "the wire form of a message", "%s", found);
}

static int fits(struct writer *w, bool fine)
{
    return fine ? 0 : weir_json_full(w->err, w->at, w->out);
}

/* ---- reading the wire */

static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
        uint8_t c = *(*p)++;
        if (shift == 63 && c > 1) return false;
        *v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) return true;
    }
    return false;
}

static bool plain(const uint8_t **p, const uint8_t *end, unsigned wire, struct field *f)
{
    size_t n = wire == 1 ? 8 : 4;
    if (wire == 0) return varint(p, end, &f->bits);
    if ((size_t)(end - *p) < n) return false;
    f->bits = 0;
    for (unsigned i = 0; i < n; i++) f->bits |= (uint64_t)(*p)[i] << (8 * i);
    *p += n;
    return true;
}

static bool take(const uint8_t **p, const uint8_t *end, struct field *f)
{
    uint64_t tag, n;
    if (!varint(p, end, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return false;
    f->id = (uint32_t)(tag >> 3);
    f->wire = (unsigned)(tag & 7);
    if (f->wire == 0 || f->wire == 1 || f->wire == 5) return plain(p, end, f->wire, f);
    if (f->wire != 2 || !varint(p, end, &n) || n > (size_t)(end - *p)) return false; /* groups are of proto1 */
    f->bytes = (struct weir_slice){*p, (size_t)n};
    *p += n;
    return true;
}

static bool may_pack(const ProtobufCFieldDescriptor *f)
{
    return f->label == PROTOBUF_C_LABEL_REPEATED && weir_json_wire_type(f->type) != 2;
}

static int note_places(struct writer *w, const ProtobufCMessageDescriptor *type, struct weir_slice wire,
                       struct place *at)
{
    const uint8_t *p = wire.p, *end = p ? p + wire.n : p;
    struct field v;
    while (p < end) {
        const uint8_t *from = p;
        if (!take(&p, end, &v)) return malformed(w, "a broken or truncated field");
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(type, v.id);
        if (!f) continue; /* of a newer schema */
        if (v.wire != weir_json_wire_type(f->type) && !(v.wire == 2 && may_pack(f)))
            return malformed(w, "a field of another wire type");
        struct place *place = &at[f - type->fields];
        if (!place->n++) place->first = from;
        place->last = from;
        place->end = p;
    }
    return 0;
}

/* ---- printing */

static int value(struct writer *w, const ProtobufCFieldDescriptor *f, const struct field *v)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_MESSAGE: return message(w, f->descriptor, v->bytes);
    case PROTOBUF_C_TYPE_BYTES: return fits(w, weir_json_print_base64(w->out, v->bytes));
    case PROTOBUF_C_TYPE_STRING:
        if (!weir_json_is_utf8(v->bytes.p, v->bytes.n)) return malformed(w, "a string that is not UTF-8");
        return fits(w, weir_json_put_string(w->out, v->bytes.p, v->bytes.n));
    default: return fits(w, weir_json_print(w->out, f, v->bits));
    }
}

static int packed(struct writer *w, const ProtobufCFieldDescriptor *f, struct weir_slice bytes, size_t *n)
{
    const uint8_t *p = bytes.p, *end = p + bytes.n;
    struct field v = {0};
    while (p < end) {
        if (!plain(&p, end, weir_json_wire_type(f->type), &v)) return malformed(w, "a broken packed field");
        if (((*n)++ && fits(w, weir_json_put(w->out, ",", 1)) < 0) || value(w, f, &v) < 0) return -1;
    }
    return 0;
}

static int array(struct writer *w, const ProtobufCFieldDescriptor *f, const struct place *place)
{
    const uint8_t *p = place->first;
    struct weir_json_at here = {w->at, {NULL, 0}, 0};
    struct field v = {0};
    size_t n = 0;
    int rc = fits(w, weir_json_put(w->out, "[", 1));
    w->at = &here;
    while (rc == 0 && place->n && p < place->end) {
        take(&p, place->end, &v); /* read once before: it cannot fail */
        if (v.id != f->id) continue;
        if (v.wire == 2 && may_pack(f)) {
            rc = packed(w, f, v.bytes, &n);
        } else {
            here.index = n;
            rc = n++ ? fits(w, weir_json_put(w->out, ",", 1)) : 0;
            if (rc == 0) rc = value(w, f, &v);
        }
    }
    w->at = here.up;
    return rc < 0 ? rc : fits(w, weir_json_put(w->out, "]", 1));
}

/* A map's key as a string, whatever its type is. */
static int map_key(struct writer *w, const ProtobufCFieldDescriptor *f, const struct field *v)
{
    if (f->type == PROTOBUF_C_TYPE_STRING) return value(w, f, v);
    if (fits(w, weir_json_put(w->out, "\"", 1)) < 0 || value(w, f, v) < 0) return -1;
    return fits(w, weir_json_put(w->out, "\"", 1));
}

static int map_entry(struct writer *w, const ProtobufCMessageDescriptor *type, struct weir_slice bytes)
{
    struct place at[2] = {{0}};
    struct field v[2] = {{0}};
    if (type->n_fields != 2 || note_places(w, type, bytes, at) < 0) return -1;
    for (unsigned i = 0; i < 2; i++)
        if (at[i].n) take(&at[i].last, at[i].end, &v[i]);
    if (map_key(w, &type->fields[0], &v[0]) < 0 || fits(w, weir_json_put(w->out, ":", 1)) < 0) return -1;
    return value(w, &type->fields[1], &v[1]);
}

static int map(struct writer *w, const ProtobufCFieldDescriptor *f, const struct place *place)
{
    const uint8_t *p = place->first;
    struct field v = {0};
    uint32_t n = 0;
    if (fits(w, weir_json_put(w->out, "{", 1)) < 0) return -1;
    while (place->n && p < place->end) {
        take(&p, place->end, &v);
        if (v.id != f->id) continue;
        if ((n++ && fits(w, weir_json_put(w->out, ",", 1)) < 0) || map_entry(w, f->descriptor, v.bytes) < 0) return -1;
    }
    return fits(w, weir_json_put(w->out, "}", 1));
}

static int field(struct writer *w, const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f,
                 const struct place *place)
{
    struct field v = {0};
    if (f->label == PROTOBUF_C_LABEL_REPEATED) return weir_json_is_map(type, f) ? map(w, f, place) : array(w, f, place);
    if (f->type == PROTOBUF_C_TYPE_MESSAGE && place->n > 1) return malformed(w, "one submessage in several parts");
    const uint8_t *p = place->last;
    if (place->n) take(&p, place->end, &v);
    return value(w, f, &v);
}

/* A later member of the same oneof takes its place. */
static bool replaced(const ProtobufCMessageDescriptor *type, const struct place *at, unsigned i)
{
    const ProtobufCFieldDescriptor *f = &type->fields[i], *g;
    for (unsigned k = 0; (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && k < type->n_fields; k++) {
        g = &type->fields[k];
        if ((g->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && g->quantifier_offset == f->quantifier_offset && at[k].n &&
            at[k].last > at[i].last)
            return true;
    }
    return false;
}

static bool shown(const ProtobufCMessageDescriptor *type, const struct place *at, unsigned i)
{
    const ProtobufCFieldDescriptor *f = &type->fields[i];
    if (at[i].n) return !replaced(type, at, i);
    if (f->label == PROTOBUF_C_LABEL_REPEATED) return true;
    return f->label == PROTOBUF_C_LABEL_NONE && f->type != PROTOBUF_C_TYPE_MESSAGE &&
           !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

static int members(struct writer *w, const ProtobufCMessageDescriptor *type, const struct place *at)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &type->fields[i];
        struct weir_json_at here = {w->at, {(const uint8_t *)f->name, strlen(f->name)}, 0};
        w->at = &here;
        if (f->label == PROTOBUF_C_LABEL_REQUIRED && !at[i].n) return malformed(w, "no value of a required field");
        if (shown(type, at, i)) {
            bool fine = (!n++ || weir_json_put(w->out, ",", 1)) && weir_json_put(w->out, "\"", 1) &&
                        weir_json_put(w->out, f->name, here.name.n) && weir_json_put(w->out, "\":", 2);
            if (fits(w, fine) < 0 || field(w, type, f, &at[i]) < 0) return -1;
        }
        w->at = here.up;
    }
    return 0;
}

static int print_time(struct writer *w, struct weir_slice bytes)
{
    const uint8_t *p = bytes.p, *end = p ? p + bytes.n : p;
    struct weir_json_time t = {0, 0};
    struct field v = {0};
    char text[40];
    while (p < end) {
        if (!take(&p, end, &v)) return malformed(w, "a broken or truncated field");
        if (v.id <= 2 && v.wire != 0) return malformed(w, "a field of another wire type");
        if (v.id == 1) t.seconds = (int64_t)v.bits;
        if (v.id == 2) t.nanos = (int32_t)(uint32_t)v.bits;
    }
    size_t n = weir_json_time_print(&t, text);
    if (!n) return malformed(w, "a time outside of years 1 to 9999");
    return fits(w, weir_json_put_string(w->out, text, n));
}

static int message(struct writer *w, const ProtobufCMessageDescriptor *type, struct weir_slice bytes)
{
    struct place at[WEIR_JSON_MAX_FIELDS];
    if (weir_json_is_time(type)) return print_time(w, bytes);
    if (type->n_fields > WEIR_JSON_MAX_FIELDS)
        return weir_json_bad(w->err, w->at, "a message type of at most 256 fields", "%s", type->name);
    if (w->depth == WEIR_JSON_MAX_DEPTH) return weir_json_bad(w->err, w->at, "at most 32 levels", "one more");
    memset(at, 0, type->n_fields * sizeof at[0]);
    w->depth++;
    if (note_places(w, type, bytes, at) < 0 || fits(w, weir_json_put(w->out, "{", 1)) < 0) return -1;
    if (members(w, type, at) < 0) return -1;
    w->depth--;
    return fits(w, weir_json_put(w->out, "}", 1));
}

int weir_json_from_wire(const ProtobufCMessageDescriptor *type, struct weir_slice wire, struct weir_json_buf *out,
                        struct weir_json_err *err)
{
    struct writer w = {.out = out, .err = err};
    size_t before = out->n;
    int rc = message(&w, type, wire);
    if (rc < 0) out->n = before;
    return rc;
}
