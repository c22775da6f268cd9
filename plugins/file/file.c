/* file.c - appends events to a file, one line each. Disks block, so all of it happens on a worker thread; while one
 * round is being written the next one gathers. */
#include "append.h"
#include "lines.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MIN_NS 100000000ull
#define RETRY_MAX_NS 5000000000ull

enum { SYNC_BATCH, SYNC_NEVER };
static const char *const sync_choices[] = {"batch", "never", NULL};

struct cfg {
    struct weir_slice path;
    int form, fsync;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_lines lines;
    struct weir_work work;
    struct weir_timer retry;
    uint64_t retry_ns, random;
    enum append_result result; /* written by the worker, read after it is done */
    char why[APPEND_WHY];
    bool working, waiting, failed, draining, ready;
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, path, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "the file; it is made when it is not there"),
    WEIR_OPT(struct cfg, form, WEIR_ENUM, .def = "text", .choices = weir_line_forms,
             .doc = "as the stdout plugin has them"),
    WEIR_OPT(struct cfg, fsync, WEIR_ENUM, .def = "batch", .choices = sync_choices,
             .doc = "batch: an event is done when the disk has it; never: when the kernel has it, faster, and lost "
                    "with the machine"),
    WEIR_OPT_END};

static int check(const void *cfg, struct weir_err *err)
{
    const struct cfg *c = cfg;
    if (c->path.n && c->path.p[c->path.n - 1] != '/') return 0;
    snprintf(err->option, sizeof(err->option), "path");
    snprintf(err->msg, sizeof(err->msg), "\"%s\" names no file; expected something like /var/lib/weir/events.txt",
             (const char *)c->path.p);
    return -1;
}

static void promise(const void *cfg, struct weir_promise *p)
{
    const struct cfg *c = cfg;
    if (c->fsync == SYNC_BATCH) p->flags = WEIR_DURABLE_ON_OK;
    snprintf(p->writes, sizeof(p->writes), "file:%s", (const char *)c->path.p);
}

static int share(const struct weir_host *host, const void *cfg, uint32_t n_lanes, void **shared, struct weir_err *err)
{
    (void)host;
    (void)n_lanes;
    const struct cfg *c = cfg;
    struct append *a = calloc(1, sizeof(*a));
    if (!a) {
        snprintf(err->msg, sizeof(err->msg), "out of memory");
        return -1;
    }
    pthread_mutex_init(&a->lock, NULL);
    a->path = (const char *)c->path.p; /* the host closes all lanes before it lets go of cfg */
    a->sync = c->fsync == SYNC_BATCH;
    a->fd = -1;
    *shared = a;
    return 0;
}

static void unshare_file(void *shared)
{
    struct append *a = shared;
    append_close(a);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* ---- rounds */

static void drained(struct self *s)
{
    if (s->draining && s->lines.n == 0 && !s->working) s->ctx->host->state(s->ctx, WEIR_DRAINED, NULL);
}

static void start_round(struct self *s)
{
    s->working = true;
    s->ctx->host->work(s->ctx, &s->work);
}

static void next_round(struct self *s)
{
    const struct cfg *cfg = s->ctx->cfg;
    if (s->working || s->waiting || s->failed) return;
    if (weir_lines_render(&s->lines, s->ctx, (enum weir_line_form)cfg->form))
        start_round(s);
    else
        drained(s);
}

/* Between half and all of the delay: lanes that failed together do not come back together. */
static void try_later(struct self *s)
{
    s->retry_ns = s->retry_ns ? s->retry_ns * 2 : RETRY_MIN_NS;
    if (s->retry_ns > RETRY_MAX_NS) s->retry_ns = RETRY_MAX_NS;
    s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
    s->waiting = true;
    s->ctx->host->timer_arm(s->ctx, &s->retry, s->retry_ns / 2 + (s->random >> 33) % (s->retry_ns / 2));
}

static void on_retry(struct weir_timer *timer)
{
    struct self *s = weir_container(timer, struct self, retry);
    s->waiting = false;
    start_round(s); /* the same round: it is still rendered, or empty when only the opening failed */
}

static void run_round(struct weir_work *work)
{
    struct self *s = weir_container(work, struct self, work);
    s->result = append_bytes(s->ctx->shared, s->lines.buf.p, s->lines.buf.n, s->why);
}

static void end_round(struct weir_work *work)
{
    struct self *s = weir_container(work, struct self, work);
    s->working = false;
    switch (s->result) {
    case APPEND_OK:
        if (!s->ready) s->ctx->host->state(s->ctx, WEIR_READY, NULL);
        s->ready = true;
        s->retry_ns = 0;
        weir_lines_settle(&s->lines, s->ctx, WEIR_OK, NULL);
        next_round(s);
        break;
    case APPEND_LATER:
        s->ready = false;
        s->ctx->host->state(s->ctx, WEIR_DEGRADED, s->why);
        try_later(s);
        break;
    case APPEND_NEVER:
        s->failed = true;
        weir_lines_settle(&s->lines, s->ctx, WEIR_RETRY, s->why);
        s->ctx->host->state(s->ctx, WEIR_FAILED, s->why);
        break;
    }
}

/* ---- life */

static int open_file(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    struct self *s = ctx->self;
    s->ctx = ctx;
    s->work.run = run_round;
    s->work.done = end_round;
    s->retry.fn = on_retry;
    s->random = ctx->host->wall(ctx) + ctx->lane;
    start_round(s); /* of nothing: opens the file, and so says whether it can be written */
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *s = ctx->self;
    if (s->failed) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, s->why);
        return;
    }
    weir_lines_add(&s->lines, ctx, batch);
    next_round(s);
}

static void drain(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    s->draining = true;
    drained(s);
}

static void close_file(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    ctx->host->timer_stop(ctx, &s->retry);
    weir_lines_close(&s->lines, ctx, WEIR_RETRY, "closed before it was written");
}

WEIR_PLUGIN(.name = "file", .version = "1.0.0", .doc = "Appends events to a file, one line each.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .check = check,
            .promise = promise, .share = share, .unshare = unshare_file, .open = open_file, .push = push,
            .drain = drain, .close = close_file);
