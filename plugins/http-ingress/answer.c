/* answer.c - what became of an event, or what is wrong with a request, as an HTTP answer.
 * A refusal is application/problem+json (RFC 9457) with the outcome's slug; a reply message stands in its "reply",
 * apart from the members that have a meaning of their own. */
#include "http_ingress.h"
#include <stdio.h>
#include <string.h>
#include <weir_failpoint.h>

static bool put(struct weir_json_buf *out, const char *text)
{
    return weir_json_put(out, text, strlen(text));
}

static bool put_member(struct weir_json_buf *out, const char *name, const char *value)
{
    return put(out, ",\"") && put(out, name) && put(out, "\":") && weir_json_put_string(out, value, strlen(value));
}

/* ---- the response of libmicrohttpd; it points to c->out, which lives until the answer is sent */

static void add_header(struct conn *c, const char *name, const char *value)
{
    if (c->response) MHD_add_response_header(c->response, name, value);
}

static void respond(struct conn *c, unsigned status, const char *type)
{
    if (c->response) MHD_destroy_response(c->response);
    c->status = status;
    c->response =
        MHD_create_response_from_buffer(c->out.n, c->out.n ? (void *)c->out.p : (void *)"", MHD_RESPMEM_PERSISTENT);
    if (type) add_header(c, "Content-Type", type);
    if (c->lane->draining || c->lane->closing) add_header(c, "Connection", "close");
}

static void add_retry_after(struct conn *c, uint64_t ns)
{
    char text[24];
    uint64_t seconds = ns / 1000000000u + (ns % 1000000000u != 0);
    snprintf(text, sizeof text, "%llu", (unsigned long long)(seconds ? seconds : 1));
    add_header(c, "Retry-After", text);
}

enum MHD_Result answer_send(struct conn *c)
{
    if (!c->response) return MHD_NO;                         /* no memory for an answer: close */
    if (WEIR_FAILPOINT("http.before-answer")) return MHD_NO; /* error: closed without an answer */
    c->lane->n_served++;
    conn_phase(c, SEND);
    return MHD_queue_response(c->mhd, c->status, c->response);
}

/* ---- problems */

static bool put_problem(struct conn *c, const struct problem *p)
{
    char status[32];
    struct weir_json_buf *out = &c->out;
    const char *title = MHD_get_reason_phrase_for(p->status);
    snprintf(status, sizeof status, ",\"status\":%u", p->status);
    out->n = 0;
    return put(out, "{\"type\":\"about:blank\"") && put_member(out, "title", title) && put(out, status) &&
           (!p->detail || put_member(out, "detail", p->detail)) &&
           (!p->pointer || put_member(out, "pointer", p->pointer)) &&
           (!p->outcome || put_member(out, "outcome", p->outcome));
}

static void count_unavailable(struct conn *c, const char *reason)
{
    const char *labels[] = {reason};
    c->lane->ctx->host->metric(c->lane->ctx, M_UNAVAILABLE, labels, 1);
}

static void respond_problem(struct conn *c, const struct problem *p)
{
    if (!put(&c->out, "}")) c->out.n = 0;
    respond(c, p->status, "application/problem+json");
    if (p->header) add_header(c, p->header, p->value);
    if (p->status == 503) add_retry_after(c, p->retry_after_ns);
    if (p->reason) count_unavailable(c, p->reason);
}

void answer_problem(struct conn *c, const struct problem *p)
{
    if (!put_problem(c, p)) c->out.n = 0;
    respond_problem(c, p);
}

void answer_unavailable(struct conn *c, const char *reason, const char *detail)
{
    answer_problem(c, &(struct problem){.status = 503, .detail = detail, .outcome = "not-executed", .reason = reason});
}

void answer_full(struct conn *c)
{
    answer_unavailable(c, "window", "too much is in flight; send the request again later");
}

/* ---- results */

/* Appends the reply's JSON; what cannot be shown is a fault of ours, and the client still hears the outcome. */
static bool put_reply(struct conn *c, const struct weir_result *r)
{
    struct weir_ctx *ctx = c->lane->ctx;
    struct weir_json_err err;
    const struct weir_schema *schema = r->schema ? ctx->host->schema_by_id(ctx, r->schema) : NULL;
    if (schema && weir_json_from_wire(schema->descriptor, r->reply, &c->out, &err) == 0) return true;
    if (schema)
        weir_log(ctx, WEIR_ERROR, "route %s: a reply cannot be shown: %s%s: found %s, expected %s", c->route->name,
                 schema->full_name, err.pointer, err.found, err.expected);
    else if (r->reply.n)
        weir_log(ctx, WEIR_ERROR, "route %s: a reply of %zu bytes has no schema", c->route->name, r->reply.n);
    return false;
}

static bool header_char(uint8_t ch)
{
    return ch > ' ' && ch < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", ch);
}

