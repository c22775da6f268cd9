/* test_json_read.c - JSON to the wire form: every kind of field, and everything that is refused with its place.
 * protobuf-c reads what was written: it is the other opinion. */
#include "json_test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void reads_every_scalar(void **state)
{
    (void)state;
    Kinds__V1__All *a =
        parsed("{\"i32\":-2147483648,\"i64\":-9223372036854775808,\"u32\":4294967295,"
               "\"u64\":18446744073709551615,\"s32\":-2147483648,\"s64\":9223372036854775807,"
               "\"f32\":7,\"f64\":\"18446744073709551615\",\"sf32\":-7,\"sf64\":\"-8\",\"flt\":1.5,"
               "\"dbl\":-1e-3,\"yes\":true,\"text_field\":\"caf\\u00e9 \\ud83d\\ude00\",\"blob\":\"AQID\\/w==\","
               "\"colour\":\"DARK_BLUE\",\"at_time\":\"2026-01-31T12:00:00.5+01:00\"} \r\n\t");
    assert_int_equal(a->i32, INT32_MIN);
    assert_true(a->i64 == INT64_MIN);
    assert_true(a->u32 == UINT32_MAX && a->u64 == UINT64_MAX);
    assert_int_equal(a->s32, INT32_MIN);
    assert_true(a->s64 == INT64_MAX);
    assert_true(a->f32 == 7 && a->f64 == UINT64_MAX && a->sf32 == -7 && a->sf64 == -8);
    assert_true(a->flt == 1.5f && a->dbl == -1e-3);
    assert_true(a->yes);
    assert_string_equal(a->text_field, "caf\xc3\xa9 \xf0\x9f\x98\x80");
    assert_int_equal(a->blob.len, 4);
    assert_memory_equal(a->blob.data, "\x01\x02\x03\xff", 4);
    assert_int_equal(a->colour, KINDS__V1__COLOUR__DARK_BLUE);
    assert_true(a->at_time->seconds == 1769857200 && a->at_time->nanos == 500000000);
    kinds__v1__all__free_unpacked(a, NULL);
}

static void reads_what_nests_and_repeats(void **state)
{
    (void)state;
    Kinds__V1__All *a =
        parsed("{\"inner\":{\"name\":\"a\",\"inner\":{\"n\":\"5\"}},\"many\":[1,\"-2\",3],\"loose\":[4,0],"
               "\"words\":[\"\",\"x\"],\"inners\":[{},{\"n\":9}],\"colours\":[\"RED\",-1,5],"
               "\"doubles\":[\"NaN\",\"-Infinity\",\"2.5\"],\"by_name\":{\"\":1,\"k\":2},"
               "\"by_id\":{\"-3\":{\"n\":1}},\"by_flag\":{\"true\":\"t\"},\"note\":\"\",\"right\":0}");
    assert_true(a->inner->inner->n == 5);
    assert_true(a->n_many == 3 && a->many[1] == -2);
    assert_true(a->n_loose == 2 && a->loose[0] == 4 && a->loose[1] == 0);
    assert_true(a->n_words == 2 && strcmp(a->words[1], "x") == 0);
    assert_true(a->n_inners == 2 && a->inners[1]->n == 9);
    assert_true(a->n_colours == 3 && a->colours[1] == KINDS__V1__COLOUR__BELOW);
    assert_true(isnan(a->doubles[0]) && isinf(a->doubles[1]) && a->doubles[2] == 2.5);
    assert_true(a->n_by_name == 2 && a->by_name[1]->value == 2);
    assert_true(a->n_by_id == 1 && a->by_id[0]->key == -3 && a->by_id[0]->value->n == 1);
    assert_true(a->n_by_flag == 1 && a->by_flag[0]->key);
    assert_int_equal(a->choice_case, KINDS__V1__ALL__CHOICE_RIGHT);
    assert_string_equal(a->note, "");
    kinds__v1__all__free_unpacked(a, NULL);
}

static void takes_both_spellings_and_null(void **state)
{
    (void)state;
    Kinds__V1__All *a =
        parsed("{\"textField\":\"x\",\"atTime\":null,\"byName\":{},\"left\":null,\"right\":1,\"many\":null}");
    assert_string_equal(a->text_field, "x");
    assert_null(a->at_time);
    assert_true(a->right == 1);
    kinds__v1__all__free_unpacked(a, NULL);
    refused(ALL, "{\"text_field\":\"x\",\"textField\":\"x\"}", "/textField", "the same field again",
            "a field only once");
}

