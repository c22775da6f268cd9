/* ledger.c - weir-ledger: maintenance of the ledger: retention of events, a new epoch. */
#include "ledger.h"
#include <stdio.h>
#include <string.h>

static const char help[] =
    "weir-ledger trim --keep DURATION     drops the bytes of events that are published and older (7d, 36h, 90min)\n"
    "    --most N                         rows in one transaction at most                         (default: 1000)\n"
    "    --pause MS                       between two transactions, so that bets are not held up  (default: 20)\n"
    "weir-ledger new-epoch --yes          after a restore, or a failover that lost commits: events that get a seq "
    "which\n"
    "                                     was used before become new events. Before the first wallet connects.\n"
    "\n"
    "  --ledger URL                       PostgreSQL with the schema `ledger`           (default: WEIR_LEDGER_URL)\n"
    "\n"
    "Exit codes: 0 done; 1 the ledger refused; 2 could not run.\n";

PGresult *ledger_ask(PGconn *db, const char *sql, int n, const char *const *values)
{
    PGresult *r = PQexecParams(db, sql, n, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return r;
    const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    bool old = code && (!strcmp(code, "42883") || !strcmp(code, "42P01") || !strcmp(code, "3F000"));
    bool denied = code && !strcmp(code, "42501");
    fprintf(stderr, "weir-ledger: %s%s\n", PQerrorMessage(db),
            old      ? "run manifests/sql/apply on this database"
            : denied ? "trim: grant weir_maintenance to this role; new-epoch: connect as the ledger's owner"
                     : "");
    PQclear(r);
    return NULL;
}

int main(int argc, char **argv)
{
    struct options o;
    if (options_read(argc, argv, &o)) return 2;
    if (!strcmp(o.command, "--help")) return fputs(help, stdout) < 0 ? 2 : 0;
    PGconn *db = PQconnectdb(o.url);
    int rc = 2;
    if (PQstatus(db) != CONNECTION_OK)
        fprintf(stderr, "weir-ledger: %s", PQerrorMessage(db));
    else
        rc = !strcmp(o.command, "trim") ? trim(db, &o) : new_epoch(db, &o);
    PQfinish(db);
    return rc;
}
