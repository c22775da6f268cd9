/* wallet_client.c - a filter: asks the wallet, answers upstream at once, and sends an accepted bet's event on with a
 * ticket of its own, so that the wallet can be told when it is durable. Past this stage money has moved. */
#include "client.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct weir_opt tls_options[] = {
    WEIR_OPT(struct weir_grpc_tls, ca, WEIR_STRING, .doc = "PEM file: who may have signed the wallet; turns TLS on"),
    WEIR_OPT(struct weir_grpc_tls, cert, WEIR_STRING, .doc = "PEM file: our certificate, when the wallet asks for one"),
    WEIR_OPT(struct weir_grpc_tls, key, WEIR_STRING, .doc = "PEM file: its private key"),
    WEIR_OPT_END,
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, target, WEIR_STRING, .flags = WEIR_REQUIRED,
             .doc =
                 "\"host:port\" of the wallets, separated by commas (or \"unix:/path\"); every address of every name "
                 "gets a stream"),
    WEIR_OPT(struct cfg, timeout, WEIR_DURATION, .def = "80ms", .min = 1000000, .max = 60000000000,
             .doc = "later than this an answer is \"unknown\", or \"not-executed\" when it was not sent"),
    WEIR_OPT(struct cfg, resolve, WEIR_DURATION, .def = "5s", .min = 100000000, .max = 3600000000000,
             .doc = "how often names are looked up again"),
    WEIR_OPT(struct cfg, unconfirmed_max, WEIR_INT, .def = "100000", .min = 0, .max = 100000000,
             .doc = "events a lane sends on and remembers until they are durable; 0: none, the relay publishes all of "
                    "them (the outbox; this may then be the last stage)"),
    WEIR_OPT(struct cfg, relay, WEIR_BOOL, .def = "true",
             .doc = "a ledger-relay publishes what this stage leaves out: beyond `unconfirmed_max` events are left to "
                    "it; false: no new bets until there is room, and a replayed bet's event is sent on again"),
    WEIR_OPT(struct cfg, shards, WEIR_INT, .def = "64", .min = 1, .max = 65536,
             .doc = "number of the ledger's shards; must equal the wallet's"),
    WEIR_OPT(struct cfg, tls, WEIR_GROUP, .sub = tls_options, .doc = "TLS; without `ca` the stream is plain text"),
    WEIR_OPT(struct cfg, tls_name, WEIR_STRING,
             .doc = "name that the wallet's certificate must have (default: the host in `target`)"),
    WEIR_OPT_END,
};

static const char *const method_label[] = {"method", NULL}, *const outcome_label[] = {"outcome", NULL};
static const double batch_buckets[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 0};
static const struct weir_metric metrics[] = {
    [METRIC_CALL_SECONDS] = {"call_seconds", WEIR_HISTOGRAM, "From the event's arrival to the wallet's answer.",
                             method_label, NULL},
    [METRIC_RESULTS] = {"results_total", WEIR_COUNTER, "Events answered upstream.", outcome_label, NULL},
    [METRIC_BATCH] = {"batch_debits", WEIR_HISTOGRAM, "Debits in one message of a stream.", NULL, batch_buckets},
    [METRIC_UNCONFIRMED] = {"unconfirmed", WEIR_GAUGE, "Events sent on and not yet known to be durable.", NULL, NULL},
    [METRIC_RECONNECTS] = {"reconnects_total", WEIR_COUNTER, "Streams opened again.", NULL, NULL},
    [METRIC_NOT_PUBLISHED] = {"not_published_total", WEIR_COUNTER,
                              "Events that could not be made durable or confirmed; the relay repairs them.", NULL,
                              NULL},
    [METRIC_LEFT_TO_RELAY] = {"left_to_relay_total", WEIR_COUNTER,
                              "Events not sent on because `unconfirmed_max` was reached.", NULL, NULL},
    [METRIC_LATE] = {"late_replies_total", WEIR_COUNTER, "Bets accepted after their caller was told \"unknown\".", NULL,
                     NULL},
    [METRIC_LIMIT] = {"limit_debits", WEIR_GAUGE, "Debits that may wait for an answer; more are refused at once.", NULL,
                      NULL},
    [METRIC_STREAMS] = {"ready_streams", WEIR_GAUGE, "Wallets with an open stream.", NULL, NULL},
    {NULL},
};

static const uint64_t DRAIN_LIMIT = 500000000u; /* for the wallets to end the streams */

