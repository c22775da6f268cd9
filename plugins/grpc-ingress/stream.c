/* stream.c - a stream of batches: each element of an inbound message is an event, each reply an element of an outbound
 * message. One RECV and one SEND are outstanding at most (gRPC's rule); what settles meanwhile goes with the next. */
#include "columns_wire.h"
#include "ingress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir_failpoint.h>

enum {
    REPLIES_FULL = 256 << 10, /* a client that does not read its replies is not read either */
    MESSAGE_MAX = 1 << 20     /* clients refuse messages above 4 MiB */
};

struct stream {
    struct call *call;
    struct weir_grpc_tag recv, send, closed, status;
    uint32_t tags, open_events;
    grpc_byte_buffer *inbound, *outbound;
    grpc_slice message; /* being taken apart; `at` is the next byte */
    size_t at;
    uint8_t *out; /* framed replies */
    size_t out_n, out_cap;
    bool receiving, sending, has_message, half_closed, cancelled, ending, ended, dirty;
    char why[160];
    struct stream *next_dirty;
};

static void step(struct stream *s);

static bool start(struct stream *s, const grpc_op *op, struct weir_grpc_tag *tag)
{
    if (s->call->in->closing || !weir_grpc_batch(s->call->in->q, s->call->call, op, 1, tag)) return false;
    s->tags++;
    return true;
}

static void count_streams(struct ingress *in, int change)
{
    in->n_streams = (uint32_t)((int)in->n_streams + change);
    in->ctx->host->metric(in->ctx, METRIC_STREAMS, NULL, in->n_streams);
}

void stream_free(struct stream *s)
{
    struct stream **at = &s->call->in->dirty;
    while (*at && *at != s) at = &(*at)->next_dirty;
    if (*at) *at = s->next_dirty;
    if (s->has_message) grpc_slice_unref(s->message);
    if (s->inbound) grpc_byte_buffer_destroy(s->inbound);
    if (s->outbound) grpc_byte_buffer_destroy(s->outbound);
    count_streams(s->call->in, -1);
    free(s->out);
    free(s);
}

/* ---- in */
static void drop_message(struct stream *s)
{
    if (s->has_message) grpc_slice_unref(s->message);
    s->has_message = false;
}

static void end(struct stream *s, grpc_status_code code, const char *why)
{
    if (s->ending) return;
    s->ending = true;
    s->call->code = code;
    snprintf(s->why, sizeof s->why, "%s", why);
    drop_message(s);
}

static void receive(struct stream *s)
{
    struct ingress *in = s->call->in;
    if (s->receiving || s->half_closed || s->cancelled || s->ending || s->has_message || in->draining) return;
    if (s->out_n > REPLIES_FULL) return; /* again when they are sent */
    if (!emit_room(in)) {
        in->starved = true;
        return;
    }
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &s->inbound;
    s->receiving = start(s, &op, &s->recv);
}

static const struct weir_schema *part_of(const struct method *m, uint32_t field)
{
    for (uint32_t i = 0; i < m->n_parts; i++)
        if (m->parts[i].field == field) return m->parts[i].schema;
    return NULL;
}

/* The next element of the message. False: the message is malformed, or memory is gone. */
static bool next_element(struct stream *s, struct weir_slice all)
{
    const uint8_t *p = all.p + s->at, *stop = all.p + all.n;
    uint32_t field;
    unsigned type;
    struct weir_slice value;
    const struct weir_schema *schema = NULL;
    if (!(p = wire_tag(p, stop, &field, &type))) return false;
    if (type == WIRE_LENGTH) schema = part_of(s->call->method, field);
    p = schema ? wire_bytes(p, stop, &value) : wire_skip(p, stop, type);
    if (!p) return false;
    s->at = (size_t)(p - all.p);
    if (!schema) return true;
    if (!wire_valid(schema->descriptor, value) || !emit(s->call, schema, value, 0)) return false;
    s->open_events++;
    return true;
}

