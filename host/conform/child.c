/* child.c - the process of one case: what it runs in, and how it says what it found. */
#include "conform.h"
#include "crash.h"
#include "log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct running {
    const struct conform *conform;
    const struct conform_case *c;
};

static void report(char kind, const char *text)
{
    if (dprintf(CONFORM_REPORT_FD, "%c%s\n", kind, text) < 0) abort();
}

void conform_fail(const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    report('F', text);
    _exit(1);
}

void conform_skip(const char *why)
{
    report('S', why);
    _exit(0);
}

void conform_note(const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    report('N', text);
}

void conform_say_roles(uint32_t roles)
{
    char text[16];
    snprintf(text, sizeof text, "%u", roles);
    report('R', text);
}

/* A test of cmocka's, because the kit fails the running one; the parent reads the message. */
static void run_one(void **state)
{
    const struct running *r = *state;
    signal(SIGPIPE, SIG_IGN); /* as in the host */
    weir_crash_report();      /* in the place of cmocka's own handlers: it says in which callback */
    r->c->run(r->conform);
}

void conform_case_main(const struct conform *conform, const char *name)
{
    struct running r = {conform, conform_cases};
    while (r.c->name && strcmp(r.c->name, name)) r.c++;
    if (!r.c->name || fcntl(CONFORM_REPORT_FD, F_GETFD) < 0 || fcntl(CONFORM_LOG_FD, F_GETFD) < 0) {
        fprintf(stderr, "weir-test-plugin: --run-case is how it calls itself\n");
        _exit(2);
    }
    const struct CMUnitTest tests[] = {{name, run_one, NULL, NULL, &r}};
    fcntl(CONFORM_REPORT_FD, F_SETFD, FD_CLOEXEC);
    fcntl(CONFORM_LOG_FD, F_SETFD, FD_CLOEXEC);
    weir_log_to(CONFORM_LOG_FD);
    mallopt(M_PERTURB, 0xdb); /* who reads what was freed does not find what was there */
    cmocka_set_message_output(CM_OUTPUT_STDOUT);
    unsetenv("CMOCKA_MESSAGE_OUTPUT");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fflush(NULL);
    if (failed) _exit(1);
    report('O', "");
    exit(0); /* and what is left to leak sanitizers, if there is one */
}
