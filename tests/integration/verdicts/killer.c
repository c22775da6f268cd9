/* killer.c - a filter that kills its host, once: where in a pipeline it stands is where the crash happens. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/plugin.h>

struct cfg {
    int at;
    int64_t after;
    struct weir_slice once;
};
enum { AT_PUSH, AT_DONE };
static const char *const moments[] = {"push", "done", NULL};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, at, WEIR_ENUM, .flags = WEIR_REQUIRED, .choices = moments,
             .doc =
                 "push: before the event goes on; done: when all behind have dealt with it, before the source hears"),
    WEIR_OPT(struct cfg, after, WEIR_INT, .def = "1", .min = 1, .max = INT64_MAX, .doc = "at which event"),
    WEIR_OPT(struct cfg, once, WEIR_STRING, .flags = WEIR_REQUIRED,
             .doc = "file that is made before the kill; where it is there already nobody is killed"),
    WEIR_OPT_END};

struct self {
    int64_t seen;
};
struct kept { /* a batch whose events wait for what became of their copies */
    struct weir_batch *batch;
    uint32_t left;
};
struct copy {
    struct kept *kept;
    struct weir_event *of;
};

static void count(struct weir_ctx *ctx)
{
    const struct cfg *c = ctx->cfg;
    struct self *s = ctx->self;
    if (++s->seen != c->after) return;
    int fd = open((const char *)c->once.p, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) return;
    close(fd);
    kill(getpid(), SIGKILL);
}

static void promise(const void *cfg, struct weir_promise *p)
{
    (void)cfg;
    p->flags = 0;
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    struct copy *copy = cookie;
    struct kept *kept = copy->kept;
    count(ctx);
    weir_settle(ctx, copy->of, r->status, r->why);
    free(copy);
    if (--kept->left) return;
    ctx->host->release(ctx, kept->batch);
    free(kept);
}

/* The bytes of the copies are the original's, which is kept until the last of them is done. */
static bool add_copy(struct weir_ctx *ctx, struct kept *kept, struct weir_batch *to, struct weir_event *ev)
{
    struct copy *copy = malloc(sizeof *copy);
    if (!copy) return false;
    *copy = (struct copy){kept, ev};
    struct weir_event *out = &to->ev[to->n];
    *out = *ev;
    out->ticket = ctx->host->ticket_new(ctx, copy, 1);
    if (!out->ticket) free(copy);
    if (!out->ticket) return false;
    to->n++;
    kept->left++;
    return true;
}

static void push_copies(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct kept *kept = calloc(1, sizeof *kept);
    struct weir_batch *to = ctx->host->batch_new(ctx, batch->n);
    if (!kept || !to) {
        if (to) ctx->host->release(ctx, to);
        free(kept);
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    kept->batch = batch;
    WEIR_EACH (ev, batch)
        if (!add_copy(ctx, kept, to, ev)) weir_settle(ctx, ev, WEIR_RETRY, "out of memory");
    if (kept->left) {
        weir_forward(ctx, to);
        return;
    }
    ctx->host->release(ctx, to);
    ctx->host->release(ctx, batch);
    free(kept);
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    const struct cfg *c = ctx->cfg;
    if (c->at == AT_DONE) {
        push_copies(ctx, batch);
        return;
    }
    WEIR_EACH (ev, batch) count(ctx);
    weir_forward(ctx, batch);
}

WEIR_PLUGIN(.name = "killer", .version = "1.0.0", .doc = "Kills its host, once.", .roles = WEIR_FILTER,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .promise = promise,
            .push = push, .done = done);
