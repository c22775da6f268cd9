/* fake.c - the stage that stands for another: it sends what the test pushes, keeps what it gets, and settles or passes
 * it on as the test says. */
#include "rig.h"
#include <stdlib.h>
#include <string.h>

static void out_of_memory(struct rig *rig)
{
    rig_fail(rig, rig->test->at, "out of memory");
}

/* ---- what the stage's options say of messages: a fake of it takes and gives no others */
static bool names_message(const struct weir_opt *opts, const char *cfg, const char *wanted, FILE *known)
{
    bool any = false;
    for (const struct weir_opt *o = opts; o && o->name; o++) {
        const char *member = cfg + o->offset;
        const struct weir_list *list = (const struct weir_list *)(const void *)member;
        if (o->type == WEIR_GROUP) any |= names_message(o->sub, member, wanted, known);
        for (uint32_t i = 0; o->type == WEIR_LIST && i < list->n; i++)
            any |= names_message(o->sub, (const char *)list->items + (size_t)i * list->stride, wanted, known);
        if (o->type != WEIR_MESSAGE) continue;
        const struct weir_schema *s = *(const struct weir_schema *const *)(const void *)member;
        if (!s) continue;
        if (known) fprintf(known, " %s", s->full_name);
        any |= !wanted || !strcmp(s->full_name, wanted);
        for (unsigned k = 0; k < s->descriptor->n_fields && wanted; k++) { /* each element may be an event */
            const ProtobufCFieldDescriptor *f = &s->descriptor->fields[k];
            const ProtobufCMessageDescriptor *d = f->descriptor;
            any |=
                f->type == PROTOBUF_C_TYPE_MESSAGE && f->label == PROTOBUF_C_LABEL_REPEATED && !strcmp(d->name, wanted);
        }
    }
    return any;
}

static void check_message(struct rig *rig, struct fake *f, uint32_t schema, struct weir_place at)
{
    const struct weir_schema *s = weir_schemas_by_id(rig->test->conf->schemas, schema);
    char *known = NULL;
    size_t n = 0;
    if (f->role == WEIR_FILTER || !names_message(f->real->opts, f->stage->cfg, NULL, NULL)) return;
    if (s && names_message(f->real->opts, f->stage->cfg, s->full_name, NULL)) return;
    FILE *out = open_memstream(&known, &n);
    if (out) names_message(f->real->opts, f->stage->cfg, NULL, out);
    bool written = out && !fclose(out);
    rig_fail(rig, at, "%s %s %s, but %s:%d names only:%s", f->stage->name, f->role == WEIR_SOURCE ? "gives" : "got",
             s ? s->full_name : "bytes of no message", f->stage->file, f->stage->line, written ? known : "");
    free(known);
}

/* ---- what comes in */
static struct arrival *note(struct rig *rig, struct fake *f, struct held *held, struct weir_event *ev)
{
    struct arrival *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    *a = (struct arrival){.fake = f, .held = held, .ev = ev};
    *rig->arrival_tail = a;
    rig->arrival_tail = &a->next;
    held->left++;
    return a;
}

static void on_push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct fake *f = ctx->shared;
    struct held *held = calloc(1, sizeof *held);
    bool kept = held != NULL;
    if (held) held->batch = batch;
    WEIR_EACH (ev, batch) {
        if (kept) kept = note(f->rig, f, held, ev) != NULL;
        if (f->role == WEIR_SINK) check_message(f->rig, f, ev->schema, f->rig->test->at);
    }
    if (kept) return;
    out_of_memory(f->rig); /* what was noted stays with the batch, and both are let go at the end */
    if (!held || !held->left) ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
    if (held && !held->left) free(held);
}

static void on_done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    struct push *p = cookie;
    const struct weir_schema *s = ctx->host->schema_by_id(ctx, r->schema);
    char key[160];
    p->settled = true;
    facts_add(&p->result, "status", "%s", status_names[r->status]);
    facts_add(&p->result, "outcome", "%s", r->outcome_name ? r->outcome_name : "");
    facts_add(&p->result, "why", "%s", r->why ? r->why : "");
    for (uint32_t i = 0; i < r->n_headers; i++) {
        snprintf(key, sizeof key, "header %.*s", (int)r->headers[i].name.n, (const char *)r->headers[i].name.p);
        facts_add_bytes(&p->result, key, r->headers[i].value);
    }
    if (s) facts_add(&p->result, "message", "%s", s->full_name);
    if (s) facts_add_message(&p->result, s, r->reply);
}

/* ---- what goes out */
static struct weir_slice into(struct weir_batch *b, struct weir_slice s, bool *full)
{
    uint8_t *p = s.p ? host_calls.batch_alloc(b, s.n + 1) : NULL;
    if (s.p && !p) *full = false;
    if (p && s.n) memcpy(p, s.p, s.n);
    return (struct weir_slice){p, p ? s.n : 0};
}

