/* database.c - what the relay asks of the ledger: one pipeline at a time, each statement a transaction of its own. */
#include "relay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir_failpoint.h>

static const char meta_sql[] = "select m.epoch, s.shard, s.last_seq, s.published from ledger.meta m, ledger.shards s "
                               "order by s.shard";

/* Rows behind what we emitted (k.a) and what is published; `published` comes along, because others move it too. The
 * shards in the order given: a different one begins each time. Each shard gives its part of $4, and at least 16: a
 * backlog in all of them is read once, not once a shard. Age is by the database's clock; what is younger than the grace
 * comes without its bytes, so that a scan never passes over it to look for more. What claims to be from the future was
 * written before somebody set the clock back: nothing says how old it is, so it is due. */
static const char read_sql[] =
    "with due as (select k.n, k.o, greatest(k.a, s.published) a, s.published from unnest($1::int4[], $2::int8[]) "
    "with ordinality k(n, a, o) join ledger.shards s on s.shard = k.n where s.last_seq > greatest(k.a, s.published)) "
    "select e.shard, e.seq, e.epoch, e.account_id, case when e.due then e.event end, e.accepted_at, d.published, e.due "
    "from due d cross join lateral (select e.*, e.accepted_at not between statement_timestamp() - $3::int8 * interval "
    "'1 "
    "microsecond' and statement_timestamp() + interval '1 second' due from ledger.entries e where e.shard = d.n and "
    "e.seq is not null and e.seq > d.a "
    "order by e.seq limit (select greatest(16, $4::int8 / count(*)) from due)) e order by d.o, e.seq limit $4::int8";

/* The rows are locked ascending first: the wallets lock in that order, and any other would deadlock with them. */
static const char write_sql[] =
    "with locked as (select s.shard from ledger.shards s where s.shard = any($1::int4[]) order by s.shard for update) "
    "update ledger.shards s set published = x.p from locked, unnest($1::int4[], $2::int8[]) x(n, p) "
    "where s.shard = locked.shard and x.n = locked.shard and s.published < x.p and x.p <= s.last_seq";

static struct relay *relay_of(struct weir_pg *pg)
{
    return weir_container(pg, struct relay, pg);
}

static bool add(struct relay *relay, enum statement s, int sent)
{
    relay->script[relay->n_script++] = (uint8_t)s;
    return sent == 1;
}

static void start(struct relay *relay)
{
    relay->n_script = relay->at = 0;
    relay->error = false;
    relay->busy = true;
}

/* ---- connecting */

static void on_ready(struct weir_pg *pg)
{
    struct relay *relay = relay_of(pg);
    PGconn *raw = weir_pg_raw(pg);
    start(relay);
    bool ok = add(relay, ST_META, PQsendQueryParams(raw, meta_sql, 0, NULL, NULL, NULL, NULL, 1));
    ok = ok && add(relay, ST_PREPARE, PQsendPrepare(raw, "read", read_sql, 0, NULL));
    ok = ok && add(relay, ST_PREPARE, PQsendPrepare(raw, "write", write_sql, 0, NULL));
    if (ok && !relay->cfg->grace)
        ok = add(relay, ST_LISTEN, PQsendQueryParams(raw, "listen weir_ledger", 0, NULL, NULL, NULL, NULL, 1));
    weir_pg_flush(pg, ok && PQpipelineSync(raw) == 1);
}

static bool make_shards(struct relay *relay, uint32_t all)
{
    const struct weir_ctx *ctx = relay->ctx;
    uint32_t mine = all > ctx->lane ? (all - ctx->lane - 1) / ctx->n_lanes + 1 : 0;
    if (all != relay->all_shards) {
        free(relay->shards);
        relay->shards = (struct shard *)calloc(mine ? mine : 1, sizeof *relay->shards);
    }
    relay->all_shards = relay->shards ? all : 0;
    relay->n_shards = relay->shards ? mine : 0;
    for (uint32_t i = 0; i < relay->n_shards; i++)
        relay->shards[i] = (struct shard){.number = i * ctx->n_lanes + ctx->lane};
    return relay->shards != NULL;
}

static const char *take_meta(struct relay *relay, const PGresult *r)
{
    int rows = PQntuples(r);
    if (rows < 1) return "ledger.meta or ledger.shards is empty; run manifests/sql/apply";
    int64_t epoch = weir_pg_cell_i64(r, 0, 0);
    if (epoch != relay->epoch || (uint32_t)rows != relay->all_shards) { /* another ledger, or an earlier state of it */
        relay->life++;
        if (!make_shards(relay, (uint32_t)rows)) return "out of memory";
        relay->epoch = epoch;
    }
    for (int i = 0; i < rows; i++) {
        struct shard *shard = relay_shard(relay, (uint32_t)weir_pg_cell_i32(r, i, 1));
        if (shard) shard_seen(shard, weir_pg_cell_i64(r, i, 3));
    }
    return NULL;
}

/* ---- a cycle */

bool relay_has_to_write(const struct relay *relay)
{
    for (uint32_t i = 0; i < relay->n_shards; i++)
        if (relay->shards[i].prefix > relay->shards[i].written) return true;
    return false;
}

bool relay_can_read(const struct relay *relay)
{
    return relay->due && !relay_is_paced(relay) && relay->open && !relay->draining && !relay->failed &&
           relay->n_shards && relay->ctx->host->room(relay->ctx) > 0;
}

