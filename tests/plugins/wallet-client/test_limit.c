/* test_limit.c - how many debits are given to a wallet, against one that answers so many a millisecond, oldest first.
 */
#include "client.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000000, TIMEOUT_MS = 80, MANY = 1 << 16 };

static uint64_t clock_ns;
static uint64_t now(struct weir_ctx *ctx)
{
    (void)ctx;
    return clock_ns;
}
static void metric(struct weir_ctx *ctx, uint32_t index, const char *const *labels, double v)
{
    (void)ctx, (void)index, (void)labels, (void)v;
}
void client_wake(struct client *c)
{
    (void)c;
}
void client_busy(struct client *c)
{
    (void)c;
}

static struct debit debits[MANY];
struct world {
    struct weir_host host;
    struct weir_ctx ctx;
    struct cfg cfg;
    struct client c;
    uint32_t came, sent, done; /* debits are numbered as they come; those before `sent` were sent or given up */
    uint32_t in_time, late, refused, away; /* away: not taken in at all */
};

static void world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    memset(debits, 0, sizeof debits);
    w->host.now = now;
    w->host.metric = metric;
    w->ctx.host = &w->host;
    w->cfg.timeout = (int64_t)TIMEOUT_MS * MS;
    w->c.ctx = &w->ctx;
    w->c.cfg = &w->cfg;
    limit_init(&w->c);
}

static void answer(struct world *w, uint32_t most)
{
    for (; w->done < w->sent && most; w->done++) {
        struct debit *d = &debits[w->done];
        if (!d->sent) continue; /* refused here */
        limit_done(&w->c, d);
        w->c.n_debits--;
        limit_waiting(&w->c);
        most--;
        if (clock_ns - d->started <= w->cfg.timeout)
            w->in_time++;
        else
            w->late++;
    }
}

static void give(struct world *w)
{
    for (; w->sent < w->came; w->sent++) {
        struct debit *d = &debits[w->sent];
        if (limit_too_old(&w->c, d, clock_ns)) {
            w->refused++;
            w->c.n_debits--;
            limit_waiting(&w->c);
        } else if (limit_room(&w->c)) {
            limit_sent(&w->c, d, clock_ns);
        } else {
            return;
        }
    }
}

static void come(struct world *w)
{
    if (w->c.crowded) {
        w->away++;
        return;
    }
    debits[w->came++].started = clock_ns;
    w->c.n_debits++;
    limit_waiting(&w->c);
}

/* So many milliseconds in which `offered` come, and the wallet answers `capacity`. */
static void run(struct world *w, uint32_t ms, uint32_t offered, uint32_t capacity)
{
    w->in_time = w->late = w->refused = w->away = 0;
    for (; ms; ms--) {
        clock_ns += MS;
        for (uint32_t i = 0; i < offered; i++) come(w);
        assert_true(w->came < MANY);
        give(w);
        answer(w, capacity);
        give(w);
    }
}

static void what_can_be_done_is_not_held_up(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    run(&w, 1000, 8, 10);
    assert_int_equal(w.in_time, 8000);
    assert_int_equal(w.refused + w.away, 0);
}

/* Three times what can be done: the wallet goes on with what is in time, and the rest is not even taken in. */
static void too_much_costs_nothing(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    run(&w, 500, 30, 10); /* finds its measure */
    run(&w, 1000, 30, 10);
    assert_true(w.in_time >= 9500);
    assert_true(w.late <= 100);
    assert_true(w.away >= 19000);
    assert_true(w.refused <= 100);
    run(&w, 200, 8, 20); /* and after it nothing is left of it */
    run(&w, 200, 8, 10);
    assert_int_equal(w.in_time, 1600);
    assert_int_equal(w.refused + w.late + w.away, 0);
}

/* After a second without answers it takes a moment, not minutes, until as much is let in as before. */
static void a_stall_is_forgotten(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    run(&w, 200, 8, 10);
    run(&w, 1000, 8, 0);
    run(&w, 500, 8, 20);
    run(&w, 500, 8, 10);
    assert_int_equal(w.in_time, 4000);
    assert_int_equal(w.refused + w.away, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_done_is_not_held_up),
        cmocka_unit_test(too_much_costs_nothing),
        cmocka_unit_test(a_stall_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
