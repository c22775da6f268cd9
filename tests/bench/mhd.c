/* mhd.c - bench-mhd PORT: libmicrohttpd by itself as http-ingress uses it: external epoll, each connection suspended
 * when its request is there and resumed for the answer in the next turn. What http-ingress > null costs is measured
 * against it. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { WAITING_MAX = 65536 };
struct request {
    bool read; /* to its end: the next call is for the answer */
    size_t bytes;
};
struct server {
    struct MHD_Daemon *daemon;
    struct MHD_Response *answer;
    struct MHD_Connection *waiting[WAITING_MAX];
    unsigned n_waiting;
};

static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **slot)
{
    struct server *s = arg;
    struct request *r = *slot;
    (void)url, (void)method, (void)version, (void)data;
    if (!r) return (*slot = calloc(1, sizeof *r)) ? MHD_YES : MHD_NO;
    if (*size) {
        r->bytes += *size;
        *size = 0;
        return MHD_YES;
    }
    if (r->read) return MHD_queue_response(mhd, MHD_HTTP_ACCEPTED, s->answer);
    if (s->n_waiting == WAITING_MAX) return MHD_NO;
    r->read = true;
    MHD_suspend_connection(mhd);
    s->waiting[s->n_waiting++] = mhd;
    return MHD_YES;
}

static void on_end(void *arg, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode how)
{
    (void)arg, (void)mhd, (void)how;
    free(*slot);
    *slot = NULL;
}

static int fail(const char *what)
{
    fprintf(stderr, "bench-mhd: %s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    static struct server s;
    unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    if (port < 1 || port > 65535) return fail("expected: PORT");
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s.answer = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    s.daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, (uint16_t)port, NULL,
                                NULL, on_request, &s, MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_NOTIFY_COMPLETED, on_end,
                                NULL, MHD_OPTION_CONNECTION_LIMIT, 10000u, MHD_OPTION_END);
    const union MHD_DaemonInfo *info = s.daemon ? MHD_get_daemon_info(s.daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    int outer = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN};
    if (!s.answer || !info || outer < 0 || epoll_ctl(outer, EPOLL_CTL_ADD, info->epoll_fd, &ev))
        return fail("cannot listen on that port");
    for (;;) {
        MHD_UNSIGNED_LONG_LONG wait;
        MHD_run(s.daemon);
        bool more = s.n_waiting || (MHD_get_timeout(s.daemon, &wait) == MHD_YES && !wait);
        for (unsigned i = 0; i < s.n_waiting; i++) MHD_resume_connection(s.waiting[i]);
        s.n_waiting = 0;
        if (!more) epoll_wait(outer, &ev, 1, -1);
    }
}
