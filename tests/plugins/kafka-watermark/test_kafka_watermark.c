/* test_kafka_watermark.c - whatever the order in which offsets finish, the watermark is the longest finished prefix.
 * The random case compares with the plainest possible model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "property.h"
#include <stdlib.h>
#include <string.h>
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

enum { MANY = 200, LOG = 400, MEMBERS = 3 };

/* The model: an array of flags, the prefix counted anew each time. */
static void check_model(const struct watermark *w, const struct wm_entry *e, const bool *finished, int added)
{
    int64_t expected = -1;
    for (int i = 0; i < added && finished[i]; i++) expected = e[i].offset + 1;
    assert_int_equal(w->next, expected);
}

static void any_order(struct dice *d)
{
    struct watermark w;
    struct wm_entry e[MANY] = {{0}};
    bool finished[MANY] = {false};
    int added = 0, left = 0, passed = 0;
    int64_t offset = roll(d, 1000);
    uint32_t lag = 1 + roll(d, MANY); /* how many may be unfinished */
    watermark_init(&w);
    while (passed < MANY) {
        if (added < MANY && (left == 0 || ((uint32_t)left < lag && roll(d, 2)))) {
            e[added].offset = offset;
            offset += 1 + roll(d, 3);
            watermark_add(&w, &e[added++]);
            left++;
        } else {
            int i;
            do i = (int)roll(d, (uint32_t)added);
            while (finished[i]);
            finished[i] = true;
            left--;
            for (struct wm_entry *p = watermark_done(&w, &e[i]); p; p = p->next)
                assert_ptr_equal(p, &e[passed++]); /* each once, oldest first */
        }
        check_model(&w, e, finished, added);
    }
}

static void random_order(void **state)
{
    (void)state;
    property_run(any_order, 300);
}

/* One partition's log and its readers, one after the other: each begins at what is committed, and what an earlier one
 * had in flight may still settle, late. The model: which records were dealt with, by anybody. */
struct reader {
    struct watermark w;
    struct wm_entry entry[LOG];
    int64_t read, flying[LOG];
    uint32_t n;
};
struct log {
    struct reader reader[MEMBERS];
    bool dealt[LOG];
    int64_t committed, request; /* request: a commit that is under way, -1: none */
    uint32_t now;               /* the reader that has the partition */
};

static void begin(struct log *log, uint32_t member)
{
    struct reader *r = &log->reader[member];
    log->now = member;
    log->request = -1; /* a commit of the one before it was lost, or was not */
    watermark_init(&r->w);
    r->read = log->committed;
    r->n = 0;
}

static void settle_one(struct log *log, struct reader *r, struct dice *d)
{
    if (!r->n) return;
    uint32_t i = roll(d, r->n);
    int64_t offset = r->flying[i];
    r->flying[i] = r->flying[--r->n];
    log->dealt[offset] = true;
    watermark_done(&r->w, &r->entry[offset]);
}

static void commit_answered(struct log *log, bool lost)
{
    if (!lost && log->request > log->committed) log->committed = log->request;
    log->request = -1;
    for (int64_t o = 0; o < log->committed; o++)
        if (!log->dealt[o]) fail_msg("offset %d is committed and nobody dealt with it", (int)o);
}

static void turn(struct log *log, struct dice *d)
{
    struct reader *r = &log->reader[log->now];
    switch (roll(d, 12)) {
    case 0: commit_answered(log, roll(d, 3) == 0); break;
    case 1: log->request = r->w.next; break;
    case 2: settle_one(log, &log->reader[roll(d, MEMBERS)], d); break; /* late, of an old generation */
    case 3:
        if (roll(d, 6)) break;
        if (roll(d, 2)) commit_answered(log, false); /* it arrived just before the end */
        begin(log, (log->now + 1) % MEMBERS);        /* a kill -9, or a rebalance without a drain */
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        if (r->read == LOG) break;
        r->entry[r->read].offset = r->read;
        watermark_add(&r->w, &r->entry[r->read]);
        r->flying[r->n++] = r->read++;
        break;
    default: settle_one(log, r, d); break;
    }
}

static void readers_come_and_go(struct dice *d)
{
    static struct log log;
    memset(&log, 0, sizeof log);
    for (uint32_t i = 0; i < MEMBERS; i++) begin(&log, i);
    for (int i = 0; i < 3000; i++) turn(&log, d);
    struct reader *r = &log.reader[log.now];
    while (r->read < LOG || r->n) { /* and in the end all of it */
        if (r->read < LOG) {
            r->entry[r->read].offset = r->read;
            watermark_add(&r->w, &r->entry[r->read]);
            r->flying[r->n++] = r->read++;
        }
        settle_one(&log, r, d);
    }
    if (r->w.next >= 0) log.request = r->w.next;
    commit_answered(&log, false);
    assert_int_equal(log.committed, LOG);
}

static void restarts_and_late_settles(void **state)
{
    (void)state;
    property_run(readers_come_and_go, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),  cmocka_unit_test(waits_for_the_oldest),   cmocka_unit_test(gaps_are_no_hindrance),
        property_test(random_order), property_test(restarts_and_late_settles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