static bool fill(struct weir_ctx *ctx, struct push *p, struct weir_batch *b)
{
    const struct event_keys *k = &p->step->keys->push;
    const struct weir_pair *given = k->content.headers.items;
    struct weir_event *ev = &b->ev[0];
    bool full = true;
    struct weir_pair *headers = host_calls.batch_alloc(b, (k->content.headers.n + 1) * sizeof *headers);
    if (!headers) return false;
    for (uint32_t i = 0; i < k->content.headers.n; i++)
        headers[i] = (struct weir_pair){into(b, given[i].name, &full), into(b, given[i].value, &full)};
    *ev = (struct weir_event){.key = into(b, k->key, &full),
                              .value = into(b, k->content.wire, &full),
                              .headers = headers,
                              .n_headers = k->content.headers.n,
                              .schema = k->content.message ? k->content.message->id : 0,
                              .ts_ns = host_calls.wall(ctx),
                              .deadline_ns = k->deadline ? host_calls.now(ctx) + k->deadline : 0,
                              .position = k->position ? (uint64_t)k->position : p->number,
                              .partition = (uint32_t)k->partition,
                              .attempt = (uint16_t)k->attempt};
    ev->ticket = full ? host_calls.ticket_new(ctx, p, 1) : NULL;
    b->n = 1;
    return ev->ticket != NULL;
}

static void send_one(struct rig *rig, struct push *p)
{
    struct weir_ctx *ctx = &p->fake->live->ctx;
    struct weir_batch *b = host_calls.batch_new(ctx, 1);
    p->sent = true;
    if (b && fill(ctx, p, b)) {
        check_message(rig, p->fake, b->ev[0].schema, p->step->at);
        host_calls.forward(ctx, b);
        return;
    }
    out_of_memory(rig);
    if (b) b->n = 0;
    if (b) host_calls.release(ctx, b);
}

void fake_send(struct rig *rig, struct fake *f)
{
    for (struct push *p = rig->pushes; p; p = p->next)
        if (p->fake == f && !p->sent && (f->role == WEIR_FILTER || host_calls.room(&f->live->ctx))) send_one(rig, p);
}

static void on_flow(struct weir_ctx *ctx, bool open)
{
    struct fake *f = ctx->shared;
    if (open) fake_send(f->rig, f);
}

static int on_open(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    struct fake *f = ctx->shared;
    f->live = stage_of(ctx);
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

void fake_install(struct rig *rig, struct fake *f)
{
    f->rig = rig;
    f->plugin = (struct weir_plugin){.magic = WEIR_MAGIC,
                                     .abi = WEIR_ABI,
                                     .size = sizeof f->plugin,
                                     .opt_size = sizeof(struct weir_opt),
                                     .metric_size = sizeof(struct weir_metric),
                                     .outcome_size = sizeof(struct weir_outcome),
                                     .name = f->real->name,
                                     .version = f->real->version,
                                     .doc = f->real->doc,
                                     .roles = f->role,
                                     .open = on_open,
                                     .push = on_push,
                                     .done = on_done,
                                     .flow = on_flow};
    f->loaded = (struct weir_loaded){&f->plugin, f->stage->loaded->path};
    f->stage->loaded = &f->loaded;
}

/* ---- what becomes of what came in */
static void let_go(struct arrival *a)
{
    a->gone = a->expected = true;
    if (--a->held->left) return;
    host_calls.release(&a->fake->live->ctx, a->held->batch);
    free(a->held);
    a->held = NULL;
}

void fake_settle(struct rig *rig, struct arrival *a, const struct weir_result *r)
{
    struct stage *s = a->fake->live;
    (void)rig;
    lane_enter(s->lane);
    host_calls.settle(&s->ctx, a->ev, r);
    let_go(a);
    lane_leave(s->lane);
}

bool fake_pass(struct rig *rig, struct arrival *a, uint32_t output)
{
    struct stage *s = a->fake->live;
    (void)rig;
    lane_enter(s->lane);
    struct weir_batch *b = host_calls.batch_new(&s->ctx, 1);
    bool moved = b && host_calls.move(&s->ctx, b, a->held->batch, a->ev);
    if (moved) let_go(a);
    if (moved && output == PASS_TO_ALL)
        host_calls.forward(&s->ctx, b);
    else if (moved)
        host_calls.forward_to(&s->ctx, b, output);
    else if (b)
        host_calls.release(&s->ctx, b);
    lane_leave(s->lane);
    return moved;
}

bool fake_settle_rest(struct rig *rig)
{
    bool any = false;
    const struct weir_result ok = {.outcome_name = ""};
    for (struct arrival *a = rig->arrivals; a; a = a->next) {
        if (a->gone) continue;
        fake_settle(rig, a, &ok);
        any = true;
    }
    return any;
}

void fake_free(struct rig *rig)
{
    for (struct arrival *a = rig->arrivals, *next; a; a = next) {
        next = a->next;
        free(a);
    }
    for (struct push *p = rig->pushes, *next; p; p = next) {
        next = p->next;
        facts_free(&p->result);
        free(p);
    }
}
