/* unary.c - Open, Credit and GetBalance: one call each, with the stage's timeout as its deadline. The wallet says a
 * refusal as a gRPC status with the outcome's slug in the metadata "weir-outcome". */
#include "client.h"
#include <grpc/impl/codegen/propagation_bits.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPEN, CREDIT, BALANCE };
const char *const method_paths[N_METHODS] = {"/wallet.v1.Wallet/Open", "/wallet.v1.Wallet/Credit",
                                             "/wallet.v1.Wallet/GetBalance", "/wallet.v1.Wallet/DebitStream"};
const char *const method_labels[N_METHODS] = {"open", "credit", "balance", "debit"};

struct call {
    struct node node;
    struct weir_grpc_tag tag;
    struct client *c;
    struct held *held;
    struct weir_event *ev;
    uint32_t method;
    uint64_t started;
    grpc_call *call;
    grpc_byte_buffer *request, *reply;
    grpc_metadata_array initial, trailing;
    grpc_status_code code;
    grpc_slice details;
};

static void call_free(struct call *u)
{
    ring_remove(&u->node);
    u->c->n_calls--;
    if (u->call) grpc_call_unref(u->call);
    if (u->request) grpc_byte_buffer_destroy(u->request);
    if (u->reply) grpc_byte_buffer_destroy(u->reply);
    grpc_metadata_array_destroy(&u->initial);
    grpc_metadata_array_destroy(&u->trailing);
    grpc_slice_unref(u->details);
    free(u);
}

/* ---- results */
/* A query changes nothing: asking again is always safe. */
static struct weir_result ambiguous(const struct call *u, const char *why)
{
    return u->method == BALANCE ? nothing_done(why) : perhaps_done(why);
}

static struct weir_result failed(const struct call *u, const char *why)
{
    enum outcome outcome;
    if (outcome_by_slug(weir_grpc_metadata(&u->trailing, "weir-outcome"), &outcome)) {
        if (outcome == NOT_EXECUTED) return nothing_done(why);
        if (outcome >= INSUFFICIENT_FUNDS && outcome <= INVALID) return refusal(outcome, why);
        return ambiguous(u, why);
    }
    switch (u->code) { /* not a weir: what the .proto promises of the codes */
    case GRPC_STATUS_FAILED_PRECONDITION: return refusal(INSUFFICIENT_FUNDS, why);
    case GRPC_STATUS_NOT_FOUND: return refusal(UNKNOWN_ACCOUNT, why);
    case GRPC_STATUS_ALREADY_EXISTS: return refusal(KEY_REUSED, why);
    case GRPC_STATUS_INVALID_ARGUMENT: return refusal(INVALID, why);
    case GRPC_STATUS_RESOURCE_EXHAUSTED:
    case GRPC_STATUS_UNIMPLEMENTED:
    case GRPC_STATUS_UNAUTHENTICATED:
    case GRPC_STATUS_PERMISSION_DENIED: return nothing_done(why);
    default: return ambiguous(u, why); /* UNAVAILABLE too: the connection may have broken after it was executed */
    }
}

static struct weir_result answered(const struct call *u, struct weir_slice message, char why[160])
{
    struct account_reply r;
    if (!account_reply_read(message, &r)) return ambiguous(u, "the reply is not a wallet.v1.AccountReply");
    snprintf(why, 160, "%.*s", r.why.n < 150 ? (int)r.why.n : 150, r.why.n ? (const char *)r.why.p : "");
    if (r.outcome == NOT_EXECUTED) return nothing_done(why);
    if (r.outcome >= INSUFFICIENT_FUNDS && r.outcome <= INVALID) return refusal((enum outcome)r.outcome, why);
    if (r.outcome > REPLAYED) return ambiguous(u, why);
    return (struct weir_result){.status = WEIR_OK,
                                .outcome = u->method == BALANCE ? OUTCOME_NONE : (uint32_t)r.outcome,
                                .schema = u->c->account->id,
                                .reply = r.account};
}

