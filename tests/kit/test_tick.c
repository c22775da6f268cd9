/* test_tick.c - the lane's one timer of the loop library, behind all timers of its stages; on the machine's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/testkit.h>

struct timers {
    struct weir_timer due, next;
    bool fired;
};

static void never(struct weir_timer *timer)
{
    (void)timer;
}

static void fires(struct weir_timer *timer)
{
    weir_container(timer, struct timers, next)->fired = true;
}

static bool has_fired(void *arg)
{
    return ((struct timers *)arg)->fired;
}

/* What is due already wakes the lane by itself. Stopped before the lane is awake, it must not take the next with it. */
static void a_timer_outlives_one_that_was_due_and_is_stopped(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open_with("stake-limit", NULL, WEIR_KIT_REAL_CLOCK);
    struct weir_ctx *ctx = weir_kit_ctx(kit);
    struct timers t = {.due.fn = never, .next.fn = fires};
    ctx->host->timer_arm(ctx, &t.due, 0);
    ctx->host->timer_arm(ctx, &t.next, 20000000);
    ctx->host->timer_stop(ctx, &t.due);
    assert_true(weir_kit_wait(kit, has_fired, &t, 10000));
    weir_kit_close(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_timer_outlives_one_that_was_due_and_is_stopped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