static void a_long_submessage_gets_a_long_length(void **state)
{
    (void)state;
    char json[70100];
    for (size_t n = 100; n < 70000; n = n * 3 / 2) {
        int at = snprintf(json, sizeof json, "{\"by_id\":{\"1\":{\"inner\":{\"name\":\"");
        memset(json + at, 'x', n);
        snprintf(json + at + n, sizeof json - (size_t)at - n, "\"}},\"2\":{}},\"i32\":7}");
        Kinds__V1__All *a = parsed(json);
        assert_int_equal(strlen(a->by_id[0]->value->inner->name), n);
        assert_int_equal(a->by_id[1]->key, 2);
        assert_int_equal(a->i32, 7);
        kinds__v1__all__free_unpacked(a, NULL);
    }
}

static void refuses_bad_numbers(void **state)
{
    (void)state;
    const char *i64 = "an integer of 64 bits", *u32 = "an integer from 0 to 4294967295";
    refused(ALL, "{\"i64\":5.0}", "/i64", "5.0", i64);
    refused(ALL, "{\"i64\":1e3}", "/i64", "1e3", i64);
    refused(ALL, "{\"i64\":9223372036854775808}", "/i64", "9223372036854775808", i64);
    refused(ALL, "{\"i64\":-9223372036854775809}", "/i64", "-9223372036854775809", i64);
    refused(ALL, "{\"i64\":99999999999999999999999999999999999999999}", "/i64",
            "9999999999999999999999999999999999999999", i64);
    refused(ALL, "{\"i64\":\"+5\"}", "/i64", "+5", i64);
    refused(ALL, "{\"i64\":\"05\"}", "/i64", "05", i64);
    refused(ALL, "{\"i64\":\"\"}", "/i64", "", i64);
    refused(ALL, "{\"i64\":\" 5\"}", "/i64", " 5", i64);
    refused(ALL, "{\"i64\":true}", "/i64", "true", "an integer");
    refused(ALL, "{\"i64\":[1]}", "/i64", "an array", "an integer");
    refused(ALL, "{\"i64\":05}", "/i64", "05", "a value");
    refused(ALL, "{\"i64\":-}", "/i64", "-", "a value");
    refused(ALL, "{\"i32\":2147483648}", "/i32", "2147483648", "an integer from -2147483648 to 2147483647");
    refused(ALL, "{\"u32\":4294967296}", "/u32", "4294967296", u32);
    refused(ALL, "{\"u32\":-1}", "/u32", "-1", u32);
    refused(ALL, "{\"u64\":18446744073709551616}", "/u64", "18446744073709551616",
            "an integer from 0 to 18446744073709551615");
    refused(ALL, "{\"flt\":1e39}", "/flt", "1e39", "a number in the range of a float");
    refused(ALL, "{\"dbl\":1e999}", "/dbl", "1e999", "a number in the range of a double");
    refused(ALL, "{\"dbl\":\"0x10\"}", "/dbl", "0x10", "a number in the range of a double");
    refused(ALL, "{\"dbl\":NaN}", "/dbl", "NaN", "a number");
    refused(ALL, "{\"dbl\":.5}", "/dbl", ".5", "a number");
    refused(ALL, "{\"many\":[1,2.5]}", "/many/1", "2.5", i64);
    refused(ALL, "{\"many\":[1,null]}", "/many/1", "null", "an integer");
}

