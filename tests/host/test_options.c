/* test_options.c - units, variables and option tables by themselves: values in, members or messages out. */
#include "log.h"
#include "options.h"
#include "units.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- units */

static void sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},
                {"17", 17},
                {"17B", 17},
                {"64KiB", 65536},
                {"1.5MiB", 1572864},
                {"2kB", 2000},
                {"1 GiB", 1ull << 30},
                {"3TiB", 3ull << 40},
                {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {"",
                                      "KiB",
                                      "-1",
                                      "64kib",
                                      "64 KiB ",
                                      "1.0000001MiB",
                                      "0.3B",
                                      "1e3",
                                      "0x10",
                                      "1.MiB",
                                      "18446744073709551616",
                                      "16777216TiB"};
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_null(weir_parse_size(good[i].text, &v));
        assert_true(v == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_non_null(weir_parse_size(bad[i], &v));
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {{"0", 0},
                {"0s", 0},
                {"5ms", 5000000},
                {"250us", 250000},
                {"1.5s", 1500000000},
                {"2min", 120000000000},
                {"2m", 120000000000},
                {"1h", 3600000000000},
                {"7d", 604800000000000},
                {"12 ns", 12}};
    static const char *const bad[] = {"5", "", "ms", "-5ms", "5 apples", "5ms5", "1.000001s", "0.5ns", "99999999999d"};
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_null(weir_parse_duration(good[i].text, &v));
        assert_true(v == good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_non_null(weir_parse_duration(bad[i], &v));
}

static void numbers(void **state)
{
    (void)state;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    assert_null(weir_parse_int("-9223372036854775808", &i));
    assert_true(i == INT64_MIN);
    assert_null(weir_parse_int("0x7fffffffffffffff", &i));
    assert_true(i == INT64_MAX);
    assert_null(weir_parse_int("010", &i));
    assert_int_equal(i, 10);
    static const char *const bad[] = {"", " 1", "1 ", "1.5", "0x", "--1", "five", "9223372036854775808"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) assert_non_null(weir_parse_int(bad[k], &i));
    assert_null(weir_parse_float("-1.5e3", &d));
    assert_true(fabs(d + 1500) < 1e-9);
    assert_non_null(weir_parse_float("nan", &d));
    assert_non_null(weir_parse_float("inf", &d));
    assert_non_null(weir_parse_float("-inf", &d));
    assert_non_null(weir_parse_float("1e999", &d));
    assert_non_null(weir_parse_float("", &d));
    assert_null(weir_parse_bool("Yes", &b));
    assert_true(b);
    assert_null(weir_parse_bool("0", &b));
    assert_false(b);
    assert_non_null(weir_parse_bool("maybe", &b));
}

static void written_back(void **state)
{
    (void)state;
    char buf[WEIR_UNIT_TEXT];
    assert_string_equal(weir_format_size(65536, buf), "64KiB");
    assert_string_equal(weir_format_size(65537, buf), "65537B");
    assert_string_equal(weir_format_size(0, buf), "0B");
    assert_string_equal(weir_format_duration(1500000, buf), "1500us");
    assert_string_equal(weir_format_duration(0, buf), "0s");
    assert_string_equal(weir_format_duration(90000000000, buf), "90s");
    assert_string_equal(weir_format_duration(7200000000000, buf), "2h");
}

/* ---- variables */

struct vars_test {
    struct weir_arena arena;
    struct weir_vars vars;
    struct weir_errors errs;
    char msg[512];
};

static int set_up(void **state)
{
    struct vars_test *t = calloc(1, sizeof *t);
    if (!t) return -1;
    t->vars.arena = &t->arena;
    setenv("WEIR_T_ONE", "1", 1);
    setenv("WEIR_T_EMPTY", "", 1);
    unsetenv("WEIR_T_NONE");
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct vars_test *t = *state;
    weir_errors_free(&t->errs);
    weir_arena_free(&t->arena);
    free(t);
    return 0;
}

static const char *expand(struct vars_test *t, const char *raw)
{
    struct weir_expanded e;
    return weir_vars_expand(&t->vars, raw, "dir/a.conf", &e, t->msg, sizeof t->msg) < 0 ? NULL : e.text;
}

static void variables_expand(void **state)
{
    struct vars_test *t = *state;
    assert_string_equal(expand(t, "plain"), "plain");
    assert_string_equal(expand(t, ""), "");
    assert_string_equal(expand(t, "a${WEIR_T_ONE}b${WEIR_T_ONE}"), "a1b1");
    assert_string_equal(expand(t, "${WEIR_T_EMPTY}"), "");
    assert_string_equal(expand(t, "${WEIR_T_EMPTY:-x}"), "x");
    assert_string_equal(expand(t, "${WEIR_T_NONE:-0.0.0.0:8080}"), "0.0.0.0:8080");
    assert_string_equal(expand(t, "${WEIR_T_NONE:-}"), "");
    assert_string_equal(expand(t, "$${WEIR_T_ONE} $ $$ $x"), "${WEIR_T_ONE} $ $$ $x");
    assert_string_equal(expand(t, "$$${WEIR_T_ONE}"), "$${WEIR_T_ONE}");
    assert_null(expand(t, "${WEIR_T_NONE}"));
    assert_non_null(strstr(t->msg, "WEIR_T_NONE is not set"));
    assert_null(expand(t, "${}"));
    assert_null(expand(t, "${1X}"));
    assert_null(expand(t, "${A B}"));
    assert_null(expand(t, "x${WEIR_T_ONE"));
    assert_null(expand(t, "${file:/nowhere/at/all}"));
    assert_non_null(strstr(t->msg, "/nowhere/at/all"));
}

static void write_temp(char path[64], const char *bytes, size_t n)
{
    strcpy(path, "/tmp/weir-conf-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

static void secret_files(void **state)
{
    struct vars_test *t = *state;
    struct weir_expanded e;
    char path[64], raw[128], msg[128] = "found pa$$ in the text, pa$$";
    write_temp(path, "pa$$\r\n", 6);
    snprintf(raw, sizeof raw, "user:${file:%s}@host", path);
    assert_int_equal(weir_vars_expand(&t->vars, raw, "a.conf", &e, t->msg, sizeof t->msg), 0);
    assert_string_equal(e.text, "user:pa$$@host");
    assert_true(e.secret);
    weir_vars_redact(&t->vars, msg);
    assert_string_equal(msg, "found *** in the text, ***");
    unlink(path);
    write_temp(path, "a\0b", 3);
    snprintf(raw, sizeof raw, "${file:%s}", path);
    assert_null(expand(t, raw));
    assert_non_null(strstr(t->msg, "NUL"));
    unlink(path);
}

static void env_file(void **state)
{
    struct vars_test *t = *state;
    static const char text[] =
        "# comment\n\nWEIR_T_ONE=from file   # a comment\nexport A = no\nB=\"two \\\"words\\\" # in\" "
        "# out\nC='$as it is'\nexport D=d#e\nE=\nF=\"open\nB=again\nG=\"x\" y\n1H=2\nlast=one";
    char path[64], *out = NULL;
    size_t n = 0;
    write_temp(path, text, sizeof text - 1);
    assert_int_equal(weir_vars_read(&t->vars, path, &t->errs), -1);
    unlink(path);
    FILE *f = open_memstream(&out, &n);
    weir_errors_print(&t->errs, f);
    fclose(f);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "%s:4: expected NAME=value: letters, digits and _, no blank around \"=\"\n%s:9: missing closing quote\n"
             "%s:10: B is given twice: first in line 5\n%s:11: text after the closing quote\n"
             "%s:12: expected NAME=value: letters, digits and _, no blank around \"=\"\n",
             path, path, path, path, path);
    assert_string_equal(out, expected);
    free(out);
    assert_string_equal(expand(t, "${WEIR_T_ONE}|${B}|${C}|${D}|${E}|${last}"),
                        "from file|two \"words\" # in|$as it is|d#e||one");
}

/* ---- tables */

struct cfg {
    int64_t n;
    uint64_t wait;
    int mode;
    bool on;
    struct weir_slice text;
};
static const char *const modes[] = {"a", "b", NULL};

static const char *sane(struct vars_test *t, const struct weir_opt *opts)
{
    static char text[1024];
    struct weir_options o = {.arena = &t->arena, .errs = &t->errs, .vars = &t->vars, .label = "stage"};
    struct weir_place at = {"x.conf", 1};
    weir_errors_free(&t->errs);
    if (weir_options_sane(&o, opts, sizeof(struct cfg), at) == 0) return NULL;
    snprintf(text, sizeof text, "%s", t->errs.v[0].msg);
    return text;
}

#define REFUSES(what, ...)                                              \
    do {                                                                \
        const struct weir_opt opts[] = {__VA_ARGS__, WEIR_OPT_END};     \
        const char *said = sane(t, opts);                               \
        assert_non_null(said);                                          \
        if (!strstr(said, what)) fail_msg("%s\nlacks: %s", said, what); \
    } while (0)

static void wrong_tables(void **state)
{
    struct vars_test *t = *state;
    const struct weir_opt good[] = {WEIR_OPT(struct cfg, n, WEIR_INT, .def = "5", .min = 1, .max = 9),
                                    WEIR_OPT(struct cfg, mode, WEIR_ENUM, .def = "b", .choices = modes), WEIR_OPT_END};
    assert_null(sane(t, good));
    assert_null(sane(t, NULL));
    REFUSES("stage.mode: the plugin's option table is wrong: an integer takes a member of 8 bytes, its has 4",
            WEIR_OPT(struct cfg, mode, WEIR_INT));
    REFUSES("do not lie in a struct", {.name = "n", .type = WEIR_INT, .offset = sizeof(struct cfg), .size = 8});
    REFUSES("not aligned", {.name = "n", .type = WEIR_INT, .offset = 4, .size = 8});
    REFUSES("type 99", {.name = "n", .type = (enum weir_type)99, .size = 8});
    REFUSES("needs `choices`", WEIR_OPT(struct cfg, mode, WEIR_ENUM, .def = "b"));
    REFUSES("needs a default", WEIR_OPT(struct cfg, mode, WEIR_ENUM, .choices = modes));
    REFUSES("stage.mode: the plugin's own default is wrong: expected \"a\" or \"b\", found \"c\"",
            WEIR_OPT(struct cfg, mode, WEIR_ENUM, .choices = modes, .def = "c"));
    REFUSES("stage.n: the plugin's own default is wrong: 0 is below the smallest, 1",
            WEIR_OPT(struct cfg, n, WEIR_INT, .def = "0", .min = 1, .max = 9));
    REFUSES("`min` is above `max`", WEIR_OPT(struct cfg, n, WEIR_INT, .min = 1));
    REFUSES("no bounds", WEIR_OPT(struct cfg, text, WEIR_STRING, .min = 1, .max = 2));
    REFUSES("no use for a default", WEIR_OPT(struct cfg, n, WEIR_INT, .flags = WEIR_REQUIRED, .def = "1"));
    REFUSES("twice", WEIR_OPT(struct cfg, n, WEIR_INT), WEIR_OPT(struct cfg, n, WEIR_INT));
    REFUSES("needs `sub`", {.name = "g", .type = WEIR_GROUP, .size = 8});
    REFUSES("a name holds", {.name = "a.b", .type = WEIR_INT, .size = 8});
    REFUSES("\"plugin\" is the host's", {.name = "plugin", .type = WEIR_INT, .size = 8});
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(numbers),
        cmocka_unit_test(written_back),
        cmocka_unit_test_setup_teardown(variables_expand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secret_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(env_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_tables, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
