/* accept.c - the listening socket: who comes in, and when nobody may. */
#include "http_ingress.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    AT_ONCE = 16,  /* the other lanes, which accept from the same socket, get their share */
    PAUSE_MS = 100 /* when the machine is out of descriptors */
};

static void watch(struct lane *lane, uint32_t want)
{
    if (lane->listener.want == want) return;
    lane->listener.want = want;
    if (lane->ctx->host->watch(lane->ctx, &lane->listener) == 0) return;
    lane->ctx->host->state(lane->ctx, WEIR_FAILED, "cannot watch the listening socket");
}

static void pause_accepting(struct lane *lane, const char *why)
{
    watch(lane, 0);
    lane->ctx->host->timer_arm(lane->ctx, &lane->again, PAUSE_MS * 1000000u);
    lane->starved = true;
    lane->ctx->host->state(lane->ctx, WEIR_DEGRADED, why);
}

static bool accept_one(struct lane *lane)
{
    struct sockaddr_storage peer;
    socklen_t n = sizeof peer;
    int fd = accept4(lane->listener.fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && !server_take(lane, fd, (struct sockaddr *)&peer, n))
        pause_accepting(lane, "cannot accept: out of memory or file descriptors");
    else if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        pause_accepting(lane, "cannot accept: out of file descriptors; raise ulimit -n");
    else if (fd < 0 && (errno == ENOMEM || errno == ENOBUFS))
        pause_accepting(lane, "cannot accept: out of memory");
    else
        lane->starved = false; /* also when nobody waits: the kernel takes a descriptor before it looks */
    return fd >= 0;
}

static void on_listener(struct weir_watch *w, uint32_t ready)
{
    struct lane *lane = weir_container(w, struct lane, listener);
    (void)ready;
    for (int i = 0; i < AT_ONCE && w->want && accept_one(lane); i++) {
    }
}

static void on_again(struct weir_timer *timer)
{
    struct lane *lane = weir_container(timer, struct lane, again);
    accept_one(lane);
    accept_check(lane);
}

/* At the limit those who come wait in the socket's queue; people should see why. */
void accept_check(struct lane *lane)
{
    struct weir_ctx *ctx = lane->ctx;
    uint32_t most = (uint32_t)lane->cfg->max_connections;
    bool full = lane->n_conns >= most, was = lane->at_limit;
    if (lane->draining || lane->closing) return;
    if (!lane->again.due_ns) watch(lane, full ? 0 : WEIR_READABLE);
    if (full)
        lane->at_limit = true;
    else if (lane->n_conns <= (uint64_t)most * 9 / 10)
        lane->at_limit = false;
    if (lane->at_limit && !was)
        ctx->host->state(ctx, WEIR_DEGRADED, "cannot accept: max_connections are open");
    else if (!lane->at_limit && !lane->starved)
        ctx->host->state(ctx, WEIR_READY, NULL);
}

int accept_start(struct lane *lane, struct weir_err *err)
{
    lane->listener.fn = on_listener;
    lane->again.fn = on_again;
    lane->listener.fd = lane->ctx->host->listen(lane->ctx, (const char *)lane->cfg->listen.p, err);
    if (lane->listener.fd < 0) return -1;
    accept_check(lane);
    return 0;
}

void accept_stop(struct lane *lane)
{
    if (lane->again.due_ns) lane->ctx->host->timer_stop(lane->ctx, &lane->again);
    if (lane->listener.fd < 0) return;
    watch(lane, 0);
    close(lane->listener.fd);
    lane->listener.fd = -1;
}
