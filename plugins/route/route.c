/* route.c - hands each event into one of the branches behind it, by a field or a header. */
#include "reading.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_MAX = 1000 };
#define NOWHERE UINT32_MAX

struct cfg {
    struct weir_field field;
    struct weir_slice header, other;
    struct weir_list to;
};
struct self {
    struct weir_ctx *ctx;
    struct reading reading;
    uint32_t *to; /* output of each entry of cfg->to, in its order */
    uint32_t other;
    struct weir_batch **parts; /* one an output, while a batch is split */
};
enum { NO_ROUTE = 1 };
enum { EVENTS };

static const struct weir_outcome outcomes[] = {
    WEIR_OUTCOME_NONE,
    {"no-route", "no branch is for what the event says, and there is no `default`"},
    WEIR_OUTCOME_END};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, field, WEIR_FIELD,
             .doc = "the field of the message that is looked at: text, integer, bool, or enum by its name"),
    WEIR_OPT(struct cfg, header, WEIR_STRING, .doc = "the header that is looked at instead"),
    WEIR_OPT(struct cfg, to, WEIR_MAP, .flags = WEIR_REQUIRED, .min = 1, .max = ROUTES_MAX,
             .doc = "for each value the branch: { EUR = \"euro\" USD = \"dollar\" }"),
    {.name = "default",
     .type = WEIR_STRING,
     .offset = (uint32_t)offsetof(struct cfg, other),
     .size = (uint32_t)sizeof(struct weir_slice),
     .doc = "the branch for everything else; without it such an event is rejected: `no-route`"},
    WEIR_OPT_END};
static const char *const labels[] = {"output", NULL};
static const struct weir_metric metrics[] = {
    {"events_total", WEIR_COUNTER, "events that went into a branch", labels, NULL}, {.name = NULL}};

/* ---- conf */
static int wrong(struct weir_err *err, const char *option, const char *fmt, struct weir_slice a)
{
    snprintf(err->option, sizeof err->option, "%s", option);
    snprintf(err->msg, sizeof err->msg, fmt, a.p ? (const char *)a.p : "");
    return -1;
}

