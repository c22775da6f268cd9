/* table.h - what the server says of the table: its columns, and the settings that a promise of "once" rests on. */
#ifndef CH_SINK_TABLE_H
#define CH_SINK_TABLE_H
#include "buf.h"
#include "columns.h"

struct ch_table {
    struct weir_table_column *columns;
    uint32_t n;
    bool async_insert, deduplicate_insert, insert_deduplicate, token; /* settings that this server knows */
    char
        lacks[200]; /* what "once" or "durable" needs and the table does not have, with the statement; "" for nothing */
};
struct ch_key {
    struct weir_slice name;
};
static inline struct weir_slice ch_key_at(const struct weir_list *key, uint32_t i)
{
    return ((const struct ch_key *)(const void *)((const char *)key->items + (size_t)i * key->stride))->name;
}

struct ch_table_wish {
    const struct weir_list *key; /* of struct ch_key; empty: no "once" */
    bool fsync;
    const char *name; /* "db.table" for texts */
};

/* The statement that asks it all; {db:String} and {table:String} come as parameters. */
extern const char ch_table_query[];
/* Reads the answer (RowBinary). -1 with err: no such table, or nonsense. */
int ch_table_read(struct ch_table *, const struct weir_buf *answer, const struct ch_table_wish *,
                  char err[WEIR_COLUMNS_ERR]);
void ch_table_free(struct ch_table *);
#endif
