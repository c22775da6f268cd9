/* ch_sink.c - rows into ClickHouse over HTTP: Native blocks, each of one source partition, sent until the server has
 * them. See README.md; the parts are named in sink.h. */
#include "sink.h"
#include <stdio.h>

static const char *const unmapped[] = {"ignore", "refuse", NULL};

static const struct weir_opt tls_options[] = {
    WEIR_OPT(struct tls, ca, WEIR_STRING, .doc = "file with the CAs to trust instead of the system's"),
    WEIR_OPT(struct tls, cert, WEIR_STRING, .doc = "file with the client's certificate"),
    WEIR_OPT(struct tls, key, WEIR_STRING, .doc = "file with its key"),
    WEIR_OPT_END,
};

static const char *const conflicts[] = {"replace", "reject", NULL};
static const struct weir_opt key_options[] = {
    WEIR_OPT(struct ch_key, name, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "column"),
    WEIR_OPT_END,
};

static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, url, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "of the HTTP interface: http://host:8123"),
    WEIR_OPT(struct cfg, database, WEIR_STRING, .def = "default", .doc = "database of the table"),
    WEIR_OPT(struct cfg, table, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "table that takes the rows"),
    WEIR_OPT(struct cfg, username, WEIR_STRING, .doc = "user; the server's default one when not given"),
    WEIR_OPT(struct cfg, password, WEIR_STRING, .flags = WEIR_SECRET, .doc = "password of the user"),
    WEIR_OPT(struct cfg, event, WEIR_MESSAGE, .flags = WEIR_REQUIRED, .doc = "message type of the events"),
    WEIR_OPT(struct cfg, columns, WEIR_MAP,
             .doc = "exceptions: \"column=field.path\"; \"column=\" leaves a column to its default. Columns with the "
                    "name of a field map by themselves"),
    WEIR_OPT(struct cfg, key, WEIR_LIST, .sub = key_options, .sub_size = sizeof(struct ch_key),
             .doc =
                 "columns that tell events apart: [ \"epoch\", \"shard\", \"seq\" ]; the table must replace by them"),
    WEIR_OPT(struct cfg, unmapped, WEIR_ENUM, .choices = unmapped, .def = "ignore",
             .doc = "what to do about a field of the event that has no column"),
    WEIR_OPT(struct cfg, conflicts, WEIR_ENUM, .choices = conflicts, .def = "replace",
             .doc = "what to do about a row whose key is there with other values: \"replace\" leaves it to the table, "
                    "which keeps the last one; \"reject\" asks the server before each INSERT"),
    WEIR_OPT(struct cfg, settings, WEIR_MAP,
             .doc = "the server's settings for each INSERT: [ \"optimize_on_insert=0\" ]"),
    WEIR_OPT(struct cfg, max_rows, WEIR_INT, .def = "65536", .min = 1, .max = 1000000,
             .doc = "rows of a block at most"),
    WEIR_OPT(struct cfg, max_bytes, WEIR_SIZE, .def = "16MiB", .min = 1024, .max = 1 << 30,
             .doc = "bytes of events in a block at most (a single larger event still goes)"),
    WEIR_OPT(struct cfg, linger, WEIR_DURATION, .def = "100ms", .max = 60000000000,
             .doc =
                 "how long a block may wait for more rows, also when the host is to end; each block is a part that the "
                 "server must merge"),
    WEIR_OPT(struct cfg, inflight, WEIR_INT, .def = "4", .min = 1, .max = 64,
             .doc = "blocks on their way at most; never two of one partition"),
    WEIR_OPT(struct cfg, timeout, WEIR_DURATION, .def = "30s", .min = 100000000, .max = 3600000000000,
             .doc = "for one INSERT; then the same block is sent again"),
    WEIR_OPT(struct cfg, connect_timeout, WEIR_DURATION, .def = "5s", .min = 10000000, .max = 600000000000,
             .doc = "for connecting, names and TLS included"),
    WEIR_OPT(struct cfg, fsync, WEIR_BOOL, .def = "true",
             .doc = "expect the table to have fsync_after_insert = 1, else degraded; false: durable against kill -9, "
                    "not against power loss"),
    WEIR_OPT(struct cfg, tls, WEIR_GROUP, .sub = tls_options, .doc = "for https URLs"),
    WEIR_OPT_END,
};

static const char *const result_label[] = {"result", NULL};
static const struct weir_metric metrics[] = {
    [METRIC_INSERTS] = {"inserts_total", WEIR_COUNTER, "INSERTs answered: ok, retry, data-error", result_label, NULL},
    [METRIC_ROWS] = {"rows_total", WEIR_COUNTER, "rows that the server has", NULL, NULL},
    [METRIC_BYTES] = {"bytes_total", WEIR_COUNTER, "bytes of the blocks that the server has", NULL, NULL},
    [METRIC_SECONDS] = {"insert_seconds", WEIR_HISTOGRAM, "time of one INSERT", NULL, NULL},
    [METRIC_RETRIES] = {"retries_total", WEIR_COUNTER, "blocks that had to be sent again", NULL, NULL},
    {NULL, WEIR_COUNTER, NULL, NULL, NULL},
};

