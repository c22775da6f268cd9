/* rows.c - events between push() and their settling: a queue a partition, and the count that lets a batch go. */
#include "sink.h"
#include <stdio.h>

void rows_settle(struct sink *s, struct weir_entry e, enum weir_status status, const char *why)
{
    weir_entry_settle(s->ctx, e, status, why);
    s->waiting--;
}

void rows_reject(struct sink *s, struct weir_entry e, uint32_t outcome, const char *why)
{
    weir_entry_reject(s->ctx, e, outcome, why);
    s->waiting--;
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

static bool enqueue(struct part *p, struct weir_entry e, uint64_t now)
{
    if (p->queue.n == 0) p->oldest_ns = now;
    return weir_queue_add(&p->queue, e);
}

static void add(struct sink *s, struct weir_entry e, uint64_t now)
{
    const struct weir_schema *want = s->cfg->event;
    struct part *p;
    if (e.ev->schema && e.ev->schema != want->id) {
        const struct weir_schema *is = s->ctx->host->schema_by_id(s->ctx, e.ev->schema);
        char why[200];
        snprintf(why, sizeof(why), "the event is a %s, the table takes %s", is ? is->full_name : "(unknown)",
                 want->full_name);
        rows_reject(s, e, WRONG_MESSAGE, why);
    } else if (!(p = part_of(s, e.ev->partition)) || !enqueue(p, e, now)) {
        rows_settle(s, e, WEIR_RETRY, "no memory");
    }
}

void rows_push(struct sink *s, struct weir_batch *batch)
{
    struct weir_held *h = weir_hold(s->ctx, batch);
    uint64_t now = s->ctx->host->now(s->ctx);
    if (!h) return;
    WEIR_EACH (ev, batch) {
        h->left++;
        s->waiting++;
        add(s, (struct weir_entry){ev, h}, now);
    }
    weir_hold_end(s->ctx, h);
}

struct block *rows_take(struct sink *s, struct part *p)
{
    struct block *b = calloc(1, sizeof(*b));
    if (b) b->entries = weir_queue_take(&p->queue, (uint64_t)s->cfg->max_rows, s->cfg->max_bytes, &b->n);
    if (!b || !b->entries) {
        free(b);
        return NULL;
    }
    b->sink = s;
    b->part = p;
    p->oldest_ns = s->ctx->host->now(s->ctx);
    return b;
}

void rows_close(struct sink *s)
{
    for (uint32_t i = 0; i < s->n_parts; i++) {
        weir_queue_close(s->ctx, &s->parts[i]->queue);
        free(s->parts[i]);
    }
    free(s->parts);
    s->parts = NULL;
    s->n_parts = 0;
}
