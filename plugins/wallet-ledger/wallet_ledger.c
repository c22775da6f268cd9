/* wallet_ledger.c - the plugin: takes requests, sends each to the connection that owns its account's shard, folds
 * confirmations, and says how the whole is. The transaction itself is transaction.c, its decisions decide.c. */
#include "ledger.h"
#include "shard.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/schema.h>
#include <weir_failpoint.h>

static const uint64_t idle_write_ns = 1000000000;

static const struct weir_outcome outcomes[] = {
    WEIR_OUTCOME_NONE,
    {"accepted", "the balance was changed, or read"},
    {"replayed", "the same request was accepted before; the reply is the first one"},
    {"insufficient-funds", "the balance is smaller than the debit"},
    {"unknown-account", "the account was not opened"},
    {"key-reused", "the key was used before with another content"},
    {"currency-mismatch", "the account has another currency"},
    {"invalid", "a field is missing or out of range; the reply says which"},
    {"not-executed", "nothing happened: overload, deadline or database away"},
    {"unknown", "may have happened: repeat it with the same key"},
    WEIR_OUTCOME_END,
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, database, WEIR_STRING, .flags = WEIR_REQUIRED | WEIR_SECRET,
             .doc = "connection string of the ledger: postgresql://USER@HOST/DATABASE?sslmode=verify-full"),
    WEIR_OPT(struct cfg, connections, WEIR_INT, .def = "2", .min = 1, .max = 64,
             .doc = "connections of each lane; connection i does the shards whose number modulo `connections` is i"),
    WEIR_OPT(struct cfg, shards, WEIR_INT, .def = "64", .min = 1, .max = 65536,
             .doc = "number of shards the ledger was made with"),
    WEIR_OPT(struct cfg, max_event, WEIR_SIZE, .def = "16KiB", .min = 256, .max = 1 << 20,
             .doc = "a debit whose event would be larger is refused as invalid"),
    WEIR_OPT(struct cfg, max_backlog, WEIR_INT, .def = "1000000", .min = 1, .max = INT64_MAX,
             .doc = "debits are not executed while so many events wait to be published"),
    WEIR_OPT(struct cfg, max_batch, WEIR_INT, .def = "256", .min = 1, .max = 4096,
             .doc = "requests in one transaction at most; fewer when fewer wait"),
    WEIR_OPT(struct cfg, patience, WEIR_DURATION, .def = "2s", .min = 1000000, .max = INT64_C(60000000000),
             .doc = "a request without a deadline of its own waits so long for the database"),
    WEIR_OPT(struct cfg, notify, WEIR_BOOL, .def = "false",
             .doc = "NOTIFY weir_ledger at each debit, for a ledger-relay with grace = \"0s\"; costs throughput, since "
                    "PostgreSQL then commits one transaction at a time"),
    WEIR_OPT(struct cfg, ledger, WEIR_STRING, .def = "main",
             .doc = "the ledger's name in `weir check`, the same at every stage that uses it"),
    WEIR_OPT_END,
};

static const double batch_sizes[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 0};
static const struct weir_metric metrics[] = {
    [METRIC_TRANSACTIONS] = {"transactions_total", WEIR_COUNTER, "committed transactions, queries included"},
    [METRIC_BATCH] = {"batch_requests", WEIR_HISTOGRAM, "requests in one transaction", .buckets = batch_sizes},
    [METRIC_SECONDS] = {"transaction_seconds", WEIR_HISTOGRAM, "from the first statement to the answer of COMMIT"},
    [METRIC_BACKLOG] = {"backlog_events", WEIR_GAUGE, "events accepted and not known to be published, whole ledger"},
    [METRIC_RERUNS] = {"reruns_total", WEIR_COUNTER,
                       "transactions run again: a deadlock, a conflict, a repeat for which nobody had looked"},
    [METRIC_CONFIRMED] = {"confirmed_total", WEIR_COUNTER, "confirmations taken"},
    {NULL},
};

static struct ledger *ledger_of(struct weir_ctx *ctx)
{
    return (struct ledger *)ctx->self;
}

/* ---- how the whole is */

static void say(struct ledger *l, enum weir_state state, const char *why)
{
    if (l->failed || l->draining || (l->said == state && strcmp(l->said_why, why ? why : "") == 0)) return;
    l->said = state;
    snprintf(l->said_why, sizeof l->said_why, "%s", why ? why : "");
    l->ctx->host->state(l->ctx, state, why);
}

