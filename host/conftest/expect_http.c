/* expect_http.c - the answers to a test's own requests, and the requests that a kept stage sends. */
#include "rig.h"
#include <string.h>

static bool is_named(const char *its, struct weir_slice name)
{
    return !name.n || (its && !strcmp(its, (const char *)name.p));
}

static void add_parts(struct facts *f, const char *key, const struct weir_list *parts)
{
    const struct weir_slice *part = parts->items;
    for (uint32_t i = 0; i < parts->n; i++) {
        size_t before = f->n;
        facts_add_bytes(f, key, part[i]);
        if (f->n > before) f->v[before].part = true;
    }
}

/* ---- answer */
struct answered {
    struct weir_slice name;
    struct request *request;
};

static bool has_answered(struct rig *rig, void *arg)
{
    struct answered *w = arg;
    struct facts f = {0};
    for (w->request = rig->requests; w->request; w->request = w->request->next)
        if (!w->request->asked && is_named(w->request->name, w->name)) break;
    bool whole = w->request && request_answer(w->request, &f);
    facts_free(&f);
    return whole;
}

void expect_answer(struct rig *rig, const struct step *s)
{
    const struct http_keys *k = &s->keys->answer;
    struct answered w = {.name = k->name};
    struct facts expected = {0}, seen = {0};
    bool met = has_answered(rig, &w);
    if (!met && w.request) met = rig_wait(rig, has_answered, &w);
    if (!met) {
        rig_fail(rig, s->at,
                 !w.request        ? "answer: no request is left to ask for"
                 : w.request->over ? "answer: the connection was closed without an answer"
                                   : "answer: the request is still open");
        return;
    }
    w.request->asked = true;
    request_answer(w.request, &seen);
    facts_add(&expected, "status", "%lld", (long long)k->status);
    expect_headers(&expected, k->headers.items, k->headers.n, true);
    if (s->json) facts_add_bytes(&expected, "body", (struct weir_slice){(const uint8_t *)s->json, strlen(s->json)});
    if (k->body.p) facts_add_bytes(&expected, "body", k->body);
    add_parts(&expected, "body", &k->body_has);
    expect_compare(rig, s, &expected, &seen, false, "answer: what was answered", "");
}

/* ---- asked, reply */
static bool has_asked(struct rig *rig, void *arg)
{
    struct call **found = arg;
    for (struct call *c = rig->calls; c && !*found; c = c->next)
        if (c->whole && !c->asked) *found = c;
    return *found != NULL;
}

void expect_asked(struct rig *rig, const struct step *s)
{
    const struct http_keys *k = &s->keys->asked;
    struct call *c = NULL;
    struct facts expected = {0}, seen = {0};
    if (!rig_wait(rig, has_asked, &c)) {
        rig_fail(rig, s->at, "asked: no request came to 127.0.0.1");
        return;
    }
    c->asked = true;
    c->name = k->name.n ? (const char *)k->name.p : NULL;
    if (k->on.n) facts_add_bytes(&expected, "on", k->on);
    add_parts(&expected, "on", &k->on_has);
    expect_headers(&expected, k->headers.items, k->headers.n, true);
    if (k->body.p) facts_add_bytes(&expected, "body", k->body);
    add_parts(&expected, "body", &k->body_has);
    call_facts(c, &seen);
    expect_compare(rig, s, &expected, &seen, false, "asked: the request", "");
}

void step_reply(struct rig *rig, const struct step *s)
{
    struct call *c = rig->calls;
    while (c && (!c->asked || c->replied || !is_named(c->name, s->keys->reply.name))) c = c->next;
    if (!c)
        rig_fail(rig, s->at, "reply: no request that `asked` has seen waits for it");
    else if (c->fd < 0)
        rig_fail(rig, s->at, "reply: the connection was closed before");
    else if (!call_reply(c, s))
        rig_fail(rig, s->at, "out of memory");
}
