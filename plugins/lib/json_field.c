/* json_field.c - one field: from the JSON value that stands at p, or from a text, to its bytes on the wire.
 * A length is written after its contents: one byte is kept for it, and the contents move when it needs more. */
#include "json_in.h"
#include <string.h>

static int full(struct weir_json_in *in)
{
    return weir_json_full(in->err, in->at, in->out);
}

static bool has_presence(const ProtobufCFieldDescriptor *f)
{
    return f->label != PROTOBUF_C_LABEL_NONE || (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

static int put_tag(struct weir_json_in *in, const ProtobufCFieldDescriptor *f, unsigned wire)
{
    return weir_json_put_varint(in->out, (uint64_t)f->id << 3 | wire) ? 0 : full(in);
}

static int put_bits(struct weir_json_in *in, ProtobufCType type, uint64_t bits)
{
    uint8_t le[8];
    for (unsigned i = 0; i < 8; i++) le[i] = (uint8_t)(bits >> (8 * i));
    unsigned wire = weir_json_wire_type(type);
    if (wire == 0 ? weir_json_put_varint(in->out, bits) : weir_json_put(in->out, le, wire == 1 ? 8 : 4)) return 0;
    return full(in);
}

static int begin(struct weir_json_in *in, size_t *at)
{
    *at = in->out->n;
    return weir_json_put(in->out, "", 1) ? 0 : full(in);
}

static int end(struct weir_json_in *in, size_t at)
{
    struct weir_json_buf *out = in->out;
    size_t n = out->n - at - 1, more = 0;
    for (size_t v = n; v >= 0x80; v >>= 7) more++;
    if (more) {
        if (!weir_json_room(out, more)) return full(in);
        memmove(out->p + at + 1 + more, out->p + at + 1, n);
    }
    out->n = at;
    if (!weir_json_put_varint(out, n)) return full(in);
    out->n += n;
    return 0;
}

/* ---- values without their tag */

static int put_time(struct weir_json_in *in, struct weir_slice text)
{
    struct weir_json_time t;
    struct weir_json_buf *out = in->out;
    size_t at;
    if (!weir_json_time_parse(text, &t))
        return weir_json_bad(in->err, in->at, "a time like 2026-01-31T12:00:00.5Z", "%.*s",
                             (int)(text.n < 40 ? text.n : 40), (const char *)text.p);
    if (begin(in, &at) < 0) return -1;
    bool fine = (!t.seconds || (weir_json_put_varint(out, 1 << 3) && weir_json_put_varint(out, (uint64_t)t.seconds))) &&
                (!t.nanos || (weir_json_put_varint(out, 2 << 3) && weir_json_put_varint(out, (uint64_t)t.nanos)));
    return fine ? end(in, at) : full(in);
}

static int put_text(struct weir_json_in *in, const ProtobufCFieldDescriptor *f, size_t at)
{
    uint8_t *p = in->out->p + at + 1;
    size_t n = in->out->n - at - 1;
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        if (!weir_json_base64(p, &n)) return weir_json_bad(in->err, in->at, "base64", "another text");
        in->out->n = at + 1 + n;
    }
    return end(in, at);
}

/* The text of a scalar that is neither string nor bytes: a number, or a string where the mapping has one. */
static int scalar_text(struct weir_json_in *in, const ProtobufCFieldDescriptor *f, uint8_t *tmp,
                       struct weir_slice *text)
{
    bool is_float = f->type == PROTOBUF_C_TYPE_FLOAT || f->type == PROTOBUF_C_TYPE_DOUBLE;
    int c = weir_json_next(in);
    const uint8_t *from = in->p;
    if (f->type == PROTOBUF_C_TYPE_BOOL) {
        if (!weir_json_literal(in, "true") && !weir_json_literal(in, "false"))
            return weir_json_expected(in, "true or false");
        *text = (struct weir_slice){from, (size_t)(in->p - from)};
        return 0;
    }
    if (c == '"') return weir_json_scan_name(in, tmp, text);
    if (c == '-' || (c >= '0' && c <= '9')) return weir_json_scan_number(in, text);
    if (f->type == PROTOBUF_C_TYPE_ENUM) return weir_json_expected(in, "a name");
    return weir_json_expected(in, is_float ? "a number" : "an integer");
}

static int message(struct weir_json_in *in, const ProtobufCMessageDescriptor *type)
{
    uint8_t tmp[WEIR_JSON_NAME_MAX];
    struct weir_slice text;
    size_t at;
    if (weir_json_is_time(type)) {
        if (weir_json_next(in) != '"') return weir_json_expected(in, "a time like 2026-01-31T12:00:00.5Z");
        return weir_json_scan_name(in, tmp, &text) < 0 ? -1 : put_time(in, text);
    }
    if (begin(in, &at) < 0 || weir_json_object(in, type) < 0) return -1;
    return end(in, at);
}

/* One value with its tag; nothing for the default of a field without presence. */
static int one(struct weir_json_in *in, const ProtobufCFieldDescriptor *f, bool keep_default)
{
    uint8_t tmp[WEIR_JSON_NAME_MAX];
    struct weir_slice text;
    uint64_t bits;
    size_t before = in->out->n, at;
    if (put_tag(in, f, weir_json_wire_type(f->type)) < 0) return -1;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) return message(in, f->descriptor);
    if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES) {
        if (begin(in, &at) < 0 || weir_json_scan_string(in) < 0) return -1;
        if (put_text(in, f, at) < 0) return -1;
        if (!keep_default && in->out->n == at + 1) in->out->n = before;
        return 0;
    }
    if (scalar_text(in, f, tmp, &text) < 0 || weir_json_bits(in, f, text, &bits) < 0) return -1;
    if (!keep_default && !bits) {
        in->out->n = before;
        return 0;
    }
    return put_bits(in, f->type, bits);
}

