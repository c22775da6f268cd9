/* http-ingress - takes JSON over HTTP; each request is one event, and its answer is what became of it.
 * request.c reads, event.c emits, answer.c answers; accept.c, server.c and conn.c keep the sockets. */
#include "http_ingress.h"
#include <stdio.h>
#include <string.h>

static int check(const void *arg, struct weir_err *err)
{
    const struct cfg *cfg = arg;
    struct routes routes;
    if (!cfg->tls.cert.p != !cfg->tls.key.p) {
        err->status = WEIR_REJECT;
        snprintf(err->option, sizeof err->option, "tls.%s", cfg->tls.cert.p ? "key" : "cert");
        snprintf(err->msg, sizeof err->msg, "found one of cert and key, expected both");
        return -1;
    }
    if (cfg->tokens.p && strspn((const char *)cfg->tokens.p, " \t\r\n,") == cfg->tokens.n) {
        err->status = WEIR_REJECT;
        snprintf(err->option, sizeof err->option, "tokens");
        snprintf(err->msg, sizeof err->msg, "found no token, expected at least one: nobody could enter");
        return -1;
    }
    if (routes_make(&routes, cfg, err) < 0) return -1;
    routes_free(&routes);
    return 0;
}

static void promise(const void *arg, struct weir_promise *p)
{
    const struct cfg *cfg = arg;
    snprintf(p->reads, sizeof p->reads, "http:%s", (const char *)cfg->listen.p);
}

/* Series exist from the start: a rate over them needs their 0. */
static void metrics_from_zero(struct lane *lane)
{
    static const char *const reasons[] = {"window", "draining", "memory", "retry", "unknown", "refused"};
    static const char *const phases[] = {"idle", "header", "body", "send"};
    const struct weir_host *host = lane->ctx->host;
    char code[16];
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        host->metric(lane->ctx, M_UNAVAILABLE, &reasons[i], 0);
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) host->metric(lane->ctx, M_EXPIRED, &phases[i], 0);
    for (unsigned i = 0; i < lane->routes.n; i++) {
        const struct route *r = &lane->routes.all[i];
        const char *labels[] = {r->name, "503"};
        host->metric(lane->ctx, M_REQUESTS, labels, 0);
        labels[1] = code;
        for (unsigned k = 0; k < r->n_answers; k++) {
            snprintf(code, sizeof code, "%u", r->answers[k].status);
            host->metric(lane->ctx, M_REQUESTS, labels, 0);
        }
    }
}

static int open_lane(struct weir_ctx *ctx, struct weir_err *err)
{
    struct lane *lane = ctx->self;
    lane->ctx = ctx;
    lane->cfg = ctx->cfg;
    lane->listener.fd = -1;
    lane->wire.max =
        lane->cfg->max_body * 8 + 4096; /* JSON's shortest elements, 0 and a comma, are 8 bytes as fixed64 */
    if (routes_make(&lane->routes, lane->cfg, err) < 0) return -1;
    if (server_start(lane, err) < 0) {
        server_stop(lane);
        routes_free(&lane->routes);
        return -1;
    }
    metrics_from_zero(lane);
    ctx->host->state(ctx, WEIR_READY, NULL);
    return 0;
}

static void flow(struct weir_ctx *ctx, bool open)
{
    struct lane *lane = ctx->self;
    lane->flowing = open;
    if (open) events_admit_soon(lane);
}

/* The client may be gone: its connection is told so when we write, and drops the answer. */
static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    struct conn *c = cookie;
    (void)ctx;
    answer_result(c, result);
    server_resume(c);
}

static void drain(struct weir_ctx *ctx)
{
    struct lane *lane = ctx->self;
    lane->draining = true;
    accept_stop(lane);
    if (lane->cfg->farewell)
        ctx->host->timer_arm(ctx, &lane->farewell, lane->cfg->farewell);
    else
        lane_refuse(&lane->farewell);
    lane_check_drained(lane);
}

static void close_lane(struct weir_ctx *ctx)
{
    struct lane *lane = ctx->self;
    server_stop(lane);
    routes_free(&lane->routes);
}

WEIR_PLUGIN(.name = "http-ingress", .version = "1.0.0", .doc = "Takes JSON over HTTP and answers what became of it.",
            .roles = WEIR_SOURCE, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct lane),
            .opts = http_options, .metrics = http_metrics, .check = check, .promise = promise, .open = open_lane,
            .done = done, .flow = flow, .drain = drain, .close = close_lane);
