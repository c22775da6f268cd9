/* admin.c - the admin listener: libmicrohttpd with a thread of its own, so that a stuck lane can still be seen. */
#include "admin.h"
#include "admin_pages.h"
#include "listen.h"
#include "log.h"
#include "process.h"
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <weir_failpoint.h>

enum { CONNECTIONS_MAX = 64, CONNECTION_MEMORY = 16 * 1024, IDLE_SECONDS = 10 };

struct weir_admin {
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int stop; /* eventfd */
    struct weir_metrics *metrics;
    struct weir_status_board *board;
    uint16_t port;
};

static uint64_t monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- routes */

static unsigned write_metrics(struct weir_admin *a, const struct weir_snapshot *s, FILE *f)
{
    (void)s;
    weir_metrics_write(a->metrics, f);
    weir_process_write(f);
    return 200;
}
static unsigned write_livez(struct weir_admin *a, const struct weir_snapshot *s, FILE *f)
{
    (void)a;
    return weir_page_livez(s, monotonic_ns(), f);
}
static unsigned write_readyz(struct weir_admin *a, const struct weir_snapshot *s, FILE *f)
{
    (void)a;
    return weir_page_readyz(s, f);
}
static unsigned write_status(struct weir_admin *a, const struct weir_snapshot *s, FILE *f)
{
    (void)a;
    return weir_page_status(s, f);
}
static unsigned write_front(struct weir_admin *a, const struct weir_snapshot *s, FILE *f)
{
    (void)a;
    return weir_page_front(s, f);
}

#ifdef WEIR_FAILPOINTS
static unsigned write_failpoints(struct weir_admin *a, const struct weir_snapshot *s, FILE *f)
{
    (void)a;
    (void)s;
    weir_failpoint_list(f);
    return 200;
}
#endif

#define TEXT "text/plain; charset=utf-8"
static const struct route {
    const char *path, *type;
    unsigned (*write)(struct weir_admin *, const struct weir_snapshot *, FILE *);
} routes[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
    {"/livez", TEXT, write_livez},
    {"/readyz", TEXT, write_readyz},
    {"/status", "application/json", write_status},
    {"/", "text/html; charset=utf-8", write_front},
#ifdef WEIR_FAILPOINTS
    {"/failpoints", TEXT, write_failpoints},
#endif
};

static const struct route *route_of(const char *path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (strcmp(path, routes[i].path) == 0) return &routes[i];
    return NULL;
}

/* ---- answers */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, char *body, size_t n)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(n, body, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(body);
        return MHD_NO; /* closes the connection */
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
    char *copy = strdup(text);
    return copy ? answer(c, status, TEXT, copy, strlen(copy)) : MHD_NO;
}

static enum MHD_Result answer_page(struct weir_admin *a, struct MHD_Connection *c, const struct route *route)
{
    struct weir_snapshot snapshot;
    char *body = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&body, &n);
    if (!f) return MHD_NO;
    unsigned status = 500;
    bool complete = weir_snapshot_take(&snapshot, a->board) == 0;
    if (complete) {
        status = route->write(a, &snapshot, f);
        weir_snapshot_free(&snapshot);
    }
    if (ferror(f)) complete = false;
    if (fclose(f) != 0 || !complete) {
        free(body);
        return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
    }
    return answer(c, status, route->type, body, n);
}

/* POST /failpoints?set=...; false: it is something else. */
static bool set_failpoints(struct MHD_Connection *c, const char *path, const char *method, enum MHD_Result *rc)
{
#ifdef WEIR_FAILPOINTS
    const char *set = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "set");
    if (strcmp(path, "/failpoints") != 0 || strcmp(method, "POST") != 0) return false;
    *rc = set && weir_failpoint_set(set) ? answer_text(c, MHD_HTTP_OK, "set\n")
                                         : answer_text(c, MHD_HTTP_BAD_REQUEST, "expected ?set=name=action:n,...\n");
    return true;
#else
    (void)c;
    (void)path;
    (void)method;
    (void)rc;
    return false;