/* ---- the conf */
static int check(const void *config, struct weir_err *err)
{
    const struct cfg *cfg = config;
    struct names *names = calloc(1, sizeof *names);
    if (!names) return -1;
    int rc = names_parse(cfg->target, names, err);
    free(names);
    if (rc) return -1;
    if (cfg->unconfirmed_max || cfg->relay) return 0;
    snprintf(err->option, sizeof err->option, "relay");
    snprintf(err->msg, sizeof err->msg,
             "found relay = false with unconfirmed_max = 0: nobody would publish the events; set one of them");
    return -1;
}

static void promise(const void *config, struct weir_promise *p)
{
    const struct cfg *cfg = config;
    /* OK means that the wallet has said so, which it does only after its commit */
    p->flags = WEIR_EFFECT | WEIR_MAY_REFUSE | WEIR_ONCE_BY_KEY | WEIR_DURABLE_ON_OK;
    if (cfg->unconfirmed_max) p->flags |= WEIR_ANSWERS_EARLY;
    snprintf(p->key, sizeof p->key, "account_id, bet_id");
    snprintf(p->writes, sizeof p->writes, "call:%s", (const char *)cfg->target.p);
}

static int share_credentials(const struct weir_host *host, const void *config, uint32_t n_lanes, void **shared,
                             struct weir_err *err)
{
    (void)host, (void)n_lanes;
    const struct cfg *cfg = config;
    struct weir_grpc_pems pems;
    *shared = NULL;
    if (weir_grpc_pems_read(&cfg->tls, "tls", &pems, err)) return -1;
    grpc_ssl_pem_key_cert_pair pair = {.private_key = pems.key, .cert_chain = pems.cert};
    if (pems.ca)
        *shared = grpc_ssl_credentials_create_ex(pems.ca, pems.cert ? &pair : NULL, NULL, NULL);
    else if (!pems.cert)
        *shared = grpc_insecure_credentials_create();
    if (!*shared) {
        snprintf(err->option, sizeof err->option, "tls.ca");
        snprintf(err->msg, sizeof err->msg,
                 pems.ca ? "gRPC refused the certificates" : "found tls.cert without tls.ca: expected both");
    }
    weir_grpc_pems_free(&pems);
    return *shared ? 0 : -1;
}

static void unshare_credentials(void *shared)
{
    if (shared) grpc_channel_credentials_release(shared);
}

/* ---- turns */
static void flush_links(struct client *c)
{
    publish_flush(c);
    for (struct link *l = c->links; l; l = l->next) link_flush(l);
}

static void on_turn(struct weir_task *task)
{
    struct client *c = weir_container(task, struct client, turn);
    c->turn_posted = false;
    if (c->closing) return;
    flush_links(c);
    client_drain_step(c);
}

static void after_tags(struct weir_grpc_lane *lane)
{
    struct client *c = weir_container(lane, struct client, lane);
    if (c->closing) return;
    flush_links(c);
    client_drain_step(c);
}

/* What comes in during one turn leaves as one message a stream. */
void client_wake(struct client *c)
{
    if (c->turn_posted || c->closing) return;
    c->turn_posted = true;
    c->ctx->host->post(c->ctx, &c->turn);
}

void client_busy(struct client *c)
{
    bool busy = c->full || c->crowded;
    if (busy == c->busy) return;
    c->busy = busy;
    c->ctx->host->busy(c->ctx, busy);
}

void client_state(struct client *c, const char *why)
{
    bool up = links_ready(c);
    if (c->draining) return;
    if (up)
        c->ctx->host->state(c->ctx, WEIR_READY, NULL);
    else if (why)
        c->ctx->host->state(c->ctx, WEIR_DEGRADED, why);
}

/* ---- life */
static int find_schemas(struct client *c, struct weir_err *err)
{
    const struct {
        const char *name;
        const struct weir_schema **to;
    } wanted[] = {
        {"bets.v1.PlaceBet", &c->place},
        {"bets.v1.BetPlaced", &c->placed},
        {"bets.v1.BetAccepted", &c->body},
        {"wallet.v1.Account", &c->account},
        {"wallet.v1.OpenRequest", c->requests},
        {"wallet.v1.CreditRequest", c->requests + 1},
        {"wallet.v1.GetBalanceRequest", c->requests + 2},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].to = c->ctx->host->schema(c->ctx, wanted[i].name);
        if (*wanted[i].to) continue;
        snprintf(err->msg, sizeof err->msg, "no schema module has %s; is bets.schema.so in the plugin folder?",
                 wanted[i].name);
        return -1;
    }
    return 0;
}

static void on_drain_limit(struct weir_timer *timer);

