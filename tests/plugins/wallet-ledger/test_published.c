/* test_published.c - confirmed ranges in any order become a contiguous prefix. Pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "published.h"
#include <cmocka.h>

static void ranges_join(void **state)
{
    (void)state;
    struct published p = {0};
    published_add(&p, 5, 6);
    published_add(&p, 9, 9);
    published_add(&p, 2, 3);
    assert_int_equal(p.prefix, 0);
    assert_int_equal(p.n, 3);
    published_add(&p, 4, 4); /* joins 2-3 and 5-6 */
    assert_int_equal(p.n, 2);
    published_add(&p, 1, 1);
    assert_int_equal(p.prefix, 6);
    assert_int_equal(p.n, 1);
    published_add(&p, 3, 8); /* overlaps the prefix */
    assert_int_equal(p.prefix, 9);
    assert_int_equal(p.n, 0);
}

static void nonsense_changes_nothing(void **state)
{
    (void)state;
    struct published p = {0};
    published_add(&p, 0, 5);
    published_add(&p, -3, 5);
    published_add(&p, 5, 4);
    published_add(&p, 1, INT64_MAX);
    assert_int_equal(p.prefix, 0);
    assert_int_equal(p.n, 0);
}

static void too_many_ranges_lose_the_highest(void **state)
{
    (void)state;
    struct published p = {0};
    for (int64_t i = 0; i < PUBLISHED_RANGES + 5; i++) published_add(&p, 10 + 2 * i, 10 + 2 * i);
    assert_int_equal(p.n, PUBLISHED_RANGES);
    published_add(&p, 3, 3);
    assert_int_equal(p.n, PUBLISHED_RANGES);
    assert_int_equal(p.range[0].first, 3);
    assert_int_equal(p.range[PUBLISHED_RANGES - 1].first, 10 + 2 * (PUBLISHED_RANGES - 2));
    published_add(&p, 1, 1000);
    assert_int_equal(p.prefix, 1000);
    assert_int_equal(p.n, 0);
}

static void what_does_not_exist_is_cut(void **state)
{
    (void)state;
    struct published p = {0};
    published_add(&p, 1, 100);
    published_seen(&p, 0, 40);
    assert_int_equal(p.prefix, 40);
    assert_true(published_pending(&p));
    published_add(&p, 50, 60);
    published_add(&p, 70, 80);
    published_seen(&p, 40, 55);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.range[0].last, 55);
    published_seen(&p, 49, 90); /* somebody else filled the hole */
    assert_int_equal(p.prefix, 55);
    published_seen(&p, 90, 90);
    assert_int_equal(p.prefix, 90);
    assert_false(published_pending(&p));
}

enum { EVENTS = 3000 };

/* The prefix never passes an event that was not confirmed, and reaches the end when all are (nothing being forgotten).
 */
static void random_orders(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 100; seed++) {
        static int64_t order[EVENTS];
        static uint8_t confirmed[EVENTS + 2];
        uint32_t dice = seed;
        struct published p = {0};
        for (int i = 0; i < EVENTS; i++) order[i] = i + 1, confirmed[i + 1] = 0;
        for (int i = 0; i < EVENTS; i++) { /* shuffled nearby, as acknowledgements are */
            dice = dice * 1664525u + 1013904223u;
            int k = i + (int)((dice >> 8) % 12);
            if (k >= EVENTS) k = EVENTS - 1;
            int64_t swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        for (int i = 0; i < EVENTS; i++) {
            published_add(&p, order[i], order[i]);
            confirmed[order[i]] = 1;
            while (p.written < p.prefix) assert_true(confirmed[++p.written]);
        }
        assert_true(p.prefix <= EVENTS);
        for (int64_t i = 1; i <= EVENTS; i++) published_add(&p, i, i); /* what was forgotten, once more */
        assert_int_equal(p.prefix, EVENTS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_join),
        cmocka_unit_test(nonsense_changes_nothing),
        cmocka_unit_test(too_many_ranges_lose_the_highest),
        cmocka_unit_test(what_does_not_exist_is_cut),
        cmocka_unit_test(random_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
