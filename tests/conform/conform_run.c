/* conform_run.c - runs weir-test-plugin and keeps what it printed. */
#include "conform_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void start(int out, const char *const *args)
{
    const char *argv[18] = {"weir-test-plugin"};
    for (size_t i = 0; i < 16 && args[i]; i++) argv[i + 1] = args[i];
    dup2(out, 1);
    dup2(out, 2);
    execv(WEIR_TEST_PLUGIN, (char **)argv);
    _exit(127);
}

void conform_run(struct conform_run *r, const char *const *args)
{
    int fd[2], status;
    ssize_t got;
    *r = (struct conform_run){.n = 0};
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) start(fd[1], args);
    close(fd[1]);
    while (r->n < sizeof r->text - 1 && (got = read(fd[0], r->text + r->n, sizeof r->text - 1 - r->n)) > 0)
        r->n += (size_t)got;
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    r->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *conform_line(const struct conform_run *r, const char *begin)
{
    static char line[2048];
    size_t n = strlen(begin);
    for (const char *at = r->text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (strncmp(at, begin, n)) continue;
        size_t length = strcspn(at, "\n");
        if (length >= sizeof line) length = sizeof line - 1;
        memcpy(line, at, length);
        line[length] = 0;
        return line;
    }
    return NULL;
}
