/* grpc_ingress.c - a source: gRPC calls become events, what became of them is the reply or the status. Knows no
 * service: methods, their messages and which outcome is which status come from the conf. */
#include "ingress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct weir_opt method_options[] = {
    WEIR_OPT(struct method_cfg, name, WEIR_STRING, .doc = "name of the entry"),
    WEIR_OPT(struct method_cfg, on, WEIR_STRING, .flags = WEIR_REQUIRED,
             .doc = "full method path: \"/package.Service/Method\""),
    WEIR_OPT(struct method_cfg, event, WEIR_MESSAGE, .flags = WEIR_REQUIRED, .doc = "the request's message"),
    WEIR_OPT(struct method_cfg, answer, WEIR_MESSAGE, .flags = WEIR_REQUIRED, .doc = "the answer's message"),
    WEIR_OPT(struct method_cfg, stream, WEIR_BOOL, .def = "false",
             .doc = "bidirectional: each element of the request's repeated messages is an event, each reply an element "
                    "of the answer's only repeated message field"),
    WEIR_OPT(struct method_cfg, key, WEIR_FIELD, .doc = "field that becomes the event's key"),
    WEIR_OPT(struct method_cfg, budget, WEIR_FIELD,
             .doc = "integer field with the milliseconds after which the event is not to be executed; 0: no limit"),
    WEIR_OPT_END,
};

static const struct weir_opt tls_options[] = {
    WEIR_OPT(struct weir_grpc_tls, cert, WEIR_STRING, .doc = "PEM file: the server's certificate chain; turns TLS on"),
    WEIR_OPT(struct weir_grpc_tls, key, WEIR_STRING, .doc = "PEM file: its private key"),
    WEIR_OPT(struct weir_grpc_tls, ca, WEIR_STRING, .doc = "PEM file: clients must show a certificate of these"),
    WEIR_OPT_END,
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, listen, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "\"host:port\" or \"unix:/path\""),
    WEIR_OPT(struct cfg, known_as, WEIR_STRING,
             .doc = "what callers write as their target; joins them with this stage in check and graph (default: "
                    "`listen`)"),
    WEIR_OPT(struct cfg, methods, WEIR_LIST, .flags = WEIR_REQUIRED, .min = 1, .max = 1000, .sub = method_options,
             .sub_size = sizeof(struct method_cfg), .doc = "name = { on, event, answer, ... }"),
    WEIR_OPT(struct cfg, answers, WEIR_MAP,
             .doc = "which outcome of a unary call is which status: \"not-there=NOT_FOUND\"; others are OK"),
    WEIR_OPT(struct cfg, max_message, WEIR_SIZE, .def = "4MiB", .min = 1024, .max = 64 << 20,
             .doc = "largest message a client may send"),
    WEIR_OPT(struct cfg, max_calls, WEIR_INT, .def = "1000", .min = 1, .max = 1000000,
             .doc = "calls at a time on one connection; more wait at the client"),
    WEIR_OPT(struct cfg, max_connection_age, WEIR_DURATION, .def = "0s", .min = 0, .max = INT64_MAX,
             .doc =
                 "connections older than this are asked to come again (10 s grace, then cut), so that clients behind "
                 "a balancer find new servers; 0: never, right for streams of our own ends"),
    WEIR_OPT(struct cfg, slots, WEIR_INT, .def = "16", .min = 1, .max = 4096,
             .doc = "requests a lane keeps posted for each method"),
    WEIR_OPT(struct cfg, tls, WEIR_GROUP, .sub = tls_options, .doc = "TLS; without cert the port is plain text"),
    WEIR_OPT_END,
};

static const char *const call_labels[] = {"method", "code", NULL};
static const struct weir_metric metrics[] = {
    [METRIC_CALLS] = {"calls_total", WEIR_COUNTER, "Calls that ended, streams included.", call_labels, NULL},
    [METRIC_STREAMS] = {"open_streams", WEIR_GAUGE, "Streams that are open.", NULL, NULL},
    {NULL},
};

