/* veteran_filter.c - a filter of the first header with a table of every kind: refuses every `refuse`th event, moves the
 * others into a batch of their own. */
#include <weir/plugin.h>

struct entry {
    struct weir_slice name;
    int64_t weight;
};
struct inner {
    bool on;
    double factor;
};
struct cfg {
    int64_t refuse;
    int mode;
    uint64_t room;
    struct weir_list entries, pairs;
    struct inner inner;
};
struct self {
    int64_t seen;
};
enum { TURN_DUE = 1 };
static const struct weir_outcome outcomes[] = {
    WEIR_OUTCOME_NONE, {"turn-due", "it was its turn to be refused"}, WEIR_OUTCOME_END};
static const char *const modes[] = {"plain", "fancy", NULL};
static const char *const labels[] = {"mode", NULL};
static const double buckets[] = {1, 2, 4, 0};
static const struct weir_metric metrics[] = {
    {"events_total", WEIR_COUNTER, "Events that came.", labels, NULL},
    {"batch_events", WEIR_HISTOGRAM, "Events of a batch.", NULL, buckets},
    {NULL, WEIR_COUNTER, NULL, NULL, NULL},
};
static const struct weir_opt entry_options[] = {
    WEIR_OPT(struct entry, name, WEIR_STRING, .doc = "of the entry"),
    WEIR_OPT(struct entry, weight, WEIR_INT, .def = "1", .min = 0, .max = 9, .doc = "of the entry"),
    WEIR_OPT_END,
};
static const struct weir_opt inner_options[] = {
    WEIR_OPT(struct inner, on, WEIR_BOOL, .def = "true", .doc = "or off"),
    WEIR_OPT(struct inner, factor, WEIR_FLOAT, .def = "1.5", .doc = "by which"),
    WEIR_OPT_END,
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, refuse, WEIR_INT, .flags = WEIR_REQUIRED, .min = 2, .max = 100, .doc = "every how many"),
    WEIR_OPT(struct cfg, mode, WEIR_ENUM, .def = "plain", .choices = modes, .doc = "how"),
    WEIR_OPT(struct cfg, room, WEIR_SIZE, .def = "64KiB", .min = 1, .max = 1048576, .doc = "at most"),
    WEIR_OPT(struct cfg, entries, WEIR_LIST, .sub = entry_options, .sub_size = sizeof(struct entry),
             .doc = "with weights"),
    WEIR_OPT(struct cfg, pairs, WEIR_MAP, .doc = "names and values"),
    WEIR_OPT(struct cfg, inner, WEIR_GROUP, .sub = inner_options, .doc = "nested"),
    WEIR_OPT_END,
};

/* As the conf of the test has it: what the tables filled must be where this plugin looks. */
static int check(const void *p, struct weir_err *err)
{
    const struct cfg *cfg = p;
    const struct entry *entries = cfg->entries.items;
    const struct weir_pair *pairs = cfg->pairs.items;
    if (cfg->refuse == 5 && cfg->mode == 1 && cfg->room == 2048 && cfg->entries.n == 2 && entries[1].weight == 7 &&
        entries[0].weight == 1 && *entries[1].name.p == 'b' && cfg->pairs.n == 1 && *pairs[0].value.p == 'y' &&
        cfg->inner.on && cfg->inner.factor == 1.5)
        return 0;
    *err = (struct weir_err){WEIR_FATAL, "refuse", "the options are not where they were put"};
    return -1;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *self = ctx->self;
    const struct cfg *cfg = ctx->cfg;
    struct weir_batch *mine = ctx->host->batch_new(ctx, batch->n);
    if (!mine) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    ctx->host->metric(ctx, 0, (const char *const[]){modes[cfg->mode]}, batch->n);
    ctx->host->metric(ctx, 1, NULL, batch->n);
    WEIR_EACH (ev, batch) {
        if (++self->seen % cfg->refuse == 0)
            weir_refuse(ctx, ev, TURN_DUE);
        else if (!ctx->host->move(ctx, mine, batch, ev))
            weir_settle(ctx, ev, WEIR_RETRY, "out of memory");
    }
    weir_forward(ctx, mine);
    ctx->host->release(ctx, batch);
}

static void promise(const void *cfg, struct weir_promise *p)
{
    (void)cfg;
    p->flags = WEIR_MAY_REFUSE;
}

WEIR_PLUGIN(.name = "veteran-filter", .version = "1.0.0", .doc = "Refuses some, moves the others.",
            .roles = WEIR_FILTER, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options,
            .metrics = metrics, .outcomes = outcomes, .check = check, .promise = promise, .push = push);
