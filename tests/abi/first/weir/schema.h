/* weir/schema.h - message types at run time: what a schema module exports and what a plugin may ask of it.
 *
 * weir_add_schema(NAME PROTOS ...) compiles .proto files with protobuf-c into NAME.schema.so. The host loads every
 * *.schema.so of its plugin folders at start and numbers their messages; plugins reach them by an option of type
 * WEIR_MESSAGE, by host->schema() and by an event's schema id. Descriptors live for ever and are read-only.
 */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H
#include <protobuf-c/protobuf-c.h>
#include <weir/plugin.h>
#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_SCHEMA_MAGIC 0x3148435352494557ull
#define WEIR_SCHEMA_ABI 1u

struct weir_schema {
    uint32_t id;           /* 1.., of this process; never written anywhere */
    const char *full_name; /* "orders.v1.Placed" */
    const ProtobufCMessageDescriptor *descriptor;
};

struct weir_schema_module {
    uint64_t magic;
    uint32_t abi, size;
    const char *name;
    const ProtobufCMessageDescriptor *const *messages; /* ends with NULL */
};
extern WEIR_EXPORT const struct weir_schema_module weir_schema_module_v1;

#ifdef __cplusplus
}
#endif
#endif
