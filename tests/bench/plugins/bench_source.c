/* bench_source.c - emits `count` events in batches of `batch`, each with a ticket and bytes of its own; for chain.c. */
#include <string.h>
#include <weir/plugin.h>

enum { BYTES = 64, TURN = 1024 }; /* bytes of an event; events a turn, as a busy source has them */

struct cfg {
    int64_t count, batch;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_task again;
    uint64_t left, in_flight;
    bool open, posted;
    uint8_t value[BYTES];
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, count, WEIR_INT, .def = "0", .min = 0, .max = INT64_MAX,
             .doc = "how many events; 0: none, it only waits"),
    WEIR_OPT(struct cfg, batch, WEIR_INT, .def = "64", .min = 1, .max = TURN, .doc = "how many a batch"), WEIR_OPT_END};

static bool emit(struct self *s)
{
    const struct weir_host *host = s->ctx->host;
    const struct cfg *c = s->ctx->cfg;
    uint64_t n = (uint64_t)c->batch < s->left ? (uint64_t)c->batch : s->left;
    struct weir_batch *b = n ? host->batch_new(s->ctx, (uint32_t)n) : NULL;
    if (!b) return false;
    for (; b->n < n; b->n++) {
        uint8_t *value = host->batch_alloc(b, BYTES);
        struct weir_ticket *t = value ? host->ticket_new(s->ctx, s, 1) : NULL;
        if (!t) break;
        memcpy(value, s->value, BYTES);
        b->ev[b->n].ticket = t;
        b->ev[b->n].value = (struct weir_slice){value, BYTES};
        b->ev[b->n].position = s->left - b->n;
    }
    s->left -= b->n;
    s->in_flight += b->n;
    weir_forward(s->ctx, b);
    return true;
}

static void on_again(struct weir_task *task)
{
    struct self *s = weir_container(task, struct self, again);
    const struct cfg *c = s->ctx->cfg;
    s->posted = false;
    for (int64_t n = 0; s->open && n < TURN; n += c->batch)
        if (!emit(s)) return;
    if (!s->left || !s->open) return;
    s->posted = true;
    s->ctx->host->post(s->ctx, &s->again);
}

static int open_source(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    struct self *s = ctx->self;
    s->ctx = ctx;
    s->again.fn = on_again;
    s->left = (uint64_t)((const struct cfg *)ctx->cfg)->count;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    struct self *s = cookie;
    (void)result;
    if (--s->in_flight == 0 && !s->left) ctx->host->state(ctx, WEIR_DRAINED, NULL);
}

static void flow(struct weir_ctx *ctx, bool open)
{
    struct self *s = ctx->self;
    s->open = open;
    if (!open || s->posted || !s->left) return;
    s->posted = true;
    ctx->host->post(ctx, &s->again);
}

static void drain(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    s->left = 0;
    if (!s->in_flight) ctx->host->state(ctx, WEIR_DRAINED, NULL);
}

WEIR_PLUGIN(.name = "bench_source", .version = "1.0.0", .doc = "Makes events for a benchmark.", .roles = WEIR_SOURCE,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .open = open_source,
            .done = done, .flow = flow, .drain = drain);
