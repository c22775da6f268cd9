/* arrays.h - one-dimensional PostgreSQL arrays and integers in binary form, as parameters of a prepared statement.
 * Binary, because then no byte of a client's text is ever quoted, escaped or parsed. */
#ifndef WALLET_LEDGER_ARRAYS_H
#define WALLET_LEDGER_ARRAYS_H
#include <weir/plugin.h>

/* Type numbers of PostgreSQL's catalogue; they never change. */
enum { OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25, OID_BYTEA = 17, OID_TIMESTAMPTZ = 1184 };

struct array {
    char *p;
    size_t n, room;
    uint32_t items;
    bool nulls, failed; /* failed: memory is gone; array_end tells */
};
void array_start(struct array *, uint32_t element_oid);
void array_bytes(struct array *, struct weir_slice);
void array_text(struct array *, const char *);
void array_i32(struct array *, int32_t);
void array_i64(struct array *, int64_t);
void array_null(struct array *);
bool array_end(struct array *);
void array_free(struct array *);

/* A single int8 or timestamptz. */
static inline void put_i64(char out[8], int64_t v)
{
    for (int i = 0; i < 8; i++) out[i] = (char)((uint64_t)v >> (56 - 8 * i));
}
static inline int64_t get_i64(const char *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v = v << 8 | (uint8_t)p[i];
    return (int64_t)v;
}
static inline int32_t get_i32(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) v = v << 8 | (uint8_t)p[i];
    return (int32_t)v;
}
/* timestamptz counts µs from 2000-01-01. */
#define PG_EPOCH_US INT64_C(946684800000000)
#endif
