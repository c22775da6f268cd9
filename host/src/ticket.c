/* ticket.c - one unit of source work: counts its events and keeps the worst of what became of them. */
#include "lane.h"
#include <stdlib.h>
#include <string.h>

struct weir_ticket *ticket_create(struct stage *owner, void *cookie, uint32_t refs)
{
    struct weir_ticket *t = pool_take(owner->lane ? owner->lane->pool : NULL, sizeof *t);
    if (!t) return NULL;
    *t = (struct weir_ticket){.item = {NULL, ITEM_DONE}, .owner = owner, .cookie = cookie, .refs = refs};
    t->worst.outcome_name = "";
    owner->tickets++;
    return t;
}

static uint8_t *put(uint8_t *at, const void *p, size_t n)
{
    if (n) memcpy(at, p, n);
    at[n] = 0; /* so that names and values can be read as C strings */
    return at + n + 1;
}

static size_t copy_size(const struct weir_result *r, const char *outcome_name)
{
    size_t n = r->n_headers * sizeof(struct weir_pair) + r->reply.n + 1 + strlen(outcome_name) + 1;
    for (uint32_t i = 0; i < r->n_headers; i++) n += r->headers[i].name.n + r->headers[i].value.n + 2;
    return n + (r->why ? strlen(r->why) + 1 : 0);
}

/* Everything a result points to goes into one block, so that a settle costs one allocation at most. */
static void copy_result(struct weir_ticket *t, const struct weir_result *r, const char *outcome_name)
{
    struct weir_result *w = &t->worst;
    free(t->copy);
    t->copy = NULL;
    *w = *r;
    w->headers = NULL;
    w->outcome_name = "";
    if (!r->schema && !r->reply.n && !r->n_headers && !r->why && !*outcome_name) return;
    uint8_t *at = malloc(copy_size(r, outcome_name));
    if (!at) { /* the status is what matters; the words are lost */
        w->n_headers = 0;
        w->reply = (struct weir_slice){NULL, 0};
        w->why = "out of memory while the answer was copied";
        if (w->status == WEIR_OK) w->status = WEIR_UNKNOWN;
        return;
    }
    t->copy = at;
    struct weir_pair *headers = (struct weir_pair *)(void *)at;
    at += r->n_headers * sizeof *headers;
    for (uint32_t i = 0; i < r->n_headers; i++) {
        const struct weir_pair *h = &r->headers[i];
        headers[i].name = (struct weir_slice){at, h->name.n};
        at = put(at, h->name.p, h->name.n);
        headers[i].value = (struct weir_slice){at, h->value.n};
        at = put(at, h->value.p, h->value.n);
    }
    if (r->n_headers) w->headers = headers;
    w->reply.p = r->reply.p ? at : NULL;
    at = put(at, r->reply.p, r->reply.n);
    w->outcome_name = (const char *)at;
    at = put(at, outcome_name, strlen(outcome_name));
    if (r->why) {
        w->why = (const char *)at;
        put(at, r->why, strlen(r->why));
    }
}

bool ticket_settle(struct weir_ticket *t, struct stage *by, const struct weir_result *r, const char *outcome_name)
{
    t->some_ok |= r->status == WEIR_OK;
    /* Equal statuses: the first that says something stays. */
    bool stays = r->status > t->worst.status || (r->status == t->worst.status && !t->copy &&
                                                 (r->schema || r->reply.n || r->why || *outcome_name || r->n_headers));
    if (stays) copy_result(t, r, outcome_name);
    if (stays || !t->by) t->by = by;
    if (--t->refs) return false;
    if (t->some_ok && t->worst.status == WEIR_RETRY) t->worst.status = WEIR_UNKNOWN; /* RETRY: had no effect */
    return true;
}

const char *ticket_settled_by(struct weir_ctx *ctx, const char **plugin)
{
    const struct weir_ticket *t = stage_of(ctx)->lane->hears;
    if (plugin) *plugin = t && t->by ? t->by->plugin->name : "";
    return t && t->by ? t->by->ctx.stage : "";
}

void ticket_destroy(struct weir_ticket *t)
{
    free(t->copy);
    pool_give(t->owner->lane ? t->owner->lane->pool : NULL, t, sizeof *t);
}