static bool send(struct relay *relay, enum statement s, uint64_t microseconds, int64_t limit)
{
    char grace[8], most[8];
    weir_pg_put_i64(grace, (int64_t)microseconds);
    weir_pg_put_i64(most, limit);
    if (!weir_pg_array_end(&relay->params[0]) || !weir_pg_array_end(&relay->params[1])) return false;
    const char *values[4] = {relay->params[0].p, relay->params[1].p, grace, most};
    int lengths[4] = {(int)relay->params[0].n, (int)relay->params[1].n, 8, 8}, formats[4] = {1, 1, 1, 1};
    bool write = s == ST_WRITE;
    PGconn *raw = weir_pg_raw(&relay->pg);
    return add(relay, s,
               PQsendQueryPrepared(raw, write ? "write" : "read", write ? 2 : 4, values, lengths, formats, 1)) &&
           PQpipelineSync(raw) == 1; /* a sync ends the statement's own transaction */
}

static bool send_write(struct relay *relay)
{
    (void)WEIR_FAILPOINT("relay.before-write");
    weir_pg_array_start(&relay->params[0], WEIR_PG_INT4);
    weir_pg_array_start(&relay->params[1], WEIR_PG_INT8);
    for (uint32_t i = 0; i < relay->n_shards; i++) {
        struct shard *shard = &relay->shards[i];
        if (shard->prefix <= shard->written) continue;
        weir_pg_array_i32(&relay->params[0], (int32_t)shard->number);
        weir_pg_array_i64(&relay->params[1], shard->prefix);
        shard->written = shard->prefix; /* if it fails: written again with the next delivery, or found unpublished */
    }
    return send(relay, ST_WRITE, 0, 0);
}

static bool send_read(struct relay *relay)
{
    uint64_t now = relay->ctx->host->now(relay->ctx);
    relay->due = relay->more = false;
    weir_pg_array_start(&relay->params[0], WEIR_PG_INT4);
    weir_pg_array_start(&relay->params[1], WEIR_PG_INT8);
    for (uint32_t k = 0; k < relay->n_shards; k++) {
        struct shard *shard = &relay->shards[(relay->first + k) % relay->n_shards];
        if (shard_room(shard) <= 0) relay->more = true;
        if (!shard_may_emit(shard, now)) continue;
        weir_pg_array_i32(&relay->params[0], (int32_t)shard->number);
        weir_pg_array_i64(&relay->params[1], shard_ask(shard));
    }
    relay->first++;
    int64_t most = relay->ctx->host->room(relay->ctx);
    if (most > relay->cfg->batch) most = relay->cfg->batch;
    return send(relay, ST_READ, relay->cfg->grace / 1000, most);
}

void relay_cycle(struct relay *relay, bool write, bool read)
{
    start(relay);
    bool ok = (!write || send_write(relay)) && (!read || send_read(relay));
    weir_pg_flush(&relay->pg, ok);
}

/* ---- answers */

static const char *hint(const char *text)
{
    if (strncmp(text, "42P01", 5) == 0 || strncmp(text, "3F000", 5) == 0)
        return "; run manifests/sql/apply on this database";
    return strncmp(text, "42501", 5) == 0 ? "; grant weir_relay to this role" : "";
}

/* What the database knows of `published` is not known any more; writing it again changes nothing. */
static void forget_written(struct relay *relay)
{
    for (uint32_t i = 0; i < relay->n_shards; i++) relay->shards[i].written = 0;
}

static void troubled(struct relay *relay)
{
    char why[448];
    snprintf(why, sizeof why, "postgresql %s: %s%s", relay->pg.where, relay->error_text, hint(relay->error_text));
    relay_degraded(relay, why);
    relay->busy = relay->prepared = false;
    forget_written(relay);
    weir_pg_again(&relay->pg); /* with its back-off, and then all is asked anew */
}

static void on_sync(struct relay *relay)
{
    if (relay->error) {
        troubled(relay);
        return;
    }
    if (relay->at < relay->n_script) return; /* more statements have a sync of their own */
    relay->busy = false;
    if (!relay->prepared) {
        relay->prepared = relay->due = true;
        weir_pg_works(&relay->pg);
        if (!relay->failed) relay->ctx->host->state(relay->ctx, WEIR_READY, NULL);
    }
    relay_next(relay);
}

static void take(struct relay *relay, const PGresult *r)
{
    const char *wrong = NULL;
    if (relay->at >= relay->n_script) return;
    if (relay->script[relay->at] == ST_META) wrong = take_meta(relay, r);
    if (relay->script[relay->at] == ST_READ) {
        relay->gap = false;
        uint32_t n = emit_rows(relay, r);
        relay->due = relay->due || n; /* where some came from there may be more */
        relay_pace(relay, n);
    }
    if (!wrong) return;
    relay->error = true;
    snprintf(relay->error_text, sizeof relay->error_text, "%s", wrong);
}

static void on_result(struct weir_pg *pg, PGresult *result)
{
    struct relay *relay = relay_of(pg);
    if (!result) {
        relay->at++;
        return;
    }
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC: on_sync(relay); break;
    case PGRES_PIPELINE_ABORTED: break;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK: take(relay, result); break;
    default:
        if (relay->at < relay->n_script && relay->script[relay->at] == ST_WRITE &&
            weir_pg_result_class(result) == WEIR_PG_CONFLICT) {
            forget_written(relay);
        } else if (!relay->error) {
            relay->error = true;
            weir_pg_message(result, relay->error_text, sizeof relay->error_text);
        }
        break;
    }
}

static void on_lost(struct weir_pg *pg, const char *why)
{
    struct relay *relay = relay_of(pg);
    relay->busy = relay->prepared = false;
    forget_written(relay);
    relay_degraded(relay, why);
    relay_check_drained(relay);
}

static void on_notify(struct weir_pg *pg, const char *channel)
{
    (void)channel;
    relay_of(pg)->due = true;
    relay_next(relay_of(pg));
}

const struct weir_pg_hooks relay_hooks = {.ready = on_ready, .lost = on_lost, .result = on_result, .notify = on_notify};