static const struct weir_outcome outcomes[] = {
    WEIR_OUTCOME_NONE,
    [MALFORMED] = {"malformed", "no such message, a field that must be there is absent, or a value is out of range"},
    [WRONG_MESSAGE] = {"wrong-message", "the event is another message than `event` says"},
    [REFUSED] = {"refused", "the server does not take the row: its types or constraints"},
    [CONFLICT] = {"conflict", "a row with the same key and other values is there (`conflicts`)"},
    WEIR_OUTCOME_END};

static int init(struct weir_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        snprintf(err->msg, sizeof(err->msg), "libcurl does not start");
        return -1;
    }
    if (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) return 0;
    snprintf(err->msg, sizeof(err->msg),
             "this libcurl (%s) looks names up in the caller's thread, which would stop the "
             "lane; install one with AsynchDNS",
             curl_version_info(CURLVERSION_NOW)->version);
    return -1;
}

static void fini(void)
{
    curl_global_cleanup();
}

static int bad(struct weir_err *err, const char *option, const char *msg)
{
    snprintf(err->option, sizeof(err->option), "%s", option);
    snprintf(err->msg, sizeof(err->msg), "%s", msg);
    return -1;
}

/* What makes an INSERT durable and once is ours. */
static int check_settings(const struct weir_list *settings, struct weir_err *err)
{
    static const char *const own[] = {"query",    "async_insert",       "wait_for_async_insert",
                                      "database", "deduplicate_insert", "insert_deduplicate",
                                      "user",     "password",           "insert_deduplication_token"};
    char name[CH_SETTING_MAX], msg[sizeof(err->msg)];
    for (uint32_t i = 0; i < settings->n; i++) {
        if (!ch_setting_name(ch_setting_at(settings, i), name))
            return bad(err, "settings", "expected \"name=value\", the name of small letters, digits and _");
        for (size_t k = 0; k < sizeof(own) / sizeof(*own); k++) {
            if (strcmp(name, own[k]) != 0) continue;
            snprintf(msg, sizeof(msg), "%s cannot be set here: the sink sets it itself", name);
            return bad(err, "settings", msg);
        }
    }
    return 0;
}

static int check(const void *config, struct weir_err *err)
{
    const struct cfg *cfg = config;
    const char *url = (const char *)cfg->url.p;
    bool http = strncmp(url, "http://", 7) == 0, https = strncmp(url, "https://", 8) == 0;
    if (!http && !https) return bad(err, "url", "expected http://host:8123 or https://host:8443");
    if (strpbrk(url, "?#@ "))
        return bad(err, "url", "expected scheme, host and port alone; user and password are options");
    if (cfg->database.n == 0) return bad(err, "database", "is empty; give the database's name");
    if (cfg->tls.key.n && !cfg->tls.cert.n) return bad(err, "tls.key", "is of no use without tls.cert");
    return check_settings(&cfg->settings, err);
}

static void promise(const void *config, struct weir_promise *p)
{
    const struct cfg *cfg = config;
    size_t n = 0;
    p->flags = WEIR_DURABLE_ON_OK | WEIR_MAY_REFUSE | (cfg->key.n ? WEIR_ONCE_BY_KEY : 0u);
    for (uint32_t i = 0; i < cfg->key.n; i++) {
        struct weir_slice k = ch_key_at(&cfg->key, i);
        int len = snprintf(p->key + n, sizeof(p->key) - n, "%s%.*s", i ? ", " : "", (int)k.n, (const char *)k.p);
        n += len > 0 ? (size_t)len : 0;
        if (n >= sizeof(p->key)) break;
    }
    snprintf(p->writes, sizeof(p->writes), "clickhouse:%s.%s", (const char *)cfg->database.p,
             (const char *)cfg->table.p);
}

static void on_pump_timer(struct weir_timer *t)
{
    insert_pump(weir_container(t, struct sink, pump_timer));
}

static void close_sink(struct weir_ctx *ctx)
{
    struct sink *s = ctx->self;
    if (!s->ctx) return;
    http_close(&s->http); /* first: nothing may answer any more */
    insert_close(s);
    rows_close(s);
    weir_buf_free(&s->spare);
    ctx->host->timer_stop(ctx, &s->pump_timer);
    state_close(s);
}

static int open_sink(struct weir_ctx *ctx, struct weir_err *err)
{
    struct sink *s = ctx->self;
    s->ctx = ctx;
    s->cfg = ctx->cfg;
    s->pump_timer.fn = on_pump_timer;
    if (state_open(s, err) == 0) return 0;
    close_sink(ctx);
    s->ctx = NULL;
    return -1;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct sink *s = ctx->self;
    rows_push(s, batch);
    insert_pump(s);
}

static void drain(struct weir_ctx *ctx)
{
    struct sink *s = ctx->self;
    s->draining = true;
    insert_pump(s);
}

WEIR_PLUGIN(.name = "ch-sink", .version = "1.0.0",
            .doc = "Stores events as rows of a ClickHouse table, at least once each and once by key.",
            .roles = WEIR_SINK, .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct sink), .opts = options,
            .metrics = metrics, .outcomes = outcomes, .init = init, .fini = fini, .check = check, .promise = promise,
            .open = open_sink, .push = push, .drain = drain, .close = close_sink);
