/* crash.h - which plugin a fatal signal is to be blamed on. */
#ifndef WEIR_CRASH_H
#define WEIR_CRASH_H
#include <stdbool.h>

struct stage;
struct weir_plugin;

/* What this thread runs of a plugin: set before each call into one, cleared when the host goes on by itself. */
struct weir_blame {
    const struct stage *stage;        /* or, before there are stages: */
    const struct weir_plugin *plugin; /* whose init, check or share runs */
    const char *callback;             /* NULL: none */
};
extern _Thread_local struct weir_blame weir_blame;

/* From here on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT write one line to stderr that says which plugin was running,
 * and a backtrace; then the process ends by that signal. Does nothing in a build with a sanitizer, which reports better. */
void weir_crash_report(void);
void weir_crash_json(bool);
/* A stack of its own for the calling thread's handler, so that a stack that overflowed is reported, too; true when there
 * is one. Freed by the end of the thread with weir_crash_stack_free(). */
bool weir_crash_stack(void);
void weir_crash_stack_free(void);
#endif
