/* ends.c - the two ends of the test kit: a source that pushes what the test gives, a sink that keeps what comes out. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdlib.h>
#include <string.h>

/* ---- left */
static void left_done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    struct pushed *p = cookie;
    (void)ctx;
    size_t why = r->why ? strlen(r->why) + 1 : 0, name = strlen(r->outcome_name) + 1, n = r->reply.n + why + name;
    for (uint32_t i = 0; i < r->n_headers; i++)
        n += sizeof(struct weir_pair) + r->headers[i].name.n + r->headers[i].value.n + 2;
    uint8_t *at = calloc(1, n + 1);
    if (!at) abort(); /* of a test */
    p->result = *r;
    p->result_copy = at;
    p->settled = true;
    struct weir_pair *headers = (struct weir_pair *)(void *)at;
    at += r->n_headers * sizeof *headers;
    for (uint32_t i = 0; i < r->n_headers; i++) {
        memcpy(at, r->headers[i].name.p, r->headers[i].name.n);
        headers[i].name = (struct weir_slice){at, r->headers[i].name.n};
        at += r->headers[i].name.n + 1;
        memcpy(at, r->headers[i].value.p, r->headers[i].value.n);
        headers[i].value = (struct weir_slice){at, r->headers[i].value.n};
        at += r->headers[i].value.n + 1;
    }
    p->result.headers = r->n_headers ? headers : NULL;
    p->result.outcome_name = memcpy(at, r->outcome_name, name);
    at += name;
    if (why) p->result.why = memcpy(at, r->why, why);
    at += why;
    if (r->reply.n) p->result.reply.p = memcpy(at, r->reply.p, r->reply.n);
}

static struct weir_slice into(struct weir_batch *b, struct weir_slice s)
{
    uint8_t *p = host_calls.batch_alloc(b, s.n + 1);
    if (!p) abort();
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return (struct weir_slice){s.p ? p : NULL, s.n};
}

void kit_send_pushed(struct weir_kit *kit)
{
    uint64_t n = kit->n_pushed - kit->n_sent;
    if (!n || !kit->left) return;
    struct weir_ctx *ctx = &kit->left->ctx;
    struct weir_batch *b = host_calls.batch_new(ctx, (uint32_t)n);
    if (!b) abort();
    for (; kit->n_sent < kit->n_pushed; kit->n_sent++) {
        struct pushed *p = kit->pushed[kit->n_sent];
        struct weir_event *ev = &b->ev[b->n++];
        *ev = p->ev;
        ev->key = into(b, p->ev.key);
        ev->value = into(b, p->ev.value);
        struct weir_pair *headers = host_calls.batch_alloc(b, (p->ev.n_headers + 1) * sizeof *headers);
        if (!headers) abort();
        for (uint32_t i = 0; i < p->ev.n_headers; i++)
            headers[i] = (struct weir_pair){into(b, p->ev.headers[i].name), into(b, p->ev.headers[i].value)};
        ev->headers = headers;
        ev->ticket = host_calls.ticket_new(ctx, p, 1);
        if (!ev->ticket) abort();
    }
    host_calls.forward(ctx, b);
}

static int no_open(struct weir_ctx *ctx, struct weir_err *err)
{
    (void)err;
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void left_push(struct weir_ctx *ctx, struct weir_batch *b)
{
    ctx->host->release(ctx, b);
}

const struct weir_plugin kit_left = {.magic = WEIR_MAGIC,
                                     .abi = WEIR_ABI,
                                     .size = sizeof kit_left,
                                     .opt_size = sizeof(struct weir_opt),
                                     .metric_size = sizeof(struct weir_metric),
                                     .outcome_size = sizeof(struct weir_outcome),
                                     .name = "kit-left",
                                     .version = "1",
                                     .doc = "What the test pushes.",
                                     .roles = WEIR_SOURCE,
                                     .open = no_open,
                                     .push = left_push,
                                     .done = left_done};

/* ---- right */
static void right_push(struct weir_ctx *ctx, struct weir_batch *b)
{
    struct weir_kit *kit = kit_of(ctx);
    struct held *h = calloc(1, sizeof *h);
    if (!h) abort();
    h->batch = b;
    h->at = stage_of(ctx);
    *kit->held_tail = h;
    kit->held_tail = &h->next;
    WEIR_EACH (ev, b) kit->n_forwarded++;
}

const struct weir_plugin kit_right = {.magic = WEIR_MAGIC,
                                      .abi = WEIR_ABI,
                                      .size = sizeof kit_right,
                                      .opt_size = sizeof(struct weir_opt),
                                      .metric_size = sizeof(struct weir_metric),
                                      .outcome_size = sizeof(struct weir_outcome),
                                      .name = "kit-right",
                                      .version = "1",
                                      .doc = "What comes out.",
                                      .roles = WEIR_SINK,
                                      .open = no_open,
                                      .push = right_push};

uint64_t weir_kit_emitted(struct weir_kit *kit)
{
    return kit->n_forwarded;
}

struct weir_event *weir_kit_forwarded(struct weir_kit *kit)
{
    for (struct held *h = kit->held; h; h = h->next)
        while (h->taken < h->batch->n) {
            struct weir_event *ev = &h->batch->ev[h->taken++];
            if (ev->ticket) return ev;
        }
    return NULL;
}

static bool all_settled(const struct held *h)
{
    for (uint32_t i = 0; i < h->batch->n; i++)
        if (h->batch->ev[i].ticket) return false;
    return true;
}

static void release_settled(struct weir_kit *kit)
{
    for (struct held **link = &kit->held; *link;) {
        struct held *h = *link;
        if (!all_settled(h)) {
            link = &h->next;
            continue;
        }
        *link = h->next;
        kit_calls.release(&h->at->ctx, h->batch);
        free(h);
    }
    kit->held_tail = &kit->held;
    while (*kit->held_tail) kit->held_tail = &(*kit->held_tail)->next;
}

static const struct held *held_of(const struct weir_kit *kit, const struct weir_event *ev)
{
    const struct held *h = kit->held;
    while (h && (ev < h->batch->ev || ev >= h->batch->ev + h->batch->n)) h = h->next;
    if (!h) fail_msg("this event did not come out of the plugin, or is settled");
    return h;
}

const char *weir_kit_output(struct weir_kit *kit, const struct weir_event *ev)
{
    const struct stage *at = held_of(kit, ev)->at;
    const char *branch = at->lane->pipeline->conf->stages[at->index].branch;
    return branch ? branch : "";
}

void weir_kit_settle_with(struct weir_kit *kit, struct weir_event *ev, const struct weir_result *r)
{
    struct weir_result named = *r;
    if (!named.outcome_name) named.outcome_name = "";
    if (!ev->ticket)
        fail_msg("weir_kit_settle: event at position %llu is settled already", (unsigned long long)ev->position);
    host_calls.settle(&held_of(kit, ev)->at->ctx, ev, &named);
    release_settled(kit);
}

void weir_kit_settle(struct weir_kit *kit, struct weir_event *ev, enum weir_status status, const char *why)
{
    const struct weir_result r = {.status = status, .why = why};
    weir_kit_settle_with(kit, ev, &r);
}

void kit_settle_rest(struct weir_kit *kit)
{
    const struct weir_result ok = {.outcome_name = ""};
    for (struct held *h = kit->held; h; h = h->next)
        WEIR_EACH (ev, h->batch) host_calls.settle(&h->at->ctx, ev, &ok);
    release_settled(kit);
}
