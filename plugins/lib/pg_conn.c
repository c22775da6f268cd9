/* pg_conn.c - the life of one PostgreSQL connection: back-off, look-up, connecting, ready, lost, and round again.
 * Everything runs on the lane; the only thing that could block, DNS, is pg_lookup.c on a worker thread. */
#include "pg_conn.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t ms = 1000000, first_wait = 100, longest_wait = 5000; /* the waits in ms */

static void next_step(struct weir_timer *timer);
static void on_io(struct weir_watch *watch, uint32_t ready);
static void on_lookup(struct weir_work *work);

/* ---- dropping */

/* The watch is on a duplicate of libpq's socket: libpq closes its own inside any call that finds the line dead, and a
 * loop that watches a closed descriptor hears nothing, or somebody else's. */
static void unwatch(struct weir_pg *pg)
{
    if (!pg->watch.want) return;
    pg->watch.want = 0;
    pg->ctx->host->watch(pg->ctx, &pg->watch);
    close(pg->watch.fd);
}

static bool watch(struct weir_pg *pg, uint32_t want)
{
    if (pg->watch.want == want) return true;
    if (!pg->watch.want) pg->watch.fd = fcntl(PQsocket(pg->conn), F_DUPFD_CLOEXEC, 3);
    if (pg->watch.fd < 0) return false;
    pg->watch.fn = on_io;
    pg->watch.want = want;
    if (pg->ctx->host->watch(pg->ctx, &pg->watch) == 0) return true;
    close(pg->watch.fd);
    pg->watch.want = 0;
    return false;
}

static void disconnect(struct weir_pg *pg)
{
    unwatch(pg);
    if (pg->conn) PQfinish(pg->conn);
    pg->conn = NULL;
    if (pg->lookup) pg->lookup->owner = NULL; /* done() frees it */
    pg->lookup = NULL;
    pg->copying = pg->unsent = pg->broken = false;
    *pg->last = 0;
    pg->generation++;
    pg->ctx->host->timer_stop(pg->ctx, &pg->timer);
}

/* xorshift: jitter needs no more, and lanes that lost the same server must not come back in step. */
static uint64_t random_below(struct weir_pg *pg, uint64_t n)
{
    pg->random ^= pg->random << 13;
    pg->random ^= pg->random >> 7;
    pg->random ^= pg->random << 17;
    return pg->random % n;
}

static void wait_and_retry(struct weir_pg *pg)
{
    /* A connection that dies at birth counts as a failed try; one that lived starts the back-off anew. */
    if (pg->ready_since && pg->ctx->host->now(pg->ctx) - pg->ready_since > 1000 * ms) pg->tries = 0;
    pg->ready_since = 0;
    disconnect(pg);
    uint64_t wait = first_wait << (pg->tries < 6 ? pg->tries : 6);
    if (wait > longest_wait) wait = longest_wait;
    pg->tries++;
    pg->stage = WEIR_PG_WAITING;
    pg->timer.fn = next_step;
    pg->ctx->host->timer_arm(pg->ctx, &pg->timer, (wait / 2 + random_below(pg, wait / 2 + 1)) * ms);
}

static void lose(struct weir_pg *pg, const char *why)
{
    char text[320];
    snprintf(text, sizeof text, "postgresql %s: %s", pg->where, why);
    weir_pg_one_line(text, weir_pg_option(pg->options, "password"));
    wait_and_retry(pg);
    pg->hooks->lost(pg, text);
}

static void lose_to_libpq(struct weir_pg *pg, const char *fallback)
{
    char text[256];
    const char *message = PQerrorMessage(pg->conn);
    if (*pg->last)
        message = pg->last;
    else if (!message || !*message)
        message = fallback;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(message, "\n"), message); /* then come libpq's guesses */
    lose(pg, text);
}

/* ---- connecting */

static void on_notice(void *arg, const PGresult *result)
{
    struct weir_pg *pg = (struct weir_pg *)arg;
    char text[200];
    weir_log(pg->ctx, WEIR_DEBUG, "postgresql %s: %s", pg->where, weir_pg_message(result, text, sizeof text));
}

