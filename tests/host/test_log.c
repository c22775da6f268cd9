/* test_log.c - log lines: both forms, escapes, the length limit, the rate limit, and a stderr that nobody reads. */
#include "log.h"
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char captured[256 * 1024];
static int real_stderr = -1, file_fd = -1;

static void capture(void)
{
    char name[] = "/tmp/weir-log-XXXXXX";
    fflush(stderr);
    file_fd = mkstemp(name);
    assert_true(file_fd >= 0);
    unlink(name);
    real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(file_fd, STDERR_FILENO) >= 0);
}

static const char *taken(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    ssize_t n = pread(file_fd, captured, sizeof(captured) - 1, 0);
    close(file_fd);
    assert_true(n >= 0);
    captured[n] = '\0';
    return captured;
}

__attribute__((format(printf, 5, 6))) static void say(enum weir_level level, const char *pipeline, const char *stage,
                                                      int lane, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    weir_logv(level, pipeline, stage, lane, fmt, ap);
    va_end(ap);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++) n++;
    return n;
}

static void writes_logfmt(void **state)
{
    (void)state;
    weir_log_setup(WEIR_INFO, false);
    capture();
    say(WEIR_WARN, "orders", "sink", 3, "server %s is away", "\"db\"\n");
    say(WEIR_INFO, NULL, NULL, -1, "plain");
    say(WEIR_DEBUG, NULL, NULL, -1, "not at this level");
    const char *text = taken();
    assert_non_null(strstr(text, " level=warn pipeline=orders stage=sink lane=3 "
                                 "msg=\"server \\\"db\\\"\\n is away\"\n"));
    assert_non_null(strstr(text, " level=info msg=plain\n"));
    assert_int_equal(count(text, "\n"), 2);
    assert_int_equal(strncmp(text, "ts=20", 5), 0);
}

static void writes_json(void **state)
{
    (void)state;
    weir_log_setup(WEIR_DEBUG, true);
    capture();
    say(WEIR_ERROR, "orders", "s\"x", 0, "tab\tcontrol\x01 bad\xff good\xc3\xa9");
    const char *text = taken();
    assert_int_equal(strncmp(text, "{\"ts\":\"", 7), 0);
    assert_non_null(strstr(text, "\"level\":\"error\",\"pipeline\":\"orders\",\"stage\":\"s\\\"x\",\"lane\":0,"
                                 "\"msg\":\"tab\\tcontrol\\u0001 bad\\ufffd good\xc3\xa9\"}\n"));
    weir_log_setup(WEIR_INFO, false);
}

static void cuts_long_lines_whole(void **state)
{
    (void)state;
    static char big[20000];
    memset(big, '"', sizeof(big) - 1);
    for (int json = 0; json < 2; json++) {
        weir_log_setup(WEIR_INFO, json);
        capture();
        say(WEIR_INFO, "p", json ? "s1" : "s0", 0, "%s", big);
        const char *text = taken();
        size_t n = strlen(text);
        assert_true(n <= 4096 && n > 4000);
        assert_string_equal(text + n - (json ? 4 : 3), json ? "\"\"}\n" : "\"\"\n");
        assert_int_equal(count(text, "\n"), 1);
    }
    weir_log_setup(WEIR_INFO, false);
}

/* 50 lines within one second or, should it turn over, few more: not all come out. The rest is counted later. */
static void limits_what_repeats(void **state)
{
    (void)state;
    capture();
    for (int i = 0; i < 50; i++) say(WEIR_INFO, "p", "chatty", 0, "again %d", i);
    for (int i = 0; i < 5; i++) say(WEIR_INFO, "p", "other", 0, "again %d", i);
    const char *text = taken();
    size_t chatty = count(text, "stage=chatty");
    assert_true(chatty >= 10 && chatty < 50);
    assert_int_equal(count(text, "stage=other"), 5);
}

static void says_what_it_left_out(void **state)
{
    (void)state;
    capture();
    const char *fmt = "left out %d";
    int said = 0;
    while (said < 1000 && count(captured, "suppressed=") == 0) { /* until the clock's second turns */
        for (int i = 0; i < 100; i++) say(WEIR_INFO, "p", "left", 0, fmt, i);
        ssize_t n = pread(file_fd, captured, sizeof(captured) - 1, 0);
        captured[n > 0 ? n : 0] = '\0';
        said++;
        usleep(10000);
    }
    assert_non_null(strstr(taken(), "suppressed="));
}

/* A lane must not wait for the reader of stderr: a full pipe loses lines, and says so when there is room again. */
static void never_waits_for_a_reader(void **state)
{
    (void)state;
    int ends[2];
    char sink[65536];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    static char big[3000];
    memset(big, 'x', sizeof(big) - 1);
    for (int i = 0; i < 100; i++) {
        char stage[16];
        snprintf(stage, sizeof(stage), "full%d", i);
        say(WEIR_INFO, "p", stage, 0, "%s", big);
    }
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    while (read(ends[0], sink, sizeof(sink)) > 0) {
    }
    say(WEIR_INFO, "p", "after", 0, "room again");
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t n = read(ends[0], sink, sizeof(sink) - 1);
    close(ends[0]);
    close(ends[1]);
    assert_true(n > 0);
    sink[n] = '\0';
    assert_non_null(strstr(sink, "stage=after"));
    assert_non_null(strstr(sink, " lost="));
}

static void *chat(void *arg)
{
    for (int i = 0; i < 200; i++) say(WEIR_INFO, "p", arg, 0, "line %d", i);
    return NULL;
}

static void any_thread(void **state)
{
    (void)state;
    static char names[4][8] = {"t0", "t1", "t2", "t3"};
    pthread_t threads[4];
    capture();
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, chat, names[i]), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    const char *text = taken();
    assert_int_equal(count(text, "\n"), count(text, "level=info"));
    assert_true(count(text, "\n") >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_logfmt),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(cuts_long_lines_whole),
        cmocka_unit_test(limits_what_repeats),
        cmocka_unit_test(says_what_it_left_out),
        cmocka_unit_test(never_waits_for_a_reader),
        cmocka_unit_test(any_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
