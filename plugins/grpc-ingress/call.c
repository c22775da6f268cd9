/* call.c - request slots and unary calls. A slot is posted, a call comes in on it, the next slot is posted at once: a
 * client waits for a slot without a word, so there must always be one, if only to say RESOURCE_EXHAUSTED. */
#include "ingress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_requested(struct weir_grpc_tag *tag, bool ok);

static void link_call(struct call *c)
{
    c->next = c->in->calls;
    if (c->next) c->next->prev = c;
    c->in->calls = c;
}

static void unlink_call(struct call *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else if (c->in->calls == c)
        c->in->calls = c->next;
    if (c->next) c->next->prev = c->prev;
    c->next = c->prev = NULL;
}

void call_free(struct call *c)
{
    unlink_call(c);
    if (c->stream) stream_free(c->stream);
    if (c->call) grpc_call_unref(c->call);
    if (c->payload) grpc_byte_buffer_destroy(c->payload);
    if (c->sending) grpc_byte_buffer_destroy(c->sending);
    grpc_metadata_array_destroy(&c->md);
    if (!c->method) grpc_call_details_destroy(&c->details);
    free(c);
}

void call_count(struct call *c)
{
    const char *method = c->method ? (const char *)c->method->cfg->on.p : "unknown";
    const char *labels[] = {method, status_name(c->code)};
    c->in->ctx->host->metric(c->in->ctx, METRIC_CALLS, labels, 1);
}

/* ---- slots */
static bool slot_post(struct ingress *in, struct method *m)
{
    struct call *c = calloc(1, sizeof *c);
    if (!c) return false;
    c->in = in;
    c->method = m;
    c->tag.fn = on_requested;
    grpc_metadata_array_init(&c->md);
    grpc_call_error rc;
    if (m) {
        grpc_byte_buffer **payload = m->cfg->stream ? NULL : &c->payload;
        rc = grpc_server_request_registered_call(in->server->grpc, m->registered, &c->call, &c->deadline, &c->md,
                                                 payload, in->q->cq, in->q->cq, &c->tag);
    } else {
        grpc_call_details_init(&c->details);
        rc = grpc_server_request_call(in->server->grpc, &c->call, &c->details, &c->md, in->q->cq, in->q->cq, &c->tag);
    }
    if (rc == GRPC_CALL_OK) {
        in->q->pending++;
        return true;
    }
    call_free(c);
    return false;
}

void slots_post(struct ingress *in)
{
    in->posted = true;
    slot_post(in, NULL); /* without it an unknown method would wait for its deadline */
    for (uint32_t m = 0; m < in->cfg->methods.n; m++)
        for (int64_t i = 0; i < in->cfg->slots; i++) slot_post(in, &in->methods[m]);
}

/* ---- the end of a call */
static void on_finished(struct weir_grpc_tag *tag, bool ok)
{
    struct call *c = weir_container(tag, struct call, tag);
    struct ingress *in = c->in;
    if (!ok) c->code = GRPC_STATUS_CANCELLED; /* the client had gone */
    call_count(c);
    call_free(c);
    ingress_maybe_drained(in);
}

void call_finish(struct call *c, grpc_status_code code, const char *message, const char *slug,
                 const struct weir_slice *reply)
{
    grpc_metadata outcome = {.key = grpc_slice_from_static_string("weir-outcome"),
                             .value = grpc_slice_from_copied_string(slug)};
    grpc_slice details = grpc_slice_from_copied_string(message);
    grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_RECV_CLOSE_ON_SERVER}};
    ops[1].data.recv_close_on_server.cancelled = &c->cancelled;
    ops[2].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[2].data.send_status_from_server.status = code;
    ops[2].data.send_status_from_server.status_details = *message ? &details : NULL;
    ops[2].data.send_status_from_server.trailing_metadata_count = *slug ? 1 : 0;
    ops[2].data.send_status_from_server.trailing_metadata = &outcome;
    size_t n = 3;
    if (reply && code == GRPC_STATUS_OK) {
        c->sending = weir_grpc_buffer(grpc_slice_from_copied_buffer((const char *)reply->p, reply->n));
        ops[n].op = GRPC_OP_SEND_MESSAGE;
        ops[n++].data.send_message.send_message = c->sending;
    }
    c->code = code;
    c->tag.fn = on_finished;
    if (!weir_grpc_batch(c->in->q, c->call, ops, n, &c->tag)) call_free(c);
    grpc_slice_unref(outcome.value);
    grpc_slice_unref(details);
}

/* ---- a call comes in */
static void unary_open(struct call *c)
{
    struct ingress *in = c->in;
    const uint64_t due = call_deadline(c), now = in->ctx->host->now(in->ctx);
    if (!c->payload) {
        call_finish(c, GRPC_STATUS_INVALID_ARGUMENT, "the request has no message", "malformed", NULL);
        return;
    }
    if (due && due <= now) { /* it waited for us, or came late: nobody reads the answer */
        call_finish(c, GRPC_STATUS_DEADLINE_EXCEEDED, "too late to begin", "not-executed", NULL);
        return;
    }
    if (!emit_room(in)) {
        call_finish(c, GRPC_STATUS_RESOURCE_EXHAUSTED, "too much in flight; nothing was done", "not-executed", NULL);
        return;
    }
    grpc_slice message;
    bool ok = weir_grpc_message(c->payload, &message);
    c->payload = NULL;
    if (!ok || !wire_valid(c->method->cfg->event->descriptor, weir_grpc_view(&message))) {
        char text[160];
        snprintf(text, sizeof text, "the request is not a %s", c->method->cfg->event->full_name);
        call_finish(c, GRPC_STATUS_INVALID_ARGUMENT, text, "malformed", NULL);
    } else if (!emit(c, c->method->cfg->event, weir_grpc_view(&message), due)) {
        call_finish(c, GRPC_STATUS_RESOURCE_EXHAUSTED, "out of memory; nothing was done", "not-executed", NULL);
    }
    if (ok) grpc_slice_unref(message);
}

static void unknown_open(struct call *c)
{
    struct weir_slice path = weir_grpc_view(&c->details.method);
    char text[160];
    snprintf(text, sizeof text, "unknown method \"%.*s\"", path.n < 100 ? (int)path.n : 100, (const char *)path.p);
    call_finish(c, GRPC_STATUS_UNIMPLEMENTED, text, "", NULL);
}

static void on_requested(struct weir_grpc_tag *tag, bool ok)
{
    struct call *c = weir_container(tag, struct call, tag);
    struct ingress *in = c->in;
    if (!ok || !c->call || in->closing) {
        call_free(c);
        return;
    }
    link_call(c);
    if (!in->draining) slot_post(in, c->method);
    if (!c->method)
        unknown_open(c);
    else if (in->draining)
        call_finish(c, GRPC_STATUS_UNAVAILABLE, "the server is going away; nothing was done", "not-executed", NULL);
    else if (c->method->cfg->stream)
        stream_open(c);
    else
        unary_open(c);
}

void unary_done(struct call *c, const struct weir_result *r)
{
    struct verdict v = status_of(c->in->cfg, r);
    const struct weir_schema *answer = c->method->cfg->answer;
    if (v.code == GRPC_STATUS_OK && r->reply.n && r->schema && r->schema != answer->id) {
        char text[160];
        snprintf(text, sizeof text, "the pipeline's reply is not a %s", answer->full_name);
        call_finish(c, GRPC_STATUS_INTERNAL, text, v.slug, NULL);
        return;
    }
    call_finish(c, v.code, v.code == GRPC_STATUS_OK ? "" : v.message, v.slug, &r->reply);
}