static int packed_one(struct weir_json_in *in, const ProtobufCFieldDescriptor *f)
{
    uint8_t tmp[WEIR_JSON_NAME_MAX];
    struct weir_slice text;
    uint64_t bits;
    if (scalar_text(in, f, tmp, &text) < 0 || weir_json_bits(in, f, text, &bits) < 0) return -1;
    return put_bits(in, f->type, bits);
}

/* ---- arrays and maps */

static int elements(struct weir_json_in *in, const ProtobufCFieldDescriptor *f, bool packed)
{
    struct weir_json_at here = {in->at, {NULL, 0}, 0};
    in->p++;
    if (weir_json_next(in) == ']') {
        in->p++;
        return 0;
    }
    for (;; here.index++) {
        in->at = &here;
        if ((packed ? packed_one(in, f) : one(in, f, true)) < 0) return -1;
        in->at = here.up;
        int c = weir_json_next(in);
        if (c != ',' && c != ']') return weir_json_expected(in, "a comma or ]");
        in->p++;
        if (c == ']') return 0;
    }
}

static int array(struct weir_json_in *in, const ProtobufCFieldDescriptor *f)
{
    size_t before = in->out->n, at;
    if (weir_json_next(in) != '[') return weir_json_expected(in, "an array");
    if (!(f->flags & PROTOBUF_C_FIELD_FLAG_PACKED)) return elements(in, f, false);
    if (put_tag(in, f, 2) < 0 || begin(in, &at) < 0 || elements(in, f, true) < 0) return -1;
    if (in->out->n == at + 1) {
        in->out->n = before;
        return 0;
    }
    return end(in, at);
}

/* A member of a map is the submessage { key = 1, value = 2 }. `keys` are offsets of earlier keys in out. */
static int entry(struct weir_json_in *in, const ProtobufCFieldDescriptor *f, struct weir_json_at *here, uint32_t *keys,
                 uint32_t n)
{
    const ProtobufCMessageDescriptor *type = f->descriptor;
    uint8_t tmp[WEIR_JSON_NAME_MAX];
    size_t at;
    if (put_tag(in, f, 2) < 0 || begin(in, &at) < 0 || weir_json_scan_name(in, tmp, &here->name) < 0) return -1;
    in->at = here;
    size_t key = in->out->n;
    if (weir_json_field_text(in, &type->fields[0], here->name) < 0) return -1;
    size_t len = in->out->n - key;
    for (uint32_t i = 0; i < n; i++)
        if (keys[2 * i + 1] == len && memcmp(in->out->p + keys[2 * i], in->out->p + key, len) == 0)
            return weir_json_bad(in->err, in->at, "a key only once", "the same key again");
    if (weir_json_take(in, ':', "a colon") < 0 || one(in, &type->fields[1], true) < 0) return -1;
    size_t body = in->out->n;
    if (end(in, at) < 0) return -1;
    keys[2 * n] = (uint32_t)(key + (in->out->n - body)); /* it moved with the length */
    keys[2 * n + 1] = (uint32_t)len;
    in->at = here->up;
    return 0;
}

static int map(struct weir_json_in *in, const ProtobufCFieldDescriptor *f)
{
    uint32_t keys[2 * WEIR_JSON_MAX_ENTRIES], n = 0;
    if (weir_json_take(in, '{', "an object") < 0) return -1;
    if (weir_json_next(in) == '}') {
        in->p++;
        return 0;
    }
    for (;;) {
        struct weir_json_at here = {in->at, {NULL, 0}, 0};
        if (n == WEIR_JSON_MAX_ENTRIES) return weir_json_bad(in->err, in->at, "at most 1024 entries", "one more");
        if (entry(in, f, &here, keys, n++) < 0) return -1;
        int c = weir_json_next(in);
        if (c != ',' && c != '}') return weir_json_expected(in, "a comma or }");
        in->p++;
        if (c == '}') return 0;
    }
}

int weir_json_field(struct weir_json_in *in, const ProtobufCMessageDescriptor *parent,
                    const ProtobufCFieldDescriptor *f)
{
    if (f->label != PROTOBUF_C_LABEL_REPEATED) return one(in, f, has_presence(f));
    if (in->depth == WEIR_JSON_MAX_DEPTH) return weir_json_bad(in->err, in->at, "at most 32 levels", "one more");
    in->depth++;
    int rc = weir_json_is_map(parent, f) ? map(in, f) : array(in, f);
    in->depth--;
    return rc;
}

int weir_json_field_text(struct weir_json_in *in, const ProtobufCFieldDescriptor *f, struct weir_slice text)
{
    size_t before = in->out->n, at;
    uint64_t bits;
    if (put_tag(in, f, weir_json_wire_type(f->type)) < 0) return -1;
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) return put_time(in, text);
    if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES) {
        if (!weir_json_is_utf8(text.p, text.n) || (text.n && memchr(text.p, 0, text.n)))
            return weir_json_bad(in->err, in->at, "UTF-8 without NUL", "other bytes");
        if (begin(in, &at) < 0) return -1;
        if (!weir_json_put(in->out, text.p, text.n)) return full(in);
        if (put_text(in, f, at) < 0) return -1;
        if (!has_presence(f) && in->out->n == at + 1) in->out->n = before;
        return 0;
    }
    if (weir_json_bits(in, f, text, &bits) < 0) return -1;
    if (bits || has_presence(f)) return put_bits(in, f->type, bits);
    in->out->n = before;
    return 0;
}
