/* table.h - what the catalog says of the table, and the statements that follow from it. */
#ifndef PG_SINK_TABLE_H
#define PG_SINK_TABLE_H
#include "types.h"
#include <libpq-fe.h>

struct pg_key {
    struct weir_slice name;
};
static inline struct weir_slice pg_key_at(const struct weir_list *key, uint32_t i)
{
    return ((const struct pg_key *)(const void *)((const char *)key->items + (size_t)i * key->stride))->name;
}

struct pg_wish { /* borrowed from the options */
    const char *table;
    const ProtobufCMessageDescriptor *message;
    const struct weir_list *columns, *key;
    unsigned flags;
    const char *staging; /* NULL: a temporary table. Else a name as SQL, to which a hash of its columns is added */
};
struct pg_table {
    struct weir_columns *plan;
    struct pg_column *columns; /* as in the catalog */
    uint32_t n_columns;
    struct pg_type *types; /* one a column of the plan */
    uint32_t *order;       /* of the plan's columns in a staged row: the key first, so that rows sort by it */
    struct weir_row row;
    char *stage, *copy, *insert, *compare, *commit; /* statements */
    char *direct;                                   /* COPY into the table itself; NULL: it cannot */
};

/* Asks with parameters $1 = table, $2 = key columns as text[]. */
extern const char pg_table_query[];
/* "{\"a\",\"b\"}", malloc'ed; NULL: no memory. */
char *pg_key_array(const struct weir_list *key);
/* "schema.name" of the conf as quoted SQL, made the lane's and the session's own; NULL: no memory. */
char *pg_staging_prefix(struct weir_slice name, uint32_t lane, uint32_t session);
/* NULL: err says why. */
struct pg_table *pg_table_new(const PGresult *, const struct pg_wish *, char err[WEIR_COLUMNS_ERR]);
void pg_table_free(struct pg_table *);
#endif
