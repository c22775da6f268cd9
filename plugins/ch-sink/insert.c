/* insert.c - blocks on their way: made of one partition's events, sent until the server has them, split to find the row
 * that it refuses. A block that may have arrived is sent again byte for byte under its token, so that the server knows
 * it. */
#include "answer.h"
#include "sink.h"
#include <stdio.h>
#include <weir_failpoint.h>

static void on_answer(struct http_call *call);
static void on_checked(struct http_call *call);

/* Bodies are megabytes: one is kept for the next block, so that its pages need not be made anew. */
static void keep_spare(struct sink *s, struct weir_buf *body)
{
    if (body->cap <= s->spare.cap) return;
    weir_buf_free(&s->spare);
    s->spare = *body;
    *body = (struct weir_buf){NULL, 0, 0};
}

void block_free(struct block *b)
{
    keep_spare(b->sink, &b->body);
    weir_buf_free(&b->body);
    weir_buf_free(&b->form);
    weir_buf_free(&b->call.reply);
    free(b->entries);
    free(b->url);
    free(b);
}

void block_settle(struct block *b, enum weir_status status, const char *why)
{
    for (uint32_t i = 0; i < b->n; i++) {
        if (i + 8 < b->n) {
            __builtin_prefetch(b->entries[i + 8].ev);
            __builtin_prefetch(b->entries[i + 4].ev->ticket);
        }
        rows_settle(b->sink, b->entries[i], status, why);
    }
    block_free(b);
}

static void put_first(struct block *b)
{
    b->next = b->part->ready;
    b->part->ready = b;
}

/* ---- sending */

static void count(struct sink *s, const struct block *b, const char *result)
{
    const char *labels[] = {result};
    s->ctx->host->metric(s->ctx, METRIC_INSERTS, labels, 1);
    s->ctx->host->metric(s->ctx, METRIC_SECONDS, NULL, b->call.seconds);
}

/* The same bytes later; or, with `again`, made anew from the events. */
static void later(struct sink *s, struct block *b, bool again, const char *why)
{
    count(s, b, "retry");
    s->ctx->host->metric(s->ctx, METRIC_RETRIES, NULL, 1);
    snprintf(s->trouble, sizeof(s->trouble), "%s", why);
    if (again) b->body.n = 0;
    if (again) b->checked = false;
    b->part->not_before = s->ctx->host->now(s->ctx) + state_backoff(s, b->tries++);
    put_first(b);
}

static void send_block(struct sink *s, struct block *b)
{
    if (b->body.n == 0 && !block_make(s, b)) return;
    if (WEIR_FAILPOINT("ch-sink.before-insert")) { /* error: it cannot be sent */
        later(s, b, !b->sent, "a failpoint");
        return;
    }
    bool asks = s->conflict_url && !b->checked;
    b->call.done = asks ? on_checked : on_answer;
    b->call.form = asks;
    bool ok = asks ? conflict_form(s, b) && http_post(&s->http, &b->call, s->conflict_url, b->form.p, b->form.n)
                   : http_post(&s->http, &b->call, b->url, b->body.p, b->body.n);
    if (!ok) {
        block_settle(b, b->sent ? WEIR_UNKNOWN : WEIR_RETRY, "no memory");
        return;
    }
    b->sent = b->sent || !asks;
    b->part->flight = b;
    s->inflight++;
}

static void stored(struct sink *s, struct block *b)
{
    count(s, b, "ok");
    s->ctx->host->metric(s->ctx, METRIC_ROWS, NULL, (double)b->n);
    s->ctx->host->metric(s->ctx, METRIC_BYTES, NULL, (double)b->body.n);
    s->trouble[0] = '\0';
    block_settle(b, WEIR_OK, NULL);
}

/* The second half of b as a block of its own; NULL: no memory. */
static struct block *split(struct block *b)
{
    struct block *half = calloc(1, sizeof(*half));
    uint32_t n = b->n / 2;
    if (half) half->entries = malloc((b->n - n) * sizeof(*half->entries));
    if (!half || !half->entries) {
        free(half);
        return NULL;
    }
    memcpy(half->entries, b->entries + n, (b->n - n) * sizeof(*half->entries));
    half->n = b->n - n;
    half->sink = b->sink;
    half->part = b->part;
    b->n = n;
    return half;
}

/* A row is at fault. Alone in its block it is asked for twice, as bytes may also break on the way. */
static void bisect(struct sink *s, struct block *b, const char *why)
{
    count(s, b, "data-error");
    b->body.n = 0;
    b->checked = false;
    if (b->n > 1) {
        struct block *half = split(b);
        if (half)
            put_first(half);
        else
            b->part->not_before = s->ctx->host->now(s->ctx) + state_backoff(s, b->tries++);
        put_first(b);
    } else if (!b->suspect) {
        b->suspect = true;
        put_first(b);
    } else {
        rows_reject(s, b->entries[0], REFUSED, why);
        b->n = 0;
        block_free(b);
    }
}

