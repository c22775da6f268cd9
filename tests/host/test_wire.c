/* test_wire.c - the field reader: every type, presence, what the last value on the wire means, and broken bytes. */
#include "wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A message type written by hand, so that every label and type is there:
 *   message Order { Inner inner = 2; oneof pick { string left = 3; sint64 right = 4; } <field> f = 1; } */
static ProtobufCFieldDescriptor inner_fields[2] = {
    {"f", 1, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_INT64, 0, 0, NULL, NULL, 0, 0, NULL, NULL},
    {"name", 2, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_STRING, 0, 0, NULL, NULL, 0, 0, NULL, NULL},
};
static const unsigned inner_sorted[] = {0, 1};
static const ProtobufCIntRange inner_ranges[] = {{1, 0}, {0, 2}};
static const ProtobufCMessageDescriptor inner = {PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                 "t.Inner",
                                                 "Inner",
                                                 "T__Inner",
                                                 "t",
                                                 0,
                                                 2,
                                                 inner_fields,
                                                 inner_sorted,
                                                 1,
                                                 inner_ranges,
                                                 NULL,
                                                 NULL,
                                                 NULL,
                                                 NULL};
static ProtobufCFieldDescriptor outer_fields[5] = {
    {"f", 1, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_INT64, 0, 0, NULL, NULL, 0, 0, NULL, NULL},
    {"inner", 2, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_MESSAGE, 0, 0, &inner, NULL, 0, 0, NULL, NULL},
    {"left", 3, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_STRING, 8, 0, NULL, NULL, PROTOBUF_C_FIELD_FLAG_ONEOF, 0, NULL,
     NULL},
    {"right", 4, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_SINT64, 8, 0, NULL, NULL, PROTOBUF_C_FIELD_FLAG_ONEOF, 0, NULL,
     NULL},
    {"list", 5, PROTOBUF_C_LABEL_REPEATED, PROTOBUF_C_TYPE_INT32, 0, 0, NULL, NULL, 0, 0, NULL, NULL},
};
static const unsigned outer_sorted[] = {0, 1, 2, 4, 3};
static const ProtobufCIntRange outer_ranges[] = {{1, 0}, {0, 5}};
static const ProtobufCMessageDescriptor outer = {PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                 "t.Outer",
                                                 "Outer",
                                                 "T__Outer",
                                                 "t",
                                                 0,
                                                 5,
                                                 outer_fields,
                                                 outer_sorted,
                                                 1,
                                                 outer_ranges,
                                                 NULL,
                                                 NULL,
                                                 NULL,
                                                 NULL};

/* The bytes are copied to the heap, so that a sanitizer sees a read beyond them. */
static bool read_bytes(const char *path, const void *bytes, size_t n, struct weir_value *out)
{
    struct weir_wire_path p;
    assert_true(weir_wire_resolve(&outer, path, &p));
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    bool found = weir_wire_read(&p, (struct weir_slice){copy, n}, out);
    if (found && out->kind == WEIR_KIND_BYTES) { /* outlives the copy */
        static uint8_t kept[256];
        assert_true(out->v.bytes.n <= sizeof(kept));
        memcpy(kept, out->v.bytes.p, out->v.bytes.n);
        out->v.bytes.p = kept;
    }
    free(copy);
    return found;
}
#define READ(path, text, out) read_bytes(path, "" text, sizeof(text) - 1, out)

static void f_is(ProtobufCType type, ProtobufCLabel label)
{
    outer_fields[0].type = type;
    outer_fields[0].label = label;
}

static int64_t i64(const char *bytes, size_t n)
{
    struct weir_value v;
    assert_true(read_bytes("f", bytes, n, &v));
    assert_int_equal(v.kind, WEIR_KIND_I64);
    return v.v.i64;
}
#define I64(text) i64("" text, sizeof(text) - 1)

static uint64_t u64(const char *bytes, size_t n)
{
    struct weir_value v;
    assert_true(read_bytes("f", bytes, n, &v));
    assert_int_equal(v.kind, WEIR_KIND_U64);
    return v.v.u64;
}
#define U64(text) u64("" text, sizeof(text) - 1)

