/* generator.c - makes events out of nothing: for a first look, for trying out a pipeline, for load. */
#include "json_pb.h"
#include "template.h"
#include <stdio.h>
#include <string.h>
#include <weir/schema.h>

enum { BATCH_MAX = 1024, FIELDS_MAX = 64, EVENT_MAX = 1 << 20 };
#define TICK_NS 10000000ull /* events due within 10 ms go out together */

struct cfg {
    double rate;
    int64_t count;
    struct weir_slice key, value;
    const struct weir_schema *event;
    struct weir_list fields;
};
struct self {
    struct weir_ctx *ctx;
    struct weir_timer tick;
    struct weir_task again;
    double rate;              /* of this lane */
    uint64_t left;            /* of this lane; UINT64_MAX: no end */
    uint64_t made;            /* by this lane */
    uint64_t base_ns, base_n; /* the schedule: base_n events were due at base_ns */
    uint64_t in_flight;       /* tickets */
    uint64_t random;
    bool open, draining, posted;
    struct weir_json_buf key, value, texts;
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, rate, WEIR_FLOAT, .def = "1", .min = 0, .max = 100000000,
             .doc = "events a second, of all lanes together; 0: as fast as they are taken"),
    WEIR_OPT(struct cfg, count, WEIR_INT, .def = "0", .min = 0, .max = INT64_MAX,
             .doc = "how many in all, then the pipeline ends; 0: without end"),
    WEIR_OPT(struct cfg, key, WEIR_STRING, .def = "",
             .doc = "key of an event, with places: {seq} its number, {seq%N}, {lane}, {time}, {uuid}; {{ is a brace"),
    WEIR_OPT(struct cfg, value, WEIR_STRING, .doc = "value of an event, with the same places"),
    WEIR_OPT(struct cfg, event, WEIR_MESSAGE, .doc = "instead of `value`: the message type to make, from `fields`"),
    WEIR_OPT(struct cfg, fields, WEIR_MAP, .max = FIELDS_MAX,
             .doc = "fields of `event` as [ \"name=text\", ... ], the texts with the same places"),
    WEIR_OPT_END};

/* ---- check */

static int wrong(struct weir_err *err, const char *option, const char *msg)
{
    snprintf(err->option, sizeof(err->option), "%s", option);
    snprintf(err->msg, sizeof(err->msg), "%s", msg);
    return -1;
}

static const ProtobufCFieldDescriptor *field_of(const struct cfg *c, const struct weir_pair *pair)
{
    char name[128];
    if (pair->name.n >= sizeof(name)) return NULL;
    memcpy(name, pair->name.p, pair->name.n);
    name[pair->name.n] = '\0';
    return protobuf_c_message_descriptor_get_field_by_name(c->event->descriptor, name);
}

static int check_fields(const struct cfg *c, struct weir_err *err)
{
    char msg[200];
    const struct weir_pair *pairs = c->fields.items;
    for (uint32_t i = 0; i < c->fields.n; i++) {
        const ProtobufCFieldDescriptor *f = field_of(c, &pairs[i]);
        if (!f || !weir_json_takes_text(f)) {
            snprintf(msg, sizeof(msg), "\"%.60s\" is no field of %.80s that a text can fill",
                     (const char *)pairs[i].name.p, c->event->full_name);
            return wrong(err, "fields", msg);
        }
        if (template_check(pairs[i].value, msg, sizeof(msg)) != 0) return wrong(err, "fields", msg);
    }
    return 0;
}

static int check(const void *cfg, struct weir_err *err)
{
    const struct cfg *c = cfg;
    char msg[200];
    if (template_check(c->key, msg, sizeof(msg)) != 0) return wrong(err, "key", msg);
    if (c->event && c->value.p) return wrong(err, "value", "given beside `event`; a message is made from `fields`");
    if (c->event) return check_fields(c, err);
    if (c->fields.n) return wrong(err, "fields", "given without `event`, the type of the message they belong to");
    if (!c->value.p) return wrong(err, "value", "missing; say value = \"hello {seq}\", or `event` and `fields`");
    return template_check(c->value, msg, sizeof(msg)) == 0 ? 0 : wrong(err, "value", msg);
}

