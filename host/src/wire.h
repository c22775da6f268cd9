/* wire.h - reads one field of a message's wire form in place: no unpacking, no allocation. */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H
#include <protobuf-c/protobuf-c.h>
#include <weir/plugin.h>

enum { WEIR_WIRE_DEPTH = 4 };
struct weir_wire_path { /* a field path looked up in one message type; plain data, read-only after that */
    uint32_t n;
    const ProtobufCMessageDescriptor *message[WEIR_WIRE_DEPTH];
    const ProtobufCFieldDescriptor *field[WEIR_WIRE_DEPTH];
};

/* False: no such field, a repeated one on the way, or deeper than WEIR_WIRE_DEPTH. */
bool weir_wire_resolve(const ProtobufCMessageDescriptor *, const char *path, struct weir_wire_path *);
/* As weir_schemas_get says. Cost: one walk over the tags of the message, about 5 ns a field. */
bool weir_wire_read(const struct weir_wire_path *, struct weir_slice wire, struct weir_value *);
#endif
