/* ledger_relay.c - the plugin: a source of the events that nobody has confirmed. Beside an inline producer it repairs
 * what a crash left out (grace = "10s"); alone it is the outbox (grace = "0s"): every event, in order per account. */
#include "relay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/schema.h>

static const int64_t repair_rate = 20000;
static const uint64_t outbox_poll_ns = 20000000, repair_poll_ns = 1000000000;

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, database, WEIR_STRING, .flags = WEIR_REQUIRED | WEIR_SECRET,
             .doc = "connection string of the ledger: postgresql://USER@HOST/DATABASE?sslmode=verify-full"),
    WEIR_OPT(struct cfg, grace, WEIR_DURATION, .def = "10s", .min = 0, .max = INT64_C(86400000000000),
             .doc = "age at which an unconfirmed event is published; well above the inline producer's "
                    "message.timeout.ms; 0s: at once, the outbox"),
    WEIR_OPT(struct cfg, poll, WEIR_DURATION, .def = "0s", .min = 0, .max = INT64_C(60000000000),
             .doc = "how often to look for more when idle; 0s: 20ms without a grace, 1s with one"),
    WEIR_OPT(struct cfg, batch, WEIR_INT, .def = "1024", .min = 1, .max = 65536,
             .doc = "events read at once at most; bounds memory"),
    WEIR_OPT(struct cfg, rate, WEIR_INT, .def = "0", .min = 0, .max = 10000000,
             .doc = "events a second at most, so that catching up leaves room to bets; 0: 20000 with a grace, no "
                    "limit without one"),
    WEIR_OPT(struct cfg, publishes, WEIR_STRING,
             .doc = "the stream whose gaps it fills, as `weir check` names what the producer writes: "
                    "\"kafka:bets.placed\""),
    WEIR_OPT(struct cfg, ledger, WEIR_STRING, .def = "main",
             .doc = "the ledger's name in `weir check`, the same at every stage that uses it"),
    WEIR_OPT_END,
};

static const struct weir_metric metrics[] = {
    [METRIC_EMITTED] = {"emitted_total", WEIR_COUNTER, "events emitted, repeats included"},
    [METRIC_AGAIN] = {"again_total", WEIR_COUNTER, "events that were not delivered and are emitted again"},
    [METRIC_IN_FLIGHT] = {"in_flight_events", WEIR_GAUGE, "events emitted and neither delivered nor failed"},
    {NULL},
};

static struct relay *relay_of(struct weir_ctx *ctx)
{
    return (struct relay *)ctx->self;
}

void relay_degraded(struct relay *relay, const char *why)
{
    if (!relay->failed && !relay->drained) relay->ctx->host->state(relay->ctx, WEIR_DEGRADED, why);
}

void relay_trouble(struct relay *relay, const char *why)
{
    relay->trouble = true;
    relay_degraded(relay, why);
}

static void trouble_over(struct relay *relay)
{
    if (!relay->trouble || relay->gap || relay->failed || relay->drained) return;
    for (uint32_t i = 0; i < relay->n_shards; i++)
        if (relay->shards[i].refused) return;
    relay->trouble = false;
    relay->ctx->host->state(relay->ctx, WEIR_READY, NULL);
}

void relay_fail(struct relay *relay, const char *why)
{
    if (!relay->failed) relay->ctx->host->state(relay->ctx, WEIR_FAILED, why);
    relay->failed = true;
}

/* The next look: after `poll`, or when a shard may emit again. */
static void arm(struct relay *relay)
{
    uint64_t now = relay->ctx->host->now(relay->ctx), wait = relay->poll_ns;
    for (uint32_t i = 0; i < relay->n_shards; i++) {
        const uint64_t at[] = {relay->shards[i].retry_ns, relay->shards[i].again_ns};
        for (int k = 0; k < 2; k++)
            if (at[k] > now && at[k] - now < wait) wait = at[k] - now;
    }
    relay->ctx->host->timer_arm(relay->ctx, &relay->poll, wait);
}

void relay_look_at(struct relay *relay, uint64_t ns)
{
    struct weir_ctx *ctx = relay->ctx;
    uint64_t now = ctx->host->now(ctx);
    if (relay->draining || (relay->poll.due_ns && relay->poll.due_ns <= ns)) return;
    ctx->host->timer_arm(ctx, &relay->poll, ns > now ? ns - now : 0);
}

bool relay_is_paced(const struct relay *relay)
{
    return relay->not_before_ns > relay->ctx->host->now(relay->ctx);
}

void relay_pace(struct relay *relay, uint32_t n)
{
    uint64_t now = relay->ctx->host->now(relay->ctx);
    if (!relay->rate) return;
    if (relay->not_before_ns < now) relay->not_before_ns = now;
    relay->not_before_ns += n * UINT64_C(1000000000) / (uint64_t)relay->rate;
}

