/* test_conform.c - weir test-plugin names each fault, and finds none where there is none. */
#include "conform_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fault {
    const char *plugin, *found_by; /* the case that is made for it */
    const char *words[4];          /* one of them is in each FAILED line: nothing else is found */
    const char *args[5];
};

static const struct fault faults[] = {
    {"faulty-leaks-event",
     "settles",
     {"WEIR_DRAINED", "neither settled nor", "not drained in time", "never settled"},
     {NULL}},
    {"faulty-settles-twice", "settles", {"settled, answered or forwarded before", "released before"}, {NULL}},
    {"faulty-touches-released", "settles", {"released", "use-after", "in push"}, {NULL}},
    {"faulty-blocks", "blocking", {"ms in push"}, {NULL}},
    {"faulty-forgets-drain", "drain", {"did not say WEIR_DRAINED", "was not drained in time"}, {NULL}},
    {"faulty-uses-global", "two-at-once", {""}, {NULL}},
    {"faulty-foreign-thread", "settles", {"from a thread that is not the lane's", "data race"}, {NULL}},
    {"faulty-leaks-timer", "open-close", {"armed timer"}, {NULL}},
    {"faulty-leaks-fd", "leaves-nothing", {"descriptor", "fd "}, {NULL}},
    {"faulty-leaves-thread", "leaves-nothing", {"thread"}, {NULL}},
    {"faulty-prints", "silent", {"to stdout, beginning \"faulty: opened\""}, {NULL}},
    {"faulty-second-symbol", "exports", {"faulty_helper"}, {NULL}},
    {"faulty-default-out-of-bounds", "options", {"above the largest"}, {NULL}},
    {"faulty-default-unparsable", "options", {"soon"}, {NULL}},
    {"faulty-no-doc", "options", {"option linger: no doc"}, {NULL}},
    {"faulty-bad-metric", "metrics", {"metric events: a counter's name ends with _total"}, {NULL}},
    {"faulty-outcome-twice", "outcomes", {"outcome late: it stands in the table twice"}, {NULL}},
    {"faulty-other-name", "load", {"calls itself \"another-name\""}, {NULL}},
    {"faulty-crashes-without-memory", "allocations", {"crash: ", "ended by itself", "signal-unsafe"}, {NULL}},
    {"faulty-leaks-without-memory", "allocations", {"batch"}, {NULL}},
    {"faulty-forwards-last", "settles", {"forward: this is the last stage"}, {NULL}},
    {"faulty-unknown-outcome", "settles", {"the outcome is not in the plugin's table"}, {NULL}},
    {"faulty-hangs", "open-close", {"hang: "}, {"--only", "open-close", "--patience", "200ms"}},
    {"faulty-crashes", "open-close", {"crash: Aborted in open", "ABRT", "crash: Aborted"}, {NULL}},
    {"faulty-exits", "open-close", {"nothing may call exit()"}, {NULL}},
    {"faulty-ignores-flow", "flow", {"after flow(false)", "of a window of", "hang: "}, {NULL}},
    {"faulty-emits-after-drained", "open-close", {"has said that it is drained"}, {NULL}},
    {"faulty-never-goes-on", "flow", {"after flow(true)"}, {NULL}},
    {"faulty-loses-without-memory",
     "allocations",
     {"without being settled", "nobody settled", "never settled"},
     {NULL}},
    {"faulty-says-ok", "statuses", {"was settled as OK, but"}, {NULL}},
};

static bool any_of(const char *line, const char *const *words)
{
    for (int i = 0; i < 4 && words[i]; i++)
        if (strstr(line, words[i])) return true;
    return false;
}

enum { FAULTS = sizeof faults / sizeof *faults, SIDE_BY_SIDE = 6 };
static struct conform_run runs[FAULTS];

static void start(size_t i)
{
    const char *args[16] = {faults[i].plugin, "--seed", "1", "--patience", "1s"};
    for (size_t k = 0, n = 5; k < 5 && faults[i].args[k]; k++) args[n++] = faults[i].args[k];
    conform_start(&runs[i], args);
}

static int run_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIDE_BY_SIDE; i++) start(i);
    for (size_t i = 0; i < FAULTS; i++) {
        conform_finish(&runs[i]);
        if (i + SIDE_BY_SIDE < FAULTS) start(i + SIDE_BY_SIDE);
    }
    return 0;
}

