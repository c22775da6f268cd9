/* pg_probe.c - a stage that runs each event's value as SQL on one connection and settles it with the answer: the
 * smallest user of pg_conn.h, for its tests. "copy ..." streams `rows` lines. */
#include "pg_conn.h"
#include <stdio.h>
#include <string.h>

struct cfg {
    struct weir_slice database;
    bool pipeline;
    int64_t rows;
};
struct probe {
    struct weir_pg pg;
    struct weir_batch *batch;
    uint32_t at;
    bool running;
    int64_t copied;
    char answer[256];
};
enum { NONE, DONE, FAILED };
static const struct weir_outcome outcomes[] = {
    WEIR_OUTCOME_NONE, {"done", "the statement worked"}, {"failed", "it did not"}, WEIR_OUTCOME_END};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, database, WEIR_STRING, .flags = WEIR_REQUIRED | WEIR_SECRET, .doc = "connection string"),
    WEIR_OPT(struct cfg, pipeline, WEIR_BOOL, .def = "false", .doc = "pipeline mode"),
    WEIR_OPT(struct cfg, rows, WEIR_INT, .def = "0", .doc = "lines of a COPY"),
    WEIR_OPT_END,
};

static struct probe *probe_of(struct weir_pg *pg)
{
    return weir_container(pg, struct probe, pg);
}

static void next(struct probe *p)
{
    if (p->running || !p->batch) return;
    while (p->at < p->batch->n && !p->batch->ev[p->at].ticket) p->at++;
    if (p->at == p->batch->n) {
        p->pg.ctx->host->release(p->pg.ctx, p->batch);
        p->batch = NULL;
        return;
    }
    if (!weir_pg_is_ready(&p->pg)) return;
    char sql[512];
    struct weir_slice value = p->batch->ev[p->at].value;
    snprintf(sql, sizeof sql, "%.*s", (int)value.n, (const char *)value.p);
    const struct cfg *cfg = (const struct cfg *)p->pg.ctx->cfg;
    PGconn *raw = weir_pg_raw(&p->pg);
    int ok = PQsendQueryParams(raw, sql, 0, NULL, NULL, NULL, NULL, 0);
    if (ok && cfg->pipeline) ok = PQpipelineSync(raw);
    p->running = true;
    p->copied = 0;
    *p->answer = 0;
    weir_pg_flush(&p->pg, ok);
}

static void settle(struct probe *p, enum weir_status status, uint32_t outcome, const char *why)
{
    struct weir_result result = {.status = status, .outcome = outcome, .why = why};
    p->running = false;
    p->pg.ctx->host->settle(p->pg.ctx, &p->batch->ev[p->at], &result);
    next(p);
}

static void on_ready(struct weir_pg *pg)
{
    pg->ctx->host->state(pg->ctx, WEIR_READY, NULL);
    next(probe_of(pg));
}

static void on_lost(struct weir_pg *pg, const char *why)
{
    pg->ctx->host->state(pg->ctx, WEIR_DEGRADED, why);
    if (probe_of(pg)->running) settle(probe_of(pg), WEIR_UNKNOWN, NONE, why);
}

static void copy(struct probe *p)
{
    const struct cfg *cfg = (const struct cfg *)p->pg.ctx->cfg;
    static const char line[] = "0123456789012345678901234567890123456789012345678901234567890123456789\n";
    while (p->copied < cfg->rows) {
        p->copied++;
        if (!weir_pg_copy(&p->pg, line, (int)sizeof line - 1)) return;
    }
    if (p->copied++ == cfg->rows) weir_pg_copy_end(&p->pg, NULL);
}

static void on_room(struct weir_pg *pg)
{
    if (pg->copying) copy(probe_of(pg));
}

static void on_result(struct weir_pg *pg, PGresult *result)
{
    struct probe *p = probe_of(pg);
    const struct cfg *cfg = (const struct cfg *)pg->ctx->cfg;
    ExecStatusType status = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
    if (status == PGRES_COPY_IN) {
        copy(p);
        return;
    }
    if (result && status != PGRES_PIPELINE_SYNC) {
        if (status == PGRES_FATAL_ERROR)
            weir_pg_message(result, p->answer, sizeof p->answer);
        else
            snprintf(p->answer, sizeof p->answer, "=%s%s", PQcmdTuples(result),
                     PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
        return;
    }
    if (p->running && (cfg->pipeline ? status == PGRES_PIPELINE_SYNC : !result))
        settle(p, WEIR_OK, *p->answer == '=' ? DONE : FAILED, p->answer);
}

static void on_notify(struct weir_pg *pg, const char *channel)
{
    pg->ctx->host->state(pg->ctx, WEIR_DEGRADED, channel);
}

static const struct weir_pg_hooks hooks = {
    .ready = on_ready, .lost = on_lost, .result = on_result, .room = on_room, .notify = on_notify};

static int open_(struct weir_ctx *ctx, struct weir_err *err)
{
    struct probe *p = (struct probe *)ctx->self;
    const struct cfg *cfg = (const struct cfg *)ctx->cfg;
    static const char *const settings[] = {"lock_timeout=1234ms", "search_path=\"a b\",public", NULL};
    struct weir_pg_setup setup = {.conninfo = (const char *)cfg->database.p,
                                  .application = "weir pg-probe",
                                  .settings = settings,
                                  .pipeline = cfg->pipeline};
    return weir_pg_open(&p->pg, ctx, &hooks, &setup, err);
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct probe *p = (struct probe *)ctx->self;
    if (p->batch) {
        ctx->host->settle_all(ctx, batch, WEIR_RETRY, "one batch at a time");
        return;
    }
    p->batch = batch;
    p->at = 0;
    next(p);
}

static void close_(struct weir_ctx *ctx)
{
    struct probe *p = (struct probe *)ctx->self;
    weir_pg_close(&p->pg);
    if (p->batch) ctx->host->release(ctx, p->batch);
}

WEIR_PLUGIN(.name = "pg-probe", .version = "1.0.0", .doc = "Runs SQL, for tests.", .roles = WEIR_SINK,
            .cfg_size = sizeof(struct cfg), .self_size = sizeof(struct probe), .opts = options, .outcomes = outcomes,
            .open = open_, .push = push, .close = close_);
