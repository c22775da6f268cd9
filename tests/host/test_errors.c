/* test_errors.c - the list of errors and the guess at what a misspelt word was meant to be. */
#include "errors.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void prints_by_file_and_line_without_repeats(void **state)
{
    (void)state;
    struct weir_errors errs = {0};
    char *text = NULL;
    size_t n = 0;
    weir_errors_add(&errs, "b.conf", 9, "ninth");
    weir_errors_add(&errs, "a.conf", 2, "second");
    weir_errors_add(&errs, "b.conf", 3, "third %d", 3);
    weir_errors_add(&errs, NULL, 0, "of no file");
    weir_errors_add(&errs, "b.conf", 3, "third %d", 3);
    weir_errors_add(&errs, "b.conf", 3, "also third");
    weir_errors_add(&errs, "a.conf", 0, "of the whole file");
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    weir_errors_print(&errs, out);
    fclose(out);
    assert_string_equal(text, "b.conf:3: third 3\nb.conf:3: also third\nb.conf:9: ninth\n"
                              "a.conf: of the whole file\na.conf:2: second\nof no file\n");
    free(text);
    weir_errors_free(&errs);
    assert_int_equal(errs.n, 0);
    assert_null(errs.v);
}

static void prints_nothing_when_empty(void **state)
{
    (void)state;
    struct weir_errors errs = {0};
    weir_errors_print(&errs, stdout);
    weir_errors_free(&errs);
}

static void nearest_finds_typing_mistakes_only(void **state)
{
    (void)state;
    static const char *const names[] = {"topic", "brokers", "max_body", "on", "admin", "listen"};
    static const struct {
        const char *word, *near;
    } cases[] = {{"topicc", "topic"},
                 {"topi", "topic"},
                 {"tpoic", "topic"},
                 {"max-body", "max_body"},
                 {"Topic", "topic"},
                 {"adnim", "admin"},
                 {"brokesr", "brokers"},
                 {"om", "on"},
                 {"completely", NULL},
                 {"", NULL},
                 {"x", NULL},
                 {"lsiten", "listen"},
                 {"topic_of_it", NULL},
                 {"in_and_out", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *near = weir_nearest(cases[i].word, names, sizeof names / sizeof *names);
        if (cases[i].near)
            assert_string_equal(near ? near : cases[i].word, cases[i].near);
        else
            assert_null(near);
    }
    char *word = calloc(1, 5000); /* a very long word is no typing mistake */
    assert_non_null(word);
    memset(word, 'a', 4999);
    assert_null(weir_nearest(word, names, 6));
    free(word);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_by_file_and_line_without_repeats),
        cmocka_unit_test(prints_nothing_when_empty),
        cmocka_unit_test(nearest_finds_typing_mistakes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
