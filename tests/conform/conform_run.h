/* conform_run.h - runs weir-test-plugin and keeps what it printed. */
#ifndef CONFORM_RUN_H
#define CONFORM_RUN_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct conform_run {
    char text[65536];
    size_t n;
    int code; /* 128 + signal when one ended it */
    pid_t pid;
    int out;
};
/* args: of the command, NULL-terminated, at most 16. Reads to the end of its output. */
void conform_run(struct conform_run *, const char *const *args);
/* The same in two halves: mostly it waits, so several run side by side. */
void conform_start(struct conform_run *, const char *const *args);
void conform_finish(struct conform_run *);
/* The line that begins with `begin`, in a buffer of this process; NULL: none. */
const char *conform_line(const struct conform_run *, const char *begin);
#endif
