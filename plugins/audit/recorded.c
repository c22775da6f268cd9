/* recorded.c - every row of the recorder's table in PostgreSQL. */
#include "audit.h"
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static void row(struct audit *a, const PGresult *r)
{
    const char *columns[N_COLUMNS];
    const struct identity id = {.epoch = strtoll(PQgetvalue(r, 0, 0), NULL, 10),
                                .shard = (int32_t)strtol(PQgetvalue(r, 0, 1), NULL, 10),
                                .seq = strtoll(PQgetvalue(r, 0, 2), NULL, 10)};
    for (int i = 0; i < N_COLUMNS; i++) columns[i] = PQgetvalue(r, 0, 3 + i);
    struct event *e = audit_find(a, id);
    a->record_rows++;
    if (!e) {
        audit_found(a, STRAY_RECORD, "bet %s of account %s (epoch %" PRId64 ", shard %d, seq %" PRId64 ")",
                    columns[BET_ID], columns[ACCOUNT_ID], id.epoch, id.shard, id.seq);
        return;
    }
    e->in_record++;
    audit_compare(a, e, columns, DIFFERS_RECORD);
}

/* "schema.table", each part quoted. */
static bool quoted(PGconn *db, const char *table, char *out, size_t size)
{
    const char *dot = strchr(table, '.');
    char *first = PQescapeIdentifier(db, table, dot ? (size_t)(dot - table) : strlen(table));
    char *second = dot ? PQescapeIdentifier(db, dot + 1, strlen(dot + 1)) : NULL;
    int n = first ? snprintf(out, size, "%s%s%s", first, second ? "." : "", second ? second : "") : -1;
    PQfreemem(first);
    PQfreemem(second);
    return n > 0 && (size_t)n < size;
}

int recorded_read(struct audit *a)
{
    PGconn *db = PQconnectdb(a->opt->record);
    char table[256], sql[1024];
    int rc = 0;
    if (PQstatus(db) != CONNECTION_OK || !quoted(db, a->opt->table, table, sizeof table)) {
        rc = audit_cannot(a, "PostgreSQL: %s", PQerrorMessage(db));
        PQfinish(db);
        return rc;
    }
    snprintf(sql, sizeof sql,
             "select epoch, shard, seq, bet_id, account_id, stake_minor, currency, selection, odds_milli, "
             "balance_after_minor,"
             " (extract(epoch from accepted_at) * 1000000)::bigint from %s",
             table);
    if (!PQsendQuery(db, sql) || !PQsetSingleRowMode(db)) rc = audit_cannot(a, "PostgreSQL: %s", PQerrorMessage(db));
    for (PGresult *r; !rc && (r = PQgetResult(db)); PQclear(r)) {
        if (PQresultStatus(r) == PGRES_SINGLE_TUPLE)
            row(a, r);
        else if (PQresultStatus(r) != PGRES_TUPLES_OK)
            rc = audit_cannot(a, "PostgreSQL: %s", PQerrorMessage(db));
    }
    PQfinish(db);
    return rc;
}
