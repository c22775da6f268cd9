/* json_in.h - what the parts of json_pb share: the reader's state, places for errors, values of scalar fields.
 * Not for users of json_pb.h. */
#ifndef WEIR_LIB_JSON_IN_H
#define WEIR_LIB_JSON_IN_H
#include "json_pb.h"

/* Where the reader is: a chain on the stack, made into a pointer only when something is wrong. */
struct weir_json_at {
    const struct weir_json_at *up;
    struct weir_slice name; /* p == NULL: an array element */
    size_t index;
};

struct weir_json_in {
    const uint8_t *start, *p, *end;
    const struct weir_json_at *at;
    struct weir_json_buf *out;
    struct weir_json_err *err;
    unsigned depth, flags;
    const struct weir_json_given *given; /* of the outermost message */
    size_t n_given;
};

enum { WEIR_JSON_NAME_MAX = 256 }; /* a key, a number, an enum name, a time */

/* ---- json_buf.c */
bool weir_json_put_varint(struct weir_json_buf *, uint64_t);
bool weir_json_put_number(struct weir_json_buf *, bool negative, uint64_t magnitude);

/* ---- json_err.c: they fill err and return -1 */
int weir_json_bad(struct weir_json_err *, const struct weir_json_at *, const char *expected, const char *found_fmt, ...)
    __attribute__((format(printf, 4, 5)));
int weir_json_expected(struct weir_json_in *, const char *expected); /* found: what stands at p */
int weir_json_full(struct weir_json_err *, const struct weir_json_at *, const struct weir_json_buf *);

/* ---- json_utf8.c */
size_t weir_json_utf8(const uint8_t *p, const uint8_t *end); /* bytes of the code point at p, 0 when malformed */
bool weir_json_is_utf8(const uint8_t *p, size_t n);
size_t weir_json_utf8_put(uint32_t code, uint8_t out[4]);

/* ---- json_scan.c: the grammar of RFC 8259 */
int weir_json_next(struct weir_json_in *); /* the byte after white space, -1 at the end; does not consume it */
int weir_json_take(struct weir_json_in *, char c, const char *expected);
bool weir_json_literal(struct weir_json_in *, const char *word); /* consumes it when it stands there */
int weir_json_scan_string(struct weir_json_in *);                /* appends the decoded text to out */
/* A short text: points into the JSON or into tmp. */
int weir_json_scan_name(struct weir_json_in *, uint8_t tmp[WEIR_JSON_NAME_MAX], struct weir_slice *text);
int weir_json_scan_number(struct weir_json_in *, struct weir_slice *text);
int weir_json_skip(struct weir_json_in *); /* one value of any kind */

/* ---- json_value.c: the text of an integer, float, bool or enum to the bits that go on the wire */
int weir_json_bits(struct weir_json_in *, const ProtobufCFieldDescriptor *, struct weir_slice text, uint64_t *bits);
bool weir_json_base64(uint8_t *p, size_t *n); /* decodes in place */
unsigned weir_json_wire_type(ProtobufCType);

/* ---- json_time.c */
struct weir_json_time {
    int64_t seconds;
    int32_t nanos;
};
bool weir_json_time_parse(struct weir_slice text, struct weir_json_time *);
/* Writes at most 30 bytes and returns how many; 0 when outside of years 1 to 9999. */
size_t weir_json_time_print(const struct weir_json_time *, char out[40]);
bool weir_json_is_time(const ProtobufCMessageDescriptor *);

/* ---- json_field.c, json_read.c: one field, one object */
int weir_json_field(struct weir_json_in *, const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *);
int weir_json_field_text(struct weir_json_in *, const ProtobufCFieldDescriptor *, struct weir_slice text);
int weir_json_object(struct weir_json_in *, const ProtobufCMessageDescriptor *);

/* ---- json_print.c: one scalar, bits as on the wire */
bool weir_json_print(struct weir_json_buf *, const ProtobufCFieldDescriptor *, uint64_t bits);
bool weir_json_print_base64(struct weir_json_buf *, struct weir_slice);

/* ---- json_read.c, json_write.c share what a map is: protobuf-c does not say, its shape and name do */
bool weir_json_is_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *);
#endif
