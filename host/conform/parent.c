/* parent.c - starts the process of a case, with a time limit, and reads from what it left what became of it. */
#include "conform.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STDOUT, STDERR, REPORT = CONFORM_REPORT_FD, LOG = CONFORM_LOG_FD, FILES };
enum { LIMIT_PATIENCES = 12, LAST_WORDS_MS = 5000, HIGH_FD = 20 }; /* a minute with the default patience */

struct child {
    int files[FILES + 1]; /* by the descriptor that it has in the child; 0: none */
    pid_t pid, feed;
    bool hung;
    int status;
    uint64_t limit_ms;
};

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static char *contents(int fd)
{
    off_t n = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, n > 0 ? (size_t)n + 1 : 1);
    if (text && n > 0 && pread(fd, text, (size_t)n, 0) < 0) *text = 0;
    return text;
}

static void become(const struct child *c, char **argv)
{
    static const int all[] = {1, 2, REPORT, LOG};
    const struct rlimit none = {0, 0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (dup2(c->files[all[i]], all[i]) < 0) _exit(127);
    setrlimit(RLIMIT_CORE, &none); /* a plugin that crashes is a finding */
    setpgid(0, 0);
    execv("/proc/self/exe", argv);
    _exit(127);
}

static pid_t start_feed(const char *command)
{
    pid_t pid = command ? fork() : 0;
    if (command && !pid) {
        setpgid(0, 0);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* True when it ended in time. */
static bool wait_for(struct child *c, int pidfd, uint64_t ms)
{
    struct pollfd p = {pidfd, POLLIN, 0};
    uint64_t until = now_ms() + ms;
    for (uint64_t now; (now = now_ms()) < until;)
        if (poll(&p, 1, (int)(until - now)) > 0) return waitpid(c->pid, &c->status, 0) == c->pid;
    return false;
}

/* SIGABRT first: its last words say in which callback it was. */
static void end_by_force(struct child *c, int pidfd)
{
    c->hung = true;
    kill(c->pid, SIGABRT);
    if (wait_for(c, pidfd, LAST_WORDS_MS)) return;
    kill(-c->pid, SIGKILL);
    kill(c->pid, SIGKILL);
    waitpid(c->pid, &c->status, 0);
}

/* "in plugin NAME VERSION, callback push": of the line that a fatal signal leaves. */
static void blame(const char *errors, char *out, size_t size)
{
    const char *line = strstr(errors, "level=fatal"), *at = line ? strstr(line, ", callback ") : NULL;
    if (at && at < line + strcspn(line, "\n"))
        snprintf(out, size, " in %.*s", (int)strcspn(at + 11, ";\n"), at + 11);
    else
        snprintf(out, size, line ? ", outside of any callback or in a thread of its own" : "");
}

/* What cmocka printed: "ERROR: text", before or in its own "[  ERROR   ] --- ", up to its next line. */
static bool kit_message(const char *errors, char *out, size_t size)
{
    static const char mark[] = "ERROR: ";
    const char *at = strstr(errors, mark);
    if (!at) return false;
    at += strlen(mark);
    const char *end = strstr(at, "\n[");
    snprintf(out, size, "%.*s", end ? (int)(end - at) : (int)strlen(at), at);
    for (char *p = out + strlen(out); p > out && p[-1] == '\n';) *--p = 0;
    return true;
}

static bool sanitizer_message(const char *errors, char *out, size_t size)
{
    const char *at = strstr(errors, "SUMMARY: ");
    if (!at) return false;
    snprintf(out, size, "%.*s", (int)strcspn(at + 9, "\n"), at + 9);
    return true;
}

static void read_report(char *text, struct conform_verdict *v, bool *finished)
{
    for (char *line; (line = strsep(&text, "\n"));) {
        if (*line == 'F') snprintf(v->why, sizeof v->why, "%s", line + 1);
        if (*line == 'S') snprintf(v->why, sizeof v->why, "%s", line + 1);
        if (*line == 'N') snprintf(v->note, sizeof v->note, "%s", line + 1);
        if (*line == 'R') v->roles = (uint32_t)strtoul(line + 1, NULL, 10);
        if (*line == 'F') v->end = CONFORM_FAILED;
        if (*line == 'S') v->end = CONFORM_SKIPPED;
        if (*line == 'O') *finished = true;
    }
}

static void judge(const struct child *c, struct conform_verdict *v)
{
    char *errors = contents(c->files[2]), *said = contents(c->files[REPORT]), where[200] = "";
    bool finished = false;
    v->end = CONFORM_OK;
    if (!errors || !said) {
        v->end = CONFORM_FAILED;
        snprintf(v->why, sizeof v->why, "out of memory");
        goto out;
    }
    read_report(said, v, &finished);
    blame(errors, where, sizeof where);
    if (v->end != CONFORM_OK) goto out;
    bool clean = finished && WIFEXITED(c->status) && !WEXITSTATUS(c->status);
    if (clean) goto out;
    v->end = CONFORM_FAILED;
    if (c->hung)
        snprintf(v->why, sizeof v->why, "hang: it was not over after %.1f s%s", (double)c->limit_ms / 1000, where);
    else if (sanitizer_message(errors, v->why, sizeof v->why) || kit_message(errors, v->why, sizeof v->why))
        goto out;
    else if (WIFSIGNALED(c->status))
        snprintf(v->why, sizeof v->why, "crash: %s%s", strsignal(WTERMSIG(c->status)), where);
    else
        snprintf(v->why, sizeof v->why, "the process ended by itself, exit code %d: nothing may call exit()",
                 WEXITSTATUS(c->status));
out:
    free(errors);
    free(said);
}

static void show(const struct child *c)
{
    static const struct {
        int fd;
        const char *name;
    } parts[] = {{1, "stdout"}, {2, "stderr"}, {LOG, "log"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *text = contents(c->files[parts[i].fd]), *rest = text;
        for (char *line; rest && (line = strsep(&rest, "\n"));)
            if (*line) printf("    %s: %s\n", parts[i].name, line);
        free(text);
    }
}

static char **arguments(char **argv, const char *name)
{
    size_t n = 0;
    while (argv[n]) n++;
    char **out = calloc(n + 3, sizeof *out);
    if (!out) return NULL;
    out[0] = argv[0];
    out[1] = (char *)"--run-case";
    out[2] = (char *)name;
    memcpy(out + 3, argv + 1, (n - 1) * sizeof *out);
    return out;
}

static int open_files(struct child *c)
{
    static const int all[] = {1, 2, REPORT, LOG};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int fd = memfd_create("weir-test-plugin", MFD_CLOEXEC), high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
        if (fd >= 0) close(fd);
        if (high < 0) return -1;
        c->files[all[i]] = high;
    }
    return 0;
}

int conform_run_case(const struct conform *conform, char **argv, const char *name, struct conform_verdict *v)
{
    struct child c = {.pid = -1, .limit_ms = conform->patience_ms * LIMIT_PATIENCES};
    uint64_t began = now_ms();
    char **args = arguments(argv, name);
    *v = (struct conform_verdict){.end = CONFORM_FAILED};
    if (args && !open_files(&c)) c.pid = fork();
    if (!c.pid) become(&c, args);
    int pidfd = c.pid > 0 ? (int)syscall(SYS_pidfd_open, c.pid, 0) : -1;
    if (pidfd < 0) {
        snprintf(v->why, sizeof v->why, "cannot start: %s", strerror(errno));
        if (c.pid > 0) kill(c.pid, SIGKILL);
    } else {
        c.feed = start_feed(conform->feed);
        if (!wait_for(&c, pidfd, c.limit_ms)) end_by_force(&c, pidfd);
        if (c.feed > 0) {
            kill(-c.feed, SIGKILL);
            kill(c.feed, SIGKILL);
            waitpid(c.feed, NULL, 0);
        }
        close(pidfd);
        v->ms = (unsigned)(now_ms() - began);
        judge(&c, v);
        if (conform->verbose) show(&c);
    }
    for (int i = 0; i <= FILES; i++)
        if (c.files[i]) close(c.files[i]);
    free(args);
    return pidfd < 0 ? -1 : 0;
}
