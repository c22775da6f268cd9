/* errors.h - a growing list of errors, each with file and line, so that a user sees all of them at once. */
#ifndef WEIR_ERRORS_H
#define WEIR_ERRORS_H
#include <stdio.h>

struct weir_errors {
    struct weir_error_line {
        char *file; /* NULL: no file */
        int line;   /* 0: none */
        char *msg;
    } * v;
    size_t n, cap;
};

/* Adds "file:line: msg". `file` is copied. Out of memory is reported on stderr and the message dropped. */
void weir_errors_add(struct weir_errors *, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* One a line, sorted by file (in the order first seen) and line, without repeats. */
void weir_errors_print(struct weir_errors *, FILE *);
void weir_errors_free(struct weir_errors *);
/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be a typing mistake. */
const char *weir_nearest(const char *word, const char *const *candidates, size_t n);
#endif