void ledger_report(struct ledger *l)
{
    bool all = true;
    for (uint32_t i = 0; i < l->n_links; i++) {
        if (*l->links[i].why) {
            say(l, WEIR_DEGRADED, l->links[i].why);
            return;
        }
        all = all && l->links[i].step >= STEP_IDLE;
    }
    if (all) say(l, WEIR_READY, NULL);
}

void ledger_fail(struct ledger *l, const char *why)
{
    say(l, WEIR_FAILED, why);
    l->failed = true;
}

static bool is_busy(const struct link *link)
{
    return link->waiting || link->step > STEP_IDLE;
}

static bool may_write(const struct ledger *l, const struct link *link)
{
    if (link->step != STEP_IDLE || link->paused) return false;
    for (uint32_t s = link->index; s < (uint32_t)l->cfg->shards; s += l->n_links)
        if (published_pending(&l->published[s])) return true;
    return false;
}

static void write_published(struct weir_timer *timer)
{
    struct ledger *l = weir_container(timer, struct ledger, write_published);
    for (uint32_t i = 0; i < l->n_links; i++) {
        l->links[i].publish_due = true;
        transaction_next(&l->links[i]);
    }
}

void ledger_want_published_written(struct ledger *l)
{
    if (l->write_published.due_ns) return;
    l->write_published.fn = write_published;
    l->ctx->host->timer_arm(l->ctx, &l->write_published, l->draining ? 0 : idle_write_ns);
}

void ledger_check_drained(struct ledger *l)
{
    if (!l->draining || l->drained) return;
    bool pending = false;
    for (uint32_t i = 0; i < l->n_links; i++) {
        if (is_busy(&l->links[i])) return;
        pending = pending || may_write(l, &l->links[i]);
    }
    if (pending) { /* what is confirmed and not written down the relay would publish again */
        ledger_want_published_written(l);
        return;
    }
    l->drained = true;
    l->ctx->host->state(l->ctx, WEIR_DRAINED, NULL);
}

/* ---- requests */

void *ledger_batch_alloc(struct request *r, size_t n)
{
    return r->held->ledger->ctx->host->batch_alloc(r->held->batch, n);
}

static void *arena_alloc(void *of, size_t n)
{
    return ledger_batch_alloc((struct request *)of, n);
}

static void take_confirmed(struct ledger *l, struct weir_event *ev)
{
    struct confirmed c;
    if (confirmed_read(&c, ev->value) != 0) {
        weir_settle(l->ctx, ev, WEIR_REJECT, "wallet.v1.Confirmed: not valid protobuf");
        return;
    }
    /* Of another epoch, or before a connection told which one it is: the relay covers it. */
    if (c.epoch == l->epoch && l->epoch && c.shard < (uint32_t)l->cfg->shards) {
        if (WEIR_FAILPOINT("sabotage.published-past-a-hole")) c.first = 1;
        published_add(&l->published[c.shard], c.first, c.last);
        if (published_pending(&l->published[c.shard])) ledger_want_published_written(l);
    }
    l->ctx->host->metric(l->ctx, METRIC_CONFIRMED, NULL, 1);
    weir_settle(l->ctx, ev, WEIR_OK, NULL);
}

static void answer_now(struct ledger *l, struct request *r, enum outcome outcome, const char *why)
{
    r->answer = (struct answer){.outcome = outcome, .why = why};
    reply_settle(l, r);
    request_done(l, r);
}

static void take_request(struct ledger *l, struct request *r)
{
    struct arena arena = {arena_alloc, r};
    if (request_read(r, r->ev->value, &arena) != 0) {
        answer_now(l, r, INVALID, r->answer.why);
        return;
    }
    const char *wrong = request_check(r);
    if (wrong) {
        answer_now(l, r, INVALID, wrong);
        return;
    }
    uint64_t now = l->ctx->host->now(l->ctx);
    r->arrived_ns = now;
    r->deadline_ns = r->ev->deadline_ns ? r->ev->deadline_ns : now + l->cfg->patience;
    request_hash(r);
    r->shard = weir_shard_of(r->account, (uint32_t)l->cfg->shards);
    queue_add(&l->links[r->shard % l->n_links], r);
    queue_watch_deadline(l, r->deadline_ns);
}

