/* server.c - libmicrohttpd in the lane's own loop: a daemon's epoll set is one watched fd, and it works in MHD_run. It
 * has no thread and no wake-up fd, so after a ticket resolves we run it ourselves, once for all answers of a turn.
 * MHD_run goes on until every connection that is ready has been served. So that a turn stays short, and the answers of
 * the pipeline are not late however many players ask, a daemon has some hundred connections, and after so many requests
 * others have their turn. */
#include "http_ingress.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 4, EACH = 512, TURN = 128 }; /* runs of a daemon at a time; its connections; requests of a turn */

static void say(void *arg, const char *fmt, va_list args)
{
    struct lane *lane = arg;
    char text[256];
    int n = vsnprintf(text, sizeof text, fmt, args);
    if (n < 0) return;
    for (char *p = text; *p; p++)
        if (*p == '\n') *p = ' ';
    weir_log(lane->ctx, WEIR_DEBUG, "libmicrohttpd: %s", text); /* about clients: theirs to fix */
}

static size_t as_it_is(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text); /* a path is cut at its slashes before its escapes are read: %2F is no slash */
}

/* ---- turns */

static void run(struct server *s)
{
    struct lane *lane = s->lane;
    MHD_UNSIGNED_LONG_LONG wait = 0;
    if (lane->running) return;
    lane->running = true;
    for (unsigned i = 0; i < ROUNDS && !wait; i++) {
        MHD_run(s->daemon);
        if (MHD_get_timeout(s->daemon, &wait) != MHD_YES) wait = 1; /* our deadlines are in conn.c: it has none */
    }
    lane->running = false;
    if (!wait) server_run_soon(s); /* others' turn first */
}

static void after_runs(struct lane *lane)
{
    events_flush(lane);
    lane->n_emitted = 0;
    if (lane->flowing) events_admit_soon(lane);
    lane_check_drained(lane);
}

static void on_ready(struct weir_watch *w, uint32_t ready)
{
    struct server *s = weir_container(w, struct server, watch);
    (void)ready;
    if (s->lane->n_servers > 1) {
        server_run_soon(s);
        return;
    }
    run(s);
    after_runs(s->lane);
}

static void post_run(struct lane *lane)
{
    if (lane->run_posted) return;
    lane->run_posted = true;
    lane->ctx->host->post(lane->ctx, &lane->run_task);
}

static void on_task(struct weir_task *task)
{
    struct lane *lane = weir_container(task, struct lane, run_task);
    struct server *last = lane->last_due;
    lane->run_posted = false;
    lane->n_served = 0;
    for (struct server *s = NULL; s != last && (s = lane->due) && lane->n_served < TURN;) {
        lane->due = s->next_due;
        if (!lane->due) lane->last_due = NULL;
        s->is_due = false;
        run(s);
    }
    after_runs(lane);
    if (lane->due) post_run(lane);
}

void server_run_soon(struct server *s)
{
    struct lane *lane = s->lane;
    if (s->is_due || lane->closing) return;
    s->is_due = true;
    s->next_due = NULL;
    *(lane->last_due ? &lane->last_due->next_due : &lane->due) = s;
    lane->last_due = s;
    post_run(lane);
}

void server_resume(struct conn *c)
{
    MHD_resume_connection(c->mhd);
    server_run_soon(c->server);
}

/* ---- daemons: as many as the connections need */

