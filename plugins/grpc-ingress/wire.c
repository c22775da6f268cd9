/* wire.c - protobuf's wire form by reflection: is it a message of this type (what protobuf-c's unpack would accept, but
 * without allocating), and the frame around an element of a list. */
#include "columns_wire.h"
#include "ingress.h"

enum { DEPTH_MAX = 32 };

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_LENGTH;
    default: return WIRE_VARINT;
    }
}

static bool packed_valid(unsigned type, struct weir_slice s)
{
    const uint8_t *end = s.p + s.n;
    for (const uint8_t *p = s.p; p < end;)
        if (!(p = wire_skip(p, end, type))) return false;
    return true;
}

static bool message_valid(const ProtobufCMessageDescriptor *d, struct weir_slice s, unsigned depth);

static bool bytes_valid(const ProtobufCFieldDescriptor *f, struct weir_slice s, unsigned depth)
{
    if (f->type == PROTOBUF_C_TYPE_MESSAGE) return message_valid(f->descriptor, s, depth + 1);
    if (f->type == PROTOBUF_C_TYPE_STRING) return wire_utf8(s);
    return f->type == PROTOBUF_C_TYPE_BYTES ||
           (f->label == PROTOBUF_C_LABEL_REPEATED && packed_valid(wire_type_of(f->type), s));
}

static bool message_valid(const ProtobufCMessageDescriptor *d, struct weir_slice s, unsigned depth)
{
    if (depth > DEPTH_MAX) return false;
    const uint8_t *end = s.p + s.n;
    for (const uint8_t *p = s.p; p < end;) {
        uint32_t id;
        unsigned type;
        if (!(p = wire_tag(p, end, &id, &type))) return false;
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(d, id);
        if (f && type == WIRE_LENGTH) {
            struct weir_slice in;
            if (!(p = wire_bytes(p, end, &in)) || !bytes_valid(f, in, depth)) return false;
        } else if (!(p = wire_skip(p, end, type)) || (f && type != wire_type_of(f->type))) {
            return false;
        }
    }
    return true;
}

bool wire_valid(const ProtobufCMessageDescriptor *d, struct weir_slice s)
{
    return message_valid(d, s, 0);
}

size_t wire_put_frame(uint8_t out[16], uint32_t field, size_t n)
{
    uint64_t v[2] = {(uint64_t)field << 3 | WIRE_LENGTH, n};
    uint8_t *p = out;
    for (int i = 0; i < 2; i++) {
        for (; v[i] >= 0x80; v[i] >>= 7) *p++ = (uint8_t)(v[i] | 0x80);
        *p++ = (uint8_t)v[i];
    }
    return (size_t)(p - out);
}

const ProtobufCFieldDescriptor *wire_only_list(const ProtobufCMessageDescriptor *d)
{
    const ProtobufCFieldDescriptor *found = NULL;
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        if (f->label != PROTOBUF_C_LABEL_REPEATED || f->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        if (found) return NULL;
        found = f;
    }
    return found;
}
