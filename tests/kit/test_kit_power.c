/* test_kit_power.c - what the kit can do beyond pushing and looking: memory that runs out, posts and work held back,
 * lanes, two kits at once, a server that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/testkit.h>

#define SECOND UINT64_C(1000000000)

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || !defined __GLIBC__
enum { MALLOC_COUNTS = 0 };
#else
enum { MALLOC_COUNTS = 1 };
#endif

static const struct weir_kit_event hello = {.value = {(const uint8_t *)"hello", 5}};

/* ---- memory */
static void a_plugin_survives_each_allocation_that_fails(void **state)
{
    (void)state;
    unsigned refused = 0, retried = 0, failed = 0, passed = 0;
    for (uint64_t n = 1, more = 1; more; n++) {
        const struct weir_kit_setup setup = {.plugin = "thrifty", .fail_alloc = n};
        char *error;
        struct weir_kit *kit = weir_kit_try_open(&setup, &error);
        if (!kit) {
            assert_non_null(strstr(error, "conf:1: thrifty: out of memory for "));
            free(error);
            refused++;
            continue;
        }
        uint64_t number = weir_kit_push(kit, &hello);
        weir_kit_run(kit);
        const struct weir_result *r = weir_kit_settled(kit, number);
        assert_non_null(r);
        more = weir_kit_alloc_failed(kit);
        retried += r->status == WEIR_RETRY;
        failed += weir_kit_state(kit, NULL) == WEIR_FAILED;
        passed += r->status == WEIR_OK;
        assert_int_equal(weir_kit_emitted(kit), r->status == WEIR_OK);
        weir_kit_close(kit);
    }
    /* share() and open(); batch_new, a note and its text, batch_alloc, ticket_new, move; work and timer_arm */
    assert_int_equal(refused, MALLOC_COUNTS ? 2 : 0);
    assert_int_equal(retried, MALLOC_COUNTS ? 6 : 4);
    assert_int_equal(failed, 2);
    assert_int_equal(passed, MALLOC_COUNTS ? 4 : 3); /* those that failed; the worker's strdup(); the last round */
}

static void an_allocation_may_fail_in_the_middle(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("thrifty", "");
    uint64_t first = weir_kit_push(kit, &hello);
    weir_kit_run(kit);
    weir_kit_settle(kit, weir_kit_assert_forwarded(kit), WEIR_OK, NULL);
    uint64_t before = weir_kit_allocs(kit);
    assert_true(before >= 5);
    weir_kit_fail_alloc(kit, 1);
    assert_false(weir_kit_alloc_failed(kit));
    uint64_t second = weir_kit_push(kit, &hello);
    weir_kit_run(kit);
    assert_true(weir_kit_alloc_failed(kit));
    weir_kit_assert_settled(kit, first, WEIR_OK, NULL);
    weir_kit_assert_settled(kit, second, WEIR_RETRY, NULL);
    weir_kit_assert_nothing_forwarded(kit);
    weir_kit_close(kit);
}

static void a_source_survives_them_too(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (uint64_t n = 1, more = 1; more; n++) {
        const struct weir_kit_setup setup = {.plugin = "clockwork", .conf = "threads = false", .fail_alloc = n};
        char *error;
        struct weir_kit *kit = weir_kit_try_open(&setup, &error);
        if (!kit) fail_msg("%s", error);
        weir_kit_advance(kit, SECOND / 50);
        more = weir_kit_alloc_failed(kit);
        failed += weir_kit_state(kit, NULL) == WEIR_FAILED;
        weir_kit_close(kit);
    }
    assert_int_equal(failed, 3); /* a timer: at open, and after each of two ticks */
}

/* ---- posts and work */
static bool a_post_is_held(void *kit)
{
    return weir_kit_held(kit, WEIR_KIT_POSTS) == 1;
}

