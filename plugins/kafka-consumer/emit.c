/* emit.c - messages to events, and what became of them back to the watermark.
 * A record's bytes are kept until its event is dealt with, because RETRY and UNKNOWN mean: emit it again. They are
 * copied into the batch, which may live longer. */
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

/* What was taken last and is still in the library's messages: without a partition nobody wants it. */
void taken_forget(struct consumer *c)
{
    for (uint32_t i = 0; i < c->n_taken; i++) rd_kafka_message_destroy(c->taken[i]);
    c->n_taken = 0;
    c->taken_of = NULL;
}

/* Up to n messages off the queue, without those that are none or were read twice, around a pause: the first one counts.
 */
static void take_messages(struct consumer *c, struct part *p, uint32_t n)
{
    int64_t position = p->position;
    ssize_t got = rd_kafka_consume_batch_queue(p->queue, 0, c->taken, n);
    c->taken_of = p;
    for (ssize_t i = 0; i < got; i++) {
        rd_kafka_message_t *m = c->taken[i];
        if (m->err) message_error(c, p, m);
        if (m->err || m->offset < position) {
            rd_kafka_message_destroy(m);
            continue;
        }
        position = m->offset + 1;
        c->taken[c->n_taken++] = m;
    }
}

/* Fills p->ready, which is empty, with up to n records. What cannot be kept for want of memory stays as it was taken:
 * false, and nothing else is taken until it can. */
static bool take(struct consumer *c, struct part *p, uint32_t n)
{
    size_t length = c->n_taken ? 0 : rd_kafka_queue_length(p->queue);
    if (length < n) n = (uint32_t)length;
    if (n) take_messages(c, p, n);
    if (!c->n_taken) return true;
    struct slot *slots = c->taken_of == p ? records_keep(c->taken, c->n_taken) : NULL;
    if (!slots) return false;
    for (uint32_t i = 0; i < c->n_taken; i++) {
        slots[i].part = p;
        watermark_add(&p->wm, &slots[i].wm);
        add_ready(p, &slots[i]);
    }
    p->position = slots[c->n_taken - 1].wm.offset + 1;
    taken_forget(c);
    return true;
}

/* ---- events from messages */

static struct weir_slice moved(struct weir_slice s, const uint8_t *from, const uint8_t *to)
{
    return (struct weir_slice){s.p ? to + (s.p - from) : NULL, s.n};
}

/* The record's bytes as they are, behind the pairs that point into them. */
static bool copy(struct consumer *c, struct weir_batch *b, struct weir_event *ev, const struct slot *s)
{
    struct headers h = headers_begin(s->bytes, s->n_headers);
    struct weir_pair pair;
    size_t n = (size_t)s->n_headers + s->n_key + s->n_value, most = h.left <= s->n_headers ? h.left : 0;
    uint8_t *block = c->ctx->host->batch_alloc(b, most * sizeof pair + n + 1);
    if (!block) return false;
    struct weir_pair *pairs = (struct weir_pair *)(void *)block;
    uint8_t *bytes = block + most * sizeof pair;
    if (n) memcpy(bytes, s->bytes, n);
    ev->n_headers = 0;
    while (ev->n_headers < most && headers_next(&h, &pair)) {
        pairs[ev->n_headers++] =
            (struct weir_pair){moved(pair.name, s->bytes, bytes), moved(pair.value, s->bytes, bytes)};
    }
    if (h.left) ev->n_headers = 0; /* malformed: as if it had none */
    ev->headers = pairs;
    ev->key = moved(record_key(s), s->bytes, bytes);
    ev->value = moved(record_value(s), s->bytes, bytes);
    return true;
}

static uint16_t attempt_of(const struct weir_event *ev, uint32_t attempt)
{
    for (uint32_t i = 0; i < ev->n_headers; i++) /* put back by hand: the attempts go on */
        if (ev->headers[i].name.n == sizeof ATTEMPT_HEADER - 1 &&
            !memcmp(ev->headers[i].name.p, ATTEMPT_HEADER, sizeof ATTEMPT_HEADER - 1))
            attempt += attempts_before(ev->headers[i].value);
    return attempt < UINT16_MAX ? (uint16_t)attempt : UINT16_MAX;
}

static bool fill(struct consumer *c, struct weir_batch *b, struct weir_event *ev, const struct slot *s)
{
    if (!copy(c, b, ev, s)) return false;
    ev->schema = c->cfg->event ? c->cfg->event->id : 0;
    ev->ts_ns = s->ts_ns ? s->ts_ns : c->ctx->host->wall(c->ctx);
    ev->position = (uint64_t)s->wm.offset;
    ev->partition = (uint32_t)s->part->id;
    ev->attempt = attempt_of(ev, s->attempt);
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

enum made { MADE, WRONG, NO_MEMORY };

/* The first that is ready as the next event of b; WRONG when it is wrong by itself: then it has been dealt with as if a
 * stage had rejected it. */
static enum made make_event(struct consumer *c, struct part *p, struct weir_batch *b)
{
    struct weir_event *ev = &b->ev[b->n];
    struct weir_result r;
    char why[200];
    struct slot *s = p->ready;
    bool wrong = refuse_size(c, s, &r, why);
    if (!wrong && !fill(c, b, ev, s)) return NO_MEMORY;
    if (wrong || refuse_event(c, ev, &r, why)) {
        *ev = (struct weir_event){0};
        out(c, p);
        settled(c, s, &r);
        return WRONG;
    }
    ev->ticket = c->ctx->host->ticket_new(c->ctx, s, 1);
    if (!ev->ticket) return NO_MEMORY;
    out(c, p);
    b->n++;
    return MADE;
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
        enum made made = make_event(c, p, b);
        if (made == WRONG) wrong++;
        if (made == WRONG && p->ready == s) break; /* no memory for its letter: it comes again */
        if (made != NO_MEMORY) continue;
        wait_until(c, p, NO_MEMORY_NS);
        break;
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
    if (!p->ready && !take(c, p, n)) wait_until(c, p, NO_MEMORY_NS);
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
        dead_free_letter(s);
        record_free(s);
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