static void reads_whole_numbers(void **state)
{
    (void)state;
    f_is(PROTOBUF_C_TYPE_INT64, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\x08\x96\x01"), 150);
    assert_int_equal(I64("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), -1);
    f_is(PROTOBUF_C_TYPE_INT32, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), -1);
    assert_int_equal(I64("\x08\xff\xff\xff\xff\x0f"), -1);
    f_is(PROTOBUF_C_TYPE_ENUM, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\x08\x02"), 2);
    f_is(PROTOBUF_C_TYPE_SINT32, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\x08\xff\xff\xff\xff\x0f"), INT32_MIN);
    f_is(PROTOBUF_C_TYPE_SINT64, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\x08\x03"), -2);
    f_is(PROTOBUF_C_TYPE_SFIXED32, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\x0d\xfe\xff\xff\xff"), -2);
    f_is(PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\x09\xfe\xff\xff\xff\xff\xff\xff\xff"), -2);
    f_is(PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(U64("\x08\xff\xff\xff\xff\x0f"), UINT32_MAX);
    f_is(PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_LABEL_NONE);
    assert_true(U64("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") == UINT64_MAX);
    f_is(PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(U64("\x0d\x01\x02\x00\x00"), 513);
    f_is(PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(U64("\x09\x01\x02\x00\x00\x00\x00\x00\x00"), 513);
}

static void reads_other_kinds(void **state)
{
    (void)state;
    struct weir_value v;
    f_is(PROTOBUF_C_TYPE_DOUBLE, PROTOBUF_C_LABEL_NONE);
    assert_true(READ("f", "\x09\x00\x00\x00\x00\x00\x00\xf8\x3f", &v));
    assert_true(v.kind == WEIR_KIND_F64 && v.v.f64 == 1.5);
    f_is(PROTOBUF_C_TYPE_FLOAT, PROTOBUF_C_LABEL_NONE);
    assert_true(READ("f", "\x0d\x00\x00\xc0\x3f", &v));
    assert_true(v.kind == WEIR_KIND_F64 && v.v.f64 == 1.5);
    f_is(PROTOBUF_C_TYPE_BOOL, PROTOBUF_C_LABEL_NONE);
    assert_true(READ("f", "\x08\x01", &v));
    assert_true(v.kind == WEIR_KIND_BOOL && v.v.b);
    f_is(PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_LABEL_NONE);
    assert_true(READ("f",
                     "\x0a\x03"
                     "a\0b",
                     &v));
    assert_true(v.kind == WEIR_KIND_BYTES && v.v.bytes.n == 3 && memcmp(v.v.bytes.p, "a\0b", 3) == 0);
    assert_true(READ("inner", "\x12\x02\x08\x07", &v));
    assert_true(v.kind == WEIR_KIND_BYTES && v.v.bytes.n == 2);
}

static void absent_means_default_or_false(void **state)
{
    (void)state;
    struct weir_value v;
    f_is(PROTOBUF_C_TYPE_INT64, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64(""), 0);
    f_is(PROTOBUF_C_TYPE_STRING, PROTOBUF_C_LABEL_NONE);
    assert_true(READ("f", "", &v));
    assert_true(v.kind == WEIR_KIND_BYTES && v.v.bytes.p && v.v.bytes.n == 0);
    f_is(PROTOBUF_C_TYPE_INT64, PROTOBUF_C_LABEL_OPTIONAL);
    assert_false(READ("f", "", &v));
    assert_false(READ("inner", "", &v));
    assert_false(READ("inner.f", "", &v)); /* its message is not there */
    assert_true(READ("inner.f", "\x12\x00", &v));
    assert_int_equal(v.v.i64, 0);
    assert_false(READ("left", "", &v));
    struct weir_wire_path p;
    assert_true(weir_wire_resolve(&outer, "inner", &p));
    assert_false(weir_wire_read(&p, (struct weir_slice){NULL, 0}, &v));
}

static void the_last_value_counts(void **state)
{
    (void)state;
    struct weir_value v;
    f_is(PROTOBUF_C_TYPE_INT64, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\x08\x01\x08\x02"), 2);
    /* messages that come twice are merged: the second does not have f */
    assert_true(READ("inner.f", "\x12\x02\x08\x05\x12\x03\x12\x01x", &v));
    assert_int_equal(v.v.i64, 5);
    assert_true(READ("inner.name", "\x12\x02\x08\x05\x12\x03\x12\x01x", &v));
    assert_int_equal(v.v.bytes.n, 1);
    /* the other member of a oneof takes its place */
    assert_false(READ("left", "\x1a\x01z\x20\x04", &v));
    assert_true(READ("right", "\x1a\x01z\x20\x04", &v));
    assert_int_equal(v.v.i64, 2);
    assert_true(READ("left", "\x20\x04\x1a\x01z", &v));
}

static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    f_is(PROTOBUF_C_TYPE_INT64, PROTOBUF_C_LABEL_NONE);
    assert_int_equal(I64("\xf8\x07\x01\xfa\x07\x02hi\xfd\x07\x01\x02\x03\x04\xf9\x07\x01\x02\x03\x04\x05\x06\x07\x08"
                         "\x08\x09"),
                     9);
}

static void broken_bytes_give_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *what, *bytes;
        size_t n;
    } broken[] = {
        {"tag breaks off", "\x88", 1},
        {"no value", "\x08", 1},
        {"varint breaks off", "\x08\x80", 2},
        {"varint of 11 bytes", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
        {"varint of 65 bits", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11},
        {"length beyond the end", "\x08\x01\x12\x05x", 5},
        {"length that would wrap", "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
        {"fixed32 breaks off", "\x08\x01\xfd\x07\x01", 5},
        {"fixed64 breaks off", "\x08\x01\xf9\x07\x01", 5},
        {"field number 0", "\x08\x01\x00\x01", 4},
        {"group", "\x08\x01\x13\x14", 4},
        {"wire type 7", "\x08\x01\x17", 3},
        {"another type than the field's", "\x0a\x01x", 3},
        {"tag above 32 bits", "\x08\x01\xff\xff\xff\xff\x7f\x01", 8},
    };
    f_is(PROTOBUF_C_TYPE_INT64, PROTOBUF_C_LABEL_NONE);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct weir_value v;
        if (read_bytes("f", broken[i].bytes, broken[i].n, &v)) fail_msg("%s gave a value", broken[i].what);
    }
    struct weir_value v;
    assert_false(READ("inner.f", "\x12\x02\x08\x80", &v)); /* broken further in */
}

/* Every cut and every flipped bit of a good message: no read beyond it (the sanitizer looks), no crash. */
static void survives_damage(void **state)
{
    (void)state;
    static const char good[] = "\x08\x96\x01\x12\x06\x08\x05\x12\x02hi\x1a\x01z\x2a\x03\x01\x02\x03";
    static const char *const paths[] = {"f", "inner", "inner.f", "inner.name", "left", "right"};
    char bytes[sizeof(good)];
    struct weir_value v;
    for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++)
        for (size_t n = 0; n < sizeof(good); n++)
            for (unsigned bit = 0; bit < 8 * n; bit++) {
                memcpy(bytes, good, sizeof(good));
                bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
                read_bytes(paths[k], bytes, n, &v);
            }
}

static void paths_are_looked_up(void **state)
{
    (void)state;
    struct weir_wire_path p;
    assert_true(weir_wire_resolve(&outer, "inner.name", &p));
    assert_int_equal(p.n, 2);
    static const char *const wrong[] = {"",    "ff",       "inne",    "inner.",      ".f",
                                        "f.x", "inner..f", "inner.g", "inner.f.x.y", "list"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (weir_wire_resolve(&outer, wrong[i], &p)) fail_msg("\"%s\" was found", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_whole_numbers),
        cmocka_unit_test(reads_other_kinds),
        cmocka_unit_test(absent_means_default_or_false),
        cmocka_unit_test(the_last_value_counts),
        cmocka_unit_test(unknown_fields_are_passed_over),
        cmocka_unit_test(broken_bytes_give_nothing),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(paths_are_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
