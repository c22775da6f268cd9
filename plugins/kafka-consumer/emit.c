/* emit.c - messages to events, and what became of them back to the watermark.
 * Bytes are copied into the batch, which may live longer than the message; the message is kept until its event is dealt
 * with, because RETRY and UNKNOWN mean: emit it again. */
#include "kafka_consumer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURN_EVENTS = 16384, NO_MEMORY_NS = 100000000 }; /* a turn: then other stages have theirs */

void emit_later(struct consumer *c)
{
    if (c->posted) return;
    c->posted = true;
    c->ctx->host->post(c->ctx, &c->task);
}

/* ---- messages from a partition's queue */

static void message_error(struct consumer *c, struct part *p, const rd_kafka_message_t *m)
{
    char at[300], why[200];
    snprintf(at, sizeof at, "topic %s, partition %d, offset %lld", c->topic, (int)p->id, (long long)m->offset);
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        weir_log(c->ctx, WEIR_ERROR, "%s: %s", at, rd_kafka_message_errstr(m));
        fail(c, "%s: committed, but no longer in the topic: set the group's offset by hand", at);
    } else if (is_data_lost(m->err)) {
        fail(c, "%s: %s", at, rd_kafka_message_errstr(m));
    } else {
        snprintf(why, sizeof why, "partition %d: %s", (int)p->id, rd_kafka_message_errstr(m));
        say(c, WEIR_DEGRADED, why);
    }
}

static void add_ready(struct part *p, struct slot *s)
{
    struct slot **at = &p->ready;
    if (p->ready && p->ready_last->wm.offset < s->wm.offset) at = &p->ready_last->next;
    while (*at && (*at)->wm.offset < s->wm.offset) at = &(*at)->next;
    s->next = *at;
    *at = s;
    if (!s->next) p->ready_last = s;
}

/* A slot per message before any is taken: none that was taken may be lost for want of memory. */
static struct slot *slots_new(uint32_t *n)
{
    struct slot *list = NULL;
    for (uint32_t i = 0; i < *n; i++) {
        struct slot *s = malloc(sizeof *s);
        if (!s) {
            *n = i;
            break;
        }
        s->next = list;
        list = s;
    }
    return list;
}

/* Fills p->ready, which is empty, with up to n messages. */
static void take(struct consumer *c, struct part *p, uint32_t n)
{
    size_t length = rd_kafka_queue_length(p->queue);
    if (length < n) n = (uint32_t)length;
    struct slot *spare = slots_new(&n);
    ssize_t got = n ? rd_kafka_consume_batch_queue(p->queue, 0, c->taken, n) : 0;
    for (ssize_t i = 0; i < got; i++) {
        rd_kafka_message_t *m = c->taken[i];
        if (m->err) message_error(c, p, m);
        if (m->err || m->offset < p->position) { /* read twice, around a pause: the first one counts */
            rd_kafka_message_destroy(m);
            continue;
        }
        struct slot *s = spare;
        spare = s->next;
        *s = (struct slot){.wm = {.offset = m->offset, .epoch = rd_kafka_message_leader_epoch(m)}, .part = p, .msg = m};
        watermark_add(&p->wm, &s->wm);
        p->position = m->offset + 1;
        add_ready(p, s);
    }
    for (struct slot *next; spare; spare = next) {
        next = spare->next;
        free(spare);
    }
}

/* ---- events from messages */

static uint8_t *put(struct weir_slice *to, uint8_t *at, const void *from, size_t n)
{
    *to = (struct weir_slice){from ? at : NULL, n}; /* a NULL value is a tombstone and stays NULL */
    if (n > 0) memcpy(at, from, n);
    return at + n;
}

static size_t header_bytes(const rd_kafka_headers_t *headers, size_t n)
{
    const char *name;
    const void *value;
    size_t size, bytes = n * sizeof(struct weir_pair);
    for (size_t i = 0; i < n && !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++)
        bytes += strlen(name) + size;
    return bytes;
}

