/* reading.h - what an event says where the conf told us to look, as text. */
#ifndef WEIR_ROUTE_READING_H
#define WEIR_ROUTE_READING_H
#include <protobuf-c/protobuf-c.h>
#include <weir/plugin.h>

struct reading {
    const struct weir_field *field; /* NULL: `header` */
    struct weir_slice header;
    /* of the schema seen last: the field's enum, whose names are its texts */
    uint32_t schema;
    const ProtobufCEnumDescriptor *names;
    char number[24];
};
/* False when it is not there, or is no text, integer, bool or enum. Lives until the next call or the event's end. */
bool reading_text(struct reading *, struct weir_ctx *, const struct weir_event *, struct weir_slice *text);
#endif
