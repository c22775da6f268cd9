/* session.c - one connection and the transaction on it:
 *   connected: ask for the table, make the staging table
 *   a batch:   BEGIN, COPY into the table itself, COMMIT; only then the events are OK.
 *   what is not taken so, and while rows come again:
 *              BEGIN, COPY into staging, INSERT ... ON CONFLICT DO NOTHING, when rows were there already compare them,
 *              COMMIT. Only here it is decided what becomes of a row.
 * A COMMIT whose answer is lost is simply done again: the key makes it harmless. */
#include "sink.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir_failpoint.h>

static struct session *session_of(struct weir_pg *pg)
{
    return weir_container(pg, struct session, pg);
}

static void send(struct session *s, enum step step, const char *sql)
{
    s->step = step;
    s->failed = false;
    weir_pg_flush(&s->pg, PQsendQuery(weir_pg_raw(&s->pg), sql));
}

static void count(struct session *s, const char *result)
{
    const char *labels[] = {result};
    struct weir_ctx *ctx = s->sink->ctx;
    ctx->host->metric(ctx, METRIC_TRANSACTIONS, labels, 1);
    if (strcmp(result, "retry") == 0) ctx->host->metric(ctx, METRIC_RETRIES, NULL, 1);
}

static struct batch *give_back(struct session *s)
{
    struct batch *b = s->batch;
    s->batch = NULL;
    return b;
}

/* The table did not take the batch by COPY: it goes by staging, at once. */
static void retreat(struct session *s)
{
    count(s, "refused");
    if (strncmp(s->error, "23505", 5) == 0) s->sink->repeating = true;
    /* not supported, or no right: the next would fare no better */
    if (strncmp(s->error, "0A", 2) == 0 || strncmp(s->error, "42", 2) == 0) s->refused = true;
    sink_put_first(s->sink, give_back(s));
    send(s, ROLLBACK, "rollback");
}

/* The batch goes again, as it is, after a while. */
static void later(struct session *s)
{
    struct batch *b = give_back(s);
    if (!b) return;
    count(s, "retry");
    sink_back_off(s->sink, b->tries++);
    sink_put_first(s->sink, b);
}

/* The server names the type that a value does not fit, and not the column: say which ones have it. */
static void name_columns(struct session *s)
{
    const struct weir_columns *plan = s->table->plan;
    size_t end = strlen(s->error), n = end;
    for (uint32_t i = 0; i < plan->n && n < sizeof(s->error); i++) {
        const char *at = strstr(s->error, plan->v[i].type);
        bool is_it = at && at < s->error + end && at - s->error >= 5 &&
                     (memcmp(at - 5, "type ", 5) == 0 || memcmp(at - 5, "enum ", 5) == 0);
        if (!is_it) continue;
        int more =
            snprintf(s->error + n, sizeof(s->error) - n, "%s %.60s", n == end ? ", column" : " or", plan->v[i].name);
        n += more > 0 ? (size_t)more : 0;
    }
}

/* A row is at fault: halves, until it is alone. */
static void bisect(struct session *s)
{
    struct batch *b = give_back(s), *half;
    count(s, "data-error");
    if (b->n == 1) {
        name_columns(s);
        sink_reject(s->sink, b->entries[0], REFUSED, s->error);
        b->n = 0;
        batch_settle(s->sink, b, WEIR_REJECT, NULL);
        return;
    }
    half = batch_split(b);
    if (half)
        sink_put_first(s->sink, half);
    else
        sink_back_off(s->sink, b->tries++);
    sink_put_first(s->sink, b);
}

static void go_down(struct session *s, const char *why)
{
    s->step = DOWN;
    snprintf(s->sink->why, sizeof(s->sink->why), "%s", why);
    pg_table_free(s->table);
    s->table = NULL;
    later(s);
}

/* A person must act, or the server is going: a new connection after the back-off reads the table again. */
static void start_over(struct session *s, const char *why)
{
    go_down(s, why);
    weir_pg_again(&s->pg);
}

/* ---- the answers */

