/* statements.c - the SQL: each statement's text, its parameters from the round, and its answer into the round.
 * The look-ups come after the lock in statements of their own: one statement that locks and reads would read with the
 * snapshot of its start and miss a key committed while it waited for the lock.
 * The lock is an update that takes a number for each debit asked for: mostly all are accepted, and the row is written
 * once. */
#include "ledger.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *sql;
} statements[N_PREPARED] = {
    [ST_BEGIN] = {"begin", "begin isolation level read committed"},
    /* Locks in the order of the array: a nested loop with it outside is the one plan that link.c's settings leave. */
    [ST_LOCK] = {"lock", "update ledger.shards s set last_seq = s.last_seq + x.l, published = greatest(s.published, "
                         "least(x.p, s.last_seq)) from unnest($1::int4[], $2::int8[], $3::int8[]) x(n, l, p) "
                         "where s.shard = x.n returning s.shard, s.last_seq, s.published"},
    [ST_STATE] = {"state", "select epoch, clock_timestamp(), (select sum(last_seq - published)::int8 from "
                           "ledger.shards) from ledger.meta"},
    [ST_ENTRIES] = {"entries", "select k.n, e.outcome, e.request_hash, e.amount_minor, e.currency, "
                               "e.balance_after_minor, e.epoch, e.shard, e.seq, e.event, e.accepted_at "
                               "from unnest($1::text[], $2::text[], $3::text[]) with ordinality k(a, b, c, n) "
                               "join ledger.entries e on e.account_id = k.a and e.kind = k.b and e.key = k.c"},
    [ST_ACCOUNTS] = {"accounts", "select k.n, a.currency, a.balance_minor from unnest($1::text[]) with ordinality "
                                 "k(id, n) join ledger.accounts a on a.account_id = k.id"},
    [ST_INSERT] = {"insert", "insert into ledger.entries (account_id, kind, key, request_hash, outcome, amount_minor, "
                             "currency, balance_after_minor, accepted_at, epoch, shard, seq, event) "
                             "select a, k, key, h, o, m, c, b, $9::timestamptz, "
                             "case when q is not null then $10::int8 end, s, q, e from unnest($1::text[], $2::text[], "
                             "$3::text[], $4::bytea[], $5::text[], $6::int8[], $7::text[], $8::int8[], $11::int4[], "
                             "$12::int8[], $13::bytea[]) x(a, k, key, h, o, m, c, b, s, q, e)"},
    [ST_OPEN] = {"open", "insert into ledger.accounts (account_id, currency, balance_minor, opened_at) "
                         "select a, c, b, $4::timestamptz from unnest($1::text[], $2::text[], $3::int8[]) x(a, c, b)"},
    [ST_BALANCES] = {"balances", "update ledger.accounts a set balance_minor = x.b from unnest($1::text[], "
                                 "$2::int8[]) x(a, b) where a.account_id = x.a"},
    [ST_SHARDS] = {"shards", "update ledger.shards s set last_seq = x.l from unnest($1::int4[], $2::int8[]) x(n, l) "
                             "where s.shard = x.n"},
    [ST_NOTIFY] = {"notify", "select pg_notify('weir_ledger', '')"},
    [ST_COMMIT] = {"commit", "commit"},
    [ST_ROLLBACK] = {"rollback", "rollback"},
};

bool statement_prepare(struct link *link, enum statement s)
{
    return PQsendPrepare(weir_pg_raw(&link->pg), statements[s].name, statements[s].sql, 0, NULL) == 1;
}

bool statement_ask_meta(struct link *link)
{
    return PQsendQueryParams(weir_pg_raw(&link->pg),
                             "select m.epoch, m.shards, current_setting('synchronous_commit'), s.shard, s.last_seq, "
                             "s.published from ledger.meta m, ledger.shards s, (select max(version) from "
                             "ledger.schema_version) v order by s.shard",
                             0, NULL, NULL, NULL, NULL, 1) == 1;
}

/* ---- parameters */

static bool is_fresh(const struct entry *e)
{
    return e->fresh;
}

