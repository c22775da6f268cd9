/* batch.c - events as COPY BINARY rows, sorted by key: two transactions that insert the same keys in opposite order
 * would wait for each other. Any order will do if all have the same, so rows are compared as the bytes they are sent
 * as; the key comes first in them. */
#include "sink.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir_failpoint.h>

static const char signature[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* then: flags, header extension; all 0 */
/* What stands before the key: the field count and, staged, the field i. */
enum { SIGNATURE = 19, COUNT = 2, STAGED = COUNT + 4 + 4 };

struct tuple {
    const uint8_t *p;
    uint32_t n, key_at;
};

struct batch *batch_take(struct sink *s)
{
    struct batch *b = s->ready;
    if (b) {
        s->ready = b->next;
        b->next = NULL;
        return b;
    }
    if (s->queue.n == 0 || !(b = calloc(1, sizeof(*b)))) return NULL;
    b->entries = weir_queue_take(&s->queue, (uint64_t)s->cfg->max_rows, s->cfg->max_bytes, &b->n);
    if (b->entries) return b;
    free(b);
    return NULL;
}

static void batch_free(struct batch *b)
{
    free(b->entries);
    free(b->differs);
    free(b);
}

void batch_settle(struct sink *s, struct batch *b, enum weir_status status, const char *why)
{
    for (uint32_t i = 0; i < b->n; i++) sink_settle(s, b->entries[i], status, why);
    batch_free(b);
}

struct batch *batch_split(struct batch *b)
{
    uint32_t n = b->n / 2;
    struct batch *half = calloc(1, sizeof(*half));
    if (half) half->entries = malloc((b->n - n) * sizeof(*half->entries));
    if (!half || !half->entries) {
        free(half);
        return NULL;
    }
    memcpy(half->entries, b->entries + n, (b->n - n) * sizeof(*half->entries));
    half->n = b->n - n;
    half->staged = b->staged;
    b->n = n;
    return half;
}

static void be32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* One tuple at the end of s->rows, or nothing. */
static enum weir_read add_row(struct session *s, uint32_t index, struct weir_slice wire, char *err)
{
    struct pg_table *t = s->table;
    uint8_t head[STAGED];
    uint32_t fields = t->plan->n + !s->direct;
    size_t start = s->rows.n;
    enum weir_read r = weir_columns_read(t->plan, wire, &t->row, err);
    if (r != WEIR_READ_OK) return r;
    head[0] = (uint8_t)(fields >> 8);
    head[1] = (uint8_t)fields;
    be32(head + 2, 4);
    be32(head + 6, index);
    if (!weir_buf_put(&s->rows, head, s->direct ? COUNT : STAGED)) r = WEIR_READ_NO_MEMORY;
    for (uint32_t i = 0; r == WEIR_READ_OK && i < t->plan->n; i++) {
        uint32_t c = t->order[i];
        r = pg_put_cell(&s->rows, &t->plan->v[c], &t->types[c], &t->row, err);
    }
    if (r != WEIR_READ_OK) s->rows.n = start;
    return r;
}

/* All entries, one after the other; ends[k] = where the k-th tuple ends. False: no memory. */
static bool add_rows(struct session *s, struct batch *b, size_t *ends)
{
    char err[WEIR_COLUMNS_ERR], why[WEIR_COLUMNS_ERR + 128];
    uint32_t good = 0;
    bool ok = true;
    for (uint32_t i = 0; i < b->n; i++) {
        if (i == 0 && b->n > 1 && WEIR_FAILPOINT("sabotage.skip-row")) {
            sink_settle(s->sink, b->entries[i], WEIR_OK, NULL);
            continue;
        }
        enum weir_read r = ok ? add_row(s, good, b->entries[i].ev->value, err) : WEIR_READ_OK;
        if (r == WEIR_READ_MALFORMED) {
            snprintf(why, sizeof why, "as %s: %s", s->sink->cfg->event->full_name, err);
            sink_reject(s->sink, b->entries[i], MALFORMED, why);
            continue;
        }
        ok = ok && r == WEIR_READ_OK;
        if (ok) ends[good] = s->rows.n;
        b->entries[good++] = b->entries[i];
    }
    b->n = good;
    return ok;
}

static int by_bytes(const void *a, const void *b)
{
    const struct tuple *x = a, *y = b;
    uint32_t n = x->n < y->n ? x->n : y->n;
    int c = memcmp(x->p + x->key_at, y->p + x->key_at, n - x->key_at);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static void list_tuples(const struct session *s, const size_t *ends, uint32_t n, struct tuple *tuples)
{
    size_t at = SIGNATURE;
    for (uint32_t i = 0; i < n; i++) {
        tuples[i] = (struct tuple){s->rows.p + at, (uint32_t)(ends[i] - at), s->direct ? COUNT : STAGED};
        at = ends[i];
    }
}

/* The stream in its final order: mostly it has it already. */
static bool sort_rows(struct session *s, struct tuple *tuples, uint32_t n)
{
    static const uint8_t trailer[2] = {0xff, 0xff};
    bool sorted = true;
    for (uint32_t i = 1; sorted && i < n; i++) sorted = by_bytes(&tuples[i - 1], &tuples[i]) <= 0;
    if (sorted) {
        bool ok = weir_buf_put(&s->rows, trailer, sizeof(trailer));
        s->out = (struct weir_slice){s->rows.p, s->rows.n};
        return ok;
    }
    qsort(tuples, n, sizeof(*tuples), by_bytes);
    s->sorted.n = 0;
    bool ok = weir_buf_room(&s->sorted, s->rows.n + sizeof(trailer)) && weir_buf_put(&s->sorted, signature, SIGNATURE);
    for (uint32_t i = 0; ok && i < n; i++) ok = weir_buf_put(&s->sorted, tuples[i].p, tuples[i].n);
    ok = ok && weir_buf_put(&s->sorted, trailer, sizeof(trailer));
    s->out = (struct weir_slice){s->sorted.p, s->sorted.n};
    return ok;
}

bool batch_encode(struct session *s, struct batch *b)
{
    size_t *ends = malloc(b->n * sizeof(*ends));
    struct tuple *tuples = malloc(b->n * sizeof(*tuples));
    s->rows.n = 0;
    s->out_at = 0;
    free(b->differs);
    b->differs = NULL;
    bool ok = ends && tuples && weir_buf_put(&s->rows, signature, SIGNATURE) && add_rows(s, b, ends);
    if (ok && b->n) {
        list_tuples(s, ends, b->n, tuples);
        ok = sort_rows(s, tuples, b->n);
    }
    free(ends);
    free(tuples);
    if (ok && b->n) return true;
    if (!ok) sink_back_off(s->sink, 0);
    batch_settle(s->sink, b, WEIR_RETRY, "no memory"); /* nobody, when all were rejected */
    return false;
}
