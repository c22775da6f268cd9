/* test_life.c - the weir binary from start to exit code: signals, drain, time-out, failure, errors at start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct run { /* one weir process; its stderr comes through a pipe */
    pid_t pid;
    int err;
    char conf[64];
    char log[16384];
    size_t n;
};

static void start(struct run *r, const char *conf)
{
    int fd[2];
    *r = (struct run){.pid = 0};
    snprintf(r->conf, sizeof r->conf, "/tmp/weir-life-XXXXXX");
    int file = mkstemp(r->conf);
    assert_true(file >= 0 && write(file, conf, strlen(conf)) == (ssize_t)strlen(conf));
    close(file);
    assert_int_equal(pipe(fd), 0);
    r->pid = fork();
    if (!r->pid) {
        dup2(fd[1], 2);
        close(fd[0]);
        close(fd[1]);
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none); /* some are meant to crash */
        execl(WEIR_BINARY, "weir", "run", r->conf, (char *)NULL);
        _exit(127);
    }
    close(fd[1]);
    r->err = fd[0];
}

/* Reads on until the text is there; false when the process closed its end first. */
static bool says(struct run *r, const char *text)
{
    while (!strstr(r->log, text)) {
        ssize_t got = r->n < sizeof r->log - 1 ? read(r->err, r->log + r->n, sizeof r->log - 1 - r->n) : 0;
        if (got <= 0) return false;
        r->n += (size_t)got;
        r->log[r->n] = 0;
    }
    return true;
}

static int end(struct run *r)
{
    int status;
    (void)says(r, "\x01"); /* never said: reads to the end */
    close(r->err);
    unlink(r->conf);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void a_counted_run_ends_by_itself(void **state)
{
    struct run r;
    (void)state;
    start(&r,
          "pipelines = { a = { lanes = 2, stages = { clockwork = { every = \"1ms\", count = 20 }, faulty = {} } } }");
    assert_int_equal(end(&r), 0);
    assert_non_null(strstr(r.log, "stopped, exit code 0"));
}

/* The window fills and empties within one turn: the source, which waits for flow(true) alone, must hear of it. */
static void a_source_without_room_hears_of_room(void **state)
{
    struct run r;
    (void)state;
    start(&r, "pipelines = { a = { window = { events = 4, bytes = \"1MiB\" }, stages = {\n"
              "  clockwork = { burst = true, count = 1000 }, faulty = {} } } }");
    assert_int_equal(end(&r), 0);
}

static void sigterm_drains(void **state)
{
    struct run r;
    (void)state;
    start(&r, "pipelines = { a = { stages = { clockwork = {}, faulty = {} } }\n"
              "              b = { stages = { clockwork = {}, faulty = {} } } }");
    assert_true(says(&r, "runs 2 pipelines"));
    kill(r.pid, SIGTERM);
    assert_int_equal(end(&r), 0);
}

static void a_drain_that_takes_too_long_says_what_was_left(void **state)
{
    struct run r;
    (void)state;
    start(&r, "pipelines = { a = { drain_timeout = \"50ms\", stages = {\n"
              "  clockwork = { every = \"1ms\", count = 3 }, faulty = { fault = \"never-settles\" } } } }");
    assert_true(says(&r, "first event"));
    kill(r.pid, SIGTERM);
    assert_int_equal(end(&r), 1);
    assert_non_null(strstr(r.log, "lane 0: stage clockwork was not drained in time ("));
}

static void a_fatal_event_stops_the_pipeline(void **state)
{
    struct run r;
    (void)state;
    start(&r, "pipelines = { a = { stages = { clockwork = { every = \"1ms\" }, faulty = { fault = \"fatal\" } } } }");
    assert_int_equal(end(&r), 3);
    assert_non_null(strstr(r.log, "pipeline a stops: a.clockwork: this can never work"));
}

static void a_second_signal_leaves_at_once(void **state)
{
    struct run r;
    (void)state;
    start(&r, "pipelines = { a = { drain_timeout = \"1h\", stages = {\n"
              "  clockwork = { every = \"1ms\" }, faulty = { fault = \"never-settles\" } } } }");
    assert_true(says(&r, "first event"));
    kill(r.pid, SIGTERM);
    assert_true(says(&r, "SIGTERM: draining"));
    kill(r.pid, SIGINT);
    assert_int_equal(end(&r), 1);
}

/* A port nobody listens on; the socket that reserved it, or -1 once it is free to be taken. */
static int some_port(int *fd)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    *fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(!bind(*fd, (struct sockaddr *)&sa, n) && !listen(*fd, 1) &&
                !getsockname(*fd, (struct sockaddr *)&sa, &n));
    return ntohs(sa.sin_port);
}