/* ---- the conf */
static int bad_method(struct weir_err *err, const struct method_cfg *m, const char *option, const char *what)
{
    snprintf(err->option, sizeof err->option, "methods.%.40s.%s", (const char *)m->name.p, option);
    snprintf(err->msg, sizeof err->msg, "%s", what);
    return -1;
}

static bool has_list(const ProtobufCMessageDescriptor *d)
{
    for (unsigned i = 0; i < d->n_fields; i++)
        if (d->fields[i].label == PROTOBUF_C_LABEL_REPEATED && d->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            return true;
    return false;
}

static int check_method(const struct method_cfg *m, struct weir_err *err)
{
    const char *path = (const char *)m->on.p, *second = *path == '/' ? strchr(path + 1, '/') : NULL;
    if (!second || second == path + 1 || !second[1] || strchr(second + 1, '/'))
        return bad_method(err, m, "on", "expected \"/package.Service/Method\"");
    if (!m->stream) return 0;
    if (!has_list(m->event->descriptor))
        return bad_method(err, m, "event",
                          "a stream's message needs a repeated message field, whose elements are the "
                          "events");
    if (!wire_only_list(m->answer->descriptor))
        return bad_method(err, m, "answer",
                          "a stream's answer needs exactly one repeated message field, for the "
                          "replies");
    return 0;
}

static int check(const void *config, struct weir_err *err)
{
    const struct cfg *cfg = config;
    const struct method_cfg *methods = cfg->methods.items;
    const struct weir_pair *answers = cfg->answers.items;
    for (uint32_t i = 0; i < cfg->methods.n; i++) {
        if (check_method(&methods[i], err)) return -1;
        for (uint32_t j = 0; j < i; j++)
            if (!strcmp((const char *)methods[i].on.p, (const char *)methods[j].on.p))
                return bad_method(err, &methods[i], "on", "the same method twice");
    }
    for (uint32_t i = 0; i < cfg->answers.n; i++) {
        grpc_status_code code;
        if (status_by_name(answers[i].value, &code)) continue;
        snprintf(err->option, sizeof err->option, "answers");
        snprintf(err->msg, sizeof err->msg,
                 "\"%.40s=%.40s\": expected a gRPC status by name, such as NOT_FOUND or FAILED_PRECONDITION",
                 (const char *)answers[i].name.p, (const char *)answers[i].value.p);
        return -1;
    }
    return 0;
}

static void promise(const void *config, struct weir_promise *p)
{
    const struct cfg *cfg = config;
    const struct weir_slice *name = cfg->known_as.p ? &cfg->known_as : &cfg->listen;
    snprintf(p->reads, sizeof p->reads, "call:%s", (const char *)name->p);
}

/* ---- all lanes */
static int share_server(const struct weir_host *host, const void *config, uint32_t n_lanes, void **shared,
                        struct weir_err *err)
{
    (void)host;
    struct server *server;
    if (server_open(config, n_lanes, &server, err)) return -1;
    *shared = server;
    return 0;
}

static void unshare_server(void *shared)
{
    if (shared) server_close(shared);
}

/* ---- one lane */
void ingress_wake(struct ingress *in)
{
    if (in->turn_posted || in->closing) return;
    in->turn_posted = true;
    in->ctx->host->post(in->ctx, &in->turn);
}

void ingress_maybe_drained(struct ingress *in)
{
    if (in->draining && !in->calls && !in->closing) in->ctx->host->state(in->ctx, WEIR_DRAINED, NULL);
}

/* What settled in one turn leaves in one message a stream, and who waited for room may go on. */
static void on_turn(struct weir_task *task)
{
    struct ingress *in = weir_container(task, struct ingress, turn);
    in->turn_posted = false;
    if (in->closing) return;
    if (in->starved) {
        in->starved = false;
        streams_pump(in);
    }
    streams_flush(in);
    emit_flush(in);
}

static void after_tags(struct weir_grpc_lane *lane)
{
    struct ingress *in = lane->ctx ? lane->ctx->self : NULL;
    if (in && !in->closing) emit_flush(in);
}

static int add_parts(struct weir_ctx *ctx, struct method *m)
{
    const ProtobufCMessageDescriptor *d = m->cfg->event->descriptor;
    m->parts = calloc(d->n_fields ? d->n_fields : 1, sizeof *m->parts);
    if (!m->parts) return -1;
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &d->fields[i];
        if (f->label != PROTOBUF_C_LABEL_REPEATED || f->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        const ProtobufCMessageDescriptor *element = f->descriptor;
        const struct weir_schema *schema = ctx->host->schema(ctx, element->name);
        if (schema) m->parts[m->n_parts++] = (struct part){f->id, schema};
    }
    const ProtobufCFieldDescriptor *reply = wire_only_list(m->cfg->answer->descriptor);
    m->reply_field = reply->id;
    const ProtobufCMessageDescriptor *element = reply->descriptor;
    m->reply = ctx->host->schema(ctx, element->name);
    return 0;
}

static int open_lane(struct weir_ctx *ctx, struct weir_err *err)
{
    struct ingress *in = ctx->self;
    const struct method_cfg *methods = ((const struct cfg *)ctx->cfg)->methods.items;
    *in = (struct ingress){.ctx = ctx, .cfg = ctx->cfg, .server = ctx->shared, .turn.fn = on_turn};
    in->methods = calloc(in->cfg->methods.n, sizeof *in->methods);
    for (uint32_t i = 0; in->methods && i < in->cfg->methods.n; i++) {
        in->methods[i] = (struct method){.cfg = &methods[i], .registered = in->server->registered[i]};
        if (methods[i].stream && add_parts(ctx, &in->methods[i])) {
            free(in->methods);
            in->methods = NULL;
        }
    }
    if (!in->methods) {
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return -1;
    }
    in->q = &in->server->queues[ctx->lane];
    in->q->after = after_tags;
    weir_grpc_lane_attach(in->q, ctx);
    if (!ctx->lane) weir_log(ctx, WEIR_INFO, "gRPC on %s, port %d", (const char *)in->cfg->listen.p, in->server->port);
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void flow(struct weir_ctx *ctx, bool open)
{
    struct ingress *in = ctx->self;
    if (!open || in->draining) return; /* emit_room() knows */
    if (!in->posted) {
        server_start(in->server); /* first: posting to a server that was not started crashes */
        slots_post(in);
    }
    streams_pump(in);
    emit_flush(in);
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    struct ingress *in = ctx->self;
    struct call *c = cookie;
    if (c->stream)
        stream_done(c, result);
    else
        unary_done(c, result);
    if (in->starved) ingress_wake(in);
}

static void drain(struct weir_ctx *ctx)
{
    struct ingress *in = ctx->self;
    in->draining = true;
    server_stop(in->server);
    streams_end(in);
    ingress_maybe_drained(in);
}

static void close_lane(struct weir_ctx *ctx)
{
    struct ingress *in = ctx->self;
    in->closing = true;
    server_stop(in->server);
    for (struct call *c = in->calls; c; c = c->next) grpc_call_cancel(c->call, NULL);
    weir_grpc_lane_detach(in->q);
    while (in->calls) call_free(in->calls);
    for (uint32_t i = 0; i < in->cfg->methods.n; i++) free(in->methods[i].parts);
    free(in->methods);
}

WEIR_PLUGIN(.name = "grpc-ingress", .version = "0.1.0",
            .doc = "gRPC server: unary calls and streams of batches become events.", .roles = WEIR_SOURCE,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct ingress), .opts = options, .metrics = metrics,
            .init = weir_grpc_init, .fini = weir_grpc_fini, .check = check, .promise = promise, .share = share_server,
            .unshare = unshare_server, .open = open_lane, .done = done, .flow = flow, .drain = drain,
            .close = close_lane);