static void put_entries(struct link *link)
{
    const struct round *round = &link->round;
    struct weir_pg_array *p = link->params;
    static const uint32_t types[MOST_PARAMS] = {WEIR_PG_TEXT,
                                                WEIR_PG_TEXT,
                                                WEIR_PG_TEXT,
                                                WEIR_PG_BYTEA,
                                                WEIR_PG_TEXT,
                                                WEIR_PG_INT8,
                                                WEIR_PG_TEXT,
                                                WEIR_PG_INT8,
                                                0,
                                                0,
                                                WEIR_PG_INT4,
                                                WEIR_PG_INT8,
                                                WEIR_PG_BYTEA};
    for (int i = 0; i < MOST_PARAMS; i++)
        if (types[i]) weir_pg_array_start(&p[i], types[i]);
    for (uint32_t i = 0; i < round->n_entries; i++) {
        const struct entry *e = &round->entries[i];
        if (!is_fresh(e)) continue;
        weir_pg_array_bytes(&p[0], e->first->account);
        weir_pg_array_text(&p[1], kind_name(e->first->kind));
        weir_pg_array_bytes(&p[2], e->first->key);
        weir_pg_array_bytes(&p[3], (struct weir_slice){e->hash, sizeof e->hash});
        weir_pg_array_text(&p[4], outcome_name(e->outcome));
        weir_pg_array_i64(&p[5], e->amount);
        weir_pg_array_text(&p[6], e->currency);
        weir_pg_array_i64(&p[7], e->balance);
        if (e->seq) {
            weir_pg_array_i32(&p[10], (int32_t)e->shard);
            weir_pg_array_i64(&p[11], e->seq);
            weir_pg_array_bytes(&p[12], e->event);
        } else {
            weir_pg_array_null(&p[10]);
            weir_pg_array_null(&p[11]);
            weir_pg_array_null(&p[12]);
        }
    }
}

static void put_accounts(struct link *link, bool created)
{
    struct weir_pg_array *p = link->params;
    weir_pg_array_start(&p[0], WEIR_PG_TEXT);
    weir_pg_array_start(&p[1], created ? WEIR_PG_TEXT : WEIR_PG_INT8);
    weir_pg_array_start(&p[2], WEIR_PG_INT8);
    for (uint32_t i = 0; i < link->round.n_accounts; i++) {
        const struct account *a = &link->round.accounts[i];
        if (a->created != created || (!created && !a->changed)) continue;
        weir_pg_array_bytes(&p[0], a->id);
        if (created) weir_pg_array_text(&p[1], a->currency);
        weir_pg_array_i64(&p[created ? 2 : 1], a->balance);
    }
}

static void put_locks(struct link *link)
{
    struct weir_pg_array *p = link->params;
    weir_pg_array_start(&p[0], WEIR_PG_INT4);
    weir_pg_array_start(&p[1], WEIR_PG_INT8);
    weir_pg_array_start(&p[2], WEIR_PG_INT8);
    for (uint32_t i = 0; i < link->round.n_shards; i++) {
        const struct shard *s = &link->round.shards[i];
        weir_pg_array_i32(&p[0], (int32_t)s->number);
        weir_pg_array_i64(&p[1], s->asked);
        weir_pg_array_i64(&p[2], link->ledger->published[s->number].prefix);
    }
}

/* Numbers that were taken and not used go back. */
static void put_shards(struct link *link)
{
    struct weir_pg_array *p = link->params;
    weir_pg_array_start(&p[0], WEIR_PG_INT4);
    weir_pg_array_start(&p[1], WEIR_PG_INT8);
    for (uint32_t i = 0; i < link->round.n_shards; i++) {
        const struct shard *s = &link->round.shards[i];
        if (s->last_seq == s->taken) continue;
        weir_pg_array_i32(&p[0], (int32_t)s->number);
        weir_pg_array_i64(&p[1], s->last_seq);
    }
}

static void put_keys(struct link *link)
{
    struct weir_pg_array *p = link->params;
    for (int i = 0; i < 3; i++) weir_pg_array_start(&p[i], WEIR_PG_TEXT);
    for (uint32_t i = 0; i < link->round.n_entries; i++) {
        const struct request *r = link->round.entries[i].first;
        weir_pg_array_bytes(&p[0], r->account);
        weir_pg_array_text(&p[1], kind_name(r->kind));
        weir_pg_array_bytes(&p[2], r->key);
    }
}

