/* rows.c - events between push() and their settling: a queue a partition, and the count that lets a batch go. */
#include "sink.h"
#include <stdio.h>

static void let_go(struct sink *s, struct held *h)
{
    s->ctx->host->release(s->ctx, h->batch);
    free(h);
}

void rows_settle(struct sink *s, struct entry e, enum weir_status status, const char *why)
{
    weir_settle(s->ctx, e.ev, status, why);
    s->waiting--;
    if (--e.held->left == 0) let_go(s, e.held);
}

static struct part *new_part(struct sink *s, uint32_t id)
{
    struct part **parts = realloc(s->parts, (s->n_parts + 1) * sizeof(*parts));
    if (!parts) return NULL;
    s->parts = parts;
    struct part *p = calloc(1, sizeof(*p));
    if (!p) return NULL;
    p->id = id;
    s->last_part = s->n_parts;
    s->parts[s->n_parts++] = p;
    return p;
}

/* Events of a partition come together: mostly it is the one of the event before. */
static struct part *part_of(struct sink *s, uint32_t id)
{
    if (s->n_parts && s->parts[s->last_part]->id == id) return s->parts[s->last_part];
    for (uint32_t i = 0; i < s->n_parts; i++) {
        if (s->parts[i]->id != id) continue;
        s->last_part = i;
        return s->parts[i];
    }
    return new_part(s, id);
}

static bool enqueue(struct part *p, struct entry e, uint64_t now)
{
    if (p->head + p->n == p->cap && p->head > p->n) { /* move down what is less than what is free */
        memcpy(p->fifo, p->fifo + p->head, p->n * sizeof(*p->fifo));
        p->head = 0;
    }
    if (p->head + p->n == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 256;
        struct entry *fifo = cap > p->cap ? realloc(p->fifo, cap * sizeof(*fifo)) : NULL;
        if (!fifo) return false;
        p->fifo = fifo;
        p->cap = cap;
    }
    if (p->n == 0) p->oldest_ns = now;
    p->fifo[p->head + p->n++] = e;
    p->bytes += e.ev->value.n;
    return true;
}

static void add(struct sink *s, struct entry e, uint64_t now)
{
    const struct weir_schema *want = s->cfg->event;
    struct part *p;
    if (e.ev->schema && e.ev->schema != want->id) {
        const struct weir_schema *is = s->ctx->host->schema_by_id(s->ctx, e.ev->schema);
        char why[200];
        snprintf(why, sizeof(why), "the event is a %s, the table takes %s", is ? is->full_name : "(unknown)",
                 want->full_name);
        rows_settle(s, e, WEIR_REJECT, why);
    } else if (!(p = part_of(s, e.ev->partition)) || !enqueue(p, e, now)) {
        rows_settle(s, e, WEIR_RETRY, "no memory");
    }
}

void rows_push(struct sink *s, struct weir_batch *batch)
{
    struct held *h = calloc(1, sizeof(*h));
    uint64_t now = s->ctx->host->now(s->ctx);
    if (!h) {
        s->ctx->host->settle_all(s->ctx, batch, WEIR_RETRY, "no memory");
        return;
    }
    h->batch = batch;
    h->left = 1; /* ours, while we look at it */
    WEIR_EACH (ev, batch) {
        h->left++;
        s->waiting++;
        add(s, (struct entry){ev, h}, now);
    }
    if (--h->left == 0) let_go(s, h);
}

struct block *rows_take(struct sink *s, struct part *p)
{
    uint32_t n = 0;
    uint64_t bytes = 0;
    while (n < p->n && n < (uint64_t)s->cfg->max_rows) {
        uint64_t more = p->fifo[p->head + n].ev->value.n;
        if (n && bytes + more > s->cfg->max_bytes) break;
        bytes += more;
        n++;
    }
    struct block *b = calloc(1, sizeof(*b));
    if (b) b->entries = malloc(n * sizeof(*b->entries));
    if (!b || !b->entries) {
        free(b);
        return NULL;
    }
    memcpy(b->entries, p->fifo + p->head, n * sizeof(*b->entries));
    b->n = n;
    b->sink = s;
    b->part = p;
    p->head += n;
    p->n -= n;
    p->bytes -= bytes;
    p->oldest_ns = s->ctx->host->now(s->ctx);
    if (p->n == 0) p->head = 0;
    return b;
}

void rows_close(struct sink *s)
{
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct part *p = s->parts[i];
        for (uint32_t k = 0; k < p->n; k++)
            rows_settle(s, p->fifo[p->head + k], WEIR_RETRY, "closed before it was sent");
        free(p->fifo);
        free(p);
    }
    free(s->parts);
    s->parts = NULL;
    s->n_parts = 0;
}
