/* test_conf_cut.c - confs cut short at every byte, changed at every byte, nested without end: valid or an error, never
 * a crash. Run with ASan and UBSan this is where the parser shows what it is worth. */
#include "conf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ends_anywhere(const char *good)
{
    size_t n = strlen(good), valid = 0;
    for (size_t i = 0; i <= n; i++) {
        char *text = strndup(good, i);
        assert_non_null(text);
        struct weir_errors errs = {0};
        struct weir_conf *conf = weir_conf_load(&(struct weir_conf_source){.text = text, .text_name = "cut"}, &errs);
        assert_non_null(conf);
        valid += errs.n == 0;
        if (i < n / 2) assert_true(errs.n > 0);
        weir_errors_free(&errs);
        weir_conf_free(conf);
        free(text);
    }
    assert_true(valid >= 1);
}

static void cut_short(void **state)
{
    (void)state;
    ends_anywhere("log = { level = \"info\" }\npipelines = {\n  a = {\n    lanes = 2 # two\n    stages = {\n"
                  "      origin = { }\n      kinds = {\n        properties = [ \"a=1\", \"b=2\" ]\n"
                  "        routes = ( { name = \"x\", on = \"/x\" } )\n        text = \"${WEIR_T_COUNT:-1}\"\n"
                  "      }\n      ending = { target = \"t\" }\n    }\n  }\n}\n");
}

/* One byte changed to each of these, everywhere: errors or not, but no crash and no libconfig "syntax error". */
static void changed_anywhere(void **state)
{
    (void)state;
    static const char good[] =
        "pipelines = { a = { lanes = 2\nstages = { origin = { } kinds = { text = \"a\" count = 5L\n"
        "routes = ( { name = \"x\", on = \"/x\" } ) keys = [ \"a\", \"b\" ] # c\n}\n"
        "ending = { target = \"t\" } } } }";
    static const char bytes[] = "\"{}[]()=:;,#/*@.\\\n 0-xL$'\x01\xff";
    for (size_t i = 0; i < sizeof good - 1; i++)
        for (size_t b = 0; b < sizeof bytes - 1; b++) {
            char text[sizeof good];
            memcpy(text, good, sizeof good);
            text[i] = bytes[b];
            struct weir_errors errs = {0};
            struct weir_conf *conf = weir_conf_load(&(struct weir_conf_source){.text = text, .text_name = "t"}, &errs);
            for (size_t k = 0; k < errs.n; k++)
                if (strcmp(errs.v[k].msg, "syntax error") == 0) fail_msg("libconfig's own words for:\n%s", text);
            weir_errors_free(&errs);
            weir_conf_free(conf);
        }
}

static void nested_too_deep(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    char *text = malloc(DEEP * 4 + 1);
    assert_non_null(text);
    for (size_t i = 0; i < DEEP; i++) memcpy(text + i * 4, i % 2 ? "b={ " : "a=( ", 4);
    text[DEEP * 4] = '\0';
    struct weir_errors errs = {0};
    weir_conf_free(weir_conf_load(&(struct weir_conf_source){.text = text, .text_name = "deep"}, &errs));
    assert_true(errs.n > 0);
    weir_errors_free(&errs);
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_short),
        cmocka_unit_test(changed_anywhere),
        cmocka_unit_test(nested_too_deep),
    };
    setenv("WEIR_PLUGIN_PATH", WEIR_BUILD_DIR "/plugins-test", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
