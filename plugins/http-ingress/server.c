/* server.c - one libmicrohttpd daemon in the lane's own loop: its epoll set is one watched fd, and it works in MHD_run.
 * It has no thread and no wake-up fd, so after a ticket resolves we run it ourselves, once for all answers of a turn.
 */
#include "http_ingress.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { ROUNDS = 4, PAUSE_MS = 100 }; /* runs of the daemon in one turn; pause when the machine is out of descriptors */

static void say(void *arg, const char *fmt, va_list args)
{
    struct lane *lane = arg;
    char text[256];
    int n = vsnprintf(text, sizeof text, fmt, args);
    if (n < 0) return;
    for (char *p = text; *p; p++)
        if (*p == '\n') *p = ' ';
    if (!strstr(fmt, "resource limit")) { /* the rest is about clients: theirs to fix */
        weir_log(lane->ctx, WEIR_DEBUG, "libmicrohttpd: %s", text);
        return;
    }
    if (!lane->at_limit)
        lane->ctx->host->state(lane->ctx, WEIR_DEGRADED, "cannot accept: out of file descriptors; raise ulimit -n");
    lane->at_limit = lane->starved = true;
}

static size_t as_it_is(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text); /* a path is cut at its slashes before its escapes are read: %2F is no slash */
}

static void watch(struct lane *lane, uint32_t want)
{
    lane->watch.want = want;
    if (lane->ctx->host->watch(lane->ctx, &lane->watch) == 0) return;
    lane->ctx->host->state(lane->ctx, WEIR_FAILED, "cannot watch the epoll descriptor of libmicrohttpd");
}

static void run(struct lane *lane)
{
    const struct weir_host *host = lane->ctx->host;
    MHD_UNSIGNED_LONG_LONG wait = 0;
    if (!lane->daemon || lane->running) return;
    lane->running = true;
    for (unsigned i = 0; i < ROUNDS && !wait; i++) {
        MHD_run(lane->daemon);
        if (MHD_get_timeout(lane->daemon, &wait) != MHD_YES) wait = 1; /* our deadlines are in conn.c: it has none */
        if (lane->has_place) wait = 0;
        lane->has_place = false;
    }
    lane->running = false;
    events_flush(lane);
    lane_check_drained(lane);
    if (lane->starved && !lane->n_conns && !lane->draining) { /* it would accept in vain, over and over */
        watch(lane, 0);
        host->timer_arm(lane->ctx, &lane->again, PAUSE_MS * 1000000u);
    } else if (!wait) { /* others' turn first */
        server_run_soon(lane);
    }
}

static void on_ready(struct weir_watch *w, uint32_t ready)
{
    (void)ready;
    run(weir_container(w, struct lane, watch));
}

static void on_again(struct weir_timer *timer)
{
    struct lane *lane = weir_container(timer, struct lane, again);
    if (!lane->watch.want) {
        lane->starved = lane->at_limit = false;
        watch(lane, WEIR_READABLE);
        lane->ctx->host->state(lane->ctx, WEIR_READY, NULL);
    }
    run(lane);
}

static void on_task(struct weir_task *task)
{
    struct lane *lane = weir_container(task, struct lane, run_task);
    lane->run_posted = false;
    run(lane);
}

void server_run_soon(struct lane *lane)
{
    if (lane->run_posted || lane->closing) return;
    lane->run_posted = true;
    lane->ctx->host->post(lane->ctx, &lane->run_task);
}

/* ---- start and stop */

static int bad(struct weir_err *err, const char *option, const char *fmt, const char *what, const char *why)
{
    err->status = WEIR_FATAL;
    snprintf(err->option, sizeof err->option, "%s", option);
    snprintf(err->msg, sizeof err->msg, fmt, what, why);
    return -1;
}

