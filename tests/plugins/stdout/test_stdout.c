/* test_stdout.c - the lines, byte by byte, and a reader that is slow, or gone. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <weir/testkit.h>

static int saved = -1, ends[2];

/* The plugin prints into a pipe, the test's own words go where they went. */
static int begin(void **state)
{
    (void)state;
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    if (pipe2(ends, O_CLOEXEC) != 0 || dup2(ends[1], STDOUT_FILENO) < 0) return -1;
    close(ends[1]);
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static void restore(void)
{
    if (saved < 0) return;
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    saved = -1;
}

static int end(void **state)
{
    (void)state;
    restore();
    if (ends[0] >= 0) close(ends[0]);
    return 0;
}

static uint64_t push(struct weir_kit *kit, const char *key, const char *value)
{
    const struct weir_kit_event ev = {.key = {(const uint8_t *)key, strlen(key)},
                                      .value = {(const uint8_t *)value, strlen(value)},
                                      .ts_ns = 1700000000000000000u};
    return weir_kit_push(kit, &ev);
}

static void printed(const char *expected)
{
    char text[4096];
    ssize_t n = read(ends[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    assert_string_equal(text, expected);
}

static void prints_text(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("stdout", "");
    uint64_t a = push(kit, "k", "hello");
    push(kit, "", "two\nlines\t\\ \x01\xff \xc3\xa9");
    weir_kit_push_text(kit, "bets.v1.PlaceBet", "bet_id: b1; stake_minor: 5");
    weir_kit_run(kit);
    printed("k\thello\n"
            "two\\nlines\\t\\\\ \\x01\\xff \xc3\xa9\n"
            "{\"bet_id\":\"b1\",\"account_id\":\"\",\"stake_minor\":5,\"currency\":\"\",\"selection\":\"\",\"odds_"
            "milli\":0}\n");
    assert_int_equal(weir_kit_settled(kit, a)->status, WEIR_OK);
    weir_kit_close(kit);
}

static void prints_json(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("stdout", "form = \"json\"");
    const struct weir_pair header = {{(const uint8_t *)"h\"", 2}, {(const uint8_t *)"1", 1}};
    const struct weir_kit_event ev = {.message = "bets.v1.PlaceBet",
                                      .key = {(const uint8_t *)"k", 1},
                                      .value = {(const uint8_t *)"\x18\x05", 2},
                                      .headers = &header,
                                      .n_headers = 1,
                                      .ts_ns = 1700000000123456000u};
    weir_kit_push(kit, &ev);
    push(kit, "", "raw \"bytes\"\n");
    weir_kit_run(kit);
    printed("{\"ts\":\"2023-11-14T22:13:20.123456Z\",\"key\":\"k\",\"schema\":\"bets.v1.PlaceBet\","
            "\"headers\":{\"h\\\"\":\"1\"},\"value\":{\"bet_id\":\"\",\"account_id\":\"\",\"stake_minor\":5,"
            "\"currency\":\"\",\"selection\":\"\",\"odds_milli\":0}}\n"
            "{\"ts\":\"2023-11-14T22:13:20.000000Z\",\"value\":\"raw \\\"bytes\\\"\\n\"}\n");
    weir_kit_close(kit);
}

static void prints_hex(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("stdout", "form = \"hex\"");
    push(kit, "k", "\x01\xfe");
    weir_kit_run(kit);
    printed("k\t01fe\n");
    weir_kit_close(kit);
}

struct reader {
    size_t bytes, lines;
};

static bool read_more(void *arg)
{
    struct reader *r = arg;
    char text[8192];
    for (ssize_t n; (n = read(ends[0], text, sizeof(text))) > 0;) {
        r->bytes += (size_t)n;
        for (ssize_t i = 0; i < n; i++) r->lines += text[i] == '\n';
    }
    return r->lines == 100;
}

/* 100 lines of 10 KB do not fit into a pipe: nothing is done before the reader has read, and then everything is. */
static void waits_for_a_slow_reader(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open_with("stdout", "", WEIR_KIT_REAL_CLOCK);
    static char big[10000];
    memset(big, 'x', sizeof(big) - 1);
    uint64_t last = 0;
    for (int i = 0; i < 100; i++) last = push(kit, "", big);
    weir_kit_run(kit);
    assert_null(weir_kit_settled(kit, last));
    weir_kit_drain(kit);
    assert_false(weir_kit_drained(kit));
    struct reader r = {0, 0};
    assert_true(weir_kit_wait(kit, read_more, &r, 30000));
    assert_int_equal(r.bytes, 100 * sizeof(big));
    assert_true(weir_kit_wait_settled(kit, last, 30000));
    assert_int_equal(weir_kit_settled(kit, last)->status, WEIR_OK);
    weir_kit_close(kit);
}

static void a_reader_that_is_gone_stops_it(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("stdout", "");
    const char *why;
    close(ends[0]);
    ends[0] = -1;
    uint64_t n = push(kit, "", "to nobody");
    weir_kit_run(kit);
    assert_int_equal(weir_kit_settled(kit, n)->status, WEIR_UNKNOWN);
    assert_int_equal(weir_kit_state(kit, &why), WEIR_FAILED);
    assert_non_null(strstr(why, strerror(EPIPE)));
    weir_kit_close(kit);
}

/* Redirected into a file on a full disk: a limit on file sizes fails in the middle of a line, as that does. */
static void a_full_disk_is_waited_for(void **state)
{
    (void)state;
    char name[] = "/tmp/weir-stdout-XXXXXX", text[64];
    struct rlimit before, small;
    int file = mkstemp(name);
    assert_true(file >= 0 && dup2(file, STDOUT_FILENO) >= 0);
    unlink(name);
    struct weir_kit *kit = weir_kit_open("stdout", "");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t n = push(kit, "", "more than ten bytes");
    weir_kit_run(kit);
    weir_kit_advance(kit, 60000000000u);
    enum weir_state then = weir_kit_state(kit, NULL);
    bool settled = weir_kit_settled(kit, n) != NULL;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(then, WEIR_DEGRADED);
    assert_false(settled);
    weir_kit_advance(kit, 60000000000u);
    assert_int_equal(weir_kit_settled(kit, n)->status, WEIR_OK);
    assert_int_equal(weir_kit_state(kit, NULL), WEIR_READY);
    ssize_t got = pread(file, text, sizeof(text) - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(file);
    assert_string_equal(text, "more than ten bytes\n");
    weir_kit_close(kit);
}

/* As the host does; and a write beyond a limit then says EFBIG. */
static int ignore_signals(void **state)
{
    (void)state;
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -1 : 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(prints_text),
        TEST(prints_json),
        TEST(prints_hex),
        TEST(waits_for_a_slow_reader),
        TEST(a_reader_that_is_gone_stops_it),
        TEST(a_full_disk_is_waited_for),
    };
    return cmocka_run_group_tests(tests, ignore_signals, NULL);
}