static void settle_stored(struct session *s)
{
    struct sink *sink = s->sink;
    struct weir_ctx *ctx = sink->ctx;
    struct batch *b = give_back(s);
    char why[200];
    snprintf(why, sizeof(why), "its key %.120s is taken by a row with other values", sink->key);
    count(s, "ok");
    if (!s->direct) {
        ctx->host->metric(ctx, METRIC_STAGED, NULL, 1);
        sink->repeating = s->inserted < b->n;
    }
    ctx->host->metric(ctx, METRIC_ROWS, NULL, (double)s->inserted);
    ctx->host->metric(ctx, METRIC_REPEATS, NULL, (double)(b->n - s->inserted));
    ctx->host->metric(ctx, METRIC_BYTES, NULL, (double)s->out.n);
    ctx->host->metric(ctx, METRIC_SECONDS, NULL, (double)(ctx->host->now(ctx) - s->began_ns) / 1e9);
    sink->trouble[0] = '\0';
    for (uint32_t i = 0; b->differs && i < b->n; i++) {
        if (!b->differs[i]) continue;
        sink_reject(sink, b->entries[i], CONFLICT, why);
        b->entries[i].ev = NULL;
    }
    uint32_t good = 0;
    for (uint32_t i = 0; i < b->n; i++)
        if (b->entries[i].ev) b->entries[good++] = b->entries[i];
    b->n = good;
    if (good && WEIR_FAILPOINT("sabotage.drop-ticket")) b->entries[0] = b->entries[--b->n];
    batch_settle(sink, b, WEIR_OK, NULL);
}

static void take_table(struct session *s, const PGresult *r)
{
    const struct cfg *cfg = s->sink->cfg;
    const struct pg_wish wish = {.table = (const char *)cfg->table.p,
                                 .message = cfg->event->descriptor,
                                 .columns = &cfg->columns,
                                 .key = &cfg->key,
                                 .staging = s->staging,
                                 .flags = cfg->unmapped ? WEIR_COLUMNS_EVERY_FIELD : 0};
    char err[WEIR_COLUMNS_ERR];
    pg_table_free(s->table);
    s->table = pg_table_new(r, &wish, err);
    if (s->table) return;
    s->failed = true;
    s->class = WEIR_PG_SETUP;
    snprintf(s->error, sizeof(s->error), "table %.80s: %s", wish.table, err);
}

/* Rows whose key was there before, with other values, or not there at all any more. */
static void take_differences(struct session *s, const PGresult *r)
{
    struct batch *b = s->batch;
    int n = PQntuples(r);
    if (n == 0) return;
    if (!b->differs) b->differs = calloc(b->n, 1);
    for (int k = 0; k < n; k++) {
        unsigned long i = strtoul(PQgetvalue(r, k, 0), NULL, 10);
        if (*PQgetvalue(r, k, 1) == 't' || !b->differs || i >= b->n)
            s->vanished = true; /* deleted meanwhile (or no memory): not stored, so again */
        else
            b->differs[i] = 1;
    }
}

static void feed(struct session *s)
{
    const size_t piece = 256 * 1024;
    while (s->out_at < s->out.n) {
        size_t left = s->out.n - s->out_at, n = left < piece ? left : piece;
        const char *at = (const char *)s->out.p + s->out_at;
        s->out_at += n;
        if (!weir_pg_copy(&s->pg, at, (int)n)) return; /* on_room goes on */
        (void)WEIR_FAILPOINT("pg-sink.copying");
    }
    if (s->ended) return;
    s->ended = true;
    weir_pg_copy_end(&s->pg, NULL);
}

static void on_room(struct weir_pg *pg)
{
    struct session *s = session_of(pg);
    if (s->step == COPY && !s->ended && s->out_at > 0) feed(s);
}

/* All rows are in, if this transaction is. */
static void stored(struct session *s)
{
    if (WEIR_FAILPOINT("pg-sink.before-commit")) { /* error: the line is lost */
        start_over(s, "a failpoint");
        return;
    }
    if (WEIR_FAILPOINT("sabotage.settle-before-commit")) {
        settle_stored(s);
        send(s, ROLLBACK, "rollback");
        return;
    }
    if (!s->direct && s->table->compare && s->inserted < s->batch->n)
        send(s, COMPARE, s->table->compare);
    else
        send(s, COMMIT, s->direct ? "commit" : s->table->commit);
}

/* A statement is over and went well: the next step. */
static void advance(struct session *s)
{
    switch (s->step) {
    case ASK: send(s, STAGE, s->table->stage); return;
    case STAGE:
    case ROLLBACK: s->step = IDLE; return;
    case COPY:
        if (!s->direct)
            send(s, INSERT, s->table->insert);
        else if (s->inserted < s->batch->n) /* a trigger left some out */
            retreat(s);
        else
            stored(s);
        return;
    case INSERT: stored(s); return;
    case COMPARE:
        if (!s->vanished) {
            send(s, COMMIT, s->table->commit);
            return;
        }
        later(s);
        send(s, ROLLBACK, "rollback");
        return;
    case COMMIT:
        s->step = IDLE;
        if (s->committed && WEIR_FAILPOINT("pg-sink.committed")) /* error: it was done, and the answer is lost */
            start_over(s, "a failpoint");
        else if (s->committed)
            settle_stored(s);
        else
            start_over(s, "COMMIT was answered with ROLLBACK");
        return;
    case DOWN:
    case IDLE: return;
    }
}

