/* thrifty.c - a filter that needs memory in every way there is, and survives that it is refused: notes of its own, a
 * batch to move events to, bytes in it, a ticket, a timer, a work item. Its lanes count into one shared tally. */
#include <stdlib.h>
#include <string.h>
#include <weir/plugin.h>

struct tally {
    uint32_t lanes;
    uint64_t seen;
};
struct note {
    struct note *next;
    char *text;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_timer timer;
    struct weir_work work;
    struct note *notes;
    char *name;
};
enum { SEEN, TICKS };
static const struct weir_metric metrics[] = {{"seen_total", WEIR_COUNTER, "events of all lanes", NULL, NULL},
                                             {"ticks_total", WEIR_COUNTER, "timers that fired", NULL, NULL},
                                             {NULL}};

static int share(const struct weir_host *host, const void *cfg, uint32_t n_lanes, void **shared, struct weir_err *err)
{
    struct tally *tally = calloc(1, sizeof *tally);
    (void)host;
    (void)cfg;
    *shared = tally;
    if (tally) {
        tally->lanes = n_lanes;
        return 0;
    }
    *err = (struct weir_err){WEIR_FATAL, "", "out of memory for the tally"};
    return -1;
}

static void unshare(void *shared)
{
    free(shared);
}

static void tick(struct weir_timer *timer)
{
    struct self *self = weir_container(timer, struct self, timer);
    self->ctx->host->metric(self->ctx, TICKS, NULL, 1);
}

static void run(struct weir_work *work)
{
    struct self *self = weir_container(work, struct self, work);
    free(self->name);
    self->name = strdup("thrifty");
}

static void worked(struct weir_work *work)
{
    (void)work;
}

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *self = ctx->self;
    self->ctx = ctx;
    self->timer.fn = tick;
    self->work = (struct weir_work){run, worked, {NULL, NULL}};
    self->name = strdup(ctx->stage);
    if (!self->name) {
        *err = (struct weir_err){WEIR_FATAL, "", "out of memory for a name"};
        return -1;
    }
    ctx->host->state(ctx, WEIR_READY, NULL);
    ctx->host->work(ctx, &self->work);
    return 0;
}

static bool take_note(struct self *self, const struct weir_event *ev)
{
    struct note *note = malloc(sizeof *note);
    char *text = note ? strndup((const char *)ev->value.p, ev->value.n) : NULL;
    if (!text) {
        free(note);
        return false;
    }
    *note = (struct note){self->notes, text};
    self->notes = note;
    return true;
}

/* Early: the event upstream is settled once it was moved, ours goes on under a ticket of its own. */
static bool pass_on(struct weir_ctx *ctx, struct weir_batch *out, struct weir_batch *in, struct weir_event *ev)
{
    const struct weir_result ok = {.status = WEIR_OK};
    void *bytes = ctx->host->batch_alloc(out, 8);
    struct weir_ticket *mine = bytes ? ctx->host->ticket_new(ctx, NULL, 1) : NULL;
    if (!mine) return false;
    struct weir_ticket *theirs = ev->ticket;
    ev->ticket = mine;
    struct weir_event *moved = ctx->host->move(ctx, out, in, ev);
    if (!moved) { /* the ticket that nobody carries resolves by itself */
        ctx->host->settle(ctx, ev, &ok);
        ev->ticket = theirs;
        return false;
    }
    ev->ticket = theirs;
    ctx->host->settle(ctx, ev, &ok);
    memcpy(bytes, "stamped", 8);
    moved->key = (struct weir_slice){bytes, 7};
    return true;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *self = ctx->self;
    struct tally *tally = ctx->shared;
    struct weir_batch *out = ctx->host->batch_new(ctx, batch->n);
    tally->seen += batch->n;
    ctx->host->metric(ctx, SEEN, NULL, batch->n);
    ctx->host->timer_arm(ctx, &self->timer, 1000000);
    WEIR_EACH (ev, batch) {
        if (!out || !take_note(self, ev) || !pass_on(ctx, out, batch, ev))
            weir_settle(ctx, ev, WEIR_RETRY, "out of memory");
    }
    ctx->host->release(ctx, batch);
    if (out) weir_forward(ctx, out);
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    (void)ctx;
    (void)cookie;
    (void)r;
}

static void close_(struct weir_ctx *ctx)
{
    struct self *self = ctx->self;
    ctx->host->timer_stop(ctx, &self->timer);
    for (struct note *n = self->notes, *next; n; n = next) {
        next = n->next;
        free(n->text);
        free(n);
    }
    free(self->name);
}

WEIR_PLUGIN(.name = "thrifty", .version = "1.0.0", .doc = "Needs memory.", .roles = WEIR_FILTER,
            .self_size = sizeof(struct self), .metrics = metrics, .share = share, .unshare = unshare, .open = open_,
            .push = push, .done = done, .close = close_);
