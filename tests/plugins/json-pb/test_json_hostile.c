/* test_json_hostile.c - cut at every byte, changed at random places (a fixed seed): no read outside, no other opinion
 * than protobuf-c's. Texts and wire bytes stand in blocks of their exact size, so that a sanitizer sees each byte read
 * too far. */
#include "json_test.h"
#include <stdlib.h>

static const char rich[] =
    "{\"i32\":-5,\"u64\":\"18446744073709551615\",\"s64\":-9,\"flt\":1.25,\"dbl\":-1e-300,\"yes\":true,"
    "\"text_field\":\"caf\xc3\xa9 \\ud83d\\ude00 \\n\",\"blob\":\"AQID\\/w==\",\"colour\":\"DARK_BLUE\","
    "\"inner\":{\"name\":\"a\",\"inner\":{\"n\":5}},\"atTime\":\"2026-01-31T12:00:00.5+01:00\",\"many\":[1,-2,300],"
    "\"loose\":[4,0],\"words\":[\"\",\"x\"],\"inners\":[{},{\"n\":9}],\"by_name\":{\"\":1,\"k\":2},"
    "\"by_id\":{\"-3\":{\"n\":1}},\"by_flag\":{\"true\":\"t\"},\"right\":7,\"note\":\"n\"}";

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* From a block of exactly n bytes. What is accepted must be readable by protobuf-c, and print and read to equal bytes.
 */
static int read_exact(const void *json, size_t n, unsigned flags)
{
    uint8_t *copy = malloc(n ? n : 1);
    struct weir_json_buf wire = buf_of(1 << 16), text = buf_of(1 << 16), again = buf_of(1 << 16);
    struct weir_json_err err = {.pointer = "unset"};
    assert_non_null(copy);
    memcpy(copy, json, n);
    int rc = weir_json_to_wire(ALL, (struct weir_slice){copy, n}, NULL, 0, flags, &wire, &err);
    if (rc == 0) {
        Kinds__V1__All *all = kinds__v1__all__unpack(NULL, wire.n, wire.p);
        assert_non_null(all);
        kinds__v1__all__free_unpacked(all, NULL);
        assert_int_equal(weir_json_from_wire(ALL, (struct weir_slice){wire.p, wire.n}, &text, &err), 0);
        assert_int_equal(weir_json_to_wire(ALL, (struct weir_slice){text.p, text.n}, NULL, 0, 0, &again, &err), 0);
    } else {
        assert_string_not_equal(err.pointer, "unset");
        assert_int_equal(wire.n, 0);
    }
    weir_json_buf_free(&wire);
    weir_json_buf_free(&text);
    weir_json_buf_free(&again);
    free(copy);
    return rc;
}

static int write_exact(const void *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    struct weir_json_buf text = buf_of(1 << 16);
    struct weir_json_err err;
    assert_non_null(copy);
    if (n) memcpy(copy, bytes, n);
    int rc = weir_json_from_wire(ALL, (struct weir_slice){copy, n}, &text, &err);
    weir_json_buf_free(&text);
    free(copy);
    return rc;
}

static void a_cut_text_is_refused(void **state)
{
    (void)state;
    size_t n = strlen(rich);
    assert_int_equal(read_exact(rich, n, 0), 0);
    for (size_t i = 1; i < n; i++) assert_int_equal(read_exact(rich, i, 0), -1);
}

static void survives_changed_texts(void **state)
{
    (void)state;
    uint64_t seed = 0x9e3779b97f4a7c15u;
    char json[sizeof rich];
    static const char likely[] = "{}[]\",:\\u0123456789-+.eEtrufalsn_";
    for (int i = 0; i < 40000; i++) {
        size_t n = strlen(rich);
        memcpy(json, rich, n);
        for (uint64_t k = next_random(&seed) % 4 + 1; k; k--) {
            uint64_t r = next_random(&seed);
            json[(r >> 16) % n] = r & 1 ? (char)(r >> 8) : likely[(r >> 8 & 0xff) % (sizeof likely - 1)];
        }
        read_exact(json, n, i & 1 ? WEIR_JSON_SKIP_UNKNOWN : 0);
    }
}

static void survives_cut_and_changed_wire(void **state)
{
    (void)state;
    struct weir_json_buf wire = buf_of(1 << 16);
    struct weir_json_err err;
    uint64_t seed = 42;
    assert_int_equal(weir_json_to_wire(ALL, slice(rich), NULL, 0, 0, &wire, &err), 0);
    for (size_t i = 0; i <= wire.n; i++) write_exact(wire.p, i);
    assert_int_equal(write_exact(wire.p, wire.n), 0);
    for (int i = 0; i < 40000; i++) {
        uint64_t r = next_random(&seed);
        uint8_t *at = &wire.p[(r >> 16) % wire.n], *at2 = &wire.p[(r >> 32) % wire.n], old = *at, old2 = *at2;
        *at = (uint8_t)(r >> 8);
        if (r & 1) *at2 ^= (uint8_t)(1u << (r >> 1 & 7));
        write_exact(wire.p, wire.n);
        *at2 = old2;
        *at = old;
    }
    weir_json_buf_free(&wire);
}

/* A client may write names and texts of any length into the error: it stays whole UTF-8 and ends. */
static void errors_stay_short_and_valid(void **state)
{
    (void)state;
    struct weir_json_buf json = buf_of(10000), wire = buf_of(10000);
    struct weir_json_err err;
    for (int n = 1; n < 300; n++) {
        json.n = 0;
        weir_json_put(&json, "{\"", 2);
        for (int i = 0; i < n; i++) weir_json_put(&json, "\xe2\x82\xac", 3);
        weir_json_put(&json, "\":1}", 4);
        assert_int_equal(weir_json_to_wire(ALL, (struct weir_slice){json.p, json.n}, NULL, 0, 0, &wire, &err), -1);
        assert_true(strlen(err.pointer) < sizeof err.pointer);
        assert_int_equal((strlen(err.pointer) - 1) % 3, 0);
    }
    weir_json_buf_free(&json);
    weir_json_buf_free(&wire);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_text_is_refused),
        cmocka_unit_test(survives_changed_texts),
        cmocka_unit_test(survives_cut_and_changed_wire),
        cmocka_unit_test(errors_stay_short_and_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