static void fail(struct session *s)
{
    struct sink *sink = s->sink;
    if (s->step == ASK || s->step == STAGE || s->step == ROLLBACK) {
        start_over(s, s->error);
        return;
    }
    if (s->direct && (s->class == WEIR_PG_DATA || s->class == WEIR_PG_SETUP)) {
        retreat(s);
        return;
    }
    if (s->class == WEIR_PG_DATA) {
        bisect(s);
        send(s, ROLLBACK, "rollback");
        return;
    }
    snprintf(sink->trouble, sizeof(sink->trouble), "%.199s", s->error);
    if (s->class != WEIR_PG_CONFLICT) {
        start_over(s, s->error);
        return;
    }
    later(s);
    send(s, ROLLBACK, "rollback");
}

static void take(struct session *s, PGresult *r)
{
    switch (PQresultStatus(r)) {
    case PGRES_TUPLES_OK:
        if (s->step == ASK) take_table(s, r);
        if (s->step == COMPARE) take_differences(s, r);
        break;
    case PGRES_COMMAND_OK:
        if (s->step == COPY || s->step == INSERT) s->inserted = strtoull(PQcmdTuples(r), NULL, 10);
        s->committed = strcmp(PQcmdStatus(r), "COMMIT") == 0;
        break;
    case PGRES_COPY_IN: feed(s); break;
    default:
        s->failed = true;
        s->class = weir_pg_result_class(r);
        weir_pg_message(r, s->error, sizeof(s->error));
    }
}

static void on_result(struct weir_pg *pg, PGresult *r)
{
    struct session *s = session_of(pg);
    if (r) {
        take(s, r);
        return;
    }
    if (s->failed)
        fail(s);
    else
        advance(s);
    if (s->step == IDLE || s->step == DOWN) sink_pump(s->sink);
}

static void on_ready(struct weir_pg *pg)
{
    struct session *s = session_of(pg);
    const char *values[] = {(const char *)s->sink->cfg->table.p, s->sink->key};
    s->step = ASK;
    s->failed = s->refused = false;
    int ok = PQsendQueryParams(weir_pg_raw(pg), pg_table_query, 2, NULL, values, NULL, NULL, 0);
    weir_pg_flush(pg, ok);
}

static void on_lost(struct weir_pg *pg, const char *why)
{
    struct session *s = session_of(pg);
    go_down(s, why);
    sink_pump(s->sink);
}

void session_start(struct session *s, struct batch *b)
{
    s->direct = s->table->direct && !s->refused && !s->sink->repeating && !b->staged;
    b->staged = true; /* directly once: when it comes again, its rows may be there or one may be at fault */
    if (!batch_encode(s, b)) return;
    s->batch = b;
    s->vanished = s->committed = s->ended = false;
    s->inserted = 0;
    s->began_ns = s->sink->ctx->host->now(s->sink->ctx);
    *s->error = '\0';
    send(s, COPY, s->direct ? s->table->direct : s->table->copy);
}

int session_open(struct session *s, struct sink *sink, uint32_t index, struct weir_err *err)
{
    static const struct weir_pg_hooks hooks = {
        .ready = on_ready, .lost = on_lost, .result = on_result, .room = on_room};
    /* A sink that froze must not hold its rows locked; staging is read in the order it was written. Staged rows that
     * may be there already are compared by the table's index, row by row: any other join reads the table whole. */
    static const char *const settings[] = {"idle_in_transaction_session_timeout=60s",
                                           "lock_timeout=10s",
                                           "synchronize_seqscans=off",
                                           "enable_hashjoin=off",
                                           "enable_mergejoin=off",
                                           "jit=off",
                                           "temp_buffers=32MB",
                                           NULL};
    const struct weir_pg_setup setup = {
        .conninfo = (const char *)sink->cfg->database.p, .application = "weir pg-sink", .settings = settings};
    s->sink = sink;
    s->index = index;
    const struct weir_slice staging = sink->cfg->staging;
    if (staging.n && !(s->staging = pg_staging_prefix(staging, sink->ctx->lane, index))) {
        snprintf(err->msg, sizeof(err->msg), "no memory");
        return -1;
    }
    if (weir_pg_open(&s->pg, sink->ctx, &hooks, &setup, err) == 0) return 0;
    snprintf(err->option, sizeof(err->option), "database");
    return -1;
}

void session_close(struct session *s)
{
    if (!s->sink) return;
    weir_pg_close(&s->pg);
    if (s->batch) batch_settle(s->sink, give_back(s), WEIR_UNKNOWN, "closed before its transaction had ended");
    pg_table_free(s->table);
    weir_buf_free(&s->rows);
    weir_buf_free(&s->sorted);
    free(s->staging);
}