static bool same(struct weir_slice a, struct weir_slice b)
{
    return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

static int check(const void *cfg, struct weir_err *err)
{
    const struct cfg *c = cfg;
    const struct weir_slice none = {NULL, 0};
    if (c->field.path && c->header.p)
        return wrong(err, "header", "given beside `field`: only one can be looked at", none);
    if (!c->field.path && !c->header.p)
        return wrong(err, "", "neither `field` nor `header`: say what of an event to look at", none);
    return 0;
}

static uint32_t output_of(struct weir_slice name, const char *const *outputs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (strlen(outputs[i]) == name.n && memcmp(outputs[i], name.p, name.n) == 0) return i;
    return NOWHERE;
}

static int check_outputs(const void *cfg, const char *const *outputs, uint32_t n, struct weir_err *err)
{
    const struct cfg *c = cfg;
    const struct weir_pair *to = c->to.items;
    static const char msg[] = "no branch \"%.100s\" begins behind this stage; `branches` has others";
    for (uint32_t i = 0; i < c->to.n; i++)
        if (output_of(to[i].value, outputs, n) == NOWHERE) return wrong(err, "to", msg, to[i].value);
    if (c->other.p && output_of(c->other, outputs, n) == NOWHERE) return wrong(err, "default", msg, c->other);
    for (uint32_t k = 0; k < n; k++) {
        bool used = c->other.p && output_of(c->other, outputs, n) == k;
        for (uint32_t i = 0; i < c->to.n && !used; i++) used = output_of(to[i].value, outputs, n) == k;
        struct weir_slice name = {(const uint8_t *)outputs[k], strlen(outputs[k])};
        if (!used)
            return wrong(err, "to", "nothing goes into the branch \"%.100s\": name it in `to`, or as `default`", name);
    }
    return 0;
}

static void promise(const void *cfg, struct weir_promise *p)
{
    const struct cfg *c = cfg;
    p->flags = c->other.p ? 0u : WEIR_MAY_REFUSE;
}

/* ---- life */
static void close_route(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    free(s->to);
    free(s->parts);
}

static int open_route(struct weir_ctx *ctx, struct weir_err *err)
{
    struct self *s = ctx->self;
    const struct cfg *c = ctx->cfg;
    const struct weir_pair *to = c->to.items;
    s->ctx = ctx;
    s->reading = (struct reading){.field = c->field.path ? &c->field : NULL, .header = c->header};
    s->to = calloc(c->to.n, sizeof *s->to);
    s->parts = calloc(ctx->n_outputs, sizeof(struct weir_batch *));
    if (!s->to || !s->parts) {
        close_route(ctx);
        err->status = WEIR_RETRY;
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return -1;
    }
    for (uint32_t i = 0; i < c->to.n; i++) s->to[i] = output_of(to[i].value, ctx->outputs, ctx->n_outputs);
    s->other = c->other.p ? output_of(c->other, ctx->outputs, ctx->n_outputs) : NOWHERE;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

/* ---- events */
static uint32_t choose(struct self *s, const struct weir_event *ev)
{
    const struct cfg *c = s->ctx->cfg;
    const struct weir_pair *to = c->to.items;
    struct weir_slice text;
    if (!reading_text(&s->reading, s->ctx, ev, &text)) return s->other;
    for (uint32_t i = 0; i < c->to.n; i++)
        if (same(to[i].name, text)) return s->to[i];
    return s->other;
}

static void refuse(struct self *s, struct weir_event *ev)
{
    const struct weir_result r = {.status = WEIR_REJECT,
                                  .outcome = NO_ROUTE,
                                  .why = "no branch is for what it says; name it in `to`, or give a `default`"};
    s->ctx->host->settle(s->ctx, ev, &r);
}

static bool move(struct self *s, struct weir_batch *from, struct weir_event *ev, uint32_t output)
{
    const struct weir_host *h = s->ctx->host;
    if (!s->parts[output]) s->parts[output] = h->batch_new(s->ctx, from->n);
    return s->parts[output] && h->move(s->ctx, s->parts[output], from, ev);
}

static void send(struct self *s, struct weir_batch *batch, uint32_t output)
{
    struct weir_ctx *ctx = s->ctx;
    const char *const label[] = {ctx->outputs[output]};
    uint32_t n = 0;
    WEIR_EACH (ev, batch) n++;
    ctx->host->metric(ctx, EVENTS, label, n);
    ctx->host->forward_to(ctx, batch, output);
}

/* The batch itself goes where its first event goes; those that go elsewhere move into batches of their own. */
static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct self *s = ctx->self;
    uint32_t first = NOWHERE;
    WEIR_EACH (ev, batch) {
        uint32_t output = choose(s, ev);
        if (output == NOWHERE)
            refuse(s, ev);
        else if (first == NOWHERE)
            first = output;
        else if (output != first && !move(s, batch, ev, output))
            weir_settle(ctx, ev, WEIR_RETRY, "out of memory");
    }
    if (first == NOWHERE)
        ctx->host->release(ctx, batch);
    else
        send(s, batch, first);
    for (uint32_t i = 0; i < ctx->n_outputs; i++) {
        struct weir_batch *part = s->parts[i];
        s->parts[i] = NULL;
        if (part) send(s, part, i);
    }
}

WEIR_PLUGIN(.name = "route", .version = "1.0.0",
            .doc = "Hands each event into one of the branches behind it, by a field or a header.", .roles = WEIR_FILTER,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options, .metrics = metrics,
            .outcomes = outcomes, .check = check, .promise = promise, .open = open_route, .push = push,
            .close = close_route, .check_outputs = check_outputs);