/* Headers, key and value in one block of the batch. */
static bool copy(struct consumer *c, struct weir_batch *b, struct weir_event *ev, const rd_kafka_message_t *m,
                 const rd_kafka_headers_t *headers)
{
    size_t n = headers ? rd_kafka_header_cnt(headers) : 0;
    uint8_t *block = c->ctx->host->batch_alloc(b, header_bytes(headers, n) + m->key_len + m->len + 1);
    if (!block) return false;
    struct weir_pair *pairs = (struct weir_pair *)(void *)block;
    uint8_t *at = block + n * sizeof *pairs;
    for (size_t i = 0; i < n; i++) {
        const char *name = "";
        const void *value = NULL;
        size_t size = 0;
        rd_kafka_header_get_all(headers, i, &name, &value, &size);
        at = put(&pairs[i].name, at, name, strlen(name));
        at = put(&pairs[i].value, at, value, size);
    }
    at = put(&ev->key, at, m->key, m->key_len);
    put(&ev->value, at, m->payload, m->len);
    ev->headers = pairs;
    ev->n_headers = (uint32_t)n;
    return true;
}

/* The library parses the headers when they are asked for, in many small allocations: they go at once, while these are
 * at hand, and are parsed again should the message be emitted again. */
static bool fill(struct consumer *c, struct weir_batch *b, struct weir_event *ev, const struct slot *s)
{
    rd_kafka_message_t *m = s->msg;
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_detach_headers(m, &headers)) headers = NULL;
    bool ok = copy(c, b, ev, m, headers);
    if (headers) rd_kafka_headers_destroy(headers);
    if (!ok) return false;
    ev->schema = c->cfg->event ? c->cfg->event->id : 0;
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(m, &type);
    ev->ts_ns =
        type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? c->ctx->host->wall(c->ctx) : (uint64_t)ms * 1000000u;
    ev->position = (uint64_t)m->offset;
    ev->partition = (uint32_t)m->partition;
    uint32_t attempt = s->attempt;
    for (uint32_t i = 0; i < ev->n_headers; i++) /* put back by hand: the attempts go on */
        if (ev->headers[i].name.n == sizeof ATTEMPT_HEADER - 1 &&
            !memcmp(ev->headers[i].name.p, ATTEMPT_HEADER, sizeof ATTEMPT_HEADER - 1))
            attempt += attempts_before(ev->headers[i].value);
    ev->attempt = attempt < UINT16_MAX ? (uint16_t)attempt : UINT16_MAX;
    return true;
}

static void wait_until(struct consumer *c, struct part *p, uint64_t ns)
{
    struct weir_timer *t = &c->resume_timer;
    p->resume_ns = c->ctx->host->now(c->ctx) + ns;
    if (!t->due_ns || t->due_ns > p->resume_ns) c->ctx->host->timer_arm(c->ctx, t, ns);
}

static void out(struct consumer *c, struct part *p)
{
    p->ready = p->ready->next;
    p->in_flight++;
    c->in_flight++;
}

/* The first that is ready, when it is wrong by itself: dealt with as if a stage had rejected it. */
static bool refused(struct consumer *c, struct part *p)
{
    struct weir_result r;
    char why[200];
    struct slot *s = p->ready;
    if (!refuse_record(c, s->msg, &r, why)) return false;
    out(c, p);
    settled(c, s, &r);
    return true;
}

/* Up to n of what is ready, as one batch of one partition. Returns how many have left. */
static uint32_t forward_ready(struct consumer *c, struct part *p, uint32_t n)
{
    uint32_t count = 0, wrong = 0;
    for (struct slot *s = p->ready; s && count < n; s = s->next) count++;
    struct weir_batch *b = count ? c->ctx->host->batch_new(c->ctx, count) : NULL;
    if (!b) {
        if (count) wait_until(c, p, NO_MEMORY_NS);
        return 0;
    }
    while (b->n + wrong < count && !c->failed) {
        struct slot *s = p->ready;
        struct weir_event *ev = &b->ev[b->n];
        if (refused(c, p)) {
            wrong++;
            if (p->ready == s) break; /* no memory for its letter: it comes again */
            continue;
        }
        if (!fill(c, b, ev, s) || !(ev->ticket = c->ctx->host->ticket_new(c->ctx, s, 1))) {
            wait_until(c, p, NO_MEMORY_NS);
            break;
        }
        out(c, p);
        b->n++;
    }
    uint32_t sent = b->n + wrong;
    c->ctx->host->forward(c->ctx, b);
    return sent;
}

