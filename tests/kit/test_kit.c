/* test_kit.c - the contract of plugin.h as a plugin sees it, and that the kit catches who breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/testkit.h>

#define MS UINT64_C(1000000)

/* The test in the opening comment of testkit.h, over the filter in the opening comment of plugin.h. */
static void refuses_a_large_stake(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("stake-limit", "max = 100");
    uint64_t small = weir_kit_push_text(kit, "bets.v1.PlaceBet", "stake_minor: 100");
    uint64_t large = weir_kit_push_text(kit, "bets.v1.PlaceBet", "stake_minor: 101");
    weir_kit_run(kit);
    assert_string_equal(weir_kit_settled(kit, large)->outcome_name, "stake-too-large");
    struct weir_event *ev = weir_kit_forwarded(kit);
    assert_int_equal(ev->position, small);
    assert_null(weir_kit_settled(kit, small));
    weir_kit_settle(kit, ev, WEIR_OK, NULL);
    weir_kit_run(kit);
    assert_int_equal(weir_kit_settled(kit, small)->status, WEIR_OK);
    assert_null(weir_kit_forwarded(kit));
    weir_kit_close(kit);
}

static void a_refused_option_names_its_line(void **state)
{
    (void)state;
    char *errors = weir_kit_refuses("stake-limit", "\nmaxx = 5");
    assert_non_null(errors);
    assert_non_null(strstr(errors, "conf:2: stake-limit.maxx: unknown option; did you mean \"max\"?"));
    free(errors);
    assert_null(weir_kit_refuses("stake-limit", "max = 5"));
    errors = weir_kit_refuses("stake-limit", "max = 0");
    assert_non_null(strstr(errors, "conf:1: stake-limit.max:"));
    free(errors);
}

static void the_worst_status_and_its_reason_travel_back(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("stake-limit", "");
    uint64_t n = weir_kit_push_text(kit, "bets.v1.PlaceBet", "stake_minor: 1");
    weir_kit_run(kit);
    const struct weir_pair header = {{(const uint8_t *)"a", 1}, {(const uint8_t *)"bc", 2}};
    const struct weir_result r = {.status = WEIR_RETRY,
                                  .reply = {(const uint8_t *)"later", 5},
                                  .headers = &header,
                                  .n_headers = 1,
                                  .retry_after_ns = 5,
                                  .outcome_name = "full",
                                  .why = "no room"};
    weir_kit_settle_with(kit, weir_kit_forwarded(kit), &r);
    weir_kit_run(kit);
    const struct weir_result *got = weir_kit_settled(kit, n);
    assert_int_equal(got->status, WEIR_RETRY);
    assert_string_equal(got->outcome_name, "full");
    assert_string_equal(got->why, "no room");
    assert_int_equal(got->reply.n, 5);
    assert_memory_equal(got->reply.p, "later", 5);
    assert_int_equal(got->n_headers, 1);
    assert_memory_equal(got->headers[0].value.p, "bc", 2);
    weir_kit_close(kit);
}

/* A filter that answers early: upstream hears at once, its own ticket hears what became of the event. */
static void an_early_answer_has_a_ticket_of_its_own(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("early", "");
    struct weir_event *ev[3];
    const struct weir_kit_event e = {.value = {(const uint8_t *)"v", 1}};
    for (int i = 0; i < 3; i++) weir_kit_push(kit, &e);
    weir_kit_run(kit);
    for (uint64_t i = 1; i <= 3; i++) assert_string_equal(weir_kit_settled(kit, i)->outcome_name, "taken");
    for (int i = 0; i < 3; i++) assert_non_null(ev[i] = weir_kit_forwarded(kit));
    assert_memory_equal(ev[2]->value.p, "v", 1); /* the bytes live though their first batch is gone */
    weir_kit_drain(kit);
    assert_false(weir_kit_drained(kit));
    weir_kit_settle(kit, ev[0], WEIR_OK, NULL);
    weir_kit_settle(kit, ev[1], WEIR_UNKNOWN, "gone");
    weir_kit_run(kit);
    assert_false(weir_kit_drained(kit));
    weir_kit_settle(kit, ev[2], WEIR_OK, NULL);
    weir_kit_run(kit);
    assert_true(weir_kit_drained(kit));
    assert_true(weir_kit_metric(kit, "weir_early_confirmed_total") == 2);
    assert_true(weir_kit_metric(kit, "weir_early_lost_total") == 1);
    weir_kit_close(kit);
}

static void the_clock_is_the_tests(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("clockwork", "every = \"10ms\"");
    weir_kit_advance(kit, 9 * MS);
    assert_null(weir_kit_forwarded(kit));
    weir_kit_advance(kit, 1 * MS);
    struct weir_event *ev = weir_kit_forwarded(kit);
    assert_int_equal(ev->position, 1);
    weir_kit_settle(kit, ev, WEIR_OK, NULL);
    weir_kit_advance(kit, 100 * MS);
    assert_true(weir_kit_metric(kit, "weir_clockwork_emitted_total") == 11);
    assert_true(weir_kit_metric(kit, "weir_clockwork_settled_total") == 1);
    weir_kit_close(kit);
}

