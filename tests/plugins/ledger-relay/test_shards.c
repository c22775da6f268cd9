/* test_shards.c - the relay's window of one shard: pure, with a random walk that checks it against a plain array. */
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
    shard_seen(&s, 256);
    for (int64_t seq = 257; seq < 257 + SHARD_WINDOW; seq++) {
        assert_int_equal(shard_row(&s, seq), ROW_EMIT);
        shard_sent(&s, seq);
    }
    assert_int_equal(shard_row(&s, 257 + SHARD_WINDOW), ROW_LATER);
    assert_false(shard_may_emit(&s, 1));
}

enum { EVENTS = 4000 };
static uint32_t dice(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % n;
}

/* Reads, deliveries, failures and confirmations by others, from fixed seeds: what is counted as published was delivered
 * or confirmed, and in the end all is. */
static void walk(uint32_t seed)
{
    static uint8_t delivered[EVENTS + 1];
    int64_t flying[SHARD_WINDOW];
    uint32_t n = 0;
    int64_t published = 0;
    struct shard s = {.number = 0};
    for (int i = 0; i <= EVENTS; i++) delivered[i] = 0;
    for (uint64_t step = 0; s.prefix < EVENTS; step++) {
        assert_true(step < 10000000);
        if (dice(&seed, 50) == 0) { /* somebody else moves it on */
            for (uint32_t k = dice(&seed, 20); k && published < EVENTS; k--) delivered[++published] = 1;
            if (published > s.prefix) shard_seen(&s, published);
            published = published > s.prefix ? published : s.prefix;
        } else if (dice(&seed, 2) && shard_may_emit(&s, step)) {
            int64_t seq = s.sent + 1;
            for (uint32_t k = dice(&seed, 9); k && seq <= EVENTS && !s.rewind; k--, seq++) {
                enum row row = shard_row(&s, seq);
                if (row == ROW_LATER) break;
                assert_int_not_equal(row, ROW_GAP);
                if (row == ROW_DELIVERED) {
                    assert_true(delivered[seq]);
                    shard_skip(&s, seq);
                } else {
                    shard_sent(&s, seq);
                    flying[n++] = seq;
                }
            }
        } else if (n) {
            uint32_t i = dice(&seed, n);
            int64_t seq = flying[i];
            flying[i] = flying[--n];
            if (dice(&seed, 8) == 0) {
                shard_failed(&s, step, 3);
            } else {
                delivered[seq] = 1;
                shard_delivered(&s, seq);
            }
        }
        assert_true(s.in_flight == n);
        assert_true(!s.prefix || delivered[s.prefix]);
    }
    for (int i = 1; i <= EVENTS; i++) assert_true(delivered[i]);
}

static void random_walks(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 200; seed++) walk(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivered_in_any_order_the_prefix_is_contiguous),
        cmocka_unit_test(what_failed_is_emitted_again_and_what_was_delivered_is_not),
        cmocka_unit_test(a_gap_is_seen),
        cmocka_unit_test(marks_do_not_outlive_a_jump_of_published),
        cmocka_unit_test(random_walks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
