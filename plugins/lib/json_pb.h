/* json_pb.h - JSON to and from the wire form of a protobuf message, by its protobuf-c descriptor alone.
 *
 * The proto3 JSON mapping, made strict. Reading refuses what two readers could understand differently: duplicate keys,
 * trailing data, invalid UTF-8, NUL, lone surrogates, overflow, a fraction or exponent in an integer field, two members
 * of a oneof, a field the message does not have. Every error names its place by JSON pointer (RFC 6901).
 *
 *   names      the proto field name or its lowerCamelCase when reading; the proto name when writing
 *   integers   a JSON number or a decimal string when reading. When writing always a number, 64 bits too: a type that
 *              changes with the value surprises more than a reader that keeps 53 bits, and money stays far below that
 *   float      a number, or "NaN", "Infinity", "-Infinity"
 *   bytes      base64, either alphabet, padded or not, when reading; standard and padded when writing
 *   enum       name or number when reading (it must be a value of the enum); the name when writing, if it has one
 *   Timestamp  google.protobuf.Timestamp is an RFC 3339 string
 *   null       the field is absent
 *   map        an object; at most WEIR_JSON_MAX_ENTRIES entries, so that finding a repeated key stays cheap
 *
 * Writing prints scalar fields without presence even when they are 0 or "" (an answer should show a balance of 0),
 * repeated fields and maps even when empty, and leaves out absent submessages, oneof members and optional fields.
 *
 * Nothing here has global state or calls the host; any number of threads may use it. The text is read in one pass,
 * straight into the wire form: no tree, and with a buffer that is used again, no allocation.
 */
#ifndef WEIR_LIB_JSON_PB_H
#define WEIR_LIB_JSON_PB_H
#include <protobuf-c/protobuf-c.h>
#include <weir/plugin.h>

#define WEIR_JSON_MAX_FIELDS 256   /* of one message type */
#define WEIR_JSON_MAX_ENTRIES 1024 /* of one map */
#define WEIR_JSON_MAX_DEPTH 32     /* objects and arrays inside one another */

/* Owned by the caller: zero it, set max, use it again and again (n = 0 empties it), free it at the end. */
struct weir_json_buf {
    uint8_t *p;
    size_t n, cap;
    size_t max; /* never grows beyond this; 0: no bytes at all */
};
void weir_json_buf_free(struct weir_json_buf *);
/* Room for `more` bytes behind p + n; false when that exceeds max or memory. */
bool weir_json_room(struct weir_json_buf *, size_t more);
bool weir_json_put(struct weir_json_buf *, const void *bytes, size_t n);
/* A JSON string; what is not UTF-8 becomes U+FFFD, so this never fails for its content. */
bool weir_json_put_string(struct weir_json_buf *, const void *text, size_t n);

struct weir_json_err {
    char pointer[160]; /* "/amount_minor", "" for the whole text; valid UTF-8 */
    char found[72], expected[104];
};

/* A field whose value came as text from elsewhere: a path parameter, a header. When the text has it too, both must be
 * equal. `from` says where it came from, for the message: "the path". */
struct weir_json_given {
    const ProtobufCFieldDescriptor *field; /* of the outermost message; see weir_json_takes_text */
    struct weir_slice text;
    const char *from;
};
/* True for a field that a text can be put into: not repeated, and a scalar, enum or Timestamp. */
bool weir_json_takes_text(const ProtobufCFieldDescriptor *);

enum { WEIR_JSON_SKIP_UNKNOWN = 1 }; /* pass over unknown fields (their keys are not checked for duplicates) */

/* Appends the wire form of `type` to out. json.n == 0 is a message of the given fields only. -1 with err filled. */
int weir_json_to_wire(const ProtobufCMessageDescriptor *type, struct weir_slice json,
                      const struct weir_json_given *given, size_t n_given, unsigned flags, struct weir_json_buf *out,
                      struct weir_json_err *err);
/* Appends the JSON text of one message to out. Malformed bytes are an error and leave out as it was. */
int weir_json_from_wire(const ProtobufCMessageDescriptor *type, struct weir_slice wire, struct weir_json_buf *out,
                        struct weir_json_err *err);
#endif
