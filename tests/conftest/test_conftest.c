/* test_conftest.c - weir test: what passes, what each wrong expectation and each mistake in a test file is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char file[] = "/tmp/weir-conftest-XXXXXX";

/* Runs weir test over a file with one test whose group holds `body`; `text` gets all it prints. Returns its exit code.
 */
static int run(const char *body, char *text, size_t size)
{
    char command[256];
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fprintf(f, "conf = [ \"" WEIR_SOURCE_DIR "/conf/hello.conf\" ]\ntests = {\n  it = {\n%s\n  }\n}\n", body);
    fclose(f);
    snprintf(command, sizeof command, WEIR_TEST " %s 2>&1", file);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t n = fread(text, 1, size - 1, p);
    text[n] = 0;
    int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static const struct {
    const char *name, *body;
    int code;
    const char *says[3];
} cases[] = {
    {"passes",
     "fakes = [ \"stdout\" ] steps = ( { arrives = { value = \"hello 1 at 2023-11-14T22:13:21.000000Z\" } } )",
     0,
     {":3: it (", "1 passed, 0 failed"}},
    {"another value",
     "fakes = [ \"stdout\" ] steps = ( { arrives = { value = \"hello 7\" } } )",
     1,
     {"FAILED", "hello 7", "hello 1 at "}},
    {"nothing came",
     "fakes = [ \"generator\", \"stdout\" ] steps = ( { arrives = {} } )",
     1,
     {"FAILED", "0 passed, 1 failed"}},
    {"something more came", "fakes = [ \"stdout\" ] steps = ( { drained = false } )", 1, {"FAILED", "hello 1 at "}},
    {"another status",
     "fakes = [ \"generator\" ] steps = ( { push = { value = \"x\" } settled = { status = \"retry\" } prints = [ \"x\" "
     "] } )",
     1,
     {"FAILED", "retry", "ok"}},
    {"another line",
     "fakes = [ \"generator\" ] steps = ( { push = { value = \"x\" } settled = {} prints = [ \"y\" ] } )",
     1,
     {"FAILED", "x", "y"}},
    {"another count",
     "fakes = [] loose = true env = [ \"COUNT=1\" ] steps = ( { advance = \"1min\" metrics = [ "
     "\"weir_events_total{stage=generator}=2\" ] } )",
     1,
     {"FAILED", "weir_events_total", "2"}},
    {"another verdict", "check = [ \"loss window: never\" ]", 1, {"FAILED", "loss window: never"}},
    {"an unknown key", "stepps = ()", 2, {":4: ", "stepps: unknown option; did you mean \"steps\"?"}},
    {"an unknown step", "steps = ( { pussh = {} } )", 2, {":4: ", "pussh", "did you mean \"push\"?"}},
    {"an unknown fake",
     "fakes = [ \"stdour\" ] steps = ( { advance = \"1s\" } )",
     2,
     {"no stage is called \"stdour\"; did you mean \"stdout\"?"}},
    {"an unknown message", "steps = ( { push = { message = \"no.Such\" } } )", 2, {":4: ", "no.Such"}},
    {"no duration", "steps = ( { advance = \"soon\" } )", 2, {":4: ", "soon"}},
};

static void each_case(void **state)
{
    static char text[1 << 16];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = run(cases[i].body, text, sizeof text);
        for (size_t k = 0; k < 3 && cases[i].says[k]; k++)
            if (!strstr(text, cases[i].says[k]))
                fail_msg("%s: exit %d, lacks \"%s\":\n%s", cases[i].name, code, cases[i].says[k], text);
        if (code != cases[i].code) fail_msg("%s: exit %d, expected %d:\n%s", cases[i].name, code, cases[i].code, text);
    }
}

/* conf/README.md holds the reference of test files as weir test writes it. */
static void readme_is_fresh(void **state)
{
    static char reference[1 << 17], readme[1 << 18];
    (void)state;
    FILE *p = popen(WEIR_TEST " --markdown", "r"), *f = fopen(WEIR_SOURCE_DIR "/conf/README.md", "r");
    assert_true(p && f);
    reference[fread(reference, 1, sizeof reference - 1, p)] = 0;
    readme[fread(readme, 1, sizeof readme - 1, f)] = 0;
    pclose(p);
    fclose(f);
    assert_true(strlen(reference) > 1000);
    if (!strstr(readme, reference)) fail_msg("conf/README.md is stale; between its marks belongs:\n%s", reference);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_case), cmocka_unit_test(readme_is_fresh)};
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