static void promise(const void *cfg, struct weir_promise *p)
{
    (void)cfg;
    p->flags = 0; /* what a crash leaves unsettled is not made again */
}

/* ---- making */

/* Each field's text lies in `texts` only for the moment, so the places are noted as offsets first. */
static bool make_message(struct self *s, const struct template_values *v)
{
    const struct cfg *c = s->ctx->cfg;
    const struct weir_pair *pairs = c->fields.items;
    struct weir_json_given given[FIELDS_MAX];
    size_t start[FIELDS_MAX + 1];
    struct weir_json_err err;
    s->texts.n = 0;
    for (uint32_t i = 0; i < c->fields.n; i++) {
        start[i] = s->texts.n;
        if (!template_put(pairs[i].value, v, &s->random, &s->texts)) return false;
    }
    start[c->fields.n] = s->texts.n;
    for (uint32_t i = 0; i < c->fields.n; i++)
        given[i] = (struct weir_json_given){
            field_of(c, &pairs[i]), {s->texts.p + start[i], start[i + 1] - start[i]}, "the conf"};
    if (weir_json_to_wire(c->event->descriptor, (struct weir_slice){NULL, 0}, given, c->fields.n, 0, &s->value, &err) ==
        0)
        return true;
    char why[400];
    snprintf(why, sizeof(why), "fields: %s: found %s, expected %s", err.pointer, err.found, err.expected);
    s->ctx->host->state(s->ctx, WEIR_FAILED, why);
    return false;
}

static bool copy(struct weir_batch *b, const struct weir_host *host, const struct weir_json_buf *from,
                 struct weir_slice *to)
{
    uint8_t *p = host->batch_alloc(b, from->n + 1);
    if (!p) return false;
    if (from->n) memcpy(p, from->p, from->n);
    *to = (struct weir_slice){p, from->n};
    return true;
}

static bool make_event(struct self *s, struct weir_batch *b)
{
    const struct cfg *c = s->ctx->cfg;
    const struct weir_host *host = s->ctx->host;
    struct weir_event *ev = &b->ev[b->n];
    const struct template_values v = {s->made * s->ctx->n_lanes + s->ctx->lane + 1, host->wall(s->ctx), s->ctx->lane};
    s->key.n = s->value.n = 0;
    if (!template_put(c->key, &v, &s->random, &s->key)) return false;
    if (c->event ? !make_message(s, &v) : !template_put(c->value, &v, &s->random, &s->value)) return false;
    if (!copy(b, host, &s->key, &ev->key) || !copy(b, host, &s->value, &ev->value)) return false;
    ev->schema = c->event ? c->event->id : 0;
    ev->ts_ns = v.wall_ns;
    ev->position = v.seq;
    s->made++;
    b->n++;
    return true;
}

/* At most n events as one batch and one ticket. Returns how many. */
static uint64_t emit(struct self *s, uint64_t n)
{
    const struct weir_host *host = s->ctx->host;
    uint32_t room = host->room(s->ctx);
    if (n > room) n = room;
    if (n > BATCH_MAX) n = BATCH_MAX;
    if (n > s->left) n = s->left;
    struct weir_batch *b = n ? host->batch_new(s->ctx, (uint32_t)n) : NULL;
    if (!b) return 0;
    while (b->n < n && make_event(s, b)) {
    }
    struct weir_ticket *t = b->n ? host->ticket_new(s->ctx, s, b->n) : NULL;
    if (!t) {
        s->made -= b->n;
        b->n = 0;
        host->release(s->ctx, b);
        return 0;
    }
    for (uint32_t i = 0; i < b->n; i++) b->ev[i].ticket = t;
    n = b->n;
    s->in_flight++;
    if (s->left != UINT64_MAX) s->left -= n;
    weir_forward(s->ctx, b);
    return n;
}