/* Every FAILED line names the fault, one of them is of the case that is made for it. */
static void names_the_fault(void **state)
{
    const struct fault *f = *state;
    struct conform_run *r = &runs[f - faults];
    char begin[64];
    snprintf(begin, sizeof begin, "FAILED  %s: ", f->found_by);
    if (r->code != 1 || !conform_line(r, begin))
        fail_msg("expected %s to fail, exit %d:\n%s", f->found_by, r->code, r->text);
    for (char *rest = r->text, *line; (line = strsep(&rest, "\n"));)
        if (!strncmp(line, "FAILED", 6) && !any_of(line, f->words)) fail_msg("found something else: %s", line);
}

static void passes(const char *const *args)
{
    static struct conform_run r;
    conform_run(&r, args);
    const char *last = conform_line(&r, "ran ");
    if (r.code || !last || !strstr(last, " 0 skipped, 0 failed")) fail_msg("exit %d:\n%s", r.code, r.text);
}

static void finds_nothing_where_there_is_none(void **state)
{
    (void)state;
    passes((const char *const[]){"flawless-sink", NULL});
    passes((const char *const[]){"flawless-filter", NULL});
    passes((const char *const[]){"flawless-source", NULL});
    passes((const char *const[]){"stake-limit", NULL});
    passes((const char *const[]){"stake-limit", "--message", "shop.v1.Order", "--conf", "max = 5", NULL});
}

static void a_case_by_itself_and_its_seed(void **state)
{
    static struct conform_run r;
    (void)state;
    conform_run(&r, (const char *const[]){"flawless-sink", "--only", "random", "--seed", "77", NULL});
    assert_int_equal(r.code, 0);
    assert_non_null(strstr(r.text, "seed 77"));
    assert_non_null(conform_line(&r, "ok      random"));
    assert_string_equal(conform_line(&r, "ran "), "ran 1 of 1, 0 skipped, 0 failed");
}

/* Usage and confs that are refused: 2, with what to do. */
static void misuse_is_said(void **state)
{
    static const struct {
        const char *args[5], *words;
        int code;
    } uses[] = {
        {{NULL}, "expected a plugin", 2},
        {{"flawless-sink", "--onyl", "x"}, "unknown option --onyl", 2},
        {{"flawless-sink", "--only", "nonesuch"}, "no such case: nonesuch", 2},
        {{"flawless-sink", "--seed", "x"}, "expected a number after --seed", 2},
        {{"flawless-sink", "--conf", "linger = \"3h\""}, "linger", 2},
        {{"flawless-sink", "/nonesuch.conf"}, "cannot read /nonesuch.conf", 2},
        {{"./nonesuch.so"}, "./nonesuch.so: No such file", 2},
        {{"nonesuch"}, "plugin \"nonesuch\" was not found", 1},
        {{WEIR_TEST_PLUGIN "x.so"}, "No such file", 2},
        {{"--list"}, "allocations ", 0},
        {{"--help"}, "Exit codes: ", 0},
    };
    static struct conform_run r;
    (void)state;
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        conform_run(&r, uses[i].args);
        if (r.code != uses[i].code || !strstr(r.text, uses[i].words))
            fail_msg("use %zu: expected %d and \"%s\", exit %d:\n%s", i, uses[i].code, uses[i].words, r.code, r.text);
    }
}

/* As users type it: `weir` finds the command beside itself. */
static void weir_finds_it(void **state)
{
    (void)state;
    assert_int_equal(system(WEIR_BINARY " test-plugin --list >/dev/null"), 0);
}

int main(void)
{
    enum { OTHERS = 4 };
    struct CMUnitTest tests[FAULTS + OTHERS] = {
        cmocka_unit_test(finds_nothing_where_there_is_none),
        cmocka_unit_test(a_case_by_itself_and_its_seed),
        cmocka_unit_test(misuse_is_said),
        cmocka_unit_test(weir_finds_it),
    };
    for (size_t i = 0; i < FAULTS; i++)
        tests[OTHERS + i] = (struct CMUnitTest){faults[i].plugin, names_the_fault, NULL, NULL, (void *)&faults[i]};
    return cmocka_run_group_tests(tests, run_all, NULL);
}
