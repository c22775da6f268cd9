/* pg_sink.c - rows into PostgreSQL, each exactly once by its key. See README.md; the parts are named in sink.h. */
#include "sink.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const unmapped[] = {"ignore", "refuse", NULL};

static const struct weir_opt key_options[] = {
    WEIR_OPT(struct pg_key, name, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "column"),
    WEIR_OPT_END,
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, database, WEIR_STRING, .flags = WEIR_REQUIRED | WEIR_SECRET,
             .doc = "postgresql://user:password@host:5432/name?sslmode=verify-full"),
    WEIR_OPT(struct cfg, table, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "table that takes the rows: schema.name"),
    WEIR_OPT(struct cfg, event, WEIR_MESSAGE, .flags = WEIR_REQUIRED, .doc = "message type of the events"),
    WEIR_OPT(struct cfg, columns, WEIR_MAP,
             .doc = "exceptions: \"column=field.path\"; \"column=\" leaves a column to its default. Columns with the "
                    "name of a field map by themselves"),
    WEIR_OPT(struct cfg, key, WEIR_LIST, .sub = key_options, .sub_size = sizeof(struct pg_key),
             .doc =
                 "columns that tell events apart: [ \"epoch\", \"shard\", \"seq\" ]; they need a unique index. Without "
                 "a key an event that comes twice is stored twice"),
    WEIR_OPT(struct cfg, unmapped, WEIR_ENUM, .choices = unmapped, .def = "ignore",
             .doc = "what to do about a field of the event that has no column"),
    WEIR_OPT(struct cfg, max_rows, WEIR_INT, .def = "10000", .min = 1, .max = 1000000,
             .doc = "rows of a transaction at most"),
    WEIR_OPT(struct cfg, max_bytes, WEIR_SIZE, .def = "16MiB", .min = 1024, .max = 1 << 30,
             .doc = "bytes of events in a transaction at most (a single larger event still goes)"),
    WEIR_OPT(struct cfg, linger, WEIR_DURATION, .def = "0ms", .max = 60000000000,
             .doc =
                 "how long a row may wait for others to share its transaction, also when the host is to end; 0: only "
                 "while the one before is out"),
    WEIR_OPT(struct cfg, connections, WEIR_INT, .def = "1", .min = 1, .max = 64, .doc = "connections of a lane"),
    WEIR_OPT(struct cfg, staging, WEIR_STRING,
             .doc = "name (schema.name) for permanent unlogged staging tables, where the user may not make temporary "
                    "ones; lane, connection and a hash are added to it"),
    WEIR_OPT_END,
};

static const char *const result_label[] = {"result", NULL};
static const struct weir_metric metrics[] = {
    [METRIC_TRANSACTIONS] =
        {"transactions_total", WEIR_COUNTER,
         "transactions: ok, retry, data-error, refused (not taken by the table itself; by staging instead)",
         result_label, NULL},
    [METRIC_ROWS] = {"rows_total", WEIR_COUNTER, "rows inserted", NULL, NULL},
    [METRIC_REPEATS] = {"repeats_total", WEIR_COUNTER, "events whose key was there already", NULL, NULL},
    [METRIC_BYTES] = {"bytes_total", WEIR_COUNTER, "bytes copied by transactions that succeeded", NULL, NULL},
    [METRIC_SECONDS] = {"transaction_seconds", WEIR_HISTOGRAM, "time of one transaction that succeeded", NULL, NULL},
    [METRIC_RETRIES] = {"retries_total", WEIR_COUNTER, "transactions that had to be done again", NULL, NULL},
    [METRIC_STAGED] = {"staged_total", WEIR_COUNTER, "transactions ok that went by the staging table", NULL, NULL},
    {NULL, WEIR_COUNTER, NULL, NULL, NULL},
};

static const struct weir_outcome outcomes[] = {
    WEIR_OUTCOME_NONE,
    [MALFORMED] = {"malformed", "no such message, a field that must be there is absent, or a value is out of range"},
    [WRONG_MESSAGE] = {"wrong-message", "the event is another message than `event` says"},
    [REFUSED] = {"refused", "the server does not take the row: SQLSTATE 22 or 23"},
    [CONFLICT] = {"conflict", "a row with the same key and other values is there"},
    WEIR_OUTCOME_END};