static void posts_and_work_wait_for_the_test(void **state)
{
    (void)state;
    const struct weir_kit_setup setup = {.plugin = "clockwork", .hold = WEIR_KIT_POSTS | WEIR_KIT_WORK};
    char *error;
    struct weir_kit *kit = weir_kit_try_open(&setup, &error);
    if (!kit) fail_msg("%s", error);
    assert_true(weir_kit_wait(kit, a_post_is_held, kit, 10000));
    assert_int_equal(weir_kit_held(kit, WEIR_KIT_WORK), 1);
    weir_kit_advance(kit, SECOND / 100);
    weir_kit_assert_forwarded(kit); /* an event between the post and its arrival */
    assert_true(weir_kit_metric(kit, "weir_clockwork_posted_total") == 0);
    assert_true(weir_kit_metric(kit, "weir_clockwork_worked_total") == 0);
    assert_int_equal(weir_kit_let_go(kit, WEIR_KIT_POSTS, 1), 1);
    assert_true(weir_kit_metric(kit, "weir_clockwork_posted_total") == 1);
    assert_true(weir_kit_metric(kit, "weir_clockwork_worked_total") == 0);
    assert_int_equal(weir_kit_let_go(kit, WEIR_KIT_WORK, 0), 1);
    assert_true(weir_kit_metric(kit, "weir_clockwork_worked_total") == 1);
    assert_int_equal(weir_kit_held(kit, WEIR_KIT_POSTS | WEIR_KIT_WORK), 0);
    weir_kit_close(kit);
}

static void what_is_held_goes_at_close(void **state)
{
    (void)state;
    const struct weir_kit_setup setup = {.plugin = "clockwork", .hold = WEIR_KIT_POSTS | WEIR_KIT_WORK};
    char *error;
    struct weir_kit *kit = weir_kit_try_open(&setup, &error);
    if (!kit) fail_msg("%s", error);
    weir_kit_close(kit);
}

/* ---- lanes, instances */
static void lanes_are_driven_one_by_one_and_share(void **state)
{
    (void)state;
    const struct weir_kit_setup setup = {.plugin = "thrifty", .lanes = 2};
    char *error;
    struct weir_kit *kit = weir_kit_try_open(&setup, &error);
    if (!kit) fail_msg("%s", error);
    struct weir_kit *other = weir_kit_lane(kit, 1);
    assert_ptr_equal(weir_kit_lane(kit, 0), kit);
    assert_int_equal(weir_kit_ctx(other)->lane, 1);
    assert_ptr_equal(weir_kit_ctx(other)->shared, weir_kit_ctx(kit)->shared);
    weir_kit_push(other, &hello);
    weir_kit_push(kit, &hello);
    weir_kit_run(other);
    assert_int_equal(weir_kit_emitted(other), 1);
    assert_int_equal(weir_kit_emitted(kit), 0);
    weir_kit_run(kit);
    assert_int_equal(weir_kit_emitted(kit), 1);
    weir_kit_advance(other, SECOND / 100); /* the clock is one: both lanes' timers */
    assert_true(weir_kit_metric(kit, "weir_thrifty_ticks_total") == 1);
    assert_true(weir_kit_metric(other, "weir_thrifty_ticks_total") == 1);
    weir_kit_settle(other, weir_kit_assert_forwarded(other), WEIR_OK, NULL);
    weir_kit_close(kit);
}

static void two_kits_of_one_plugin_know_nothing_of_each_other(void **state)
{
    (void)state;
    struct weir_kit *low = weir_kit_open("stake-limit", "max = 100"), *high = weir_kit_open("stake-limit", "max = 200");
    uint64_t a = weir_kit_push_text(low, "bets.v1.PlaceBet", "stake_minor: 150");
    uint64_t b = weir_kit_push_text(high, "bets.v1.PlaceBet", "stake_minor: 150");
    weir_kit_fail_alloc(low, 1);
    weir_kit_run(high);
    weir_kit_run(low);
    weir_kit_assert_settled(low, a, WEIR_OK, "stake-too-large");
    weir_kit_assert_not_settled(high, b);
    weir_kit_assert_nothing_forwarded(low);
    weir_kit_settle(high, weir_kit_assert_forwarded(high), WEIR_OK, NULL);
    weir_kit_run(high);
    weir_kit_assert_settled(high, b, WEIR_OK, NULL);
    weir_kit_close(low);
    weir_kit_assert_state(high, WEIR_READY);
    weir_kit_close(high);
}

/* ---- a server that the test plays */
static struct weir_kit *talk_to(const struct weir_kit_peer *peer)
{
    char conf[32];
    snprintf(conf, sizeof conf, "port = %u", weir_kit_peer_port(peer));
    return weir_kit_open("talker", conf);
}