#endif
}

/* libmicrohttpd calls once for the headers, then with each piece of a body, then with none. A body is thrown away, so
 * that whoever sent one gets to read the answer. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path, const char *method,
                                  const char *version, const char *body, size_t *body_n, void **seen)
{
    struct weir_admin *a = arg;
    (void)version;
    (void)body;
    if (!*seen) {
        *seen = a;
        return MHD_YES;
    }
    if (*body_n) {
        *body_n = 0;
        return MHD_YES;
    }
    enum MHD_Result rc;
    if (set_failpoints(c, path, method, &rc)) return rc;
    const struct route *route = route_of(path);
    if (!route) return answer_text(c, MHD_HTTP_NOT_FOUND, "not found; see /\n");
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    return answer_page(a, c, route);
}

static void on_log(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    weir_logv(WEIR_DEBUG, NULL, "admin", -1, fmt, ap);
}

/* ---- life */

static uint16_t port_of(int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t n = sizeof(sa);
    if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0) return 0;
    if (sa.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&sa)->sin_port);
    return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&sa)->sin6_port) : 0;
}

/* Our own thread, as libmicrohttpd's may still be at a request when the daemon is stopped: 0.9.75 then crashes on one
 * that is malformed (MHD_queue_response says yes and queues nothing). */
static void *serve(void *arg)
{
    struct weir_admin *a = arg;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[2] = {{info ? info->epoll_fd : -1, POLLIN, 0}, {a->stop, POLLIN, 0}};
    while (!fds[1].revents) {
        MHD_UNSIGNED_LONG_LONG ms;
        int wait = MHD_get_timeout(a->daemon, &ms) == MHD_YES ? (int)(ms < 1000 ? ms : 1000) : -1;
        if (poll(fds, 2, wait) < 0 && errno != EINTR) break;
        MHD_run(a->daemon);
    }
    return NULL;
}

/* It must not take the signals that the main thread waits for. */
static int start_thread(struct weir_admin *a)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&a->thread, NULL, serve, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) pthread_setname_np(a->thread, "admin");
    return rc;
}

/* 0, or -1 with errno; the daemon has the socket then. */
static int start_serving(struct weir_admin *a, int fd)
{
    a->stop = eventfd(0, EFD_CLOEXEC);
    if (a->stop < 0) return -1;
    a->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, a, MHD_OPTION_EXTERNAL_LOGGER,
                         on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    int rc = a->daemon ? start_thread(a) : errno;
    if (a->daemon && rc == 0) return 0;
    if (a->daemon) {
        (void)MHD_quiesce_daemon(a->daemon); /* the socket stays ours */
        MHD_stop_daemon(a->daemon);
    }
    close(a->stop);
    errno = rc;
    return -1;
}

struct weir_admin *weir_admin_start(const char *listen, struct weir_metrics *metrics, struct weir_status_board *board,
                                    struct weir_err *err)
{
    snprintf(err->option, sizeof(err->option), "admin.listen");
    int fd = listen_new(listen, err);
    if (fd < 0) return NULL;
    struct weir_admin *a = calloc(1, sizeof(*a));
    if (a) {
        a->metrics = metrics;
        a->board = board;
        a->port = port_of(fd);
        if (start_serving(a, fd) == 0) return a;
    }
    err->status = WEIR_FATAL;
    snprintf(err->msg, sizeof(err->msg), "cannot start the admin listener: %s", a ? strerror(errno) : "out of memory");
    close(fd);
    free(a);
    return NULL;
}

uint16_t weir_admin_port(const struct weir_admin *a)
{
    return a->port;
}

void weir_admin_stop(struct weir_admin *a)
{
    if (!a) return;
    static const uint64_t one = 1;
    if (write(a->stop, &one, sizeof(one)) != (ssize_t)sizeof(one)) return; /* cannot be; its thread still has it */
    pthread_join(a->thread, NULL);
    MHD_stop_daemon(a->daemon); /* closes the socket */
    close(a->stop);
    free(a);
}
