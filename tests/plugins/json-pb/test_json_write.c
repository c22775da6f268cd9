/* test_json_write.c - the wire form to JSON: defaults, absence, order, and what is malformed. */
#include "json_test.h"
#include <stdlib.h>

static void same(const char *in, const char *part)
{
    char *out = round_trip(ALL, in);
    if (!strstr(out, part)) fail_msg("%s: no %s in %s", in, part, out);
    free(out);
}

static void prints_defaults_but_not_what_is_absent(void **state)
{
    (void)state;
    char *out = round_trip(ALL, "{}");
    assert_string_equal(out,
                        "{\"i32\":0,\"i64\":0,\"u32\":0,\"u64\":0,\"s32\":0,\"s64\":0,\"f32\":0,\"f64\":0,\"sf32\":0,"
                        "\"sf64\":0,\"flt\":0,\"dbl\":0,\"yes\":false,\"text_field\":\"\",\"blob\":\"\","
                        "\"colour\":\"NONE\",\"many\":[],\"loose\":[],\"words\":[],\"inners\":[],\"colours\":[],"
                        "\"doubles\":[],\"by_name\":{},\"by_id\":{},\"by_flag\":{},\"times\":[]}");
    free(out);
    out = round_trip(&kinds__v1__presence__descriptor, "{\"id\":\"\",\"on\":false}");
    assert_string_equal(out, "{\"id\":\"\",\"on\":false}");
    free(out);
    same("{\"note\":\"\"}", "\"note\":\"\"");
    same("{\"right\":0}", "\"right\":0");
}

static void prints_every_kind(void **state)
{
    (void)state;
    same("{\"i64\":-9223372036854775808}", "\"i64\":-9223372036854775808,");
    same("{\"u64\":18446744073709551615}", "\"u64\":18446744073709551615,");
    same("{\"s32\":-2147483648,\"s64\":-9223372036854775808}", "\"s32\":-2147483648,\"s64\":-9223372036854775808,");
    same("{\"f32\":4294967295,\"f64\":1,\"sf32\":-1,\"sf64\":-2}",
         "\"f32\":4294967295,\"f64\":1,\"sf32\":-1,\"sf64\":-2,");
    same("{\"flt\":0.1,\"dbl\":0.1}", "\"flt\":0.1,\"dbl\":0.1,");
    same("{\"dbl\":0.30000000000000004}", "\"dbl\":0.30000000000000004,");
    same("{\"flt\":\"Infinity\",\"dbl\":\"NaN\"}", "\"flt\":\"Infinity\",\"dbl\":\"NaN\"");
    same("{\"yes\":true,\"text_field\":\"a\\\"\\\\\\n\\u0001\\u00e9\"}",
         "true,\"text_field\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\",");
    same("{\"blob\":\"_-8\"}", "\"blob\":\"/+8=\",");
    same("{\"blob\":\"AQIDBA\"}", "\"blob\":\"AQIDBA==\",");
    same("{\"colour\":-1,\"colours\":[0,\"RED\"]}", "\"colours\":[\"NONE\",\"RED\"],");
    same("{\"inner\":{\"name\":\"x\"}}", "\"inner\":{\"name\":\"x\",\"n\":0},");
    same("{\"inners\":[{},{\"n\":2}]}", "\"inners\":[{\"name\":\"\",\"n\":0},{\"name\":\"\",\"n\":2}],");
    same("{\"many\":[1,-2],\"loose\":[3,0],\"words\":[\"\",\"b\"]}",
         "\"many\":[1,-2],\"loose\":[3,0],\"words\":[\"\",\"b\"],");
    same("{\"by_name\":{\"\":1,\"b\":0}}", "\"by_name\":{\"\":1,\"b\":0},");
    same("{\"by_id\":{\"0\":{},\"-1\":{\"n\":1}}}", "{\"0\":{\"name\":\"\",\"n\":0},\"-1\":{\"name\":\"\",\"n\":1}}");
    same("{\"by_flag\":{\"true\":\"a\",\"false\":\"b\"}}", "\"by_flag\":{\"true\":\"a\",\"false\":\"b\"}");
}

static void prints_times(void **state)
{
    (void)state;
    same("{\"at_time\":\"1970-01-01T00:00:00Z\"}", "\"at_time\":\"1970-01-01T00:00:00Z\"");
    same("{\"at_time\":\"1969-12-31T23:59:59.999999999Z\"}", "\"1969-12-31T23:59:59.999999999Z\"");
    same("{\"at_time\":\"0001-01-01T00:00:00Z\"}", "\"0001-01-01T00:00:00Z\"");
    same("{\"at_time\":\"9999-12-31T23:59:59.5Z\"}", "\"9999-12-31T23:59:59.500Z\"");
    same("{\"at_time\":\"2024-02-29t01:02:03.000001-05:30\"}", "\"2024-02-29T06:32:03.000001Z\"");
    same("{\"times\":[\"2000-03-01T00:00:00z\",\"1900-02-28T12:00:00Z\"]}",
         "[\"2000-03-01T00:00:00Z\",\"1900-02-28T12:00:00Z\"]");
}