void relay_next(struct relay *relay)
{
    if (relay->busy || !relay->prepared || !weir_pg_is_ready(&relay->pg)) {
        relay_check_drained(relay);
        return;
    }
    trouble_over(relay);
    bool write = relay_has_to_write(relay), read = relay_can_read(relay);
    if (write || read)
        relay_cycle(relay, write, read);
    else
        relay_check_drained(relay);
    if (relay->due && relay_is_paced(relay)) relay_look_at(relay, relay->not_before_ns);
    if (!relay->poll.due_ns && !relay->draining) arm(relay);
}

static void on_poll(struct weir_timer *timer)
{
    struct relay *relay = weir_container(timer, struct relay, poll);
    uint32_t in_flight = 0;
    for (uint32_t i = 0; i < relay->n_shards; i++) in_flight += relay->shards[i].in_flight;
    relay->ctx->host->metric(relay->ctx, METRIC_IN_FLIGHT, NULL, in_flight);
    relay->due = true;
    relay_next(relay);
    if (!relay->poll.due_ns && !relay->draining) arm(relay);
}

void relay_check_drained(struct relay *relay)
{
    if (!relay->draining || relay->drained || relay->items) return;
    /* Without a connection `published` stays behind: the events are published once more, which is harmless. */
    if (relay->prepared && (relay->busy || relay_has_to_write(relay))) return;
    relay->drained = true;
    relay->ctx->host->state(relay->ctx, WEIR_DRAINED, NULL);
}

/* ---- life */

static int check(const void *p, struct weir_err *err)
{
    const struct cfg *cfg = (const struct cfg *)p;
    snprintf(err->option, sizeof err->option, "database");
    return weir_pg_check((const char *)cfg->database.p, err);
}

static void promise(const void *p, struct weir_promise *promise)
{
    const struct cfg *cfg = (const struct cfg *)p;
    promise->flags = WEIR_REPLAYS;
    snprintf(promise->reads, sizeof promise->reads, "ledger:%.*s", (int)cfg->ledger.n, (const char *)cfg->ledger.p);
    if (!cfg->publishes.n) return;
    promise->flags |= WEIR_REPAIRS;
    snprintf(promise->repairs, sizeof promise->repairs, "%.*s", (int)cfg->publishes.n, (const char *)cfg->publishes.p);
}

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    static const char *const settings[] = {"idle_in_transaction_session_timeout=2s",
                                           "lock_timeout=1s",
                                           "plan_cache_mode=force_generic_plan", /* look-ups by key, also in an */
                                           "enable_seqscan=off",                 /* empty table's plan */
                                           "jit=off",
                                           NULL};
    struct relay *relay = relay_of(ctx);
    relay->ctx = ctx;
    relay->cfg = (const struct cfg *)ctx->cfg;
    relay->poll_ns = relay->cfg->poll ? relay->cfg->poll : relay->cfg->grace ? repair_poll_ns : outbox_poll_ns;
    relay->rate = relay->cfg->rate ? relay->cfg->rate : relay->cfg->grace ? repair_rate : 0;
    relay->random = ctx->host->wall(ctx);
    relay->poll.fn = on_poll;
    const struct weir_schema *schema = ctx->host->schema(ctx, "bets.v1.BetPlaced");
    if (!schema) {
        snprintf(err->msg, sizeof err->msg,
                 "message bets.v1.BetPlaced is not loaded; put bets.schema.so into the plugin folder");
        return -1;
    }
    relay->schema = schema->id;
    struct weir_pg_setup setup = {.conninfo = (const char *)relay->cfg->database.p,
                                  .application = "weir ledger-relay",
                                  .settings = settings,
                                  .pipeline = true};
    if (weir_pg_open(&relay->pg, ctx, &relay_hooks, &setup, err) != 0) return -1;
    ctx->host->state(ctx, WEIR_STARTING, "connecting to the ledger");
    return 0;
}

static void flow(struct weir_ctx *ctx, bool open)
{
    struct relay *relay = relay_of(ctx);
    relay->open = open;
    if (!open) return;
    relay->due = true;
    relay_next(relay);
}

static void drain(struct weir_ctx *ctx)
{
    struct relay *relay = relay_of(ctx);
    relay->draining = true;
    ctx->host->timer_stop(ctx, &relay->poll);
    relay_next(relay);
}

static void close_(struct weir_ctx *ctx)
{
    struct relay *relay = relay_of(ctx);
    ctx->host->timer_stop(ctx, &relay->poll);
    weir_pg_close(&relay->pg);
    emit_forget(relay);
    free(relay->shards);
    for (int i = 0; i < 2; i++) weir_pg_array_free(&relay->params[i]);
}

WEIR_PLUGIN(.name = "ledger-relay", .version = "1.0.0",
            .doc = "Publishes the ledger's accepted events that nobody has confirmed.", .roles = WEIR_SOURCE,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct relay), .opts = options, .metrics = metrics,
            .check = check, .promise = promise, .open = open_, .done = emit_done, .flow = flow, .drain = drain,
            .close = close_);