static int check(const void *config, struct weir_err *err)
{
    const struct cfg *cfg = config;
    if (weir_pg_check((const char *)cfg->database.p, err) == 0) return 0;
    snprintf(err->option, sizeof(err->option), "database");
    return -1;
}

static void promise(const void *config, struct weir_promise *p)
{
    const struct cfg *cfg = config;
    size_t n = 0;
    p->flags = WEIR_DURABLE_ON_OK | WEIR_MAY_REFUSE | (cfg->key.n ? WEIR_ONCE_BY_KEY : 0u);
    for (uint32_t i = 0; i < cfg->key.n && n < sizeof(p->key); i++) {
        struct weir_slice k = pg_key_at(&cfg->key, i);
        int len = snprintf(p->key + n, sizeof(p->key) - n, "%s%s", i ? ", " : "", (const char *)k.p);
        n += len > 0 ? (size_t)len : 0;
    }
    snprintf(p->writes, sizeof(p->writes), "postgres:%s", (const char *)cfg->table.p);
}

static void on_timer(struct weir_timer *t)
{
    sink_pump(weir_container(t, struct sink, timer));
}

static void close_sink(struct weir_ctx *ctx)
{
    struct sink *s = ctx->self;
    if (!s->ctx) return;
    for (uint32_t i = 0; s->sessions && i < s->n_sessions; i++) session_close(&s->sessions[i]);
    while (s->ready) {
        struct batch *b = s->ready;
        s->ready = b->next;
        batch_settle(s, b, WEIR_UNKNOWN, "closed before the server had it");
    }
    weir_queue_close(ctx, &s->queue);
    ctx->host->timer_stop(ctx, &s->timer);
    free(s->sessions);
    free(s->key);
    s->ctx = NULL;
}

static int open_sink(struct weir_ctx *ctx, struct weir_err *err)
{
    struct sink *s = ctx->self;
    s->ctx = ctx;
    s->cfg = ctx->cfg;
    s->timer.fn = on_timer;
    s->said = WEIR_STARTING;
    s->random = (ctx->host->wall(ctx) ^ (uint64_t)(uintptr_t)s) | 1;
    s->n_sessions = (uint32_t)s->cfg->connections;
    s->sessions = calloc(s->n_sessions, sizeof(*s->sessions));
    s->key = pg_key_array(&s->cfg->key);
    bool ok = s->sessions && s->key;
    if (!ok) snprintf(err->msg, sizeof(err->msg), "no memory");
    for (uint32_t i = 0; ok && i < s->n_sessions; i++) ok = session_open(&s->sessions[i], s, i, err) == 0;
    if (ok) return 0;
    close_sink(ctx);
    return -1;
}

static void add(struct sink *s, struct weir_entry e)
{
    const struct weir_schema *want = s->cfg->event;
    if (s->queue.n == 0) s->oldest_ns = s->ctx->host->now(s->ctx);
    if (e.ev->schema && e.ev->schema != want->id) {
        const struct weir_schema *is = s->ctx->host->schema_by_id(s->ctx, e.ev->schema);
        char why[200];
        snprintf(why, sizeof(why), "the event is a %s, the table takes %s", is ? is->full_name : "(unknown)",
                 want->full_name);
        sink_reject(s, e, WRONG_MESSAGE, why);
    } else if (!weir_queue_add(&s->queue, e)) {
        sink_settle(s, e, WEIR_RETRY, "no memory");
    }
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct sink *s = ctx->self;
    struct weir_held *h = weir_hold(ctx, batch);
    if (!h) return;
    WEIR_EACH (ev, batch) {
        h->left++;
        s->waiting++;
        add(s, (struct weir_entry){ev, h});
    }
    weir_hold_end(ctx, h);
    sink_pump(s);
}

static void drain(struct weir_ctx *ctx)
{
    struct sink *s = ctx->self;
    s->draining = true;
    sink_pump(s);
}

WEIR_PLUGIN(.name = "pg-sink", .version = "1.0.0",
            .doc = "Stores events as rows of a PostgreSQL table, each exactly once by its key.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct sink), .opts = options, .metrics = metrics,
            .outcomes = outcomes, .check = check, .promise = promise, .open = open_sink, .push = push, .drain = drain,
            .close = close_sink);
