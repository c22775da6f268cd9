/* test_shards.c - the relay's window of one shard: pure. The random walks: test_prefix.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "shards.h"
#include <cmocka.h>

static void delivered_in_any_order_the_prefix_is_contiguous(void **state)
{
    (void)state;
    struct shard s = {.number = 3};
    for (int64_t seq = 1; seq <= 4; seq++) {
        assert_int_equal(shard_row(&s, seq), ROW_EMIT);
        shard_sent(&s, seq);
    }
    shard_delivered(&s, 2);
    shard_delivered(&s, 4);
    assert_int_equal(s.prefix, 0);
    shard_delivered(&s, 1);
    assert_int_equal(s.prefix, 2);
    shard_delivered(&s, 3);
    assert_int_equal(s.prefix, 4);
}

static void what_failed_is_emitted_again_and_what_was_delivered_is_not(void **state)
{
    (void)state;
    struct shard s = {.number = 3};
    for (int64_t seq = 1; seq <= 3; seq++) shard_sent(&s, seq);
    shard_delivered(&s, 1);
    shard_failed(&s, 1000, 50);
    assert_false(shard_may_emit(&s, 2000)); /* 3 is still under way */
    shard_delivered(&s, 3);
    assert_false(shard_may_emit(&s, 1040));
    assert_true(shard_may_emit(&s, 1050));
    assert_int_equal(s.sent, 1);
    assert_int_equal(s.attempt, 1);
    assert_int_equal(shard_row(&s, 2), ROW_EMIT);
    shard_sent(&s, 2);
    assert_int_equal(shard_row(&s, 3), ROW_DELIVERED);
    shard_skip(&s, 3);
    assert_int_equal(s.prefix, 1);
    shard_delivered(&s, 2);
    assert_int_equal(s.prefix, 3);
    assert_int_equal(s.attempt, 0);
}

static void a_gap_is_seen(void **state)
{
    (void)state;
    struct shard s = {.number = 0};
    shard_seen(&s, 10);
    assert_int_equal(shard_row(&s, 12), ROW_GAP);
    assert_int_equal(shard_row(&s, 11), ROW_EMIT);
}

static void marks_do_not_outlive_a_jump_of_published(void **state)
{
    (void)state;
    struct shard s = {.number = 0};
    for (int64_t seq = 1; seq <= 9; seq++) shard_sent(&s, seq);
    for (int64_t seq = 2; seq <= 9; seq++) shard_delivered(&s, seq);
    shard_failed(&s, 0, 0); /* 1: back to the beginning, with marks at 2..9 */
    shard_seen(&s, SHARD_WINDOW);
    for (int64_t seq = SHARD_WINDOW + 1; seq <= 2 * SHARD_WINDOW; seq++) {
        assert_int_equal(shard_row(&s, seq), ROW_EMIT);
        shard_sent(&s, seq);
    }
    assert_int_equal(shard_row(&s, 2 * SHARD_WINDOW + 1), ROW_LATER);
    assert_false(shard_may_emit(&s, 1));
}

/* One failed between a reading and its rows: they begin too far on, which is no gap. */
static void rows_of_a_reading_before_a_failure_are_stale(void **state)
{
    (void)state;
    struct shard s = {.number = 0};
    for (int64_t seq = 1; seq <= 3; seq++) shard_sent(&s, seq);
    assert_int_equal(shard_ask(&s), 3);
    shard_delivered(&s, 1);
    shard_delivered(&s, 3);
    shard_failed(&s, 0, 0);
    assert_int_equal(shard_row(&s, 4), ROW_STALE);
    assert_int_equal(shard_ask(&s), 1);
    assert_int_equal(shard_row(&s, 2), ROW_EMIT);
}

static void what_was_refused_is_over_when_somebody_published_it(void **state)
{
    (void)state;
    struct shard s = {.number = 0};
    shard_sent(&s, 1);
    shard_failed(&s, 0, 0);
    s.refused = true;
    shard_seen(&s, 1);
    assert_false(s.refused);
    assert_int_equal(s.attempt, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered_in_any_order_the_prefix_is_contiguous),
        cmocka_unit_test(what_failed_is_emitted_again_and_what_was_delivered_is_not),
        cmocka_unit_test(a_gap_is_seen),
        cmocka_unit_test(marks_do_not_outlive_a_jump_of_published),
        cmocka_unit_test(rows_of_a_reading_before_a_failure_are_stale),
        cmocka_unit_test(what_was_refused_is_over_when_somebody_published_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
