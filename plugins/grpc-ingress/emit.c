/* emit.c - what came in during a turn goes downstream as one batch: the calls and messages of a turn are gathered here.
 * Bytes are copied into the batch's arena once; gRPC's buffers go back to gRPC at once. */
#include "ingress.h"
#include <string.h>

enum { GATHER_MAX = 256 };

uint64_t call_deadline(const struct call *c)
{
    if (gpr_time_cmp(c->deadline, gpr_inf_future(c->deadline.clock_type)) == 0) return 0;
    gpr_timespec left = gpr_time_sub(c->deadline, gpr_now(c->deadline.clock_type));
    int64_t ns = left.tv_sec > INT32_MAX ? INT64_MAX / 4 : left.tv_sec * 1000000000 + left.tv_nsec;
    uint64_t now = c->in->ctx->host->now(c->in->ctx);
    return ns > 0 ? now + (uint64_t)ns : now;
}

uint32_t emit_room(struct ingress *in)
{
    uint32_t room = in->ctx->host->room(in->ctx), waiting = in->gathered ? in->gathered->n : 0;
    return room > waiting ? room - waiting : 0;
}

void emit_flush(struct ingress *in)
{
    struct weir_batch *batch = in->gathered;
    in->gathered = NULL;
    if (batch) weir_forward(in->ctx, batch);
}

static bool copy(struct ingress *in, struct weir_slice from, struct weir_slice *to)
{
    uint8_t *p = in->ctx->host->batch_alloc(in->gathered, from.n + 1); /* + 1: an empty value has a place too */
    if (!p) return false;
    if (from.n) memcpy(p, from.p, from.n);
    *to = (struct weir_slice){p, from.n};
    return true;
}

static bool put_headers(struct ingress *in, const struct call *c, struct weir_event *ev)
{
    struct weir_slice trace = weir_grpc_metadata(&c->md, "traceparent");
    if (!trace.n) return true;
    struct weir_pair *pair = in->ctx->host->batch_alloc(in->gathered, sizeof *pair);
    if (!pair || !copy(in, trace, &pair->value)) return false;
    pair->name = (struct weir_slice){(const uint8_t *)"traceparent", strlen("traceparent")};
    ev->headers = pair;
    ev->n_headers = 1;
    return true;
}

static void set_deadline(struct call *c, struct weir_event *ev, uint64_t deadline_ns)
{
    int64_t budget_ms = 0;
    ev->deadline_ns = deadline_ns;
    if (!weir_get_i64(c->in->ctx, ev, &c->method->cfg->budget, &budget_ms) || budget_ms <= 0) return;
    uint64_t due = c->in->ctx->host->now(c->in->ctx) + (uint64_t)budget_ms * 1000000u;
    if (!deadline_ns || due < deadline_ns) ev->deadline_ns = due;
}

bool emit(struct call *c, const struct weir_schema *schema, struct weir_slice value, uint64_t deadline_ns)
{
    struct ingress *in = c->in;
    const struct weir_host *host = in->ctx->host;
    if (!in->gathered && !(in->gathered = host->batch_new(in->ctx, GATHER_MAX))) return false;
    struct weir_event *ev = &in->gathered->ev[in->gathered->n];
    *ev = (struct weir_event){.schema = schema->id, .ts_ns = host->wall(in->ctx)};
    if (!copy(in, value, &ev->value) || !put_headers(in, c, ev)) return false;
    if (c->method->cfg->key.path) weir_get_bytes(in->ctx, ev, &c->method->cfg->key, &ev->key);
    if (c->method->cfg->budget.path)
        set_deadline(c, ev, deadline_ns);
    else
        ev->deadline_ns = deadline_ns;
    if (!(ev->ticket = host->ticket_new(in->ctx, c, 1))) return false;
    if (++in->gathered->n == in->gathered->cap) emit_flush(in);
    return true;
}