static bool posted(void *kit)
{
    return weir_kit_metric(kit, "weir_clockwork_posted_total") == 1;
}

static void posts_and_work_come_back_to_the_lane(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("clockwork", "");
    assert_true(weir_kit_wait(kit, posted, kit, 10000));
    weir_kit_run(kit);
    assert_true(weir_kit_metric(kit, "weir_clockwork_worked_total") == 1);
    weir_kit_close(kit);
}

static void a_closed_flow_holds_the_source_back(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("clockwork", "every = \"1ms\"");
    weir_kit_flow(kit, false);
    weir_kit_advance(kit, 5 * MS);
    assert_null(weir_kit_forwarded(kit));
    assert_true(weir_kit_metric(kit, "weir_clockwork_held_back_total") == 5);
    weir_kit_flow(kit, true);
    weir_kit_advance(kit, 1 * MS);
    assert_non_null(weir_kit_forwarded(kit));
    weir_kit_close(kit);
}

/* The window: 8192 unsettled events by default, opened again at three quarters. */
static void a_spent_window_closes_the_flow(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("clockwork", "every = \"1us\"");
    weir_kit_advance(kit, 10 * MS);
    assert_true(weir_kit_metric(kit, "weir_clockwork_emitted_total") == 8192);
    for (int i = 0; i < 2048; i++) weir_kit_settle(kit, weir_kit_forwarded(kit), WEIR_OK, NULL);
    weir_kit_advance(kit, 1 * MS);
    assert_true(weir_kit_metric(kit, "weir_clockwork_emitted_total") == 8192);
    weir_kit_settle(kit, weir_kit_forwarded(kit), WEIR_OK, NULL);
    weir_kit_advance(kit, 10 * MS);
    assert_true(weir_kit_metric(kit, "weir_clockwork_emitted_total") == 8192 + 2049);
    weir_kit_close(kit);
}

static void a_counted_source_ends_its_lane(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("clockwork", "count = 2");
    weir_kit_advance(kit, 100 * MS);
    weir_kit_settle(kit, weir_kit_forwarded(kit), WEIR_OK, NULL);
    weir_kit_settle(kit, weir_kit_forwarded(kit), WEIR_OK, NULL);
    weir_kit_run(kit);
    assert_true(weir_kit_drained(kit));
    weir_kit_close(kit);
}

/* Flow is about the window, drain about the end: a source finishes what it has begun to take in. */
static void a_source_may_emit_until_it_is_drained(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("clockwork", "every = \"1ms\", last_words = 2");
    weir_kit_drain(kit);
    weir_kit_advance(kit, 1 * MS);
    weir_kit_settle(kit, weir_kit_forwarded(kit), WEIR_OK, NULL);
    weir_kit_run(kit);
    assert_false(weir_kit_drained(kit));
    weir_kit_flow(kit, false); /* the window holds in a drain, too */
    weir_kit_advance(kit, 2 * MS);
    assert_null(weir_kit_forwarded(kit));
    assert_true(weir_kit_metric(kit, "weir_clockwork_held_back_total") == 2);
    weir_kit_flow(kit, true);
    weir_kit_advance(kit, 1 * MS);
    weir_kit_settle(kit, weir_kit_forwarded(kit), WEIR_OK, NULL);
    weir_kit_run(kit);
    assert_true(weir_kit_drained(kit));
    assert_true(weir_kit_metric(kit, "weir_clockwork_emitted_total") == 2);
    weir_kit_close(kit);
}

static bool ended(void *kit)
{
    return weir_kit_metric(kit, "weir_watcher_ended_total") == 1;
}

/* A connection that the other side resets is an error on the fd: a watch is level-triggered, it is said until read. */
static void a_reset_connection_is_read_to_its_end(void **state)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    char conf[32];
    (void)state;
    int on = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    assert_false(bind(on, (struct sockaddr *)&sa, n) || listen(on, 1) || getsockname(on, (struct sockaddr *)&sa, &n) ||
                 connect(client, (struct sockaddr *)&sa, n));
    int fd = accept(on, NULL, NULL);
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(send(client, "abc", 3, 0), 3);
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(client);
    snprintf(conf, sizeof conf, "fd = %d", fd);
    struct weir_kit *kit = weir_kit_open("watcher", conf);
    assert_true(weir_kit_wait(kit, ended, kit, 10000));
    weir_kit_close(kit);
    close(fd);
    close(on);
}

/* What main() does in a child that is to fail: argv[1] names the fault. */
static void run_faulty(void **state)
{
    char conf[64];
    snprintf(conf, sizeof conf, "fault = \"%s\"", (const char *)*state);
    struct weir_kit *kit = weir_kit_open("faulty", conf);
    const struct weir_kit_event e = {.position = 77};
    if (!strcmp(*state, "loses-without-memory")) weir_kit_fail_alloc(kit, 1);
    weir_kit_push(kit, &e);
    weir_kit_run(kit);
    weir_kit_close(kit);
}

static void run_talkative(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("clockwork", "speaks_drained = true, threads = false");
    weir_kit_close(kit);
}

