/* test_ch_block.c - the bytes of a Native block for every type, what does not fit, and rows that come whole or not at
 * all. */
#include "block.h"
#include "parcels/v1/parcel.pb-c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct ch_layout *layout(const char *column, const char *type, char *err)
{
    const struct weir_table_column col = {column, type, ch_type_nullable(type), false};
    struct weir_columns *plan = weir_columns_plan(&parcels__v1__parcel__descriptor, &col, 1, NULL, 0, err);
    return plan ? ch_layout_new(plan, err) : NULL;
}

static enum weir_read add(struct ch_layout *l, const Parcels__V1__Parcel *p, char *err)
{
    uint8_t wire[512];
    return ch_block_add(l, (struct weir_slice){wire, parcels__v1__parcel__pack(p, wire)}, err);
}

/* One column of one row: after its name come type and data. */
static void becomes(const char *column, const char *type, const Parcels__V1__Parcel *p, const char *declared,
                    const void *data, size_t n)
{
    char err[WEIR_COLUMNS_ERR];
    struct weir_buf out = {NULL, 0, 0};
    struct ch_layout *l = layout(column, type, err);
    if (!l) fail_msg("%s", err);
    if (add(l, p, err) != WEIR_READ_OK) fail_msg("%s", err);
    assert_true(ch_block_finish(l, &out));
    size_t head = 2 + 1 + strlen(column);
    assert_int_equal(out.p[head], strlen(declared));
    assert_memory_equal(out.p + head + 1, declared, strlen(declared));
    head += 1 + strlen(declared);
    assert_int_equal(out.n - head, n);
    if (n) assert_memory_equal(out.p + head, data, n);
    weir_buf_free(&out);
    ch_layout_free(l);
}
#define BECOMES(column, type, p, declared, data) becomes(column, type, p, declared, data, sizeof(data) - 1)

static void does_not(const char *column, const char *type, const Parcels__V1__Parcel *p, const char *why)
{
    char err[WEIR_COLUMNS_ERR];
    struct ch_layout *l = layout(column, type, err);
    if (!l) fail_msg("%s", err);
    assert_int_equal(add(l, p, err), WEIR_READ_MALFORMED);
    assert_string_equal(err, why);
    assert_int_equal(l->rows, 0);
    assert_int_equal(l->columns[0].data.n + l->columns[0].nulls.n + l->columns[0].offsets.n, 0);
    ch_layout_free(l);
}

static void numbers(void **state)
{
    (void)state;
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    p.id = -2, p.has_pieces = 1, p.pieces = 255, p.has_fragile = 1, p.fragile = 1, p.has_slope = 1, p.slope = 1;
    p.has_latitude = 1, p.latitude = -2, p.has_barcode = 1, p.barcode = UINT64_MAX;
    BECOMES("id", "Int8", &p, "Int8", "\xfe");
    BECOMES("id", "Int32", &p, "Int32", "\xfe\xff\xff\xff");
    BECOMES("id", "Int256", &p, "Int64", "\xfe\xff\xff\xff\xff\xff\xff\xff");
    BECOMES("id", "Decimal(18, 2)", &p, "Int64", "\xfe\xff\xff\xff\xff\xff\xff\xff");
    BECOMES("id", "Nullable(Int16)", &p, "Nullable(Int16)", "\0\xfe\xff");
    BECOMES("pieces", "UInt8", &p, "UInt8", "\xff");
    BECOMES("pieces", "LowCardinality(UInt16)", &p, "UInt16", "\xff\0");
    BECOMES("pieces", "UInt128", &p, "UInt64", "\xff\0\0\0\0\0\0\0");
    BECOMES("barcode", "UInt64", &p, "UInt64", "\xff\xff\xff\xff\xff\xff\xff\xff");
    BECOMES("fragile", "Bool", &p, "Bool", "\1");
    BECOMES("slope", "Float32", &p, "Float32", "\0\0\x80\x3f");
    BECOMES("latitude", "Float64", &p, "Float64", "\0\0\0\0\0\0\0\xc0");
    does_not("id", "UInt8", &p, "field id: the number is out of range for column id, which is UInt8");
    does_not("pieces", "Int8", &p, "field pieces: the number is out of range for column pieces, which is Int8");
    does_not("barcode", "Int64", &p, "field barcode: the number is out of range for column barcode, which is Int64");
    p.pieces = 256;
    does_not("pieces", "UInt8", &p, "field pieces: the number is out of range for column pieces, which is UInt8");
    does_not("weight_g", "Int8", &p, "field weight_g is absent, but column weight_g takes no NULL");
}