static void take_apart(struct stream *s)
{
    struct ingress *in = s->call->in;
    while (s->has_message) {
        struct weir_slice all = weir_grpc_view(&s->message);
        if (s->at == all.n) {
            drop_message(s);
        } else if (!emit_room(in)) {
            in->starved = true; /* the rest when the window has room */
            return;
        } else if (!next_element(s, all)) {
            char text[128];
            snprintf(text, sizeof text, "the message is not a %.80s", s->call->method->cfg->event->full_name);
            end(s, GRPC_STATUS_INVALID_ARGUMENT, text);
        }
    }
    receive(s);
}

static void on_recv(struct weir_grpc_tag *tag, bool ok)
{
    struct stream *s = weir_container(tag, struct stream, recv);
    s->tags--;
    s->receiving = false;
    grpc_byte_buffer *buffer = s->inbound;
    s->inbound = NULL;
    if (!ok || !buffer) {
        s->half_closed = true;
        if (buffer) grpc_byte_buffer_destroy(buffer);
    } else if (s->cancelled || s->ending || s->call->in->closing) {
        grpc_byte_buffer_destroy(buffer);
    } else if (!weir_grpc_message(buffer, &s->message)) {
        end(s, GRPC_STATUS_INVALID_ARGUMENT, "the message cannot be decompressed");
    } else {
        s->has_message = true;
        s->at = 0;
        take_apart(s);
    }
    step(s);
}

/* ---- out */
static void make_dirty(struct stream *s)
{
    if (!s->dirty) {
        s->dirty = true;
        s->next_dirty = s->call->in->dirty;
        s->call->in->dirty = s;
    }
    ingress_wake(s->call->in);
}

static bool append(struct stream *s, struct weir_slice reply)
{
    uint8_t frame[16];
    size_t n = wire_put_frame(frame, s->call->method->reply_field, reply.n), need = s->out_n + n + reply.n;
    if (need > s->out_cap) {
        size_t cap = s->out_cap ? s->out_cap : 1024;
        while (cap < need) cap *= 2;
        uint8_t *grown = realloc(s->out, cap);
        if (!grown) return false;
        s->out = grown;
        s->out_cap = cap;
    }
    memcpy(s->out + s->out_n, frame, n);
    memcpy(s->out + s->out_n + n, reply.p, reply.n);
    s->out_n = need;
    return true;
}

/* As many whole replies as fit a message. */
static size_t first_message(const struct stream *s)
{
    size_t n = 0;
    if (s->out_n <= MESSAGE_MAX) return s->out_n;
    for (const uint8_t *p = s->out; p;) {
        uint32_t field;
        unsigned type;
        struct weir_slice reply;
        p = wire_tag(p, s->out + s->out_n, &field, &type);
        if (p) p = wire_bytes(p, s->out + s->out_n, &reply);
        if (!p || (n && (size_t)(p - s->out) > MESSAGE_MAX)) break;
        n = (size_t)(p - s->out);
    }
    return n;
}

static void send_replies(struct stream *s)
{
    if (s->sending || s->cancelled || s->ended || !s->out_n) return;
    size_t n = first_message(s);
    if (n == s->out_n) { /* hand the buffer over as it is */
        s->outbound = weir_grpc_buffer(grpc_slice_new(s->out, n, free));
        s->out = NULL;
        s->out_n = s->out_cap = 0;
    } else {
        s->outbound = weir_grpc_buffer(grpc_slice_from_copied_buffer((const char *)s->out, n));
        memmove(s->out, s->out + n, s->out_n - n);
        s->out_n -= n;
    }
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = s->outbound;
    s->sending = start(s, &op, &s->send);
}

static void on_send(struct weir_grpc_tag *tag, bool ok)
{
    struct stream *s = weir_container(tag, struct stream, send);
    s->tags--;
    s->sending = false;
    if (s->outbound) grpc_byte_buffer_destroy(s->outbound);
    s->outbound = NULL;
    if (WEIR_FAILPOINT("grpc.replied")) grpc_call_cancel(s->call->call, NULL); /* error: the line is lost */
    if (!ok) s->cancelled = true;
    send_replies(s);
    receive(s);
    step(s);
}