static void a_peer_reads_answers_and_cuts(void **state)
{
    (void)state;
    struct weir_kit_peer *peer = weir_kit_peer(0);
    struct weir_kit *kit = talk_to(peer);
    struct weir_kit_conn *conn = weir_kit_peer_accept(kit, peer, 10000);
    assert_non_null(conn);
    uint64_t n[3];
    for (int i = 0; i < 3; i++) n[i] = weir_kit_push(kit, &hello);
    char *line = weir_kit_conn_read_until(conn, "\n", 10000);
    assert_string_equal(line, "hello\n");
    free(line);
    weir_kit_assert_not_settled(kit, n[0]);
    assert_true(weir_kit_conn_trickle(conn, "+-", 2));
    assert_true(weir_kit_wait_settled(kit, n[1], 10000));
    weir_kit_assert_settled(kit, n[0], WEIR_OK, NULL);
    weir_kit_assert_settled(kit, n[1], WEIR_REJECT, NULL);
    char more[12];
    assert_int_equal(weir_kit_conn_read(conn, more, sizeof more, 10000), 12);
    weir_kit_conn_cut(conn);
    assert_true(weir_kit_wait_settled(kit, n[2], 10000));
    weir_kit_assert_settled(kit, n[2], WEIR_UNKNOWN, NULL);
    weir_kit_assert_state(kit, WEIR_DEGRADED);
    weir_kit_advance(kit, SECOND); /* it connects again */
    conn = weir_kit_peer_accept(kit, peer, 10000);
    assert_non_null(conn);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, 10000));
    weir_kit_conn_shut(conn);
    assert_true(weir_kit_conn_ended(conn, 10000)); /* it hung up in turn */
    weir_kit_conn_close(conn);
    weir_kit_close(kit);
    weir_kit_peer_free(peer);
}

static void a_peer_refuses_and_takes_back(void **state)
{
    (void)state;
    struct weir_kit_peer *peer = weir_kit_peer(WEIR_KIT_REFUSING);
    struct weir_kit *kit = talk_to(peer);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, 10000));
    weir_kit_peer_refuse(peer, false);
    weir_kit_advance(kit, SECOND);
    struct weir_kit_conn *conn = weir_kit_peer_accept(kit, peer, 10000);
    assert_non_null(conn);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, 10000));
    weir_kit_peer_refuse(peer, true);
    weir_kit_conn_close(conn);
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, 10000));
    weir_kit_advance(kit, SECOND);
    assert_null(weir_kit_peer_accept(kit, peer, 0));
    assert_true(weir_kit_metric(kit, "weir_talker_connects_total") == 3);
    weir_kit_close(kit);
    weir_kit_peer_free(peer);
}

static bool wrote_short(void *kit)
{
    return weir_kit_metric(kit, "weir_talker_short_writes_total") > 0;
}

static void a_peer_stalls(void **state)
{
    (void)state;
    enum { LARGE = 200 << 10 };
    char *large = malloc(LARGE + 1), *got = malloc(LARGE + 1);
    assert_true(large && got);
    memset(large, 'x', LARGE);
    struct weir_kit_peer *peer = weir_kit_peer(WEIR_KIT_NARROW);
    struct weir_kit *kit = talk_to(peer);
    struct weir_kit_conn *conn = weir_kit_peer_accept(kit, peer, 10000);
    assert_non_null(conn);
    const struct weir_kit_event e = {.value = {(const uint8_t *)large, LARGE}};
    uint64_t n = weir_kit_push(kit, &e);
    assert_true(weir_kit_wait(kit, wrote_short, kit, 10000));
    weir_kit_assert_not_settled(kit, n);
    assert_int_equal(weir_kit_conn_read(conn, got, LARGE + 1, 60000), LARGE + 1);
    assert_memory_equal(got, large, LARGE);
    assert_true(weir_kit_conn_write(conn, "+", 1, 10000));
    assert_true(weir_kit_wait_settled(kit, n, 10000));
    weir_kit_conn_close(conn);
    weir_kit_close(kit);
    weir_kit_peer_free(peer);
    free(large);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plugin_survives_each_allocation_that_fails),
        cmocka_unit_test(an_allocation_may_fail_in_the_middle),
        cmocka_unit_test(a_source_survives_them_too),
        cmocka_unit_test(posts_and_work_wait_for_the_test),
        cmocka_unit_test(what_is_held_goes_at_close),
        cmocka_unit_test(lanes_are_driven_one_by_one_and_share),
        cmocka_unit_test(two_kits_of_one_plugin_know_nothing_of_each_other),
        cmocka_unit_test(a_peer_reads_answers_and_cuts),
        cmocka_unit_test(a_peer_refuses_and_takes_back),
        cmocka_unit_test(a_peer_stalls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