static int read_pem(const char *option, const char *path, char **text, struct weir_err *err)
{
    enum { MAX = 1 << 20 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *p = fd >= 0 ? calloc(1, MAX) : NULL;
    ssize_t n = p ? read(fd, p, MAX - 1) : -1;
    int saved = errno;
    if (fd >= 0) close(fd);
    *text = p;
    return n > 0 ? 0 : bad(err, option, "cannot read %s: %s", path, n < 0 ? strerror(saved) : "it is empty");
}

static struct MHD_Daemon *start(struct lane *lane, int fd)
{
    const struct cfg *cfg = lane->cfg;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, lane->cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, lane->key},
                                   {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (lane->cert ? MHD_USE_TLS : 0u);
    if (!lane->cert) tls[0].option = MHD_OPTION_END;
    return MHD_start_daemon(flags, 0, NULL, NULL, request_part, lane, MHD_OPTION_EXTERNAL_LOGGER, say, lane,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)cfg->max_connections,
                            MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)cfg->max_header, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
                            as_it_is, NULL, MHD_OPTION_URI_LOG_CALLBACK, request_line, lane,
                            MHD_OPTION_NOTIFY_COMPLETED, request_completed, lane, MHD_OPTION_NOTIFY_CONNECTION,
                            conn_notify, lane, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

int server_start(struct lane *lane, struct weir_err *err)
{
    const struct cfg *cfg = lane->cfg;
    const char *cert = (const char *)cfg->tls.cert.p, *key = (const char *)cfg->tls.key.p;
    if (cert && (read_pem("tls.cert", cert, &lane->cert, err) < 0 || read_pem("tls.key", key, &lane->key, err) < 0))
        return -1;
    if (getrandom(&lane->random, sizeof lane->random, 0) < 0) lane->random = lane->ctx->host->wall(lane->ctx);
    int fd = lane->ctx->host->listen(lane->ctx, (const char *)cfg->listen.p, err);
    if (fd < 0) return -1;
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* the daemon closes it, also on some ways to fail */
    close(fd);
    lane->daemon = own >= 0 ? start(lane, own) : NULL;
    const union MHD_DaemonInfo *info =
        lane->daemon ? MHD_get_daemon_info(lane->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return bad(err, cert ? "tls" : "listen", "cannot start the HTTP server on %s: %s", (const char *)cfg->listen.p,
                   cert ? "the certificate or the key is not usable, or memory is gone"
                        : "out of memory or descriptors");
    lane->again.fn = on_again;
    lane->expiry.fn = lane_expire;
    lane->farewell.fn = lane_refuse;
    lane->run_task.fn = on_task;
    lane->watch = (struct weir_watch){.fn = on_ready, .fd = info->epoll_fd, .want = WEIR_READABLE};
    if (lane->ctx->host->watch(lane->ctx, &lane->watch) == 0) {
        run(lane); /* it puts the listening socket into its epoll set when it first runs */
        return 0;
    }
    return bad(err, "listen", "cannot watch the server of %s%s", (const char *)cfg->listen.p, "");
}

void server_quiesce(struct lane *lane)
{
    int fd = MHD_quiesce_daemon(lane->daemon);
    if (fd >= 0) close(fd);
}

/* Clients that still wait hear that we do not know: their events live on without us. */
static void answer_all(struct lane *lane)
{
    for (struct conn *c = lane->phases[PIPELINE].first; c; c = c->next) {
        if (c->response) continue;
        answer_problem(c,
                       &(struct problem){.status = 503,
                                         .outcome = "unknown",
                                         .reason = "unknown",
                                         .detail = "it may have been done; send the request again with the same key"});
        MHD_resume_connection(c->mhd);
    }
    MHD_run(lane->daemon); /* it may not be stopped while a connection is suspended */
}

void server_stop(struct lane *lane)
{
    const struct weir_host *host = lane->ctx->host;
    lane->closing = true;
    lane->flowing = false;
    if (lane->again.due_ns) host->timer_stop(lane->ctx, &lane->again);
    if (lane->expiry.due_ns) host->timer_stop(lane->ctx, &lane->expiry);
    if (lane->farewell.due_ns) host->timer_stop(lane->ctx, &lane->farewell);
    if (lane->watch.want) {
        lane->watch.want = 0;
        host->watch(lane->ctx, &lane->watch);
    }
    if (lane->daemon) {
        answer_all(lane);
        events_flush(lane);
        MHD_stop_daemon(lane->daemon);
        lane->daemon = NULL;
    }
    if (lane->key) explicit_bzero(lane->key, strlen(lane->key));
    free(lane->cert);
    free(lane->key);
    weir_json_buf_free(&lane->wire);
}