static int open_lane(struct weir_ctx *ctx, struct weir_err *err)
{
    struct client *c = ctx->self;
    *c = (struct client){.ctx = ctx,
                         .cfg = ctx->cfg,
                         .creds = ctx->shared,
                         .turn.fn = on_turn,
                         .timeouts.fn = on_timeouts,
                         .gather.fn = on_gathered,
                         .drain_limit.fn = on_drain_limit,
                         .lane.after = after_tags,
                         .random = ctx->host->wall(ctx) * 2 + 1};
    ring_init(&c->free_debits);
    ring_init(&c->by_time);
    ring_init(&c->forwarded);
    ring_init(&c->calls);
    limit_init(c);
    if (find_schemas(c, err) || names_parse(c->cfg->target, &c->names, err)) return -1;
    c->owner = calloc((size_t)c->cfg->shards, sizeof(struct link *));
    if (!c->owner) {
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return -1;
    }
    if (weir_grpc_lane_start(&c->lane, err)) {
        free(c->owner);
        return -1;
    }
    weir_grpc_lane_attach(&c->lane, ctx);
    ctx->host->state(ctx, WEIR_STARTING, "connecting");
    names_start(c);
    return 0;
}

static void open_event(struct client *c, struct weir_event *ev, struct held *held)
{
    if (ev->schema == c->place->id) {
        debit_open(c, ev, held);
        return;
    }
    for (uint32_t m = 0; m < METHOD_STREAM; m++)
        if (ev->schema == c->requests[m]->id) {
            call_open(c, ev, held, m);
            return;
        }
    struct weir_result r = {.status = WEIR_REJECT,
                            .outcome = INVALID,
                            .why = "expected bets.v1.PlaceBet or an Open, Credit or GetBalance request of wallet.v1"};
    result_settle(c, ev, held, &r);
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct client *c = ctx->self;
    struct held *held = malloc(sizeof *held);
    if (!held) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    *held = (struct held){batch, 1}; /* 1 is ours, until all are open */
    WEIR_EACH (ev, batch) {
        held->open++;
        open_event(c, ev, held);
    }
    held_put(c, held);
}

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    publish_done(ctx->self, cookie, result);
}

/* ---- drain: every answer given, every event known to be durable, the last Confirmed read by the wallet */
static void drained(struct client *c)
{
    c->ctx->host->timer_stop(c->ctx, &c->drain_limit);
    c->ctx->host->timer_stop(c->ctx, &c->gather);
    c->ctx->host->state(c->ctx, WEIR_DRAINED, NULL);
}

static void on_drain_limit(struct weir_timer *timer)
{
    drained(weir_container(timer, struct client, drain_limit));
}

void client_drain_step(struct client *c)
{
    if (!c->draining || c->closing || c->n_debits || c->n_calls || c->n_unconfirmed) return;
    for (const struct link *l = c->links; l && !c->leaving; l = l->next)
        if (l->sending && l->ready) return; /* on_send() comes here again */
    if (!c->leaving && c->n_confirmed && links_ready(c)) {
        c->confirm_now = true;
        client_wake(c);
        return;
    }
    if (!c->leaving) {
        c->leaving = true; /* half-close and wait for the status: only then has the wallet read everything */
        c->ctx->host->timer_arm(c->ctx, &c->drain_limit, DRAIN_LIMIT);
        for (struct link *l = c->links, *next; l; l = next) {
            next = l->next;
            link_leave(l);
        }
    }
    if (!c->links) drained(c);
}

static void drain(struct weir_ctx *ctx)
{
    struct client *c = ctx->self;
    c->draining = true;
    names_stop(c);
    client_drain_step(c);
}

static void close_lane(struct weir_ctx *ctx)
{
    struct client *c = ctx->self;
    c->closing = true;
    names_stop(c);
    ctx->host->timer_stop(ctx, &c->gather);
    ctx->host->timer_stop(ctx, &c->drain_limit);
    links_cancel(c); /* a queue with an open call would never shut down */
    calls_cancel(c);
    weir_grpc_lane_detach(&c->lane);
    debits_close(c);
    links_close(c);
    if (c->out) ctx->host->settle_all(ctx, c->out, WEIR_UNKNOWN, "the stage was closed");
    publish_close(c);
    weir_grpc_lane_stop(&c->lane);
    free(c->owner);
}

WEIR_PLUGIN(.name = "wallet-client", .version = "0.1.0",
            .doc = "Debits the player's wallet, answers at once, sends the accepted bet's event on.",
            .roles = WEIR_FILTER | WEIR_SINK, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct client),
            .opts = options, .metrics = metrics, .outcomes = outcomes, .init = weir_grpc_init, .fini = weir_grpc_fini,
            .check = check, .promise = promise, .share = share_credentials, .unshare = unshare_credentials,
            .open = open_lane, .push = push, .done = done, .drain = drain, .close = close_lane);