static void put_ids(struct link *link)
{
    weir_pg_array_start(&link->params[0], WEIR_PG_TEXT);
    for (uint32_t i = 0; i < link->round.n_accounts; i++)
        weir_pg_array_bytes(&link->params[0], link->round.accounts[i].id);
}

/* Fills link->params; says how many there are and, as a bit mask, which are a single int8 and not an array. */
static int put_params(struct link *link, enum statement s, uint32_t *single)
{
    *single = 0;
    switch (s) {
    case ST_LOCK: put_locks(link); return 3;
    case ST_ENTRIES: put_keys(link); return 3;
    case ST_ACCOUNTS: put_ids(link); return 1;
    case ST_INSERT:
        put_entries(link);
        *single = 1u << 8 | 1u << 9;
        return 13;
    case ST_OPEN:
        put_accounts(link, true);
        *single = 1u << 3;
        return 4;
    case ST_BALANCES: put_accounts(link, false); return 2;
    case ST_SHARDS: put_shards(link); return 2;
    default: return 0;
    }
}

bool statement_send(struct link *link, enum statement s)
{
    char clock[8], epoch[8];
    const char *values[MOST_PARAMS];
    int lengths[MOST_PARAMS], formats[MOST_PARAMS];
    uint32_t single;
    int n = put_params(link, s, &single);
    weir_pg_put_i64(clock, link->round.clock_us - WEIR_PG_EPOCH_US);
    weir_pg_put_i64(epoch, link->round.epoch);
    for (int i = 0; i < n; i++) {
        formats[i] = 1;
        if (single >> i & 1) {
            values[i] = i == 9 ? epoch : clock;
            lengths[i] = 8;
            continue;
        }
        if (!weir_pg_array_end(&link->params[i])) return false;
        values[i] = link->params[i].p;
        lengths[i] = (int)link->params[i].n;
    }
    return PQsendQueryPrepared(weir_pg_raw(&link->pg), statements[s].name, n, values, lengths, formats, 1) == 1;
}

/* ---- answers. Every number is checked against what was asked: the database is a neighbour, not a part of us. */

static const char *take_lock(struct link *link, const PGresult *r)
{
    struct round *round = &link->round;
    if ((uint32_t)PQntuples(r) != round->n_shards)
        return "ledger.shards lacks a row; the ledger was not made by manifests/sql/apply";
    for (int row = 0; row < PQntuples(r); row++) {
        uint32_t number = (uint32_t)weir_pg_cell_i32(r, row, 0);
        uint32_t at = number < round->all_shards ? round->shard_index[number] : 0;
        if (!at) return "ledger.shards gave a row that nobody asked for";
        struct shard *s = &round->shards[at - 1];
        s->taken = weir_pg_cell_i64(r, row, 1);
        s->last_seq = s->taken - s->asked;
        s->published = weir_pg_cell_i64(r, row, 2);
        published_seen(&link->ledger->published[number], s->published, s->last_seq);
    }
    return NULL;
}

static const char *take_state(struct link *link, const PGresult *r)
{
    if (PQntuples(r) != 1) return "ledger.meta does not have exactly one row; run manifests/sql/apply";
    link->round.epoch = weir_pg_cell_i64(r, 0, 0);
    link->round.clock_us = weir_pg_cell_i64(r, 0, 1) + WEIR_PG_EPOCH_US;
    link->round.backlog = weir_pg_cell_i64(r, 0, 2);
    for (uint32_t i = 0; i < link->round.n_shards; i++)
        link->round.backlog -= link->round.shards[i].asked; /* taken, not used */
    link->ledger->ctx->host->metric(link->ledger->ctx, METRIC_BACKLOG, NULL, (double)link->round.backlog);
    return NULL;
}

