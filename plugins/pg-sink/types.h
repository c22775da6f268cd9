/* types.h - how a field's value travels to a column: in COPY's binary form as one of a few staging types, from which
 * the INSERT casts to the column's own type where they differ. */
#ifndef PG_SINK_TYPES_H
#define PG_SINK_TYPES_H
#include "buf.h"
#include "columns.h"

enum pg_form {
    PG_INT2,
    PG_INT4,
    PG_INT8,
    PG_FLOAT4,
    PG_FLOAT8,
    PG_BOOL,
    PG_TEXT,      /* strings */
    PG_ENUM_NAME, /* text */
    PG_DIGITS,    /* text: a number too large for bigint */
    PG_BYTEA,
    PG_UUID,
    PG_TIMESTAMPTZ,
    PG_TIMESTAMP, /* UTC */
    PG_DATE
};
/* What the catalog says of a column besides its name. */
struct pg_column {
    char *full;   /* format_type(): "character varying(8)[]" */
    char *base;   /* typname, of the element when it is an array: "varchar" */
    char *quoted; /* the column's name as SQL */
    uint32_t oid; /* of the same type as `base` */
    bool array, is_enum;
};
struct pg_type {
    enum pg_form form;
    bool array;
    bool cast;    /* staged as another type that does not become the column's by assignment */
    bool as_text; /* compared as text: the type may have no equality, or one that ignores differences */
};

const char *pg_staging_type(enum pg_form); /* "bigint" */
/* -1 with err: the field cannot fill such a column, and what would do. */
int pg_type_of(const struct weir_column *, const struct pg_column *, struct pg_type *, char err[WEIR_COLUMNS_ERR]);
/* Whether the column's own type reads the staged form: then COPY may go into the table itself. */
bool pg_type_is_direct(const struct pg_type *, const struct pg_column *);
/* A field of a COPY BINARY tuple: length and value, or NULL. */
enum weir_read pg_put_cell(struct weir_buf *, const struct weir_column *, const struct pg_type *,
                           const struct weir_row *, char err[WEIR_COLUMNS_ERR]);
#endif