static void post_again(struct self *s)
{
    if (s->posted) return;
    s->posted = true;
    s->ctx->host->post(s->ctx, &s->again);
}

/* Rate 0: one batch a turn, so that what follows gets its share of the turns. */
static void full_speed(struct self *s)
{
    if (s->open && !s->draining && s->left && emit(s, BATCH_MAX)) post_again(s);
}

/* A stall is not made up for: the schedule starts anew from now. */
static void restart_schedule(struct self *s)
{
    s->base_ns = s->ctx->host->now(s->ctx);
    s->base_n = s->made;
}

static void arm(struct self *s)
{
    if (!s->open || s->draining || !s->left) return;
    double wait = (double)(s->made - s->base_n + 1) / s->rate * 1e9 - (double)(s->ctx->host->now(s->ctx) - s->base_ns);
    s->ctx->host->timer_arm(s->ctx, &s->tick, wait > (double)TICK_NS ? (uint64_t)wait : TICK_NS);
}

static void on_tick(struct weir_timer *timer)
{
    struct self *s = weir_container(timer, struct self, tick);
    uint64_t elapsed = s->ctx->host->now(s->ctx) - s->base_ns;
    uint64_t due = (uint64_t)((double)elapsed / 1e9 * s->rate + 1e-6) + s->base_n;
    while (s->made < due && emit(s, due - s->made)) {
    }
    if (s->made < due) restart_schedule(s);
    arm(s);
}

static void on_again(struct weir_task *task)
{
    struct self *s = weir_container(task, struct self, again);
    s->posted = false;
    full_speed(s);
}

/* ---- life */

static int open_generator(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    const struct cfg *c = ctx->cfg;
    struct self *s = ctx->self;
    uint64_t count = (uint64_t)c->count;
    s->ctx = ctx;
    s->tick.fn = on_tick;
    s->again.fn = on_again;
    s->rate = c->rate / ctx->n_lanes;
    s->left = count ? (count + ctx->n_lanes - 1 - ctx->lane) / ctx->n_lanes : UINT64_MAX;
    s->random = (ctx->host->wall(ctx) ^ (uint64_t)(ctx->lane + 1) << 48) | 1;
    s->key.max = s->value.max = s->texts.max = EVENT_MAX;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    ctx->host->release(ctx, batch); /* never: it is a source */
}

static void drained(struct self *s)
{
    /* after the last of `count` the source says so by itself, and its pipeline ends */
    if ((s->draining || !s->left) && s->in_flight == 0) s->ctx->host->state(s->ctx, WEIR_DRAINED, NULL);
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    (void)cookie;
    (void)result; /* weir_settled_total counts what became of them */
    struct self *s = ctx->self;
    s->in_flight--;
    drained(s);
}

static void flow(struct weir_ctx *ctx, bool open)
{
    struct self *s = ctx->self;
    s->open = open;
    ctx->host->timer_stop(ctx, &s->tick);
    if (!open) return;
    if (!s->left) {
        drained(s); /* more lanes than events */
    } else if (s->rate > 0) {
        if (s->made == 0) emit(s, 1); /* nobody likes to wait for the first one */
        restart_schedule(s);
        arm(s);
    } else {
        post_again(s);
    }
}

static void drain(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    s->draining = true;
    ctx->host->timer_stop(ctx, &s->tick);
    drained(s);
}

static void close_generator(struct weir_ctx *ctx)
{
    struct self *s = ctx->self;
    s->open = false;
    ctx->host->timer_stop(ctx, &s->tick);
    weir_json_buf_free(&s->key);
    weir_json_buf_free(&s->value);
    weir_json_buf_free(&s->texts);
}

WEIR_PLUGIN(.name = "generator", .version = "1.0.0", .doc = "Makes events, at a rate or as fast as they are taken.",
            .roles = WEIR_SOURCE, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct self), .opts = options,
            .check = check, .promise = promise, .open = open_generator, .push = push, .done = done, .flow = flow,
            .drain = drain, .close = close_generator);
