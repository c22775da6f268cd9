/* test_file.c - whole lines, whatever happens to the disk, the folder or the file. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <weir/testkit.h>

static char folder[] = "/tmp/weir-file-XXXXXX";
static char path[80], conf[128];

static int begin(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof(path), "%s/out.txt", folder);
    snprintf(conf, sizeof(conf), "path = \"%s\"", path);
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static struct weir_kit *open_file(void)
{
    return weir_kit_open_with("file", conf, WEIR_KIT_REAL_CLOCK);
}

static uint64_t push(struct weir_kit *kit, const char *value)
{
    const struct weir_kit_event ev = {.value = {(const uint8_t *)value, strlen(value)}, .ts_ns = 1700000000000000000u};
    return weir_kit_push(kit, &ev);
}

static void settles(struct weir_kit *kit, uint64_t number)
{
    assert_true(weir_kit_wait_settled(kit, number, 30000));
    assert_int_equal(weir_kit_settled(kit, number)->status, WEIR_OK);
}

static void holds(const char *name, const char *expected)
{
    char text[4096];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    assert_string_equal(text, expected);
}

static void write_text(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void appends_lines(void **state)
{
    (void)state;
    write_text("before\n");
    struct weir_kit *kit = open_file();
    assert_true(weir_kit_wait_state(kit, WEIR_READY, 30000));
    push(kit, "one");
    uint64_t two = push(kit, "two\nstill two");
    weir_kit_run(kit);
    settles(kit, two);
    holds(path, "before\none\ntwo\\nstill two\n");
    settles(kit, push(kit, "three"));
    weir_kit_drain(kit);
    assert_true(weir_kit_wait_state(kit, WEIR_DRAINED, 30000));
    weir_kit_close(kit);
    holds(path, "before\none\ntwo\\nstill two\nthree\n");
}

static void without_fsync(void **state)
{
    (void)state;
    strcat(conf, " \n fsync = \"never\" \n form = \"json\"");
    struct weir_kit *kit = open_file();
    settles(kit, push(kit, "x"));
    holds(path, "{\"ts\":\"2023-11-14T22:13:20.000000Z\",\"value\":\"x\"}\n");
    weir_kit_close(kit);
}

static void ends_a_line_that_was_cut_short(void **state)
{
    (void)state;
    write_text("half a li");
    struct weir_kit *kit = open_file();
    settles(kit, push(kit, "whole"));
    holds(path, "half a li\nwhole\n");
    weir_kit_close(kit);
}

/* A file size limit fails in the middle of a write, as a full disk does. */
static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    struct rlimit before, small;
    struct weir_kit *kit = open_file();
    settles(kit, push(kit, "first"));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t n = push(kit, "more than fits");
    weir_kit_run(kit);
    bool degraded = weir_kit_wait_state(kit, WEIR_DEGRADED, 30000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(degraded);
    assert_null(weir_kit_settled(kit, n));
    holds(path, "first\n"); /* no half line */
    settles(kit, n);
    assert_true(weir_kit_wait_state(kit, WEIR_READY, 30000));
    holds(path, "first\nmore than fits\n");
    weir_kit_close(kit);
}

static void a_missing_folder_is_waited_for(void **state)
{
    (void)state;
    char inner[64];
    snprintf(inner, sizeof(inner), "%s/later", folder);
    snprintf(path, sizeof(path), "%s/out.txt", inner);
    snprintf(conf, sizeof(conf), "path = \"%s\"", path);
    struct weir_kit *kit = open_file();
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, 30000));
    uint64_t n = push(kit, "kept");
    weir_kit_run(kit);
    assert_int_equal(mkdir(inner, 0755), 0);
    settles(kit, n);
    holds(path, "kept\n");
    weir_kit_close(kit);
}

static void follows_a_rotation(void **state)
{
    (void)state;
    char old[96];
    snprintf(old, sizeof(old), "%s.1", path);
    struct weir_kit *kit = open_file();
    settles(kit, push(kit, "old"));
    assert_int_equal(rename(path, old), 0);
    settles(kit, push(kit, "new"));
    holds(old, "old\n");
    holds(path, "new\n");
    weir_kit_close(kit);
}

static void waits_for_another_writer(void **state)
{
    (void)state;
    int other = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(other >= 0 && flock(other, LOCK_EX) == 0);
    struct weir_kit *kit = open_file();
    const char *why;
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, 30000));
    weir_kit_state(kit, &why);
    assert_non_null(strstr(why, "another process"));
    close(other);
    settles(kit, push(kit, "mine now"));
    weir_kit_close(kit);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    const char *why;
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct weir_kit *kit = open_file();
    assert_true(weir_kit_wait_state(kit, WEIR_FAILED, 30000));
    weir_kit_state(kit, &why);
    assert_non_null(strstr(why, "no regular file"));
    weir_kit_close(kit);
    close(reader);
    snprintf(conf, sizeof(conf), "path = \"%s\"", folder);
    kit = open_file();
    assert_true(weir_kit_wait_state(kit, WEIR_FAILED, 30000));
    weir_kit_state(kit, &why);
    assert_non_null(strstr(why, "is a folder"));
    weir_kit_close(kit);
    char *said = weir_kit_refuses("file", "path = \"/tmp/\"");
    assert_non_null(said);
    assert_non_null(strstr(said, "names no file"));
    free(said);
}

static int ignore_sigxfsz(void **state)
{
    (void)state;
    return signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -1 : 0; /* a write beyond the limit then says EFBIG */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(appends_lines),
        TEST(without_fsync),
        TEST(ends_a_line_that_was_cut_short),
        TEST(a_full_disk_loses_nothing),
        TEST(a_missing_folder_is_waited_for),
        TEST(follows_a_rotation),
        TEST(waits_for_another_writer),
        TEST(what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests(tests, ignore_sigxfsz, NULL);
}