static void texts_and_enums(void **state)
{
    (void)state;
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    p.note = "abc", p.has_size = 1, p.size = PARCELS__V1__SIZE__RETURNED;
    p.has_signature = 1, p.signature.data = (uint8_t *)"\xff\0", p.signature.len = 2;
    BECOMES("note", "String", &p, "String", "\3abc");
    BECOMES("note", "LowCardinality(Nullable(String))", &p, "Nullable(String)", "\0\3abc");
    BECOMES("note", "FixedString(5)", &p, "FixedString(5)", "abc\0\0");
    BECOMES("note", "IPv4", &p, "String", "\3abc"); /* the server reads it */
    BECOMES("signature", "String", &p, "String", "\2\xff\0");
    BECOMES("size", "String", &p, "String", "\10RETURNED");
    BECOMES("size", "Int32", &p, "Int32", "\xff\xff\xff\xff");
    BECOMES("size", "Enum8('RETURNED' = 9, 'it\\'s' = 2)", &p, "Enum8('RETURNED' = 9, 'it\\'s' = 2)", "\x09");
    BECOMES("size", "Enum16('LARGE' = 1, 'RETURNED' = -300)", &p, "Enum16('LARGE' = 1, 'RETURNED' = -300)", "\xd4\xfe");
    does_not("note", "FixedString(2)", &p, "field note: too long for column note, which is FixedString(2)");
    does_not("size", "Enum8('LARGE' = 1)", &p,
             "field size: its value has no name for column size, which is Enum8('LARGE' = 1)");
    p.size = (Parcels__V1__Size)55; /* of a newer sender */
    BECOMES("size", "String", &p, "String",
            "\2"
            "55");
    p.note = "61f0c404-5cb3-11e7-907b-a6006ad3dba0";
    BECOMES("note", "UUID", &p, "UUID", "\xe7\x11\xb3\x5c\x04\xc4\xf0\x61\xa0\xdb\xd3\x6a\x00\xa6\x7b\x90");
    p.note = "61f0c404-5cb3-11e7-907b-a6006ad3dbaX";
    does_not("note", "UUID", &p, "field note: not a UUID for column note, which is UUID");
}

static void times(void **state)
{
    (void)state;
    Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    p.sent_at = &t;
    t.seconds = 86400 * 2 + 5, t.nanos = 123456789;
    BECOMES("sent_at", "Date", &p, "Date", "\2\0");
    BECOMES("sent_at", "DateTime('UTC')", &p, "DateTime('UTC')", "\5\xa3\2\0");
    BECOMES("sent_at", "DateTime64(0)", &p, "DateTime64(0)", "\5\xa3\2\0\0\0\0\0");
    BECOMES("sent_at", "DateTime64(3, 'UTC')", &p, "DateTime64(3, 'UTC')", "\3\xcc\x4c\x0a\0\0\0\0");
    t.seconds = -1, t.nanos = 999000000;
    BECOMES("sent_at", "Date32", &p, "Date32", "\xff\xff\xff\xff");
    BECOMES("sent_at", "DateTime64(3)", &p, "DateTime64(3)", "\xff\xff\xff\xff\xff\xff\xff\xff");
    does_not("sent_at", "Date", &p, "field sent_at: the time is out of range for column sent_at, which is Date");
    does_not("sent_at", "DateTime", &p,
             "field sent_at: the time is out of range for column sent_at, which is DateTime");
    t.seconds = 9300000000;
    does_not("sent_at", "DateTime64(9)", &p,
             "field sent_at: the time is out of range for column sent_at, which is DateTime64(9)");
    t.seconds = 253402300799;
    does_not("sent_at", "DateTime64(3)", &p,
             "field sent_at: the time is out of range for column sent_at, which is DateTime64(3)");
    BECOMES("sent_at", "Nullable(DateTime)", &(Parcels__V1__Parcel)PARCELS__V1__PARCEL__INIT, "Nullable(DateTime)",
            "\1\0\0\0\0");
}