struct parameters {
    const char *keyword[80], *value[80];
    uint32_t n;
};

static void set(struct parameters *p, const char *keyword, const char *value)
{
    if (!value || p->n + 1 >= sizeof p->keyword / sizeof *p->keyword) return;
    p->keyword[p->n] = keyword;
    p->value[p->n++] = value;
}

static void default_to(struct parameters *p, const PQconninfoOption *options, const char *keyword, const char *value)
{
    if (!weir_pg_option(options, keyword)) set(p, keyword, value);
}

static bool replaced(const struct weir_pg *pg, const char *keyword)
{
    if (strcmp(keyword, "options") == 0) return true;
    return pg->lookup &&
           (strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 || strcmp(keyword, "port") == 0);
}

static PGconn *start(struct weir_pg *pg)
{
    struct parameters p = {.n = 0};
    for (const PQconninfoOption *o = pg->options; o->keyword; o++)
        if (o->val && *o->val && !replaced(pg, o->keyword)) set(&p, o->keyword, o->val);
    if (pg->lookup) {
        set(&p, "host", pg->lookup->hosts);
        set(&p, "hostaddr", pg->lookup->addresses);
        set(&p, "port", pg->lookup->ports);
    }
    set(&p, "options", pg->session);
    default_to(&p, pg->options, "application_name", pg->application);
    default_to(&p, pg->options, "client_encoding", "UTF8");
    default_to(&p, pg->options, "keepalives_idle", "5");
    default_to(&p, pg->options, "keepalives_interval", "2");
    default_to(&p, pg->options, "keepalives_count", "3");
    default_to(&p, pg->options, "tcp_user_timeout", "5000");
    default_to(&p, pg->options, "gssencmode", "disable"); /* Kerberos would look up names, blocking */
    p.keyword[p.n] = p.value[p.n] = NULL;
    return PQconnectStartParams(p.keyword, p.value, 0);
}

static void connected(struct weir_pg *pg)
{
    if (PQsetnonblocking(pg->conn, 1) != 0 || (pg->pipeline && !PQenterPipelineMode(pg->conn)) ||
        !watch(pg, WEIR_READABLE)) {
        lose(pg, "out of memory");
        return;
    }
    pg->ctx->host->timer_stop(pg->ctx, &pg->timer);
    pg->stage = WEIR_PG_READY;
    pg->turn = 0;
    pg->ready_since = pg->ctx->host->now(pg->ctx);
    *pg->last = 0;
    pg->hooks->ready(pg);
}

/* libpq may close the socket and open another inside PQconnectPoll: each poll gets a watch of its own. */
static void poll_connect(struct weir_pg *pg)
{
    unwatch(pg);
    PostgresPollingStatusType status = PQconnectPoll(pg->conn);
    if (status == PGRES_POLLING_OK)
        connected(pg);
    else if (status == PGRES_POLLING_FAILED)
        lose_to_libpq(pg, "cannot connect");
    else if (!watch(pg, status == PGRES_POLLING_READING ? WEIR_READABLE : WEIR_WRITABLE))
        lose(pg, "out of memory");
}

static void start_connect(struct weir_pg *pg)
{
    pg->conn = start(pg);
    weir_pg_lookup_free(pg->lookup);
    pg->lookup = NULL;
    if (!pg->conn) {
        lose(pg, "out of memory");
        return;
    }
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        lose_to_libpq(pg, "cannot connect");
        return;
    }
    PQsetNoticeReceiver(pg->conn, on_notice, pg);
    pg->stage = WEIR_PG_CONNECTING;
    if (!watch(pg, WEIR_WRITABLE)) lose(pg, "out of memory"); /* the first wait is always for writing */
}

