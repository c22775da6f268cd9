/* test_core.c - parts of the host's core that need no plugin: the timer heap, tickets, batches. */
#include "lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void timers_come_in_order(void **state)
{
    (void)state;
    enum { N = 500 };
    struct timers heap = {0};
    struct weir_timer *t = calloc(N, sizeof *t);
    uint64_t seed = 42;
    assert_non_null(t);
    for (int i = 0; i < N; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        assert_int_equal(timers_arm(&heap, &t[i], NULL, 1 + (seed >> 33) % 1000), 0);
    }
    for (int i = 0; i < N; i += 3) assert_true(timers_stop(&heap, &t[i]));
    assert_false(timers_stop(&heap, &t[0]));
    for (int i = 1; i < N; i += 3) assert_int_equal(timers_arm(&heap, &t[i], NULL, 2000 - (uint64_t)i), 0); /* moves */
    uint64_t last = 0;
    int n = 0;
    for (; timers_next(&heap) != UINT64_MAX; n++) {
        uint64_t next = timers_next(&heap);
        assert_true(next >= last);
        last = next;
        struct weir_timer *due = timers_due(&heap, next);
        assert_non_null(due);
        assert_null(due->priv[0]);
        assert_int_equal(due->due_ns, 0);
    }
    assert_int_equal(n, N - (N + 2) / 3);
    assert_int_equal(timers_next(&heap), UINT64_MAX);
    free(heap.v);
    free(t);
}

static void timers_are_due_by_time(void **state)
{
    (void)state;
    struct timers heap = {0};
    struct weir_timer a = {0}, b = {0}, c = {0};
    timers_arm(&heap, &a, NULL, 30);
    timers_arm(&heap, &b, NULL, 10);
    timers_arm(&heap, &c, NULL, 20);
    assert_int_equal(timers_next(&heap), 10);
    assert_null(timers_due(&heap, 9));
    assert_ptr_equal(timers_due(&heap, 25), &b);
    assert_ptr_equal(timers_due(&heap, 25), &c);
    assert_null(timers_due(&heap, 25));
    timers_arm(&heap, &a, NULL, 5);
    assert_ptr_equal(timers_due(&heap, 5), &a);
    free(heap.v);
}

static void a_ticket_keeps_the_worst(void **state)
{
    (void)state;
    struct stage owner = {.tickets = 0};
    struct weir_ticket *t = ticket_create(&owner, NULL, 3);
    const struct weir_result ok = {.status = WEIR_OK, .reply = {(const uint8_t *)"ok", 2}};
    const struct weir_result retry = {.status = WEIR_RETRY, .why = "first"};
    const struct weir_result again = {.status = WEIR_RETRY, .why = "second"};
    const struct weir_result refused = {.status = WEIR_REJECT, .reply = {(const uint8_t *)"no", 2}};
    struct stage one = {.index = 1}, two = {.index = 2};
    assert_false(ticket_settle(t, &one, &refused, ""));
    assert_memory_equal(t->worst.reply.p, "no", 2);
    assert_ptr_equal(t->by, &one);
    assert_false(ticket_settle(t, &two, &retry, "busy"));
    assert_true(ticket_settle(t, &one, &again, ""));
    assert_ptr_equal(t->by, &two);
    assert_int_equal(t->worst.status, WEIR_RETRY);
    assert_string_equal(t->worst.why, "first");
    assert_string_equal(t->worst.outcome_name, "busy");
    ticket_destroy(t);

    /* RETRY says that there was no effect: beside an OK it would lie, whichever came first */
    for (int first = 0; first < 2; first++) {
        t = ticket_create(&owner, NULL, 2);
        assert_false(ticket_settle(t, &one, first ? &ok : &retry, ""));
        assert_true(ticket_settle(t, &two, first ? &retry : &ok, ""));
        assert_int_equal(t->worst.status, WEIR_UNKNOWN);
        assert_string_equal(t->worst.why, "first");
        ticket_destroy(t);
    }
}

static void a_batch_grows_and_keeps_moved_bytes(void **state)
{
    (void)state;
    struct stage holder = {.batches = 0};
    struct batch *from = batch_create(&holder, 2), *to = batch_create(&holder, 1);
    uint8_t *big = batch_bytes(from, 100000), *small = batch_bytes(from, 3);
    assert_true((uintptr_t)big % 16 == 0 && (uintptr_t)small % 16 == 0);
    memset(big, 1, 100000);
    memcpy(small, "abc", 3);
    from->pub.n = 2;
    from->pub.ev[0].value = (struct weir_slice){small, 3};
    struct weir_event *moved = batch_move(to, from, &from->pub.ev[0]);
    assert_non_null(moved);
    assert_null(batch_move(to, from, &from->pub.ev[1])); /* full */
    batch_unref(from);
    assert_memory_equal(moved->value.p, "abc", 3); /* ASan would tell */
    batch_unref(to);
}

/* Whatever the size, a block is whole while it is held, and comes again once it was given back. */
static void a_pool_uses_blocks_again(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 127, 128, 129, 4096, 4097, 65535, 65536, 65537, 1 << 20};
    enum { N = sizeof sizes / sizeof *sizes };
    struct pool *pool = pool_new(); /* NULL in a build with sanitizers: then all of it is malloc's */
    for (int round = 0; round < 3; round++) {
        unsigned char *held[N][2];
        for (size_t i = 0; i < N; i++)
            for (int k = 0; k < 2; k++) {
                held[i][k] = pool_take(pool, sizes[i]);
                assert_non_null(held[i][k]);
                memset(held[i][k], (int)(2 * i) + k, sizes[i]);
            }
        for (size_t i = 0; i < N; i++)
            for (int k = 0; k < 2; k++) {
                for (size_t at = 0; at < sizes[i]; at++) assert_int_equal(held[i][k][at], 2 * i + (size_t)k);
                pool_give(pool, held[i][k], sizes[i]);
            }
    }
    if (pool) {
        void *first = pool_take(pool, 200);
        pool_give(pool, first, 200);
        assert_ptr_equal(pool_take(pool, 256), first);
        pool_give(pool, first, 256);
    }
    pool_free(pool);
}

static void a_pool_keeps_no_more_than_it_may(void **state)
{
    (void)state;
    enum { N = 100, SIZE = 65536 };
    struct pool *pool = pool_new();
    void *held[N];
    if (!pool) return; /* a build with sanitizers has none */
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < N; i++) assert_non_null(held[i] = pool_take(pool, SIZE));
    assert_true(mallinfo2().uordblks - before >= (size_t)N * SIZE);
    for (int i = 0; i < N; i++) pool_give(pool, held[i], SIZE);
    size_t kept = mallinfo2().uordblks - before;
    assert_in_range(kept, SIZE, 4 << 20 | 4096); /* and malloc's own few bytes a block */
    pool_free(pool);
    assert_in_range(mallinfo2().uordblks, 0, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_come_in_order),     cmocka_unit_test(timers_are_due_by_time),
        cmocka_unit_test(a_ticket_keeps_the_worst), cmocka_unit_test(a_batch_grows_and_keeps_moved_bytes),
        cmocka_unit_test(a_pool_uses_blocks_again), cmocka_unit_test(a_pool_keeps_no_more_than_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