/* Those that frame the message, or that we set ourselves, are not the pipeline's to say. */
static bool ours(const char *name)
{
    static const char *const names[] = {"Connection", "Content-Length",    "Content-Type", "Date",       "Keep-Alive",
                                        "Trailer",    "Transfer-Encoding", "Upgrade",      "Retry-After"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], name) == 0) return true;
    return false;
}

static void pass_header(struct conn *c, const struct weir_pair *pair)
{
    char name[64], value[512];
    if (!pair->name.n || pair->name.n >= sizeof name || !pair->value.n || pair->value.n >= sizeof value) return;
    for (size_t i = 0; i < pair->name.n; i++)
        if (!header_char(pair->name.p[i])) return;
    for (size_t i = 0; i < pair->value.n; i++)
        if (pair->value.p[i] < ' ' || pair->value.p[i] > '~') return;
    memcpy(name, pair->name.p, pair->name.n);
    memcpy(value, pair->value.p, pair->value.n);
    name[pair->name.n] = value[pair->value.n] = '\0';
    if (!ours(name)) add_header(c, name, value);
}

static void respond_refusal(struct conn *c, const struct problem *p, const struct weir_result *r)
{
    if (!put_problem(c, p)) c->out.n = 0;
    size_t before = c->out.n;
    if (r->schema && (!put(&c->out, ",\"reply\":") || !put_reply(c, r))) c->out.n = before;
    respond_problem(c, p);
}

static void respond_success(struct conn *c, unsigned status, const struct weir_result *r)
{
    c->out.n = 0;
    if (status == 204) {
        respond(c, status, NULL);
        return;
    }
    bool shown = put_reply(c, r);
    if (!shown && *r->outcome_name) {
        shown = put(&c->out, "{\"outcome\":") &&
                weir_json_put_string(&c->out, r->outcome_name, strlen(r->outcome_name)) && put(&c->out, "}");
        if (!shown) c->out.n = 0;
    }
    respond(c, status, shown ? "application/json" : NULL);
}

static void answer_ok(struct conn *c, const struct weir_result *r)
{
    unsigned status = *r->outcome_name ? route_status(c->route, r->outcome_name) : r->schema || r->reply.n ? 200 : 202;
    if (!status) {
        weir_log(c->lane->ctx, WEIR_WARN, "route %s: outcome \"%s\" has no status in `answers`: answered 422",
                 c->route->name, r->outcome_name);
        status = 422;
    }
    if (status < 400) {
        respond_success(c, status, r);
        return;
    }
    respond_refusal(c,
                    &(struct problem){.status = status,
                                      .detail = r->why,
                                      .outcome = r->outcome_name,
                                      .retry_after_ns = r->retry_after_ns,
                                      .reason = status == 503 ? "refused" : NULL},
                    r);
}

static void answer_reject(struct conn *c, const struct weir_result *r)
{
    const char *outcome = *r->outcome_name ? r->outcome_name : "invalid";
    unsigned status = route_status(c->route, outcome);
    struct problem p = {.status = status >= 400 ? status : 422, .detail = r->why, .outcome = outcome};
    respond_refusal(c, &p, r);
}

/* An outcome without a status in `answers` that says the same as a status of the pipeline. */
static enum weir_status meaning(const struct conn *c, const struct weir_result *r)
{
    if (r->status != WEIR_OK || route_status(c->route, r->outcome_name)) return r->status;
    if (strcmp(r->outcome_name, "not-executed") == 0) return WEIR_RETRY;
    return strcmp(r->outcome_name, "unknown") == 0 ? WEIR_UNKNOWN : WEIR_OK;
}

void answer_result(struct conn *c, const struct weir_result *r)
{
    /* `why` of what is not the client's affair names servers of ours: it is for the log */
    static const struct problem retry = {.status = 503,
                                         .outcome = "not-executed",
                                         .reason = "retry",
                                         .detail = "nothing was done; send the request again"};
    static const struct problem unknown = {.status = 503,
                                           .outcome = "unknown",
                                           .reason = "unknown",
                                           .detail = "it may have been done; send the request again with the same key"};
    static const struct problem fatal = {.status = 500, .outcome = "unknown", .detail = "the server cannot go on"};
    struct problem p;
    switch (meaning(c, r)) {
    case WEIR_OK: answer_ok(c, r); break;
    case WEIR_REJECT: answer_reject(c, r); break;
    case WEIR_RETRY:
    case WEIR_UNKNOWN:
        p = meaning(c, r) == WEIR_RETRY ? retry : unknown;
        p.retry_after_ns = r->retry_after_ns;
        answer_problem(c, &p);
        break;
    default: answer_problem(c, &fatal); break;
    }
    for (uint32_t i = 0; i < r->n_headers; i++) pass_header(c, &r->headers[i]);
}
