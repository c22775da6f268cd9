/* request.c - a request from its first line to its last byte, as libmicrohttpd reports it.
 * What is wrong with the header is decided before the body: by then nothing was parsed and nothing copied. The answer
 * then waits for the end of a small body, for an earlier one would cost the client its connection. */
#include "http_ingress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void *request_line(void *unused, const char *uri, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *c = info ? info->socket_context : NULL;
    (void)unused;
    (void)uri;
    if (!c || c->begun) return c;
    struct lane *lane = c->lane;
    conn_free_request(c);
    c->begun = true;
    c->start_ns = lane->ctx->host->now(lane->ctx);
    lane->n_requests++;
    conn_phase(c, HEADER);
    return c;
}

/* ---- the header */

enum { HELD_BODY = 4096 }; /* thousands may be held */

struct header {
    struct conn *c;
    const char *content_type, *authorization, *values[MAX_GIVEN];
    uint64_t content_length;
    bool has_length, chunked, expects, twice[MAX_GIVEN];
};

static void route_header(struct header *h, const char *name, const char *value)
{
    const struct route *r = h->c->route;
    for (unsigned i = 0; r && i < r->n_headers; i++) {
        if (strcasecmp(r->headers[i].header, name) != 0) continue;
        h->twice[i] = h->values[i] != NULL;
        h->values[i] = value ? value : "";
    }
}

static enum MHD_Result one_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct header *h = arg;
    struct conn *c = h->c;
    (void)kind;
    route_header(h, name, value);
    if (!value) return MHD_YES;
    if (strcasecmp(name, "Content-Type") == 0) {
        h->content_type = value;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        h->has_length = true;
        h->content_length = strtoull(value, NULL, 10); /* libmicrohttpd has refused what is no number */
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        h->chunked = true;
    } else if (strcasecmp(name, "Expect") == 0) {
        h->expects = true;
    } else if (strcasecmp(name, "Authorization") == 0) {
        h->authorization = value;
    } else if (strcasecmp(name, "traceparent") == 0 && trace_valid(value, strlen(value))) {
        memcpy(c->traceparent, value, 55);
        memcpy(c->traceparent, "00", 2);
        c->traceparent[55] = '\0';
    }
    return MHD_YES;
}

/* All tokens are compared, each in a time that its text does not change. */
static bool may_enter(const struct cfg *cfg, const char *authorization)
{
    const char *p = (const char *)cfg->tokens.p;
    bool found = false;
    if (!p) return true;
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0) return false;
    const char *token = authorization + 7;
    size_t n = strlen(token);
    while (*(p += strspn(p, " \t\r\n,"))) {
        size_t len = strcspn(p, " \t\r\n,");
        unsigned differs = len != n;
        for (size_t i = 0; i < n; i++) differs |= (unsigned char)token[i] ^ (unsigned char)p[len ? i % len : 0];
        found |= !differs;
        p += len;
    }
    return found && n;
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json", utf8[] = "utf-8";
    if (!type || strncasecmp(type, json, sizeof json - 1) != 0) return false;
    const char *p = type + sizeof json - 1;
    p += strspn(p, " \t");
    if (!*p) return true;
    if (*p++ != ';') return false;
    p += strspn(p, " \t");
    if (strncasecmp(p, "charset=", 8) != 0) return false;
    p += 8;
    bool quoted = *p == '"';
    p += quoted;
    return strncasecmp(p, utf8, 5) == 0 && strcmp(p + 5, quoted ? "\"" : "") == 0;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* A path parameter, percent-decoded into the connection's own text. */
static bool decode(struct conn *c, struct weir_slice s, struct weir_slice *out)
{
    size_t from = c->text_n;
    *out = s;
    if (!memchr(s.p, '%', s.n)) return true;
    for (size_t i = 0; i < s.n; i++) {
        int v = s.p[i];
        if (v == '%') {
            int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1, low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
            if (high < 0 || low < 0) return false;
            v = high << 4 | low;
            i += 2;
        }
        if (!v || c->text_n == sizeof c->text) return false;
        c->text[c->text_n++] = (char)v;
    }
    *out = (struct weir_slice){(const uint8_t *)c->text + from, c->text_n - from};
    return true;
}

static void give(struct conn *c, const ProtobufCFieldDescriptor *field, struct weir_slice text, const char *from)
{
    c->given[c->n_given++] = (struct weir_json_given){field, text, from};
}

static void invalid(struct conn *c, const char *field, const char *detail)
{
    char pointer[96];
    snprintf(pointer, sizeof pointer, "/%.90s", field);
    answer_problem(c, &(struct problem){.status = 400, .detail = detail, .pointer = pointer, .outcome = "invalid"});
}

static void take_given(struct conn *c, const struct path *path, const struct header *h)
{
    const struct route *r = c->route;
    struct weir_slice text;
    char detail[160];
    for (unsigned i = 0; i < r->n_segments && !c->response; i++) {
        if (!r->segments[i].field) continue;
        if (decode(c, path->segments[i], &text))
            give(c, r->segments[i].field, text, "the path");
        else
            invalid(c, r->segments[i].field->name, "the path holds a wrong or too long %-escape");
    }
    for (unsigned i = 0; i < r->n_headers && !c->response; i++) {
        const char *value = h->values[i], *name = r->headers[i].header;
        if (value && *value && !h->twice[i]) {
            give(c, r->headers[i].field, (struct weir_slice){(const uint8_t *)value, strlen(value)}, "a header");
            continue;
        }
        snprintf(detail, sizeof detail,
                 h->twice[i] ? "header %.64s: found it twice, expected it once"
                             : "header %.64s: found nothing, expected a value",
                 name);
        invalid(c, r->headers[i].field->name, detail);
    }
}