static void refuses_bad_text(void **state)
{
    (void)state;
    refused(ALL, "{\"text_field\":\"\xff\"}", "/text_field", "byte 0xff at byte 15", "UTF-8");
    refused(ALL, "{\"text_field\":\"\xed\xa0\x80\"}", "/text_field", "byte 0xed at byte 15", "UTF-8");
    refused(ALL, "{\"text_field\":\"\xc0\x80\"}", "/text_field", "byte 0xc0 at byte 15", "UTF-8");
    refused(ALL, "{\"text_field\":\"\\u0000\"}", "/text_field", "\\u0000", "text without NUL");
    refused(ALL, "{\"text_field\":\"\\ud800\"}", "/text_field", "the lone surrogate \\ud800", "a pair of surrogates");
    refused(ALL, "{\"text_field\":\"\\udc00\\ud800\"}", "/text_field", "the lone surrogate \\udc00",
            "a pair of surrogates");
    refused(ALL, "{\"text_field\":\"\\ud800x\"}", "/text_field", "the lone surrogate \\ud800", "a pair of surrogates");
    refused(ALL, "{\"text_field\":\"\\x\"}", "/text_field", "another escape",
            "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
    refused(ALL, "{\"text_field\":\"a\nb\"}", "/text_field", "byte 0x0a at byte 16",
            "an escape for a control character");
    refused(ALL, "{\"text_field\":\"abc", "/text_field", "the end of the text", "a closing quote");
    refused(ALL, "{\"text_field\":5}", "/text_field", "5", "a string");
    refused(ALL, "{\"blob\":\"AB\"}", "/blob", "another text", "base64");
    refused(ALL, "{\"blob\":\"A\"}", "/blob", "another text", "base64");
    refused(ALL, "{\"blob\":\"AA=A\"}", "/blob", "another text", "base64");
    refused(ALL, "{\"colour\":\"PINK\"}", "/colour", "PINK", "a value of kinds.v1.Colour");
    refused(ALL, "{\"colour\":2}", "/colour", "2", "a value of kinds.v1.Colour");
    refused(ALL, "{\"yes\":\"true\"}", "/yes", "a string", "true or false");
    refused(ALL, "{\"yes\":truex}", "/yes", "truex", "true or false");
}

static void refuses_bad_times(void **state)
{
    (void)state;
    static const char *const bad[] = {"2026-02-29T00:00:00Z",     "2026-01-31 12:00:00Z",      "2026-01-31T12:00:00",
                                      "2026-01-31T24:00:00Z",     "2026-01-31T12:00:60Z",      "0000-01-01T00:00:00Z",
                                      "2026-01-31T12:00:00.Z",    "2026-01-31T12:00:00+24:00", "2026-1-31T12:00:00Z",
                                      "9999-12-31T23:59:59-00:01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[80];
        snprintf(json, sizeof json, "{\"times\":[\"%s\"]}", bad[i]);
        refused(ALL, json, "/times/0", bad[i], "a time like 2026-01-31T12:00:00.5Z");
    }
    refused(ALL, "{\"at_time\":5}", "/at_time", "5", "a time like 2026-01-31T12:00:00.5Z");
}

static void refuses_bad_structure(void **state)
{
    (void)state;
    refused(ALL, " ", "", "the end of the text", "an object");
    refused(ALL, "[]", "", "an array", "an object");
    refused(ALL, "{} x", "", "x", "the end of the text");
    refused(ALL, "{}{}", "", "an object", "the end of the text");
    refused(ALL, "{\"i32\":1,}", "", "'}' at byte 9", "a field name in quotes");
    refused(ALL, "{\"i32\" 1}", "", "1", "a colon");
    refused(ALL, "{\"i32\":1 \"i64\":2}", "", "a string", "a comma or }");
    refused(ALL, "{\"i32\":1", "", "the end of the text", "a comma or }");
    refused(ALL, "{i32:1}", "", "i32", "a field name in quotes");
    refused(ALL, "{\"i32\":1,\"i32\":1}", "/i32", "the same field again", "a field only once");
    refused(ALL, "{\"i32\":null,\"i32\":1}", "/i32", "the same field again", "a field only once");
    refused(ALL, "{\"a/b~c\\u0007\":1}", "/a~1b~0c?", "an unknown field", "a field of kinds.v1.All");
    refused(ALL, "{\"inner\":{\"x\":1}}", "/inner/x", "an unknown field", "a field of kinds.v1.Inner");
    refused(ALL, "{\"inners\":[{},{\"name\":5}]}", "/inners/1/name", "5", "a string");
    refused(ALL, "{\"left\":\"a\",\"right\":1}", "/right", "a second one beside left", "one member of the oneof");
    refused(ALL, "{\"by_name\":{\"a\":1,\"a\":2}}", "/by_name/a", "the same key again", "a key only once");
    refused(ALL, "{\"by_id\":{\"1\":{},\"x\":{}}}", "/by_id/x", "x", "an integer from -2147483648 to 2147483647");
    refused(ALL, "{\"by_id\":{\"1\":{\"n\":\"z\"}}}", "/by_id/1/n", "z", "an integer of 64 bits");
    refused(ALL, "{\"many\":{}}", "/many", "an object", "an array");
    refused(&kinds__v1__presence__descriptor, "{\"count\":1}", "/id", "nothing", "a value");
}

static void bounds_depth_and_size(void **state)
{
    (void)state;
    char json[1000] = "";
    for (int i = 0; i < 40; i++) strcat(json, "{\"inner\":");
    struct weir_json_buf wire = buf_of(8);
    struct weir_json_err err;
    assert_int_equal(weir_json_to_wire(ALL, slice(json), NULL, 0, 0, &wire, &err), -1);
    assert_string_equal(err.found, "more bytes than fit");
    wire.max = 1000;
    assert_int_equal(weir_json_to_wire(ALL, slice(json), NULL, 0, 0, &wire, &err), -1);
    assert_string_equal(err.expected, "at most 32 levels");
    assert_int_equal(weir_json_to_wire(ALL, slice("{\"text_field\":\"0123456789\"}"), NULL, 0, 0, &wire, &err), 0);
    weir_json_buf_free(&wire);
    wire = buf_of(8);
    assert_int_equal(weir_json_to_wire(ALL, slice("{\"text_field\":\"0123456789\"}"), NULL, 0, 0, &wire, &err), -1);
    assert_string_equal(err.pointer, "/text_field");
    weir_json_buf_free(&wire);
}

static void skips_unknown_fields_when_asked(void **state)
{
    (void)state;
    struct weir_json_buf wire = buf_of(1000);
    struct weir_json_err err;
    const char *fine = "{\"x\":{\"a\":[1,\"\\ud83d\\ude00\",{},[]],\"b\":null},\"i32\":3,\"y\":-1.5e3}";
    assert_int_equal(weir_json_to_wire(ALL, slice(fine), NULL, 0, WEIR_JSON_SKIP_UNKNOWN, &wire, &err), 0);
    assert_int_equal(wire.n, 2);
    assert_memory_equal(wire.p, "\x08\x03", 2);
    assert_int_equal(weir_json_to_wire(ALL, slice("{\"x\":[1,}"), NULL, 0, WEIR_JSON_SKIP_UNKNOWN, &wire, &err), -1);
    assert_string_equal(err.pointer, "/x");
    weir_json_buf_free(&wire);
}

static int with_given(const char *json, const char *field, const char *text, struct weir_json_buf *wire,
                      struct weir_json_err *err)
{
    struct weir_json_given given = {protobuf_c_message_descriptor_get_field_by_name(ALL, field), slice(text),
                                    "the path"};
    wire->n = 0;
    return weir_json_to_wire(ALL, slice(json), &given, 1, 0, wire, err);
}

static void puts_given_text_into_fields(void **state)
{
    (void)state;
    struct weir_json_buf wire = buf_of(1000);
    struct weir_json_err err;
    assert_int_equal(with_given("", "text_field", "a b", &wire, &err), 0);
    assert_memory_equal(wire.p,
                        "\x72\x03"
                        "a b",
                        5);
    assert_int_equal(with_given("{\"i32\":1}", "yes", "true", &wire, &err), 0);
    assert_memory_equal(wire.p, "\x68\x01\x08\x01", 4);
    assert_int_equal(with_given("", "at_time", "1970-01-01T00:00:01Z", &wire, &err), 0);
    assert_memory_equal(wire.p, "\x92\x01\x02\x08\x01", 5);
    assert_int_equal(with_given("{\"i64\":\"12\"}", "i64", "12", &wire, &err), 0);
    assert_int_equal(wire.n, 2);
    assert_int_equal(with_given("{\"i64\":null}", "i64", "12", &wire, &err), 0);
    assert_int_equal(with_given("{\"i64\":13}", "i64", "12", &wire, &err), -1);
    assert_string_equal(err.pointer, "/i64");
    assert_string_equal(err.expected, "the value given in the path");
    assert_int_equal(with_given("{\"i64\":12,\"i64\":12}", "i64", "12", &wire, &err), -1);
    assert_int_equal(with_given("{}", "i64", "1x", &wire, &err), -1);
    assert_string_equal(err.pointer, "/i64");
    assert_int_equal(with_given("{}", "text_field", "\xff", &wire, &err), -1);
    assert_int_equal(with_given("{\"left\":\"a\"}", "right", "1", &wire, &err), -1);
    assert_int_equal(with_given("{\"inner\":{\"n\":4}}", "i64", "12", &wire, &err), 0);
    assert_false(weir_json_takes_text(protobuf_c_message_descriptor_get_field_by_name(ALL, "inner")));
    assert_false(weir_json_takes_text(protobuf_c_message_descriptor_get_field_by_name(ALL, "many")));
    weir_json_buf_free(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_scalar),
        cmocka_unit_test(reads_what_nests_and_repeats),
        cmocka_unit_test(takes_both_spellings_and_null),
        cmocka_unit_test(a_long_submessage_gets_a_long_length),
        cmocka_unit_test(refuses_bad_numbers),
        cmocka_unit_test(refuses_bad_text),
        cmocka_unit_test(refuses_bad_times),
        cmocka_unit_test(refuses_bad_structure),
        cmocka_unit_test(bounds_depth_and_size),
        cmocka_unit_test(skips_unknown_fields_when_asked),
        cmocka_unit_test(puts_given_text_into_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
