/* epoch.c - a restored ledger gives seqs anew that it had given before: the epoch tells the events apart. */
#include "ledger.h"
#include <stdio.h>

int new_epoch(PGconn *db, const struct options *o)
{
    (void)o;
    PGresult *before = ledger_ask(db, "select epoch from ledger.meta", 0, NULL);
    PGresult *after = before ? ledger_ask(db, "select ledger.renew_epoch()", 0, NULL) : NULL;
    if (after) printf("epoch %s is over, %s begins\n", PQgetvalue(before, 0, 0), PQgetvalue(after, 0, 0));
    int rc = after ? 0 : 1;
    PQclear(before);
    PQclear(after);
    return rc;
}
