/* json_test.c - see json_test.h. */
#include "json_test.h"
#include <stdlib.h>

struct weir_json_buf buf_of(size_t max)
{
    return (struct weir_json_buf){.max = max};
}

char *round_trip(const ProtobufCMessageDescriptor *type, const char *json)
{
    struct weir_json_buf wire = buf_of(1 << 20), text = buf_of(1 << 20);
    struct weir_json_err err;
    if (weir_json_to_wire(type, slice(json), NULL, 0, 0, &wire, &err) < 0)
        fail_msg("%s: %s: found %s, expected %s", json, err.pointer, err.found, err.expected);
    if (weir_json_from_wire(type, (struct weir_slice){wire.p, wire.n}, &text, &err) < 0)
        fail_msg("%s: back: %s: found %s, expected %s", json, err.pointer, err.found, err.expected);
    assert_true(weir_json_put(&text, "", 1));
    weir_json_buf_free(&wire);
    return (char *)text.p;
}

void refused(const ProtobufCMessageDescriptor *type, const char *json, const char *pointer, const char *found,
             const char *expected)
{
    struct weir_json_buf wire = buf_of(1 << 20);
    struct weir_json_err err;
    if (weir_json_to_wire(type, slice(json), NULL, 0, 0, &wire, &err) == 0) fail_msg("accepted: %s", json);
    assert_int_equal(wire.n, 0);
    if (strcmp(err.pointer, pointer) != 0 || strcmp(err.found, found) != 0 || strcmp(err.expected, expected) != 0)
        fail_msg("%s: at \"%s\" found \"%s\" expected \"%s\"", json, err.pointer, err.found, err.expected);
    weir_json_buf_free(&wire);
}

Kinds__V1__All *parsed(const char *json)
{
    struct weir_json_buf wire = buf_of(1 << 20);
    struct weir_json_err err;
    if (weir_json_to_wire(ALL, slice(json), NULL, 0, 0, &wire, &err) < 0)
        fail_msg("%s: %s: found %s, expected %s", json, err.pointer, err.found, err.expected);
    Kinds__V1__All *all = kinds__v1__all__unpack(NULL, wire.n, wire.p);
    if (!all) fail_msg("protobuf-c cannot read what came of %s", json);
    weir_json_buf_free(&wire);
    return all;
}