static void run_wrong_settle(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("faulty", "");
    const struct weir_kit_event e = {0};
    uint64_t number = weir_kit_push(kit, &e);
    weir_kit_run(kit);
    weir_kit_assert_settled(kit, number, WEIR_REJECT, "no-such");
}

static int be_the_child(char *fault)
{
    CMUnitTestFunction test = !strcmp(fault, "talkative")      ? run_talkative
                              : !strcmp(fault, "wrong-settle") ? run_wrong_settle
                                                               : run_faulty;
    const struct CMUnitTest tests[] = {{"faulty", test, NULL, NULL, fault}};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    fflush(NULL);
    _exit(rc); /* not exit: a thread that was left behind would still run */
}

static const char *output_of(const char *fault, int *failed)
{
    static char out[8192];
    int fd[2], status;
    assert_int_equal(pipe(fd), 0);
    pid_t child = fork();
    if (!child) {
        dup2(fd[1], 1);
        dup2(fd[1], 2);
        close(fd[0]);
        close(fd[1]);
        execl("/proc/self/exe", "test_kit", fault, (char *)NULL);
        _exit(127);
    }
    close(fd[1]);
    size_t n = 0;
    for (ssize_t got; n < sizeof out - 1 && (got = read(fd[0], out + n, sizeof out - 1 - n)) > 0;) n += (size_t)got;
    out[n] = 0;
    close(fd[0]);
    waitpid(child, &status, 0);
    *failed = !WIFEXITED(status) || WEXITSTATUS(status);
    return out;
}

#ifdef __SANITIZE_ADDRESS__
#define TOUCHED "AddressSanitizer: use-after-poison"
#else
#define TOUCHED                                                                                          \
    "plugin faulty broke a rule: a batch was written to after it was released (the one that began with " \
    "the event at position 77)"
#endif

static void the_kit_catches_broken_rules(void **state)
{
    (void)state;
    static const char *const faults[][2] = {
        {"settles-twice",
         "plugin faulty broke a rule: settle: the event was settled, answered or forwarded before (the "
         "event at position 77)"},
        {"releases-unsettled", "plugin faulty broke a rule: release: a batch with events that nobody settled"},
        {"keeps-batch", "plugin faulty broke a rule: close: left behind 0 armed timers, 0 watches, 1 batches"},
        {"leaves-timer", "plugin faulty broke a rule: close: left behind 1 armed timers"},
        {"forwards-at-the-end", "plugin faulty broke a rule: forward: this is the last stage"},
        {"never-settles", "plugin faulty broke a rule: close: event 1 (at position 77) was never settled"},
        {"releases-twice", "plugin faulty broke a rule: release: the batch is not this stage's (any more)"},
        {"settles-released", "plugin faulty broke a rule: settle: the event is in a batch that was released before"},
        {"writes-to-released", TOUCHED},
        {"allocates-from-released", "plugin faulty broke a rule: batch_alloc: the batch was released before"},
        {"leaves-watch", "plugin faulty broke a rule: close: left behind 0 armed timers, 1 watches"},
        {"leaves-fd", "(/dev/null)"},
        {"leaves-thread", "plugin faulty broke a rule: close: left behind a thread (\""},
        {"calls-from-thread", "plugin faulty broke a rule: state: called from a thread that is not the lane's"},
        {"posts-twice", "plugin faulty broke a rule: post: the task is posted already and has not run yet"},
        {"loses-without-memory", "plugin faulty broke a rule: close: event 1 (at position 77) was never settled"},
        {"opens-half", "plugin faulty broke a rule: close: left behind 1 armed timers"},
        {"talkative", "plugin clockwork broke a rule: forward: this source has said that it is drained"},
        {"wrong-settle", "plugin faulty: event 1: expected REJECT \"no-such\", found OK \"\""},
        {"wrong-settle", __FILE__},
    };
    int failed;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const char *out = output_of(faults[i][0], &failed);
        if (!failed || !strstr(out, faults[i][1])) fail_msg("%s was not caught:\n%s", faults[i][0], out);
    }
    const char *out = output_of("none", &failed);
    if (failed) fail_msg("a good plugin was blamed:\n%s", out);
}

int main(int argc, char **argv)
{
    if (argc == 2) return be_the_child(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_large_stake),
        cmocka_unit_test(a_refused_option_names_its_line),
        cmocka_unit_test(the_worst_status_and_its_reason_travel_back),
        cmocka_unit_test(an_early_answer_has_a_ticket_of_its_own),
        cmocka_unit_test(the_clock_is_the_tests),
        cmocka_unit_test(posts_and_work_come_back_to_the_lane),
        cmocka_unit_test(a_closed_flow_holds_the_source_back),
        cmocka_unit_test(a_spent_window_closes_the_flow),
        cmocka_unit_test(a_counted_source_ends_its_lane),
        cmocka_unit_test(a_source_may_emit_until_it_is_drained),
        cmocka_unit_test(a_reset_connection_is_read_to_its_end),
        cmocka_unit_test(the_kit_catches_broken_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
