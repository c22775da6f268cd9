/* test_kafka_watermark.c - whatever the order in which offsets finish, the watermark is the longest finished prefix.
 * The random case compares with the plainest possible model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <watermark.h>

static void in_order(void **state)
{
    (void)state;
    struct watermark w;
    struct wm_entry e[3] = {{.offset = 10, .epoch = 1}, {.offset = 11, .epoch = 1}, {.offset = 12, .epoch = 2}};
    watermark_init(&w);
    assert_int_equal(w.next, -1);
    for (int i = 0; i < 3; i++) watermark_add(&w, &e[i]);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(watermark_done(&w, &e[i]), &e[i]);
        assert_null(e[i].next);
        assert_int_equal(w.next, 11 + i);
    }
    assert_int_equal(w.epoch, 2);
    assert_null(w.head);
    assert_null(w.tail);
}

static void waits_for_the_oldest(void **state)
{
    (void)state;
    struct watermark w;
    struct wm_entry e[3] = {{.offset = 5}, {.offset = 6}, {.offset = 7}};
    watermark_init(&w);
    for (int i = 0; i < 3; i++) watermark_add(&w, &e[i]);
    assert_null(watermark_done(&w, &e[2]));
    assert_null(watermark_done(&w, &e[1]));
    assert_int_equal(w.next, -1);
    struct wm_entry *passed = watermark_done(&w, &e[0]);
    assert_ptr_equal(passed, &e[0]);
    assert_ptr_equal(passed->next, &e[1]);
    assert_ptr_equal(passed->next->next, &e[2]);
    assert_null(e[2].next);
    assert_int_equal(w.next, 8);
}

/* A compacted topic has gaps; so has one with transactions. */
static void gaps_are_no_hindrance(void **state)
{
    (void)state;
    struct watermark w;
    struct wm_entry e[2] = {{.offset = 100}, {.offset = 5000}};
    watermark_init(&w);
    for (int i = 0; i < 2; i++) watermark_add(&w, &e[i]);
    assert_non_null(watermark_done(&w, &e[0]));
    assert_int_equal(w.next, 101);
    assert_non_null(watermark_done(&w, &e[1]));
    assert_int_equal(w.next, 5001);
}

enum { MANY = 200, ROUNDS = 300 };

static uint32_t draw(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 16) % below;
}

/* The model: an array of flags, the prefix counted anew each time. */
static void check_model(const struct watermark *w, const struct wm_entry *e, const bool *finished, int added)
{
    int64_t expected = -1;
    for (int i = 0; i < added && finished[i]; i++) expected = e[i].offset + 1;
    assert_int_equal(w->next, expected);
}

static void random_order(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= ROUNDS; seed++) {
        uint32_t s = seed;
        struct watermark w;
        struct wm_entry e[MANY] = {{0}};
        bool finished[MANY] = {false};
        int added = 0, left = 0, passed = 0;
        int64_t offset = draw(&s, 1000);
        watermark_init(&w);
        while (passed < MANY) {
            if (added < MANY && (left == 0 || draw(&s, 2))) {
                e[added].offset = offset;
                offset += 1 + draw(&s, 3);
                watermark_add(&w, &e[added++]);
                left++;
            } else {
                int i;
                do i = (int)draw(&s, (uint32_t)added);
                while (finished[i]);
                finished[i] = true;
                left--;
                for (struct wm_entry *p = watermark_done(&w, &e[i]); p; p = p->next)
                    assert_ptr_equal(p, &e[passed++]); /* each once, oldest first */
            }
            check_model(&w, e, finished, added);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(waits_for_the_oldest),
        cmocka_unit_test(gaps_are_no_hindrance),
        cmocka_unit_test(random_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
