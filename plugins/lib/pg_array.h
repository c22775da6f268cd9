/* pg_array.h - one-dimensional PostgreSQL arrays and integers in binary form, as parameters of a prepared statement.
 * Binary, because then no byte of a client's text is ever quoted, escaped or parsed. */
#ifndef WEIR_PG_ARRAY_H
#define WEIR_PG_ARRAY_H
#include <libpq-fe.h>
#include <weir/plugin.h>

/* Type numbers of PostgreSQL's catalogue; they never change. */
enum { WEIR_PG_INT8 = 20, WEIR_PG_INT4 = 23, WEIR_PG_TEXT = 25, WEIR_PG_BYTEA = 17, WEIR_PG_TIMESTAMPTZ = 1184 };

struct weir_pg_array {
    char *p;
    size_t n, room;
    uint32_t items;
    bool nulls, failed; /* failed: memory is gone; weir_pg_array_end tells */
};
void weir_pg_array_start(struct weir_pg_array *, uint32_t element_oid);
void weir_pg_array_bytes(struct weir_pg_array *, struct weir_slice);
void weir_pg_array_text(struct weir_pg_array *, const char *);
void weir_pg_array_i32(struct weir_pg_array *, int32_t);
void weir_pg_array_i64(struct weir_pg_array *, int64_t);
void weir_pg_array_null(struct weir_pg_array *);
bool weir_pg_array_end(struct weir_pg_array *);
void weir_pg_array_free(struct weir_pg_array *);

/* A single int8 or timestamptz. */
static inline void weir_pg_put_i64(char out[8], int64_t v)
{
    for (int i = 0; i < 8; i++) out[i] = (char)((uint64_t)v >> (56 - 8 * i));
}
static inline int64_t weir_pg_get_i64(const char *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v = v << 8 | (uint8_t)p[i];
    return (int64_t)v;
}
static inline int32_t weir_pg_get_i32(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) v = v << 8 | (uint8_t)p[i];
    return (int32_t)v;
}
/* Cells of a binary result; 0, -1 or an empty slice when the column is null or has another type. */
int64_t weir_pg_cell_i64(const PGresult *, int row, int column);
int32_t weir_pg_cell_i32(const PGresult *, int row, int column);
struct weir_slice weir_pg_cell(const PGresult *, int row, int column);
/* timestamptz counts µs from 2000-01-01. */
#define WEIR_PG_EPOCH_US INT64_C(946684800000000)
#endif