static const char *take_entries(struct link *link, const PGresult *r)
{
    struct ledger *l = link->ledger;
    for (int row = 0; row < PQntuples(r); row++) {
        int64_t n = weir_pg_cell_i64(r, row, 0);
        if (n < 1 || n > link->round.n_entries) return "the look-up of keys gave a wrong number";
        struct entry *e = &link->round.entries[n - 1];
        struct weir_slice hash = weir_pg_cell(r, row, 2), currency = weir_pg_cell(r, row, 4),
                          event = weir_pg_cell(r, row, 9);
        e->outcome = outcome_of(weir_pg_cell(r, row, 1));
        if (hash.n != sizeof e->hash || currency.n != 3 || e->outcome == OUTCOME_NONE)
            return "a row of ledger.entries is not one of ours";
        memcpy(e->hash, hash.p, hash.n);
        memcpy(e->currency, currency.p, 3);
        e->amount = weir_pg_cell_i64(r, row, 3);
        e->balance = weir_pg_cell_i64(r, row, 5);
        e->epoch = weir_pg_cell_i64(r, row, 6);
        e->shard = (uint32_t)weir_pg_cell_i32(r, row, 7);
        e->seq = weir_pg_cell_i64(r, row, 8);
        e->clock_us = weir_pg_cell_i64(r, row, 10) + WEIR_PG_EPOCH_US;
        if (event.n) { /* the result goes before the answer does */
            uint8_t *copy = (uint8_t *)l->ctx->host->batch_alloc(e->first->held->batch, event.n);
            if (!copy) return "out of memory";
            e->event = (struct weir_slice){(const uint8_t *)memcpy(copy, event.p, event.n), event.n};
        }
        e->exists = true;
    }
    return NULL;
}

static const char *take_accounts(struct link *link, const PGresult *r)
{
    for (int row = 0; row < PQntuples(r); row++) {
        int64_t n = weir_pg_cell_i64(r, row, 0);
        struct weir_slice currency = weir_pg_cell(r, row, 1);
        if (n < 1 || n > link->round.n_accounts || currency.n != 3) return "the look-up of accounts gave a wrong row";
        struct account *a = &link->round.accounts[n - 1];
        memcpy(a->currency, currency.p, 3);
        a->balance = weir_pg_cell_i64(r, row, 2);
        a->exists = true;
    }
    return NULL;
}

static const char *take_meta(struct link *link, const PGresult *r)
{
    struct ledger *l = link->ledger;
    int rows = PQntuples(r);
    if (rows < 1) return "ledger.meta is empty; run manifests/sql/apply";
    link->epoch = weir_pg_cell_i64(r, 0, 0);
    if (strcmp(PQgetvalue(r, 0, 2), "off") == 0)
        return "synchronous_commit is off, so an accepted debit could be lost; set it on for this role";
    if (weir_pg_cell_i32(r, 0, 1) != l->cfg->shards || rows != l->cfg->shards) {
        char why[320];
        snprintf(why, sizeof why, "the ledger at %s has %d shards, the conf says shards = %lld; set shards = %d",
                 link->pg.where, weir_pg_cell_i32(r, 0, 1), (long long)l->cfg->shards, weir_pg_cell_i32(r, 0, 1));
        ledger_fail(l, why); /* waiting does not help */
        return "wrong number of shards";
    }
    if (l->epoch && l->epoch != link->epoch)
        return "its epoch is not that of the other connections: renewed just now, or the conf names two ledgers";
    if (!l->epoch) memset(l->published, 0, (size_t)rows * sizeof *l->published);
    l->epoch = link->epoch;
    for (int i = 0; i < rows; i++)
        if ((uint32_t)i % l->n_links == link->index)
            published_seen(&l->published[i], weir_pg_cell_i64(r, i, 5), weir_pg_cell_i64(r, i, 4));
    return NULL;
}

const char *statement_answer(struct link *link, enum statement s, const PGresult *r)
{
    switch (s) {
    case ST_LOCK: return take_lock(link, r);
    case ST_STATE: return take_state(link, r);
    case ST_ENTRIES: return take_entries(link, r);
    case ST_ACCOUNTS: return take_accounts(link, r);
    case ST_META: return take_meta(link, r);
    case ST_COMMIT: link->committed = strcmp(PQcmdStatus((PGresult *)(uintptr_t)r), "COMMIT") == 0; return NULL;
    default: return NULL;
    }
}
