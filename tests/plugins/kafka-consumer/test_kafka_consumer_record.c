/* test_kafka_consumer_record.c - a record's headers in the form that brokers give them: whole, cut off, and nonsense.
 * Each text is read from a block of its own length, so that a sanitizer sees a step beyond its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <record.h>
#include <stdlib.h>
#include <string.h>

/* Numbers are zigzag: 2n, and 1 for -1. Three headers: epoch=17, empty="", nothing=NULL. */
static const uint8_t three[] = {6,   10,  'e', 'p', 'o', 'c', 'h', 4,   '1', '7', 10,  'e', 'm',
                                'p', 't', 'y', 0,   14,  'n', 'o', 't', 'h', 'i', 'n', 'g', 1};

/* How many headers can be read; *whole: as many as there are said to be. */
static uint32_t read_all(const uint8_t *text, size_t n, struct weir_pair out[4], bool *whole)
{
    struct headers h = headers_begin(text, n);
    uint32_t said = h.left, count = 0;
    struct weir_pair pair;
    while (headers_next(&h, &pair)) {
        if (count < 4) out[count] = pair;
        count++;
    }
    assert_int_equal(h.left, 0);
    *whole = said > 0 && count == said;
    return count;
}

static uint32_t read_copy(const uint8_t *text, size_t n, bool *whole)
{
    struct weir_pair out[4];
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    uint32_t count = read_all(copy, n, out, whole);
    free(copy);
    return count;
}

static void names_and_values_come_in_order(void **state)
{
    (void)state;
    struct weir_pair h[4];
    bool whole;
    assert_int_equal(read_all(three, sizeof three, h, &whole), 3);
    assert_true(whole);
    assert_int_equal(h[0].name.n, 5);
    assert_memory_equal(h[0].name.p, "epoch", 5);
    assert_int_equal(h[0].value.n, 2);
    assert_memory_equal(h[0].value.p, "17", 2);
    assert_non_null(h[1].value.p);
    assert_int_equal(h[1].value.n, 0);
    assert_memory_equal(h[2].name.p, "nothing", 7);
    assert_null(h[2].value.p);
    assert_int_equal(h[2].value.n, 0);
}

static void what_is_cut_off_is_not_whole(void **state)
{
    (void)state;
    bool whole;
    for (size_t n = 0; n < sizeof three; n++) {
        assert_true(read_copy(three, n, &whole) < 3);
        assert_false(whole);
    }
    assert_int_equal(read_copy(three, sizeof three, &whole), 3);
    assert_true(whole);
}

static void nonsense_is_no_header(void **state)
{
    (void)state;
    static const struct {
        uint8_t text[12];
        size_t n;
    } wrong[] = {{{0}, 1},                                                              /* none */
                 {{1}, 1},                                                              /* -1 of them */
                 {{2, 1, 0}, 3},                                                        /* a name of length -1 */
                 {{2, 3, 0}, 3},                                                        /* of length -2 */
                 {{2, 2, 'n', 3}, 4},                                                   /* a value of length -2 */
                 {{2, 2, 'n', 40, 'v'}, 5},                                             /* one beyond the end */
                 {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 11}, /* too long a number */
                 {{2, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 11}};   /* a very long name */
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bool whole;
        assert_int_equal(read_copy(wrong[i].text, wrong[i].n, &whole), 0);
        assert_false(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_values_come_in_order),
                                       cmocka_unit_test(what_is_cut_off_is_not_whole),
                                       cmocka_unit_test(nonsense_is_no_header)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
