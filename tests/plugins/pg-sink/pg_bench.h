/* pg_bench.h - a database of the test's own and pg-sink on it. */
#ifndef PG_BENCH_H
#define PG_BENCH_H
#include "parcels/v1/parcel.pb-c.h"
#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <weir/testkit.h>

#include <cmocka.h>

#define EVENT "parcels.v1.Parcel"
enum { WAIT = 30000 };

struct bench {
    PGconn *admin, *conn; /* NULL: WEIR_TEST_PG is not set */
    char db[64], host[128], port[16], user[64], password[128];
    struct weir_kit *kit;
};
int bench_set_up(void **state);
int bench_tear_down(void **state);
struct bench *bench(void **state); /* skips without a server */
void run_sql(struct bench *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One value or NULL-less row, fields joined by "|". */
void answers(struct bench *, const char *sql, const char *expected);
/* port 0: the server itself. `more` adds to the conf; it names table and key. */
void open_sink(struct bench *, unsigned port, const char *more);
uint64_t push_parcel(struct bench *, const Parcels__V1__Parcel *);
uint64_t push_note(struct bench *, int64_t id, const char *note);
void settles(struct bench *, uint64_t number, enum weir_status);
void reaches(struct bench *, enum weir_state, const char *why); /* NULL: any reason; else part of it */
#endif