static void errors_at_start_name_their_place(void **state)
{
    struct run r;
    char conf[256];
    int fd, port = some_port(&fd);
    (void)state;
    snprintf(conf, sizeof conf,
             "admin = { listen = \"127.0.0.1:%d\" }\npipelines = { a = { stages = { clockwork = {}, faulty = {} } } }",
             port);
    start(&r, conf);
    assert_int_equal(end(&r), 2);
    assert_non_null(strstr(r.log, "admin.listen: "));
    assert_non_null(strstr(r.log, "in use"));
    close(fd);
    start(&r, "pipelines = { a = { stages = { nonesuch = {}, faulty = {} } } }");
    assert_int_equal(end(&r), 2);
    assert_non_null(strstr(r.log, ":1: "));
    assert_non_null(strstr(r.log, "plugin \"nonesuch\" was not found in"));
}

/* The line that says who it was, the backtrace that says where, and the exit status of the signal. */
static void a_crash_is_blamed_on_its_plugin(void **state)
{
    static const char on_stage[] = "level=fatal pipeline=a stage=bad lane=0 msg=\"";
    static const struct {
        const char *options, *begins, *names;
        int signal;
    } crashes[] = {
        {"where = \"push\"", "SIGSEGV at 0x0", "in plugin crasher 4.5.6, callback push;", SIGSEGV},
        {"where = \"push\", how = \"abort\"", "SIGABRT", "in plugin crasher 4.5.6, callback push;", SIGABRT},
        {"where = \"push\", how = \"overflow\"", "SIGSEGV at 0x", "in plugin crasher 4.5.6, callback push;", SIGSEGV},
        {"where = \"open\"", "SIGSEGV at 0x0", "in plugin crasher 4.5.6, callback open;", SIGSEGV},
        {"where = \"timer\"", "SIGSEGV at 0x0", "in plugin crasher 4.5.6, callback timer;", SIGSEGV},
        {"where = \"drain\"", "SIGSEGV at 0x0", "in plugin crasher 4.5.6, callback drain;", SIGSEGV},
        {"where = \"work\"", "SIGSEGV at 0x0", "in plugin crasher 4.5.6, callback work, on a worker thread;", SIGSEGV},
        {"where = \"share\"", NULL, "msg=\"SIGSEGV at 0x0 in plugin crasher 4.5.6, callback share;", SIGSEGV},
        {"where = \"post\"", "SIGSEGV at 0x0", "in plugin crasher 4.5.6, callback a posted task;", SIGSEGV},
        {"where = \"thread\"", NULL, "msg=\"SIGSEGV at 0x0 outside of any callback, or in a library's own thread;",
         SIGSEGV},
    };
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* the sanitizer reports by itself */
#endif
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) {
        struct run r;
        char conf[256], begins[128];
        snprintf(conf, sizeof conf,
                 "pipelines = { a = { stages = { clockwork = { every = \"1ms\", count = %d }\n"
                 "  bad = { plugin = \"crasher\", %s } } } }",
                 strstr(crashes[i].options, "drain") ? 3 : 0, crashes[i].options); /* 0: runs until it crashes */
        snprintf(begins, sizeof begins, "%s%s", on_stage, crashes[i].begins ? crashes[i].begins : "");
        start(&r, conf);
        int code = end(&r);
        const char *line = strstr(r.log, "level=fatal"), *after = line ? strchr(line, '\n') : NULL;
        bool good = code == 128 + crashes[i].signal && after && strstr(line, crashes[i].names) &&
                    strstr(line, crashes[i].names) < after &&
                    (!crashes[i].begins || !strncmp(line, begins, strlen(begins)));
        if (!good || !strstr(after, "crasher.so(")) fail_msg("%s: exit %d:\n%s", crashes[i].options, code, r.log);
    }
}

