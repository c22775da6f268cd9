/* talker.c - a sink that writes each event's value and a newline to a server, which answers each with one byte: '+' is
 * OK, any other REJECT. One event at a time. A lost connection settles what is under way as UNKNOWN and is made again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/plugin.h>

struct cfg {
    int64_t port;
};
struct waiting {
    struct waiting *next;
    struct weir_batch *batch;
    uint32_t at;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_watch watch;
    struct weir_timer again;
    struct waiting *oldest, **newest;
    size_t written; /* of the present event */
    bool connected, draining;
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, port, WEIR_INT, .flags = WEIR_REQUIRED, .min = 1, .max = 65535, .doc = "of the server"),
    WEIR_OPT_END};
enum { SHORT_WRITES, CONNECTS };
static const struct weir_metric metrics[] = {
    {"short_writes_total", WEIR_COUNTER, "writes that took less than there was", NULL, NULL},
    {"connects_total", WEIR_COUNTER, "attempts", NULL, NULL},
    {NULL}};

static void lose(struct self *self, const char *why);

static void want(struct self *self, uint32_t what)
{
    self->watch.want = what;
    if (self->ctx->host->watch(self->ctx, &self->watch)) self->ctx->host->state(self->ctx, WEIR_FAILED, "no watch");
}

static void drop_oldest(struct self *self)
{
    struct waiting *w = self->oldest;
    self->ctx->host->release(self->ctx, w->batch);
    self->oldest = w->next;
    if (!self->oldest) self->newest = &self->oldest;
    free(w);
}

static void settled(struct self *self, enum weir_status status, const char *why)
{
    struct waiting *w = self->oldest;
    weir_settle(self->ctx, &w->batch->ev[w->at++], status, why);
    self->written = 0;
    if (w->at == w->batch->n) drop_oldest(self);
    if (!self->oldest && self->draining) self->ctx->host->state(self->ctx, WEIR_DRAINED, NULL);
}

static void write_on(struct self *self)
{
    const struct weir_event *ev = &self->oldest->batch->ev[self->oldest->at];
    while (self->written <= ev->value.n) {
        bool last = self->written == ev->value.n;
        size_t n = last ? 1 : ev->value.n - self->written;
        ssize_t put = send(self->watch.fd, last ? (const void *)"\n" : ev->value.p + self->written, n, MSG_NOSIGNAL);
        if (put > 0) self->written += (size_t)put;
        if (put == (ssize_t)n) continue;
        if (put < 0 && errno != EAGAIN) {
            lose(self, strerror(errno));
            return;
        }
        self->ctx->host->metric(self->ctx, SHORT_WRITES, NULL, 1);
        want(self, WEIR_READABLE | WEIR_WRITABLE);
        return;
    }
    want(self, WEIR_READABLE);
}

static void read_answer(struct self *self)
{
    char byte;
    ssize_t n = recv(self->watch.fd, &byte, 1, 0);
    if (n == 1 && self->oldest)
        settled(self, byte == '+' ? WEIR_OK : WEIR_REJECT, byte == '+' ? NULL : "the server does not want it");
    else if (n == 0 || (n < 0 && errno != EAGAIN))
        lose(self, n ? strerror(errno) : "the server hung up");
}

static void on_ready(struct weir_watch *watch, uint32_t ready)
{
    struct self *self = weir_container(watch, struct self, watch);
    int error = 0;
    socklen_t n = sizeof error;
    if (!self->connected) {
        if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &n) || error) {
            lose(self, strerror(error));
            return;
        }
        self->connected = true;
        self->ctx->host->state(self->ctx, WEIR_READY, NULL);
    } else if (ready & WEIR_READABLE) {
        read_answer(self);
    }
    if (!self->connected) return;
    if (self->oldest && self->written <= self->oldest->batch->ev[self->oldest->at].value.n)
        write_on(self);
    else
        want(self, WEIR_READABLE);
}

static void connect_again(struct weir_timer *timer)
{
    struct self *self = weir_container(timer, struct self, again);
    const struct cfg *cfg = self->ctx->cfg;
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)cfg->port)};
    self->ctx->host->metric(self->ctx, CONNECTS, NULL, 1);
    self->watch = (struct weir_watch){.fn = on_ready, .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    if (connect(self->watch.fd, (struct sockaddr *)&sa, sizeof sa) && errno != EINPROGRESS)
        lose(self, strerror(errno));
    else
        want(self, WEIR_READABLE | WEIR_WRITABLE);
}

static void hang_up(struct self *self)
{
    if (self->watch.fd <= 0) return;
    want(self, 0);
    close(self->watch.fd);
    self->watch.fd = -1;
    self->connected = false;
}

static void lose(struct self *self, const char *why)
{
    hang_up(self);
    if (self->written) settled(self, WEIR_UNKNOWN, why);
    while (self->draining && self->oldest) settled(self, WEIR_RETRY, "no connection");
    self->ctx->host->state(self->ctx, WEIR_DEGRADED, why);
    self->ctx->host->timer_arm(self->ctx, &self->again, 1000000000);
}

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *self = ctx->self;
    (void)err;
    self->ctx = ctx;
    self->newest = &self->oldest;
    self->again.fn = connect_again;
    connect_again(&self->again);
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *self = ctx->self;
    struct waiting *w = calloc(1, sizeof *w);
    bool idle = !self->oldest;
    if (!w) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    w->batch = batch;
    *self->newest = w;
    self->newest = &w->next;
    if (idle && self->connected) write_on(self);
}

static void drain(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    self->draining = true;
    if (!self->connected)
        while (self->oldest) settled(self, WEIR_RETRY, "no connection");
    if (!self->oldest) ctx->host->state(ctx, WEIR_DRAINED, NULL);
}

static void close_(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    ctx->host->timer_stop(ctx, &self->again);
    hang_up(self);
    while (self->oldest) drop_oldest(self);
}

WEIR_PLUGIN(.name = "talker", .version = "1.0.0", .doc = "Talks to a server.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .metrics = metrics,
            .open = open_, .push = push, .drain = drain, .close = close_);