/* The server has not done what it was asked. */
static void failed(struct sink *s, struct block *b)
{
    char why[300];
    switch (answer_of(&b->call, why, sizeof(why))) {
    case ANSWER_DATA: bisect(s, b, why); break;
    case ANSWER_OK: /* an answer to the question about conflicts that is none */
    case ANSWER_LATER: later(s, b, !b->sent, why); break;
    case ANSWER_TABLE:
        later(s, b, true, why);
        state_probe(s, why);
        break;
    case ANSWER_AWAY:
        later(s, b, !b->sent, why);
        state_probe(s, why);
        break;
    }
}

static void on_answer(struct http_call *call)
{
    struct block *b = weir_container(call, struct block, call);
    struct sink *s = b->sink;
    char why[300];
    b->part->flight = NULL;
    s->inflight--;
    if (answer_of(call, why, sizeof(why)) != ANSWER_OK)
        failed(s, b);
    else if (WEIR_FAILPOINT("ch-sink.inserted")) /* error: it was done, and the answer is lost */
        later(s, b, false, "a failpoint");
    else
        stored(s, b);
    insert_pump(s);
}

/* Asked again until none conflicts: an answer has room for so many. */
static void on_checked(struct http_call *call)
{
    struct block *b = weir_container(call, struct block, call);
    struct sink *s = b->sink;
    b->part->flight = NULL;
    s->inflight--;
    weir_buf_free(&b->form);
    int n = conflict_answer(s, b);
    if (n < 0) {
        failed(s, b);
    } else if (b->n == 0) {
        block_free(b);
    } else {
        b->checked = n == 0;
        if (n > 0) b->body.n = 0;
        put_first(b);
    }
    insert_pump(s);
}

/* ---- whose turn it is */

/* When a partition's next block may go: 0 at once, UINT64_MAX never as things are. */
static uint64_t due(struct sink *s, const struct part *p, bool flush)
{
    if (p->flight || (!p->ready && p->queue.n == 0)) return UINT64_MAX;
    if (p->ready) return p->not_before;
    if (flush || p->queue.n >= (uint64_t)s->cfg->max_rows || p->queue.bytes >= s->cfg->max_bytes) return p->not_before;
    uint64_t linger = p->oldest_ns + s->cfg->linger;
    return linger > p->not_before ? linger : p->not_before;
}

/* With the window spent nothing more will come until something is settled: lingering would only stall. The largest
 * block goes then, and alone: the others grow while it is on its way, and large blocks cost the server least. */
static struct part *largest(struct sink *s, uint64_t now)
{
    struct part *found = NULL;
    if (s->inflight || s->ctx->host->room(s->ctx)) return NULL;
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct part *p = s->parts[i];
        if (due(s, p, true) <= now && (!found || p->queue.n > found->queue.n)) found = p;
    }
    return found;
}

/* The next partition in turn that is due; else *wait = when one will be. */
static struct part *next_part(struct sink *s, uint64_t now, uint64_t *wait)
{
    *wait = UINT64_MAX;
    for (uint32_t i = 0; i < s->n_parts; i++) {
        uint32_t at = (s->turn + i) % s->n_parts;
        uint64_t when = due(s, s->parts[at], s->draining);
        if (when <= now) {
            s->turn = at + 1;
            return s->parts[at];
        }
        if (when < *wait) *wait = when;
    }
    return largest(s, now);
}

static struct block *next_block(struct sink *s, struct part *p)
{
    struct block *b = p->ready;
    if (!b) return rows_take(s, p);
    p->ready = b->next;
    b->next = NULL;
    return b;
}

void insert_pump(struct sink *s)
{
    uint64_t now = s->ctx->host->now(s->ctx), wait = UINT64_MAX;
    while (s->ready && s->inflight < (uint64_t)s->cfg->inflight) {
        struct part *p = next_part(s, now, &wait);
        struct block *b = p ? next_block(s, p) : NULL;
        if (p && !b) p->not_before = now + state_backoff(s, 0); /* no memory now */
        if (!p) break;
        if (b) send_block(s, b);
    }
    if (s->ready && wait != UINT64_MAX)
        s->ctx->host->timer_arm(s->ctx, &s->pump_timer, wait > now ? wait - now : 0);
    else
        s->ctx->host->timer_stop(s->ctx, &s->pump_timer);
    state_say(s);
}

void insert_close(struct sink *s)
{
    for (uint32_t i = 0; i < s->n_parts; i++) {
        struct part *p = s->parts[i];
        if (p->flight) block_settle(p->flight, WEIR_UNKNOWN, "closed before the server had answered");
        p->flight = NULL;
        while (p->ready) {
            struct block *b = p->ready;
            p->ready = b->next;
            block_settle(b, b->sent ? WEIR_UNKNOWN : WEIR_RETRY, "closed before the server had it");
        }
    }
}
