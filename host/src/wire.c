/* wire.c - the field reader. It walks the whole message, because on the wire the last value counts and because bytes
 * that break off later must not yield a value; nested messages are entered only on the way to the field. */
#include "wire.h"
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5 };

struct reader {
    const uint8_t *p, *end;
};
struct found {
    bool have, parent; /* the field; the message that holds it */
    struct weir_value value;
};

/* ---- paths */

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *m, const char *name, size_t n)
{
    unsigned low = 0, high = m->n_fields;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        const ProtobufCFieldDescriptor *f = &m->fields[m->fields_sorted_by_name[mid]];
        int cmp = strncmp(name, f->name, n);
        if (cmp == 0 && f->name[n] != '\0') cmp = -1;
        if (cmp == 0) return f;
        if (cmp < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

bool weir_wire_resolve(const ProtobufCMessageDescriptor *m, const char *path, struct weir_wire_path *out)
{
    out->n = 0;
    for (;;) {
        size_t n = strcspn(path, ".");
        const ProtobufCFieldDescriptor *f = out->n < WEIR_WIRE_DEPTH ? field_named(m, path, n) : NULL;
        if (!f || f->label == PROTOBUF_C_LABEL_REPEATED) return false;
        out->message[out->n] = m;
        out->field[out->n++] = f;
        if (path[n] == '\0') return true;
        if (f->type != PROTOBUF_C_TYPE_MESSAGE) return false;
        m = (const ProtobufCMessageDescriptor *)f->descriptor;
        path += n + 1;
    }
}

/* ---- bytes */

static bool read_long_varint(struct reader *r, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && r->p < r->end; shift += 7) {
        uint8_t b = *r->p++;
        if (shift == 63 && b > 1) return false; /* more than 64 bits */
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* Tags and lengths are one byte nearly always. */
static inline bool read_varint(struct reader *r, uint64_t *out)
{
    if (r->p == r->end || *r->p >= 0x80) return read_long_varint(r, out);
    *out = *r->p++;
    return true;
}

static bool read_fixed(struct reader *r, size_t n, uint64_t *out)
{
    if ((size_t)(r->end - r->p) < n) return false;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v |= (uint64_t)r->p[i] << (8 * i);
    r->p += n;
    *out = v;
    return true;
}

/* One value of any wire type: its bits, or for DELIMITED its bytes. Groups are long gone and count as malformed. */
static bool read_any(struct reader *r, unsigned type, uint64_t *bits, struct weir_slice *bytes)
{
    switch (type) {
    case VARINT: return read_varint(r, bits);
    case FIXED64: return read_fixed(r, 8, bits);
    case FIXED32: return read_fixed(r, 4, bits);
    case DELIMITED:
        if (!read_varint(r, bits) || *bits > (uint64_t)(r->end - r->p)) return false;
        *bytes = (struct weir_slice){r->p, (size_t)*bits};
        r->p += bytes->n;
        return true;
    default: return false;
    }
}

/* ---- values */

static const struct shape {
    uint8_t wire, kind;
} shapes[] = {
    [PROTOBUF_C_TYPE_INT32] = {VARINT, WEIR_KIND_I64},        [PROTOBUF_C_TYPE_SINT32] = {VARINT, WEIR_KIND_I64},
    [PROTOBUF_C_TYPE_SFIXED32] = {FIXED32, WEIR_KIND_I64},    [PROTOBUF_C_TYPE_INT64] = {VARINT, WEIR_KIND_I64},
    [PROTOBUF_C_TYPE_SINT64] = {VARINT, WEIR_KIND_I64},       [PROTOBUF_C_TYPE_SFIXED64] = {FIXED64, WEIR_KIND_I64},
    [PROTOBUF_C_TYPE_UINT32] = {VARINT, WEIR_KIND_U64},       [PROTOBUF_C_TYPE_FIXED32] = {FIXED32, WEIR_KIND_U64},
    [PROTOBUF_C_TYPE_UINT64] = {VARINT, WEIR_KIND_U64},       [PROTOBUF_C_TYPE_FIXED64] = {FIXED64, WEIR_KIND_U64},
    [PROTOBUF_C_TYPE_FLOAT] = {FIXED32, WEIR_KIND_F64},       [PROTOBUF_C_TYPE_DOUBLE] = {FIXED64, WEIR_KIND_F64},
    [PROTOBUF_C_TYPE_BOOL] = {VARINT, WEIR_KIND_BOOL},        [PROTOBUF_C_TYPE_ENUM] = {VARINT, WEIR_KIND_I64},
    [PROTOBUF_C_TYPE_STRING] = {DELIMITED, WEIR_KIND_BYTES},  [PROTOBUF_C_TYPE_BYTES] = {DELIMITED, WEIR_KIND_BYTES},
    [PROTOBUF_C_TYPE_MESSAGE] = {DELIMITED, WEIR_KIND_BYTES},
};

static int64_t zigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static double as_double(ProtobufCType type, uint64_t bits)
{
    if (type == PROTOBUF_C_TYPE_DOUBLE) {
        double d;
        memcpy(&d, &bits, sizeof(d));
        return d;
    }
    uint32_t half = (uint32_t)bits;
    float f;
    memcpy(&f, &half, sizeof(f));
    return (double)f;
}

static int64_t as_signed(ProtobufCType type, uint64_t bits)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SINT32: return (int32_t)zigzag((uint32_t)bits);
    case PROTOBUF_C_TYPE_SINT64: return zigzag(bits);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SFIXED64: return (int64_t)bits;
    default: return (int32_t)(uint32_t)bits; /* INT32, SFIXED32, ENUM: the low half counts */
    }
}

static struct weir_value as_value(ProtobufCType type, uint64_t bits, struct weir_slice bytes)
{
    struct weir_value v = {.kind = (enum weir_kind)shapes[type].kind};
    switch (v.kind) {
    case WEIR_KIND_I64: v.v.i64 = as_signed(type, bits); break;
    case WEIR_KIND_U64:
        v.v.u64 = type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_FIXED32 ? (uint32_t)bits : bits;
        break;
    case WEIR_KIND_F64: v.v.f64 = as_double(type, bits); break;
    case WEIR_KIND_BOOL: v.v.b = bits != 0; break;
    default: v.v.bytes = bytes;
    }
    return v;
}

/* ---- the walk */

/* On the wire a later member of a oneof takes the place of an earlier one. */
static bool displaces(const ProtobufCMessageDescriptor *m, const ProtobufCFieldDescriptor *f, uint64_t number)
{
    if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || number > UINT32_MAX) return false;
    const ProtobufCFieldDescriptor *other = protobuf_c_message_descriptor_get_field(m, (unsigned)number);
    return other && other != f && (other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
           other->quantifier_offset == f->quantifier_offset;
}

static bool walk(const struct weir_wire_path *path, uint32_t depth, struct weir_slice wire, struct found *found)
{
    const ProtobufCFieldDescriptor *f = path->field[depth];
    bool leaf = depth + 1 == path->n;
    struct reader r = {wire.p, wire.p + wire.n};
    if (leaf) found->parent = true;
    while (r.p < r.end) {
        uint64_t tag, bits = 0;
        struct weir_slice bytes = {NULL, 0};
        if (!read_varint(&r, &tag) || tag > UINT32_MAX || tag < 8) return false;
        if (!read_any(&r, (unsigned)(tag & 7), &bits, &bytes)) return false;
        if (tag >> 3 != f->id) {
            if (displaces(path->message[depth], f, tag >> 3)) {
                found->have = false;
                if (!leaf) found->parent = false;
            }
            continue;
        }
        if ((tag & 7) != shapes[f->type].wire) return false; /* written with another type: not ours to guess */
        if (!leaf && !walk(path, depth + 1, bytes, found)) return false;
        if (leaf) {
            found->have = true;
            found->value = as_value(f->type, bits, bytes);
        }
    }
    return true;
}

static bool has_presence(const ProtobufCFieldDescriptor *f)
{
    return f->label != PROTOBUF_C_LABEL_NONE || f->type == PROTOBUF_C_TYPE_MESSAGE ||
           (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

bool weir_wire_read(const struct weir_wire_path *path, struct weir_slice wire, struct weir_value *out)
{
    static const uint8_t nothing[1] = {0};
    struct found found = {.have = false};
    if (path->n == 0 || !walk(path, 0, wire.p ? wire : (struct weir_slice){nothing, 0}, &found)) return false;
    const ProtobufCFieldDescriptor *f = path->field[path->n - 1];
    if (!found.have) {
        if (!found.parent || has_presence(f)) return false;
        found.value = as_value(f->type, 0, (struct weir_slice){nothing, 0});
    }
    *out = found.value;
    return true;
}