static void arrays(void **state)
{
    (void)state;
    int32_t stops[] = {7, -1};
    char *tags[] = {"a", ""};
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    BECOMES("stops", "Array(Int16)", &p, "Array(Int16)", "\0\0\0\0\0\0\0\0");
    p.n_stops = 2, p.stops = stops, p.n_tags = 2, p.tags = tags;
    BECOMES("stops", "Array(Int16)", &p, "Array(Int16)", "\2\0\0\0\0\0\0\0\7\0\xff\xff");
    BECOMES("stops", "Array(Nullable(Int8))", &p, "Array(Nullable(Int8))", "\2\0\0\0\0\0\0\0\0\0\7\xff");
    BECOMES("tags", "Array(LowCardinality(String))", &p, "Array(String)", "\2\0\0\0\0\0\0\0\1a\0");
    does_not("stops", "Array(UInt8)", &p,
             "field stops: the number is out of range for column stops, which is Array(UInt8)");
}

static void a_field_that_cannot_fill_a_column_is_named(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"id", "String"},
        {"id", "DateTime"},
        {"id", "Array(Int64)"},
        {"stops", "Int32"},
        {"stops", "Array(Array(Int32))"},
        {"latitude", "Int64"},
        {"latitude", "Decimal(9, 2)"},
        {"signature", "JSON"},
        {"sent_at", "Int64"},
        {"sent_at", "String"},
        {"fragile", "String"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        char err[WEIR_COLUMNS_ERR], start[100];
        struct ch_layout *l = layout(pairs[i][0], pairs[i][1], err);
        if (l) fail_msg("%s was taken for %s", pairs[i][0], pairs[i][1]);
        snprintf(start, sizeof(start), "column %s is %s, field %s is ", pairs[i][0], pairs[i][1], pairs[i][0]);
        assert_memory_equal(err, start, strlen(start));
    }
}

/* The last column refuses: the others must not keep their part of the row. */
static void a_row_is_there_whole_or_not_at_all(void **state)
{
    (void)state;
    char err[WEIR_COLUMNS_ERR];
    const struct weir_table_column cols[] = {{"id", "Int64", false, false},
                                             {"note", "Nullable(String)", true, false},
                                             {"stops", "Array(Int32)", false, false},
                                             {"pieces", "UInt8", false, false}};
    struct weir_columns *plan = weir_columns_plan(&parcels__v1__parcel__descriptor, cols, 4, NULL, 0, err);
    struct ch_layout *l = ch_layout_new(plan, err);
    int32_t stops[] = {1, 2, 3};
    struct weir_buf before = {NULL, 0, 0}, after = {NULL, 0, 0};
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    assert_non_null(l);
    p.note = "x", p.has_pieces = 1, p.pieces = 1, p.n_stops = 3, p.stops = stops;
    assert_int_equal(add(l, &p, err), WEIR_READ_OK);
    assert_true(ch_block_finish(l, &before));
    p.pieces = 999;
    for (int i = 0; i < 100; i++) assert_int_equal(add(l, &p, err), WEIR_READ_MALFORMED);
    assert_true(ch_block_finish(l, &after));
    assert_int_equal(before.n, after.n);
    assert_memory_equal(before.p, after.p, before.n);
    ch_block_clear(l);
    assert_int_equal(l->rows, 0);
    weir_buf_free(&before);
    weir_buf_free(&after);
    ch_layout_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(texts_and_enums),
        cmocka_unit_test(times),
        cmocka_unit_test(arrays),
        cmocka_unit_test(a_field_that_cannot_fill_a_column_is_named),
        cmocka_unit_test(a_row_is_there_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
