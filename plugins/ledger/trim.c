/* trim.c - retention: event bytes that are published and older than one keeps are dropped, a few rows at a time, so
 * that neither a wallet nor the log of the database is held up. Rows stay: a repeated bet is still answered as at
 * first. */
#include "ledger.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* One shard to its end; how many rows, or -1. */
static int64_t trim_shard(PGconn *db, const struct options *o, const char *shard)
{
    char keep[32], most[16];
    int64_t sum = 0;
    snprintf(keep, sizeof keep, "%" PRId64 " seconds", o->keep_s);
    snprintf(most, sizeof most, "%" PRId64, o->most);
    const char *const values[] = {shard, keep, most};
    for (;;) {
        PGresult *r = ledger_ask(db, "select ledger.trim($1::integer, $2::interval, $3::integer)", 3, values);
        if (!r) return -1;
        int64_t n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
        PQclear(r);
        sum += n;
        if (n < o->most) return sum;
        nanosleep(&(struct timespec){o->pause_ms / 1000, o->pause_ms % 1000 * 1000000}, NULL);
    }
}

int trim(PGconn *db, const struct options *o)
{
    int64_t sum = 0;
    PGresult *shards = ledger_ask(db, "select shard from ledger.trimmed order by shard", 0, NULL);
    if (!shards) return 1;
    for (int i = 0; i < PQntuples(shards) && sum >= 0; i++) {
        int64_t n = trim_shard(db, o, PQgetvalue(shards, i, 0));
        sum = n < 0 ? -1 : sum + n;
    }
    int n_shards = PQntuples(shards);
    PQclear(shards);
    if (sum < 0) return 1;
    printf("trimmed %" PRId64 " events of %d shards\n", sum, n_shards);
    return 0;
}
