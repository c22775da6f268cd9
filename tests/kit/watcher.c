/* watcher.c - a sink that reads one byte a turn from a socket which its conf names by number. */
#include <unistd.h>
#include <weir/plugin.h>

struct cfg {
    int64_t fd;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_watch watch;
};
static const struct weir_opt options[] = {WEIR_OPT(struct cfg, fd, WEIR_INT, .def = "-1", .doc = "socket to read from"),
                                          WEIR_OPT_END};
enum { READ, ENDED };
static const struct weir_metric metrics[] = {{"read_total", WEIR_COUNTER, "bytes", NULL, NULL},
                                             {"ended_total", WEIR_COUNTER, "ends and errors", NULL, NULL},
                                             {NULL}};

static void ready(struct weir_watch *watch, uint32_t what)
{
    struct self *self = weir_container(watch, struct self, watch);
    char byte;
    (void)what;
    bool got = read(watch->fd, &byte, 1) == 1;
    self->ctx->host->metric(self->ctx, got ? READ : ENDED, NULL, 1);
    if (got) return;
    watch->want = 0;
    self->ctx->host->watch(self->ctx, watch);
}

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *self = ctx->self;
    (void)err;
    self->ctx = ctx;
    self->watch =
        (struct weir_watch){.fn = ready, .fd = (int)((const struct cfg *)ctx->cfg)->fd, .want = WEIR_READABLE};
    ctx->host->state(ctx, WEIR_READY, NULL);
    return ctx->host->watch(ctx, &self->watch);
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    ctx->host->settle_all(ctx, batch, WEIR_OK, NULL);
}

static void close_(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    self->watch.want = 0;
    ctx->host->watch(ctx, &self->watch);
}

WEIR_PLUGIN(.name = "watcher", .version = "1.0.0", .doc = "Reads.", .roles = WEIR_SINK, .cfg_size = sizeof(struct cfg),
            .self_size = sizeof(struct self), .opts = options, .metrics = metrics, .open = open_, .push = push,
            .close = close_);
