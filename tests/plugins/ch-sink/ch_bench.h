/* ch_bench.h - ch-sink on a fake server, and shorthand. */
#ifndef CH_BENCH_H
#define CH_BENCH_H
#include "fake.h"
#include "parcels/v1/parcel.pb-c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <weir/testkit.h>

#include <cmocka.h>

#define EVENT "parcels.v1.Parcel"
enum { WAIT = 20000 };

struct bench {
    struct fake fake;
    struct weir_kit *kit;
};
int bench_set_up(void **state); /* a server with a table that lacks nothing */
int bench_tear_down(void **state);
void describe(struct fake *, const char *engine, const char *order, const char *full);
void describe_good(struct fake *);
void open_sink(struct bench *, const char *more);
uint64_t push_note(struct bench *, int64_t id, const char *note, uint32_t partition);
void settles(struct bench *, uint64_t number, enum weir_status);
void reaches(struct bench *, enum weir_state);
const struct fake_request *insert(struct bench *, size_t i);
void wait_inserts(struct bench *, size_t n);
struct fake_answer first_fails(void *arg, const struct fake_request *, size_t nth); /* arg: the first answer */
#endif