static void settle(struct call *u)
{
    struct client *c = u->c;
    char why[160];
    struct timing timing;
    grpc_slice message = grpc_empty_slice();
    struct weir_slice details = weir_grpc_view(&u->details);
    snprintf(why, sizeof why, "%.*s", details.n < 150 ? (int)details.n : 150, (const char *)details.p);
    struct weir_result r;
    if (u->code != GRPC_STATUS_OK) {
        r = failed(u, why);
    } else if (u->reply && weir_grpc_message(u->reply, &message)) {
        u->reply = NULL;
        r = answered(u, weir_grpc_view(&message), why);
    } else {
        u->reply = NULL;
        r = ambiguous(u, "the reply has no message");
    }
    timing_of(c, u->started, &timing);
    r.headers = &timing.header;
    r.n_headers = 1;
    count_call(c, u->method, u->started);
    result_settle(c, u->ev, u->held, &r);
    grpc_slice_unref(message);
}

static void on_call(struct weir_grpc_tag *tag, bool ok)
{
    (void)ok; /* always true */
    struct call *u = weir_container(tag, struct call, tag);
    struct client *c = u->c;
    settle(u);
    call_free(u);
    if (!c->closing) client_drain_step(c);
}

/* ---- start */
static gpr_timespec deadline(struct client *c, const struct weir_event *ev)
{
    uint64_t now = c->ctx->host->now(c->ctx), left = c->cfg->timeout;
    if (ev->deadline_ns && ev->deadline_ns < now + left) left = ev->deadline_ns > now ? ev->deadline_ns - now : 0;
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos((int64_t)left, GPR_TIMESPAN));
}

static bool start(struct call *u, struct link *l)
{
    struct weir_slice trace = header_of(u->ev, "traceparent");
    grpc_metadata header = {.key = grpc_slice_from_static_string("traceparent"),
                            .value = grpc_slice_from_copied_buffer((const char *)trace.p, trace.n)};
    if (!grpc_header_nonbin_value_is_legal(header.value)) trace.n = 0; /* the batch would be refused */
    u->call = grpc_channel_create_registered_call(l->channel, NULL, GRPC_PROPAGATE_DEFAULTS, u->c->lane.cq,
                                                  l->methods[u->method], deadline(u->c, u->ev), NULL);
    u->request = weir_grpc_buffer(grpc_slice_from_copied_buffer((const char *)u->ev->value.p, u->ev->value.n));
    grpc_op ops[6] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},  {.op = GRPC_OP_SEND_MESSAGE},
                      {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT}, {.op = GRPC_OP_RECV_INITIAL_METADATA},
                      {.op = GRPC_OP_RECV_MESSAGE},           {.op = GRPC_OP_RECV_STATUS_ON_CLIENT}};
    ops[0].data.send_initial_metadata.count = trace.n ? 1 : 0;
    ops[0].data.send_initial_metadata.metadata = &header;
    ops[1].data.send_message.send_message = u->request;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &u->initial;
    ops[4].data.recv_message.recv_message = &u->reply;
    ops[5].data.recv_status_on_client.trailing_metadata = &u->trailing;
    ops[5].data.recv_status_on_client.status = &u->code;
    ops[5].data.recv_status_on_client.status_details = &u->details;
    u->tag.fn = on_call;
    bool ok = weir_grpc_batch(&u->c->lane, u->call, ops, 6, &u->tag);
    grpc_slice_unref(header.value);
    return ok;
}

void call_open(struct client *c, struct weir_event *ev, struct held *held, uint32_t method)
{
    struct link *l = c->owner[weir_shard_of(account_of(ev->value), (uint32_t)c->cfg->shards)];
    struct weir_result r = nothing_done(l ? "out of memory" : "no wallet can be reached");
    bool late = ev->deadline_ns && ev->deadline_ns <= c->ctx->host->now(c->ctx);
    if (late) r.why = "its deadline passed before it was sent";
    struct call *u = l && !late ? calloc(1, sizeof *u) : NULL;
    if (!u) {
        result_settle(c, ev, held, &r);
        return;
    }
    u->c = c;
    u->ev = ev;
    u->held = held;
    u->method = method;
    u->started = c->ctx->host->now(c->ctx);
    u->details = grpc_empty_slice();
    grpc_metadata_array_init(&u->initial);
    grpc_metadata_array_init(&u->trailing);
    ring_append(&c->calls, &u->node);
    c->n_calls++;
    if (start(u, l)) return;
    result_settle(c, ev, held, &r);
    call_free(u);
}

void calls_cancel(struct client *c)
{
    for (struct node *n = c->calls.next; n != &c->calls; n = n->next)
        grpc_call_cancel(weir_container(n, struct call, node)->call, NULL);
}