static int kind_of(const struct ledger *l, uint32_t schema)
{
    for (int i = 0; i < 5; i++)
        if (l->schemas[i] == schema) return i;
    return -1;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct ledger *l = ledger_of(ctx);
    struct batch_held *held = (struct batch_held *)ctx->host->batch_alloc(batch, sizeof *held);
    struct request *requests = (struct request *)ctx->host->batch_alloc(batch, batch->n * sizeof *requests);
    if (!held || !requests) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
        return;
    }
    *held = (struct batch_held){.ledger = l, .batch = batch, .open = 1}; /* 1: this loop */
    WEIR_EACH (ev, batch) {
        int kind = kind_of(l, ev->schema);
        if (kind == 4) {
            take_confirmed(l, ev);
        } else if (kind < 0) {
            weir_settle(ctx, ev, WEIR_REJECT, "wallet-ledger takes the requests of wallet.v1 only");
        } else {
            struct request *r = &requests[ev - batch->ev];
            *r = (struct request){.ev = ev, .held = held, .kind = (enum kind)kind};
            held->open++;
            take_request(l, r);
        }
    }
    if (--held->open == 0) ctx->host->release(ctx, batch);
    for (uint32_t i = 0; i < l->n_links; i++) transaction_next(&l->links[i]);
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
    promise->flags = WEIR_EFFECT | WEIR_DURABLE_ON_OK | WEIR_ONCE_BY_KEY | WEIR_MAY_REFUSE;
    snprintf(promise->key, sizeof promise->key, "account_id, key");
    snprintf(promise->writes, sizeof promise->writes, "ledger:%.*s", (int)cfg->ledger.n, (const char *)cfg->ledger.p);
}

static int find_schema(struct weir_ctx *ctx, const char *name, uint32_t *id, struct weir_err *err)
{
    const struct weir_schema *schema = ctx->host->schema(ctx, name);
    if (!schema) {
        snprintf(err->msg, sizeof err->msg, "message %s is not loaded; put bets.schema.so into the plugin folder",
                 name);
        return -1;
    }
    *id = schema->id;
    return 0;
}

static int find_schemas(struct weir_ctx *ctx, struct ledger *l, struct weir_err *err)
{
    static const char *const names[] = {"wallet.v1.OpenRequest", "wallet.v1.CreditRequest", "wallet.v1.DebitRequest",
                                        "wallet.v1.GetBalanceRequest", "wallet.v1.Confirmed"};
    for (int i = 0; i < 5; i++)
        if (find_schema(ctx, names[i], &l->schemas[i], err) != 0) return -1;
    if (find_schema(ctx, "wallet.v1.AccountReply", &l->account_reply, err) != 0) return -1;
    return find_schema(ctx, "wallet.v1.DebitReply", &l->debit_reply, err);
}

static void close_(struct weir_ctx *ctx)
{
    struct ledger *l = ledger_of(ctx);
    for (uint32_t i = 0; l->links && i < l->n_links; i++) link_close(&l->links[i]);
    ctx->host->timer_stop(ctx, &l->sweep);
    ctx->host->timer_stop(ctx, &l->write_published);
    free(l->links);
    free(l->published);
    free(l->reply);
    l->links = NULL;
    l->published = NULL;
    l->reply = NULL;
}

static int open_links(struct weir_ctx *ctx, struct ledger *l, struct weir_err *err)
{
    const struct cfg *cfg = l->cfg;
    l->links = (struct link *)calloc((size_t)cfg->connections, sizeof *l->links);
    l->published = (struct published *)calloc((size_t)cfg->shards, sizeof *l->published);
    if (!l->links || !l->published) {
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return -1;
    }
    (void)ctx;
    for (uint32_t i = 0; i < l->n_links; i++)
        if (link_open(&l->links[i], l, i, (const char *)cfg->database.p, err) != 0) return -1;
    return 0;
}

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    struct ledger *l = ledger_of(ctx);
    l->ctx = ctx;
    l->cfg = (const struct cfg *)ctx->cfg;
    l->n_links = (uint32_t)l->cfg->connections;
    if (find_schemas(ctx, l, err) == 0 && open_links(ctx, l, err) == 0) {
        ctx->host->state(ctx, WEIR_STARTING, "connecting to the ledger");
        return 0;
    }
    close_(ctx);
    return -1;
}

static void drain(struct weir_ctx *ctx)
{
    struct ledger *l = ledger_of(ctx);
    l->draining = true;
    ctx->host->timer_stop(ctx, &l->write_published); /* armed anew, for at once */
    ledger_check_drained(l);
}

WEIR_PLUGIN(.name = "wallet-ledger", .version = "1.0.0",
            .doc = "Keeps players' balances in PostgreSQL: every change a row, made once by its key.",
            .roles = WEIR_SINK, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct ledger), .opts = options,
            .metrics = metrics, .outcomes = outcomes, .check = check, .promise = promise, .open = open_, .push = push,
            .drain = drain, .close = close_);