void stream_done(struct call *c, const struct weir_result *r)
{
    struct stream *s = c->stream;
    s->open_events--;
    const struct weir_schema *expected = c->method->reply;
    bool lost = WEIR_FAILPOINT("grpc.before-reply"); /* error: the reply is never sent */
    if (s->cancelled || !r->reply.n || lost) {
        /* nothing to say, or nobody to say it to */
    } else if (r->schema && expected && r->schema != expected->id) {
        end(s, GRPC_STATUS_INTERNAL, "the pipeline's reply is of another type than the stream's");
    } else if (!append(s, r->reply)) {
        end(s, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory for replies");
    }
    make_dirty(s);
}

void streams_flush(struct ingress *in)
{
    struct stream *list = in->dirty;
    in->dirty = NULL;
    while (list) {
        struct stream *s = list;
        list = s->next_dirty;
        s->dirty = false;
        s->next_dirty = NULL;
        send_replies(s);
        step(s);
    }
}

void streams_pump(struct ingress *in)
{
    for (struct call *c = in->calls, *next; c; c = next) {
        next = c->next;
        if (!c->stream) continue;
        take_apart(c->stream);
        step(c->stream);
    }
}

/* ---- the end */
static void on_status(struct weir_grpc_tag *tag, bool ok)
{
    (void)ok;
    struct stream *s = weir_container(tag, struct stream, status);
    s->tags--;
    step(s);
}

static void on_closed(struct weir_grpc_tag *tag, bool ok)
{
    (void)ok; /* always true */
    struct stream *s = weir_container(tag, struct stream, closed);
    s->tags--;
    if (s->call->cancelled) s->cancelled = true;
    step(s);
}

static void send_status(struct stream *s)
{
    grpc_slice why = grpc_slice_from_copied_string(s->why);
    grpc_op op = {.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
    op.data.send_status_from_server.status = s->call->code;
    op.data.send_status_from_server.status_details = &why;
    if (!start(s, &op, &s->status)) s->cancelled = true;
    s->ended = true;
    grpc_slice_unref(why);
}

static void step(struct stream *s)
{
    struct call *c = s->call;
    struct ingress *in = c->in;
    if (in->closing) return;
    if (s->cancelled) {
        drop_message(s);
        s->out_n = 0;
    } else if (!s->ended && (s->ending || s->half_closed) && !s->has_message && !s->open_events && !s->out_n &&
               !s->sending) {
        send_status(s);
    }
    if (s->tags || s->open_events || !(s->ended || s->cancelled)) return;
    if (s->cancelled && !s->ended) c->code = GRPC_STATUS_CANCELLED;
    call_count(c);
    call_free(c);
    ingress_maybe_drained(in);
}

void streams_end(struct ingress *in)
{
    for (struct call *c = in->calls, *next; c; c = next) {
        next = c->next;
        if (!c->stream) continue;
        end(c->stream, GRPC_STATUS_UNAVAILABLE, "the server is going away");
        step(c->stream);
    }
}

void stream_open(struct call *c)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s) {
        call_finish(c, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory", "not-executed", NULL);
        return;
    }
    *s = (struct stream){
        .call = c, .recv.fn = on_recv, .send.fn = on_send, .closed.fn = on_closed, .status.fn = on_status};
    c->stream = s;
    count_streams(c->in, 1);
    /* In a batch of its own: together with the first reply it would deadlock with clients that wait for it. */
    grpc_op hello = {.op = GRPC_OP_SEND_INITIAL_METADATA}, closed = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    closed.data.recv_close_on_server.cancelled = &c->cancelled;
    s->sending = start(s, &hello, &s->send);
    if (!start(s, &closed, &s->closed)) s->cancelled = true;
    receive(s);
    step(s);
}
