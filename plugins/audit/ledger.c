/* ledger.c - what the ledger says: its accepted bets, that their seq has no gap, that the money adds up. */
#include "audit.h"
#include "bets/v1/bets.pb-c.h"
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* Reads a statement row by row, so that a ledger of any size fits. Binary bytea, everything else as text. */
static int each_row(struct audit *a, PGconn *db, const char *sql, int (*row)(struct audit *, const PGresult *))
{
    int rc = 0;
    if (!PQsendQuery(db, sql) || !PQsetSingleRowMode(db)) return audit_cannot(a, "ledger: %s", PQerrorMessage(db));
    for (PGresult *r; (r = PQgetResult(db)); PQclear(r)) {
        if (PQresultStatus(r) == PGRES_SINGLE_TUPLE) {
            if (!rc) rc = row(a, r);
        } else if (PQresultStatus(r) != PGRES_TUPLES_OK) {
            rc = audit_cannot(a, "ledger: %s", PQerrorMessage(db));
        }
    }
    return rc;
}

static int64_t number(const PGresult *r, int column)
{
    return strtoll(PQgetvalue(r, 0, column), NULL, 10);
}

/* The event must say what its row says: nobody downstream sees anything else. */
static void check_event(struct audit *a, const PGresult *r, const uint8_t *bytes, size_t n)
{
    Bets__V1__BetPlaced *b = bets__v1__bet_placed__unpack(NULL, n, bytes);
    bool same = b && b->epoch == number(r, 0) && b->shard == (uint32_t)number(r, 1) && b->seq == number(r, 2) &&
                !strcmp(b->account_id, PQgetvalue(r, 0, 4)) && !strcmp(b->bet_id, PQgetvalue(r, 0, 5)) &&
                b->stake_minor == number(r, 6) && !strcmp(b->currency, PQgetvalue(r, 0, 7)) &&
                b->balance_after_minor == number(r, 8);
    if (!same)
        audit_found(a, UNREADABLE, "bet %s of account %s (shard %s, seq %s)", PQgetvalue(r, 0, 5), PQgetvalue(r, 0, 4),
                    PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2));
    if (b) bets__v1__bet_placed__free_unpacked(b, NULL);
}

/* Of a trimmed event: what its row still says. */
static int trimmed_row(struct audit *a, const PGresult *r, struct identity id)
{
    const int64_t us = number(r, 9);
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Bets__V1__BetPlaced b = BETS__V1__BET_PLACED__INIT;
    at.seconds = us / 1000000;
    at.nanos = (int32_t)(us % 1000000 * 1000);
    b.account_id = PQgetvalue(r, 0, 4);
    b.bet_id = PQgetvalue(r, 0, 5);
    b.stake_minor = number(r, 6);
    b.currency = PQgetvalue(r, 0, 7);
    b.balance_after_minor = number(r, 8);
    b.accepted_at = &at;
    size_t n = bets__v1__bet_placed__get_packed_size(&b);
    uint8_t *bytes = malloc(n);
    if (!bytes) return audit_cannot(a, "out of memory");
    bets__v1__bet_placed__pack(&b, bytes);
    int rc = audit_add(a, id, bytes, n, true);
    free(bytes);
    return rc;
}

static int accepted_row(struct audit *a, const PGresult *r)
{
    const struct identity id = {.epoch = number(r, 0), .shard = (int32_t)number(r, 1), .seq = number(r, 2)};
    a->accepted++;
    if (PQgetisnull(r, 0, 3)) return trimmed_row(a, r, id);
    size_t n;
    unsigned char *bytes = PQunescapeBytea((const unsigned char *)PQgetvalue(r, 0, 3), &n);
    if (!bytes) return audit_cannot(a, "out of memory");
    check_event(a, r, bytes, n);
    int rc = audit_add(a, id, bytes, n, false);
    PQfreemem(bytes);
    return rc;
}

static int refused_row(struct audit *a, const PGresult *r)
{
    a->refused = (uint64_t)number(r, 0);
    return 0;
}

static int gap_row(struct audit *a, const PGresult *r)
{
    audit_found(a, GAP, "shard %s: %s accepted debits, seq %s to %s, the shard's last_seq is %s", PQgetvalue(r, 0, 0),
                PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2), PQgetvalue(r, 0, 3), PQgetvalue(r, 0, 4));
    return 0;
}

static int money_row(struct audit *a, const PGresult *r)
{
    audit_found(a, MONEY, "account %s: balance %s, credits minus accepted debits %s, currency %s", PQgetvalue(r, 0, 0),
                PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2), PQgetvalue(r, 0, 3));
    return 0;
}

static int accounts_row(struct audit *a, const PGresult *r)
{
    a->accounts = (uint64_t)number(r, 0);
    return 0;
}

static const char accepted_sql[] =
    "select epoch, shard, seq, event, account_id, key, amount_minor, currency, balance_after_minor,"
    " (extract(epoch from accepted_at) * 1000000)::bigint from ledger.entries"
    " where seq is not null order by epoch, shard, seq";
static const char refused_sql[] = "select count(*) from ledger.entries where kind = 'debit' and seq is null";
static const char gap_sql[] =
    "select s.shard, count(e.seq), min(e.seq), max(e.seq), s.last_seq from ledger.shards s"
    " left join ledger.entries e on e.shard = s.shard group by s.shard, s.last_seq"
    " having count(e.seq) <> s.last_seq or (s.last_seq > 0 and (min(e.seq) <> 1 or max(e.seq) <> s.last_seq))";
static const char money_sql[] =
    "select account_id, coalesce(a.balance_minor, 0), coalesce(e.sum, 0), coalesce(a.currency, e.currency)"
    " from ledger.accounts a full join (select account_id, currency, sum(case kind when 'credit' then amount_minor"
    "  when 'debit' then -amount_minor else 0 end) from ledger.entries where outcome = 'accepted'"
    "  group by account_id, currency) e using (account_id)"
    " where coalesce(a.balance_minor, 0) <> coalesce(e.sum, 0) or a.currency is distinct from e.currency";

/* One snapshot: a ledger that is in use is audited as it was at one moment. */
int ledger_read(struct audit *a)
{
    PGconn *db = PQconnectdb(a->opt->ledger);
    int rc = -1;
    if (PQstatus(db) != CONNECTION_OK) {
        audit_cannot(a, "ledger: %s", PQerrorMessage(db));
    } else {
        PQclear(PQexec(db, "begin isolation level repeatable read read only"));
        rc = each_row(a, db, accepted_sql, accepted_row) || each_row(a, db, refused_sql, refused_row) ||
                     each_row(a, db, gap_sql, gap_row) || each_row(a, db, money_sql, money_row) ||
                     each_row(a, db, "select count(*) from ledger.accounts", accounts_row)
                 ? -1
                 : 0;
    }
    PQfinish(db);
    return rc;
}
