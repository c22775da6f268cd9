/* conftest_case.h - one run of weir test over a conf and a test file that the case holds. */
#ifndef CONFTEST_CASE_H
#define CONFTEST_CASE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct conftest_case {
    const char *name;
    const char *conf; /* it.conf; NULL: none is there */
    const char *body; /* of the test `it`, from line 4 of it.test.conf on; or, when it begins with "conf =", the file */
    int code;
    const char *says[8];
};
/* Fails when the exit code is another, or when what it prints lacks a text. */
void conftest_run(const struct conftest_case *, size_t n);
/* `weir-test ARGS` in the folder of the files; returns the exit code, and what it printed in `text`. */
int conftest_command(const char *args, char *text, size_t size);
void conftest_write(const struct conftest_case *);
int conftest_make_folder(void **state);
int conftest_remove_folder(void **state);
#endif
