/* stdout.c - prints events, one line each. Events go to stdout, logs to stderr. A reader that is slow slows the
 * pipeline down; it never blocks the lane. */
#include "lines.h"
#include "turn.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the descriptor cannot be made non-blocking for us alone, a write of at most PIPE_BUF bytes to a pipe that polls
 * writable does not block. */
enum { CAREFUL_BYTES = 4096 };
#define RETRY_MIN_NS 100000000ull
#define RETRY_MAX_NS 5000000000ull

struct cfg {
    int form;
};
struct out { /* shared by the lanes */
    struct turn turn;
    int fd;
    bool socket, careful;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_lines lines;
    size_t sent; /* of lines.buf */
    struct turn_taker taker;
    struct weir_watch watch;
    struct weir_timer retry;
    uint64_t retry_ns;
    bool waits, failed, draining, closed;
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, form, WEIR_ENUM, .def = "text", .choices = weir_line_forms,
             .doc = "text: key, tab, value (a message as JSON); json: one object with time, key, headers and value; "
                    "hex: key, tab, value in hexadecimal digits"),
    WEIR_OPT_END};

static void promise(const void *cfg, struct weir_promise *p)
{
    (void)cfg;
    memcpy(p->writes, "stdout", sizeof("stdout")); /* and not durable: nobody says what becomes of it there */
}

/* ---- the descriptor */

/* O_NONBLOCK belongs to the open file, which a terminal shares with the shell and with stderr: so we open our own. */
static int share(const struct weir_host *host, const void *cfg, uint32_t n_lanes, void **shared, struct weir_err *err)
{
    (void)host;
    (void)cfg;
    (void)n_lanes;
    struct stat st;
    struct out *out = calloc(1, sizeof(*out));
    if (!out || fstat(STDOUT_FILENO, &st) != 0) {
        snprintf(err->msg, sizeof(err->msg), "stdout: %s", strerror(errno));
        err->status = WEIR_FATAL;
        free(out);
        return -1;
    }
    pthread_mutex_init(&out->turn.lock, NULL);
    out->socket = S_ISSOCK(st.st_mode);
    out->fd = -1;
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
        out->fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (out->fd < 0) {
        out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        out->careful = !out->socket && !S_ISREG(st.st_mode);
    }
    *shared = out;
    if (out->fd >= 0) return 0;
    snprintf(err->msg, sizeof(err->msg), "stdout: %s", strerror(errno));
    err->status = WEIR_FATAL;
    pthread_mutex_destroy(&out->turn.lock);
    free(out);
    return -1;
}

static void unshare_out(void *shared)
{
    struct out *out = shared;
    close(out->fd);
    pthread_mutex_destroy(&out->turn.lock);
    free(out);
}