static void no_route(struct conn *c, int match, const struct path *path)
{
    char allow[64];
    if (match == NO_PATH) {
        answer_problem(c, &(struct problem){.status = 404, .detail = "there is nothing at this path"});
        return;
    }
    routes_allow(&c->lane->routes, path, allow, sizeof allow);
    answer_problem(
        c, &(struct problem){
               .status = 405, .detail = "the path does not take this method", .header = "Allow", .value = allow});
}

static void check_header(struct conn *c, const char *url, const char *method, struct header *h)
{
    struct lane *lane = c->lane;
    struct path path;
    int match = path_split(&path, url) ? routes_match(&lane->routes, method, &path, &c->route) : NO_PATH;
    MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, one_header, h);
    c->has_body = h->chunked || h->content_length;
    c->may_wait = lane->cfg->hold && !h->chunked && h->content_length <= HELD_BODY;
    if (!may_enter(lane->cfg, h->authorization)) {
        answer_problem(c, &(struct problem){.status = 401,
                                            .detail = "a bearer token is needed",
                                            .header = "WWW-Authenticate",
                                            .value = "Bearer"});
    } else if (match != MATCHED) {
        no_route(c, match, &path);
    } else if (lane->refusing) {
        answer_unavailable(c, "draining", "this server is stopping; send the request again");
    } else if (!c->may_wait && !event_room(lane)) {
        answer_full(c);
    } else if (h->chunked && h->has_length) {
        answer_problem(
            c, &(struct problem){.status = 400, .detail = "found Content-Length and Transfer-Encoding, expected one"});
    } else if (h->content_length > lane->cfg->max_body) {
        c->too_large = true;
    } else if (c->has_body && !is_json(h->content_type)) {
        answer_problem(c, &(struct problem){.status = 415, .detail = "expected Content-Type: application/json"});
    } else {
        take_given(c, &path, h);
    }
}

static void too_large(struct conn *c)
{
    char detail[80];
    snprintf(detail, sizeof detail, "expected a body of at most %llu bytes",
             (unsigned long long)c->lane->cfg->max_body);
    answer_problem(c, &(struct problem){.status = 413, .detail = detail});
}

static enum MHD_Result begin(struct conn *c, const char *url, const char *method)
{
    struct header h = {.c = c};
    c->traceparent[0] = '\0';
    check_header(c, url, method, &h);
    if (c->too_large && !c->response) too_large(c);
    conn_phase(c, BODY);
    /* A body that is large or waits for "100 Continue" is not read to be thrown away: answer and close. */
    if (c->response && (h.expects || (h.has_length && h.content_length > c->lane->cfg->max_body)))
        return answer_send(c);
    return MHD_YES;
}

/* ---- the body */

static enum MHD_Result more(struct conn *c, const char *data, size_t *size)
{
    size_t n = *size;
    *size = 0;
    if (c->response || c->too_large) { /* to be thrown away, within reason */
        c->body.n += n;
        return c->body.n > 2 * c->lane->cfg->max_body ? MHD_NO : MHD_YES;
    }
    if (!weir_json_put(&c->body, data, n)) {
        c->too_large = true;
        c->body.n += n;
    }
    return MHD_YES;
}

static enum MHD_Result end(struct conn *c)
{
    if (!c->response && c->too_large) too_large(c);
    if (!c->response && !c->body.n && c->route->needs_body)
        answer_problem(c, &(struct problem){.status = 400,
                                            .detail = "found no body, expected a JSON object",
                                            .pointer = "",
                                            .outcome = "invalid"});
    if (!c->response && c->may_wait && !event_room_now(c->lane)) {
        conn_phase(c, HELD);
    } else {
        if (c->response || !event_emit(c)) return answer_send(c);
        conn_phase(c, PIPELINE);
    }
    c->lane->n_served++;
    MHD_suspend_connection(c->mhd);
    return MHD_YES;
}

enum MHD_Result request_part(void *unused, struct MHD_Connection *mhd, const char *url, const char *method,
                             const char *version, const char *data, size_t *size, void **slot)
{
    struct conn *c = *slot;
    (void)unused;
    (void)mhd;
    (void)version;
    if (!c) return MHD_NO; /* no memory when it connected */
    switch (c->phase) {
    case HEADER: return begin(c, url, method);
    case BODY: return *size ? more(c, data, size) : end(c);
    case PIPELINE: return c->response ? answer_send(c) : MHD_YES;
    default: return MHD_NO;
    }
}

void request_completed(void *unused, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode how)
{
    struct conn *c = *slot;
    (void)unused;
    (void)mhd;
    if (!c || !c->begun) return;
    struct lane *lane = c->lane;
    struct weir_ctx *ctx = lane->ctx;
    char code[16];
    snprintf(code, sizeof code, "%u", c->status);
    const char *labels[] = {c->route ? c->route->name : "", c->status ? code : "closed", NULL};
    ctx->host->metric(ctx, M_REQUESTS, labels, 1);
    if (c->route) ctx->host->metric(ctx, M_SECONDS, labels, (double)(ctx->host->now(ctx) - c->start_ns) / 1e9);
    if (c->body.n) ctx->host->metric(ctx, M_RECEIVED, NULL, (double)c->body.n);
    if (c->out.n && how == MHD_REQUEST_TERMINATED_COMPLETED_OK) ctx->host->metric(ctx, M_SENT, NULL, (double)c->out.n);
    conn_free_request(c);
    c->begun = false;
    lane->n_requests--;
    conn_phase(c, IDLE);
    lane_check_drained(lane);
}