static void a_crash_is_json_where_the_log_is(void **state)
{
    struct run r;
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#endif
    start(&r, "log = { format = \"json\" }\n"
              "pipelines = { a = { stages = { clockwork = { every = \"1ms\" }, crasher = {} } } }");
    assert_int_equal(end(&r), 128 + SIGSEGV);
    assert_non_null(strstr(r.log, "\n{\"level\":\"fatal\",\"pipeline\":\"a\",\"stage\":\"crasher\",\"lane\":0,"
                                  "\"msg\":\"SIGSEGV at 0x0 in plugin crasher 4.5.6, callback push; "));
}

static void a_stage_that_holds_its_lane_is_named(void **state)
{
    static const struct {
        const char *where, *says;
    } stalls[] = {{"open", "ms in open; nothing in a callback may block"},
                  {"push", "ms in push; nothing in a callback may block"},
                  {"timer", "ms in timer; nothing in a callback may block"},
                  {"post", "ms in a posted task; nothing in a callback may block"},
                  {"drain", "ms in drain; nothing in a callback may block"}};
    (void)state;
    for (size_t i = 0; i < sizeof stalls / sizeof *stalls; i++) {
        struct run r;
        char conf[256];
        snprintf(conf, sizeof conf,
                 "watchdog = \"5ms\"\npipelines = { a = { stages = { clockwork = { every = \"1ms\", count = 12 }\n"
                 "  bad = { plugin = \"crasher\", how = \"stall\", where = \"%s\" } } } }",
                 stalls[i].where);
        start(&r, conf);
        assert_int_equal(end(&r), 0);
        char *line = strstr(r.log, "pipeline=a stage=bad lane=0 msg=\"held its lane for "), *after = line;
        if (!line || !strstr(line, stalls[i].says)) fail_msg("%s:\n%s", stalls[i].where, r.log);
        int lines = 0; /* in 12 stalls of 20 ms each the log says it once: at most every 10 s */
        for (; after && (after = strstr(after, "stage=bad lane=0 msg=\"held its lane")); after++) lines++;
        if (lines >= 12) fail_msg("%s: %d lines:\n%s", stalls[i].where, lines, r.log);
    }
}

/* What GET /metrics answers, whole. */
static void metrics_of(int port, char *text, size_t size)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    static const char ask[] = "GET /metrics HTTP/1.0\r\n\r\n";
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(write(fd, ask, sizeof ask - 1), sizeof ask - 1);
    size_t n = 0;
    for (ssize_t got; n < size - 1 && (got = read(fd, text + n, size - 1 - n)) > 0;) n += (size_t)got;
    text[n] = 0;
    close(fd);
}

static void every_stall_is_counted(void **state)
{
    static char text[1 << 18];
    struct run r;
    char conf[256];
    double stalls = 0;
    int fd, port = some_port(&fd);
    (void)state;
    close(fd);
    snprintf(conf, sizeof conf,
             "admin = { listen = \"127.0.0.1:%d\" }  watchdog = \"5ms\"\npipelines = { a = { stages = {\n"
             "  clockwork = { every = \"1ms\" } bad = { plugin = \"crasher\", how = \"stall\" } } } }",
             port);
    start(&r, conf);
    assert_true(says(&r, "runs 1 pipeline")); /* now it listens */
    do { /* the second one is not logged */
        metrics_of(port, text, sizeof text);
        const char *line = strstr(text, "\nweir_stage_stalls_total{pipeline=\"a\",stage=\"bad\",plugin=\"crasher\"} ");
        assert_non_null(line);
        stalls = strtod(strchr(line, ' '), NULL);
    } while (stalls < 2);
    assert_non_null(
        strstr(text, "\nweir_stage_stalls_total{pipeline=\"a\",stage=\"clockwork\",plugin=\"clockwork\"} "));
    kill(r.pid, SIGTERM);
    assert_int_equal(end(&r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counted_run_ends_by_itself),
        cmocka_unit_test(a_source_without_room_hears_of_room),
        cmocka_unit_test(sigterm_drains),
        cmocka_unit_test(a_drain_that_takes_too_long_says_what_was_left),
        cmocka_unit_test(a_fatal_event_stops_the_pipeline),
        cmocka_unit_test(a_second_signal_leaves_at_once),
        cmocka_unit_test(errors_at_start_name_their_place),
        cmocka_unit_test(a_crash_is_blamed_on_its_plugin),
        cmocka_unit_test(a_crash_is_json_where_the_log_is),
        cmocka_unit_test(a_stage_that_holds_its_lane_is_named),
        cmocka_unit_test(every_stall_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