static struct MHD_Daemon *start(struct server *s)
{
    struct lane *lane = s->lane;
    const struct cfg *cfg = lane->cfg;
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, lane->cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, lane->key},
                                   {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (lane->cert ? MHD_USE_TLS : 0u);
    if (!lane->cert) tls[0].option = MHD_OPTION_END;
    return MHD_start_daemon(flags, 0, NULL, NULL, request_part, NULL, MHD_OPTION_EXTERNAL_LOGGER, say, lane,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)EACH, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)cfg->max_header, MHD_OPTION_STRICT_FOR_CLIENT,
                            1, MHD_OPTION_UNESCAPE_CALLBACK, as_it_is, NULL, MHD_OPTION_URI_LOG_CALLBACK, request_line,
                            NULL, MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION,
                            conn_notify, s, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static struct server *server_new(struct lane *lane)
{
    struct server **grown = realloc(lane->servers, (lane->n_servers + 1) * sizeof *grown);
    struct server *s = grown ? calloc(1, sizeof *s) : NULL;
    if (grown) lane->servers = grown;
    if (!s) return NULL;
    s->lane = lane;
    s->daemon = start(s);
    const union MHD_DaemonInfo *info = s->daemon ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    s->watch = (struct weir_watch){.fn = on_ready, .fd = info ? info->epoll_fd : -1, .want = WEIR_READABLE};
    if (!info || lane->ctx->host->watch(lane->ctx, &s->watch)) {
        if (s->daemon) MHD_stop_daemon(s->daemon);
        free(s);
        return NULL;
    }
    lane->servers[lane->n_servers++] = s;
    return s;
}

/* The first with room, so that few players are on one daemon. */
bool server_take(struct lane *lane, int fd, const struct sockaddr *peer, socklen_t n)
{
    uint32_t i = 0;
    while (i < lane->n_servers && lane->servers[i]->n_conns >= EACH) i++;
    struct server *s = i < lane->n_servers ? lane->servers[i] : server_new(lane);
    if (!s) {
        close(fd);
        return false;
    }
    if (MHD_add_connection(s->daemon, fd, peer, n) != MHD_YES) return false; /* it has closed fd */
    server_run_soon(s);
    return true;
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

/* The first daemon is there from the start: it says whether the certificate is usable. */
int server_start(struct lane *lane, struct weir_err *err)
{
    const struct cfg *cfg = lane->cfg;
    const char *cert = (const char *)cfg->tls.cert.p, *key = (const char *)cfg->tls.key.p;
    if (cert && (read_pem("tls.cert", cert, &lane->cert, err) < 0 || read_pem("tls.key", key, &lane->key, err) < 0))
        return -1;
    if (getrandom(&lane->random, sizeof lane->random, 0) < 0) lane->random = lane->ctx->host->wall(lane->ctx);
    lane->expiry.fn = lane_expire;
    lane->farewell.fn = lane_refuse;
    lane->run_task.fn = on_task;
    lane->admit_task.fn = events_admit;
    if (server_new(lane)) return accept_start(lane, err);
    return bad(err, cert ? "tls" : "listen", "cannot start the HTTP server on %s: %s", (const char *)cfg->listen.p,
               cert ? "the certificate or the key is not usable, or memory is gone" : "out of memory or descriptors");
}

/* Clients that still wait hear that we do not know: their events live on without us. */
static void answer_all(struct lane *lane)
{
    lane_release_held(lane, UINT64_MAX);
    for (struct conn *c = lane->phases[PIPELINE].first; c; c = c->next) {
        if (c->response) continue;
        answer_problem(c,
                       &(struct problem){.status = 503,
                                         .outcome = "unknown",
                                         .reason = "unknown",
                                         .detail = "it may have been done; send the request again with the same key"});
        MHD_resume_connection(c->mhd);
    }
    /* a daemon may not be stopped while a connection is suspended */
    for (uint32_t i = 0; i < lane->n_servers; i++) MHD_run(lane->servers[i]->daemon);
}

void server_stop(struct lane *lane)
{
    const struct weir_host *host = lane->ctx->host;
    lane->closing = true;
    lane->flowing = false;
    accept_stop(lane);
    if (lane->expiry.due_ns) host->timer_stop(lane->ctx, &lane->expiry);
    if (lane->farewell.due_ns) host->timer_stop(lane->ctx, &lane->farewell);
    answer_all(lane);
    events_flush(lane);
    for (uint32_t i = 0; i < lane->n_servers; i++) {
        struct server *s = lane->servers[i];
        s->watch.want = 0;
        host->watch(lane->ctx, &s->watch);
        MHD_stop_daemon(s->daemon);
        free(s);
    }
    free(lane->servers);
    if (lane->key) explicit_bzero(lane->key, strlen(lane->key));
    free(lane->cert);
    free(lane->key);
    weir_json_buf_free(&lane->wire);
}
