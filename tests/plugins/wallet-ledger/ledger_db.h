/* ledger_db.h - a ledger of the test's own: a new database on the server of WEIR_TEST_PG, made by manifests/sql/apply.
 */
#ifndef LEDGER_DB_H
#define LEDGER_DB_H
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after the four that it needs */

struct ledger_db {
    char name[64], url[512];
    PGconn *conn;
};
/* Skips the test when there is no WEIR_TEST_PG. shards = 0: an empty database. */
void ledger_db_make(struct ledger_db *, unsigned shards);
void ledger_db_drop(struct ledger_db *);
void ledger_db_do(struct ledger_db *, const char *sql);
int64_t ledger_db_number(struct ledger_db *, const char *sql);
#define assert_number(db, sql, n) assert_int_equal(ledger_db_number(db, sql), n)
/* Balances are the sum of what happened; seq is gap-free; every accepted debit has an event. */
void ledger_db_audit(struct ledger_db *);
#endif