static void from(const char *wire, size_t n, const char *part)
{
    struct weir_json_buf text = buf_of(10000);
    struct weir_json_err err;
    if (weir_json_from_wire(ALL, (struct weir_slice){(const uint8_t *)wire, n}, &text, &err) < 0)
        fail_msg("%s: found %s, expected %s", err.pointer, err.found, err.expected);
    assert_true(weir_json_put(&text, "", 1));
    if (!strstr((char *)text.p, part)) fail_msg("no %s in %s", part, (char *)text.p);
    weir_json_buf_free(&text);
}

static void broken(const char *wire, size_t n, const char *pointer, const char *found)
{
    struct weir_json_buf text = buf_of(10000);
    struct weir_json_err err;
    assert_int_equal(weir_json_from_wire(ALL, (struct weir_slice){(const uint8_t *)wire, n}, &text, &err), -1);
    assert_string_equal(err.pointer, pointer);
    assert_string_equal(err.found, found);
    assert_int_equal(text.n, 0);
    weir_json_buf_free(&text);
}
#define FROM(wire, part) from(wire, sizeof(wire) - 1, part)
#define BROKEN(wire, pointer, found) broken(wire, sizeof(wire) - 1, pointer, found)

static void reads_what_protobuf_allows(void **state)
{
    (void)state;
    FROM("\x08\x01\x08\x02", "\"i32\":2,"); /* the last one wins */
    FROM("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\"i32\":-1,");
    FROM("\x10\x05\x08\x01", "\"i32\":1,\"i64\":5,");             /* any order */
    FROM("\x98\x01\x01\x9a\x01\x02\x02\x03", "\"many\":[1,2,3]"); /* packed and not, mixed */
    FROM("\xa2\x01\x01\x07", "\"loose\":[7]");
    FROM("\xc8\x3e\x01\x08\x09", "\"i32\":9,"); /* field 1001 is of a newer schema */
    FROM("\xf2\x01\x01"
         "a\xf8\x01\x05",
         "\"right\":5}");                   /* the last member of a oneof wins */
    FROM("\x80\x01\x63", "\"colour\":99,"); /* an enum value of a newer schema */
    FROM("\xca\x01\x00", "\"by_name\":{\"\":0}");
}

static void refuses_what_is_malformed(void **state)
{
    (void)state;
    BROKEN("\x08", "", "a broken or truncated field");
    BROKEN("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "", "a broken or truncated field");
    BROKEN("\x00\x01", "", "a broken or truncated field");
    BROKEN("\x0b\x0c", "", "a broken or truncated field"); /* a group */
    BROKEN("\x3d\x01\x02\x03", "", "a broken or truncated field");
    BROKEN("\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "", "a broken or truncated field");
    BROKEN("\x0a\x01x", "", "a field of another wire type");
    BROKEN("\x72\x02\xc3(", "/text_field", "a string that is not UTF-8");
    BROKEN("\x8a\x01\x01\x0a", "/inner", "a broken or truncated field");
    BROKEN("\x8a\x01\x00\x8a\x01\x00", "/inner", "one submessage in several parts");
    BROKEN("\xb2\x01\x00\xb2\x01\x01\x0a", "/inners/1", "a broken or truncated field");
    BROKEN("\x9a\x01\x01\xff", "/many/0", "a broken packed field");
    BROKEN("\x92\x01\x02\x10\xff", "/at_time", "a broken or truncated field");
    BROKEN("\x92\x01\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "", "a broken or truncated field");
    BROKEN("\x92\x01\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "/at_time", "a time outside of years 1 to 9999");
}

static void bounds_depth_and_size(void **state)
{
    (void)state;
    char wire[200];
    size_t n = 0;
    for (int i = 0; i < 40; i++) { /* from the inside: 40 levels of Inner.inner */
        memmove(wire + 2, wire, n);
        wire[0] = 0x1a;
        wire[1] = (char)n;
        n += 2;
    }
    struct weir_json_buf text = buf_of(10000);
    struct weir_json_err err;
    struct weir_slice bytes = {(const uint8_t *)wire, n};
    assert_int_equal(weir_json_from_wire(&kinds__v1__inner__descriptor, bytes, &text, &err), -1);
    assert_string_equal(err.expected, "at most 32 levels");
    text.max = 20;
    bytes.n = 0;
    assert_int_equal(weir_json_from_wire(ALL, bytes, &text, &err), -1);
    assert_string_equal(err.found, "more bytes than fit");
    weir_json_buf_free(&text);
}

static void strings_are_always_json(void **state)
{
    (void)state;
    struct weir_json_buf text = buf_of(100);
    assert_true(weir_json_put_string(&text, "a\xff\"\0\xe2\x82", 6));
    assert_int_equal(text.n, strlen("\"a\xef\xbf\xbd\\\"\\u0000\xef\xbf\xbd\xef\xbf\xbd\""));
    assert_memory_equal(text.p, "\"a\xef\xbf\xbd\\\"\\u0000\xef\xbf\xbd\xef\xbf\xbd\"", text.n);
    weir_json_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_defaults_but_not_what_is_absent),
        cmocka_unit_test(prints_every_kind),
        cmocka_unit_test(prints_times),
        cmocka_unit_test(reads_what_protobuf_allows),
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(bounds_depth_and_size),
        cmocka_unit_test(strings_are_always_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