static uint32_t emit_part(struct consumer *c, struct part *p, uint32_t most)
{
    if (c->failed || !c->flow || c->phase != RUNNING) return 0;
    if (p->leaving || c->ctx->host->now(c->ctx) < p->resume_ns) return 0;
    uint32_t n = c->ctx->host->room(c->ctx);
    if (n > most) n = most;
    if (n > (uint32_t)c->cfg->batch) n = (uint32_t)c->cfg->batch;
    if (!n) return 0;
    if (!p->ready) take(c, p, n);
    return c->failed ? 0 : forward_ready(c, p, n);
}

/* Round after round, a batch a partition, from where the last one ended: no partition waits for another. */
void emit(struct consumer *c)
{
    uint32_t left = TURN_EVENTS, quiet = 0, n_parts = 0;
    for (struct part *p = c->parts; p; p = p->next) n_parts++;
    while (quiet < n_parts && left > 0) {
        struct part *p = c->cursor ? c->cursor : c->parts;
        c->cursor = p->next;
        uint32_t n = emit_part(c, p, left);
        quiet = n ? 0 : quiet + 1;
        left -= n;
    }
    if (!left) emit_later(c);
}

/* ---- what became of them */

static void slots_free(struct wm_entry *list)
{
    while (list) {
        struct slot *s = weir_container(list, struct slot, wm);
        list = list->next;
        rd_kafka_message_destroy(s->msg);
        dead_free_letter(s);
        free(s);
    }
}

void part_free(struct part *p)
{
    slots_free(p->wm.head);
    free(p);
}

static void again(struct consumer *c, struct slot *s)
{
    struct part *p = s->part;
    if (s->attempt < UINT16_MAX) s->attempt++;
    add_ready(p, s);
    c->ctx->host->metric(c->ctx, METRIC_REPEATS, NULL, 1);
    /* One wait for all that come back together. */
    if (c->ctx->host->now(c->ctx) >= p->resume_ns) wait_until(c, p, kafka_backoff_next(&p->backoff));
}

void resume(struct weir_timer *timer)
{
    struct consumer *c = weir_container(timer, struct consumer, resume_timer);
    uint64_t now = c->ctx->host->now(c->ctx), first = UINT64_MAX;
    emit(c);
    for (struct part *p = c->parts; p; p = p->next)
        if (p->ready && p->resume_ns > now && p->resume_ns < first) first = p->resume_ns;
    if (first != UINT64_MAX) c->ctx->host->timer_arm(c->ctx, timer, first - now);
}

static void orphan_settled(struct consumer *c, struct part *p)
{
    if (p->in_flight > 0) return;
    for (struct part **at = &c->orphans; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    part_free(p);
}

static void dealt_with(struct consumer *c, struct slot *s)
{
    struct part *p = s->part;
    p->backoff.failures = 0;
    slots_free(watermark_done(&p->wm, &s->wm));
    commit_soon(c);
}

/* It was in flight until now: the offset goes on when the dead letter is safe, and a drain waits for it. */
void delivered(struct consumer *c, struct slot *s)
{
    struct part *p = s->part;
    p->in_flight--;
    c->in_flight--;
    if (p->queue)
        dealt_with(c, s);
    else
        orphan_settled(c, p);
    revoke_check(c);
    drain_check(c);
}

void settled(struct consumer *c, struct slot *s, const struct weir_result *r)
{
    struct part *p = s->part;
    bool dies = r->status == WEIR_REJECT && p->queue && c->cfg->dead_letters.topic.p;
    if (dies && dead_write(c, s, r)) return;
    p->in_flight--;
    c->in_flight--;
    if (!p->queue) {
        orphan_settled(c, p); /* another member has the partition now; what we know is not to be committed */
    } else if (r->status == WEIR_OK) {
        dealt_with(c, s);
    } else if (r->status == WEIR_RETRY || r->status == WEIR_UNKNOWN || dies) {
        if (!p->leaving && c->phase == RUNNING) again(c, s);
    } else {
        fail(c, "topic %s, partition %d, offset %lld: %s%s%s", c->topic, (int)p->id, (long long)s->wm.offset,
             r->outcome_name, *r->outcome_name ? ": " : "", r->why ? r->why : "refused by the sink");
    }
    revoke_check(c);
    drain_check(c);
}