static ssize_t write_some(const struct out *out, const uint8_t *p, size_t n)
{
    ssize_t rc;
    do {
        rc = out->socket ? send(out->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                         : write(out->fd, p, out->careful && n > CAREFUL_BYTES ? CAREFUL_BYTES : n);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

/* ---- writing */

static void wait_writable(struct self *s, bool on)
{
    if (s->waits == on) return;
    s->waits = on;
    s->watch.fd = ((struct out *)s->ctx->shared)->fd;
    s->watch.want = on ? WEIR_WRITABLE : 0;
    if (s->ctx->host->watch(s->ctx, &s->watch) == 0 || !on) return;
    s->waits = false; /* a file or /dev/null cannot be waited for, and needs no waiting */
}

static void give_up(struct self *s, const char *why)
{
    char text[160];
    snprintf(text, sizeof(text), "stdout: %s", why);
    s->failed = true;
    wait_writable(s, false);
    weir_lines_settle(&s->lines, s->ctx, WEIR_UNKNOWN, text);
    turn_leave(&((struct out *)s->ctx->shared)->turn, &s->taker);
    s->ctx->host->state(s->ctx, WEIR_FAILED, text);
}

/* A full disk behind a redirection: hold what is left and go on from the same byte. */
static void try_later(struct self *s, const char *why)
{
    char text[160];
    snprintf(text, sizeof(text), "stdout: %s; trying again", why);
    s->ctx->host->state(s->ctx, WEIR_DEGRADED, text);
    s->retry_ns = s->retry_ns ? s->retry_ns * 2 : RETRY_MIN_NS;
    if (s->retry_ns > RETRY_MAX_NS) s->retry_ns = RETRY_MAX_NS;
    s->ctx->host->timer_arm(s->ctx, &s->retry, s->retry_ns);
}

/* True when all of buf is out. */
static bool flush(struct self *s)
{
    const struct out *out = s->ctx->shared;
    while (s->sent < s->lines.buf.n) {
        if (out->careful && !s->waits) { /* only after a look at the descriptor, which the watch is */
            wait_writable(s, true);
            if (s->waits) return false;
        }
        ssize_t rc = write_some(out, s->lines.buf.p + s->sent, s->lines.buf.n - s->sent);
        if (rc >= 0) {
            s->sent += (size_t)rc;
            if (s->waits && out->careful && s->sent < s->lines.buf.n) return false; /* the watch calls again */
            continue;
        }
        if (errno == EAGAIN) {
            wait_writable(s, true);
        } else if (errno == EPIPE || errno == EBADF || errno == ECONNRESET) {
            give_up(s, strerror(errno));
        } else {
            try_later(s, strerror(errno));
        }
        return false;
    }
    wait_writable(s, false);
    return true;
}

static void drained(struct self *s)
{
    if (s->draining && s->lines.n == 0) s->ctx->host->state(s->ctx, WEIR_DRAINED, NULL);
}

/* Goes on from wherever it is: rendering, waiting for the turn, writing. */
static void go_on(struct self *s)
{
    const struct cfg *cfg = s->ctx->cfg;
    struct turn *turn = &((struct out *)s->ctx->shared)->turn;
    while (!s->failed && !s->closed && weir_lines_render(&s->lines, s->ctx, (enum weir_line_form)cfg->form)) {
        if (!turn_take(turn, &s->taker) || !flush(s)) return;
        turn_leave(turn, &s->taker); /* between lines: another lane may write now */
        s->sent = 0;
        weir_lines_settle(&s->lines, s->ctx, WEIR_OK, NULL);
        if (s->retry_ns) s->ctx->host->state(s->ctx, WEIR_READY, NULL);
        s->retry_ns = 0;
    }
    drained(s);
}

static void on_turn(struct weir_task *task)
{
    struct turn_taker *taker = weir_container(task, struct turn_taker, task);
    go_on(weir_container(taker, struct self, taker));
}

static void on_writable(struct weir_watch *watch, uint32_t ready)
{
    (void)ready;
    go_on(weir_container(watch, struct self, watch));
}

static void on_retry(struct weir_timer *timer)
{
    go_on(weir_container(timer, struct self, retry));
}

/* ---- life */

static int open_stdout(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    struct self *s = ctx->self;
    s->ctx = ctx;
    s->taker.ctx = ctx;
    s->taker.task.fn = on_turn;
    s->watch.fn = on_writable;
    s->retry.fn = on_retry;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *s = ctx->self;
    if (s->failed) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "stdout is gone");
        return;
    }
    bool idle = s->lines.n == 0;
    weir_lines_add(&s->lines, ctx, batch);
    if (idle) go_on(s);
}

static void drain(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    s->draining = true;
    drained(s);
}

static void close_stdout(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    s->closed = true;
    ctx->host->timer_stop(ctx, &s->retry);
    wait_writable(s, false);
    turn_leave(&((struct out *)ctx->shared)->turn, &s->taker);
    weir_lines_close(&s->lines, ctx, WEIR_UNKNOWN, "closed before it was written");
}

WEIR_PLUGIN(.name = "stdout", .version = "1.0.0", .doc = "Prints events to stdout, one line each.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .promise = promise,
            .share = share, .unshare = unshare_out, .open = open_stdout, .push = push, .drain = drain,
            .close = close_stdout);