static void on_lookup(struct weir_work *work)
{
    struct weir_pg_lookup *lookup = weir_container(work, struct weir_pg_lookup, work);
    struct weir_pg *pg = lookup->owner;
    if (!pg || pg->lookup != lookup) {
        weir_pg_lookup_free(lookup);
        return;
    }
    if (!*lookup->why) {
        start_connect(pg);
        return;
    }
    char why[sizeof lookup->why];
    memcpy(why, lookup->why, sizeof why);
    pg->lookup = NULL;
    weir_pg_lookup_free(lookup);
    lose(pg, why);
}

static void begin(struct weir_pg *pg)
{
    pg->ctx->host->timer_arm(pg->ctx, &pg->timer, pg->timeout_ns);
    const char *host = weir_pg_option(pg->options, "host");
    if (!host) host = getenv("PGHOST");
    pg->stage = WEIR_PG_RESOLVING;
    if (weir_pg_option(pg->options, "hostaddr") || !weir_pg_names_only(host)) {
        start_connect(pg);
        return;
    }
    const char *port = weir_pg_option(pg->options, "port");
    pg->lookup = weir_pg_lookup_new(host, port ? port : getenv("PGPORT"), pg->turn);
    if (!pg->lookup) {
        lose(pg, "out of memory");
        return;
    }
    pg->lookup->owner = pg;
    pg->lookup->work.run = weir_pg_lookup_run;
    pg->lookup->work.done = on_lookup;
    pg->ctx->host->work(pg->ctx, &pg->lookup->work);
}

/* ---- ready: reading and writing */

static void deliver_notifies(struct weir_pg *pg)
{
    uint32_t generation = pg->generation;
    for (PGnotify *n; generation == pg->generation && (n = PQnotifies(pg->conn)) != NULL; PQfreemem(n))
        if (pg->hooks->notify) pg->hooks->notify(pg, n->relname);
}

