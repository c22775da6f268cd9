/* conform_run.c - runs weir-test-plugin and keeps what it printed. */
#include "conform_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(int out, const char *const *args)
{
    const char *argv[18] = {"weir-test-plugin"};
    for (size_t i = 0; i < 16 && args[i]; i++) argv[i + 1] = args[i];
    dup2(out, 1);
    dup2(out, 2);
    execv(WEIR_TEST_PLUGIN, (char **)argv);
    _exit(127);
}

void conform_start(struct conform_run *r, const char *const *args)
{
    int fd[2];
    *r = (struct conform_run){.n = 0};
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0); /* or the others would keep it open */
    r->out = fd[0];
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (!r->pid) become(fd[1], args);
    close(fd[1]);
}

void conform_finish(struct conform_run *r)
{
    int status;
    ssize_t got;
    while (r->n < sizeof r->text - 1 && (got = read(r->out, r->text + r->n, sizeof r->text - 1 - r->n)) > 0)
        r->n += (size_t)got;
    close(r->out);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    r->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void conform_run(struct conform_run *r, const char *const *args)
{
    conform_start(r, args);
    conform_finish(r);
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