/* The server closes the connection behind these. */
static bool is_fatal(const PGresult *result)
{
    const char *severity = result ? PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;
    return severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

/* In pipeline mode a NULL ends one statement and the next one may follow at once: only two in a row mean "no more". */
static void deliver_results(struct weir_pg *pg)
{
    uint32_t generation = pg->generation;
    bool ended = false;
    while (!pg->copying && !PQisBusy(pg->conn)) {
        PGresult *result = PQgetResult(pg->conn);
        if (!result && ended) return;
        if (!result && PQstatus(pg->conn) == CONNECTION_BAD) return;
        ended = !result || PQresultStatus(result) == PGRES_PIPELINE_SYNC; /* no NULL follows a sync */
        pg->copying = result && PQresultStatus(result) == PGRES_COPY_IN;  /* PQgetResult would repeat it for ever */
        if (is_fatal(result)) weir_pg_message(result, pg->last, sizeof pg->last);
        pg->hooks->result(pg, result);
        PQclear(result);
        if (generation != pg->generation) return;
    }
}

static void flushed(struct weir_pg *pg, int rc)
{
    bool was = pg->unsent;
    pg->unsent = rc > 0;
    if (rc < 0 || PQstatus(pg->conn) == CONNECTION_BAD ||
        !watch(pg, WEIR_READABLE | (pg->unsent ? WEIR_WRITABLE : 0u))) {
        pg->broken = true; /* told from the loop, never from inside the caller's own call */
        pg->timer.fn = next_step;
        pg->ctx->host->timer_arm(pg->ctx, &pg->timer, 0);
        return;
    }
    if (was && !pg->unsent && pg->hooks->room && !pg->broken) pg->hooks->room(pg);
}

static void receive(struct weir_pg *pg)
{
    uint32_t generation = pg->generation;
    int alive = PQconsumeInput(pg->conn);
    deliver_notifies(pg);
    if (generation == pg->generation) deliver_results(pg);
    if (generation != pg->generation) return;
    if (!alive || *pg->last || PQstatus(pg->conn) == CONNECTION_BAD) lose_to_libpq(pg, "connection lost");
}

static void on_io(struct weir_watch *w, uint32_t ready)
{
    struct weir_pg *pg = weir_container(w, struct weir_pg, watch);
    uint32_t generation = pg->generation;
    if (pg->stage == WEIR_PG_CONNECTING) {
        poll_connect(pg);
        return;
    }
    if (ready & WEIR_READABLE || PQstatus(pg->conn) == CONNECTION_BAD) receive(pg);
    if (generation == pg->generation && pg->unsent) flushed(pg, PQflush(pg->conn));
}

static void next_step(struct weir_timer *timer)
{
    struct weir_pg *pg = weir_container(timer, struct weir_pg, timer);
    switch (pg->stage) {
    case WEIR_PG_WAITING: begin(pg); break;
    case WEIR_PG_RESOLVING:
    case WEIR_PG_CONNECTING:
        pg->turn++;
        lose(pg, "no answer within the connect timeout");
        break;
    case WEIR_PG_READY: {
        uint32_t generation = pg->generation;
        receive(pg); /* the server's last words say more than "broken pipe" */
        if (generation == pg->generation) lose_to_libpq(pg, "cannot send");
        break;
    }
    case WEIR_PG_CLOSED: break;
    }
}

/* ---- what callers use */

int weir_pg_open(struct weir_pg *pg, struct weir_ctx *ctx, const struct weir_pg_hooks *hooks,
                 const struct weir_pg_setup *setup, struct weir_err *err)
{
    if (weir_pg_check(setup->conninfo, err) != 0) return -1;
    pg->ctx = ctx;
    pg->hooks = hooks;
    pg->application = setup->application;
    pg->pipeline = setup->pipeline;
    pg->options = PQconninfoParse(setup->conninfo, NULL);
    pg->session = pg->options ? weir_pg_session(pg->options, setup->settings) : NULL;
    if (!pg->session) {
        weir_pg_close(pg);
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return -1;
    }
    const char *seconds = weir_pg_option(pg->options, "connect_timeout");
    long limit = seconds ? strtol(seconds, NULL, 10) : 0;
    pg->timeout_ns = limit > 0 ? (uint64_t)limit * 1000 * ms : 5000 * ms;
    if (setup->connect_timeout_ns) pg->timeout_ns = setup->connect_timeout_ns;
    pg->random = (ctx->host->wall(ctx) ^ (uint64_t)(uintptr_t)pg) | 1;
    weir_pg_describe(pg->options, pg->where, sizeof pg->where);
    pg->stage = WEIR_PG_WAITING;
    pg->timer.fn = next_step;
    ctx->host->timer_arm(ctx, &pg->timer, 0);
    return 0;
}

void weir_pg_close(struct weir_pg *pg)
{
    if (pg->stage != WEIR_PG_CLOSED) disconnect(pg);
    pg->stage = WEIR_PG_CLOSED;
    PQconninfoFree(pg->options);
    pg->options = NULL;
    free(pg->session);
    pg->session = NULL;
}

void weir_pg_again(struct weir_pg *pg)
{
    if (pg->stage != WEIR_PG_CLOSED) wait_and_retry(pg);
}

void weir_pg_flush(struct weir_pg *pg, int ok)
{
    if (!pg->conn || pg->broken) return;
    int rc = ok ? PQflush(pg->conn) : -1;
    if (rc == 0 && !pg->unsent && PQstatus(pg->conn) == CONNECTION_OK) return; /* the common case: one write */
    bool was = pg->unsent;
    pg->unsent = false; /* no hooks->room from inside the caller's call */
    flushed(pg, rc);
    if (rc == 0 && was) pg->unsent = false;
}

bool weir_pg_copy(struct weir_pg *pg, const char *bytes, int n)
{
    int rc = PQputCopyData(pg->conn, bytes, n);
    weir_pg_flush(pg, rc == 1); /* 0 would mean that libpq's buffer cannot grow */
    return !pg->unsent && !pg->broken;
}

void weir_pg_copy_end(struct weir_pg *pg, const char *why)
{
    int rc = PQputCopyEnd(pg->conn, why);
    pg->copying = false;
    weir_pg_flush(pg, rc == 1);
}
