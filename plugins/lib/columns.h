/* columns.h - from an event's wire bytes to the typed cells of a table row, by reflection.
 *
 * weir_columns_plan() matches a message type with the columns that a table really has, once: equal names map by
 * themselves, "column=field.path" maps the rest. weir_columns_read() then takes an event apart in one pass over its
 * bytes, without unpacking and without an allocation a row. What a cell becomes in the database is the sink's affair.
 */
#ifndef WEIR_COLUMNS_H
#define WEIR_COLUMNS_H
#include <protobuf-c/protobuf-c.h>
#include <weir/plugin.h>

#define WEIR_COLUMNS_DEPTH 16u /* longest field path */
#define WEIR_COLUMNS_ERR 252u  /* room for an error text; the size of weir_err.msg */

/* A column as the database describes it. `type` is in the database's words. */
struct weir_table_column {
    const char *name, *type;
    bool nullable, has_default;
};

enum weir_column_kind { /* member of weir_cell.v */
                        WEIR_COLUMN_I64,
                        WEIR_COLUMN_U64,
                        WEIR_COLUMN_F64,
                        WEIR_COLUMN_BOOL,   /* i64, 0 or 1 */
                        WEIR_COLUMN_ENUM,   /* i64, the number */
                        WEIR_COLUMN_STRING, /* bytes, valid UTF-8 */
                        WEIR_COLUMN_BYTES,  /* bytes */
                        WEIR_COLUMN_TIME    /* time: google.protobuf.Timestamp, in its valid range */
};

struct weir_column { /* one that gets its value from the event */
    char *name, *type, *path;
    const ProtobufCFieldDescriptor *field;
    enum weir_column_kind kind;
    bool repeated; /* the cell is a list of `kind`; never NULL */
    bool nullable;
    bool required;  /* an absent field makes the row malformed: the column takes no NULL */
    uint32_t index; /* in the table's columns, as given */
    uint32_t slot;  /* its cell in a row; columns of one field share it */
};
struct weir_columns {
    struct weir_column *v;
    uint32_t n, n_slots;
    struct weir_columns_node *nodes; /* private: the paths as a tree; nodes[0] is the message */
    uint32_t n_nodes;
};

enum { WEIR_COLUMNS_EVERY_FIELD = 1 }; /* a field of the message without a column is an error */

/* NULL: err says what was found and what to do. `map` holds "column=field.path"; "column=" leaves it to its default. */
struct weir_columns *weir_columns_plan(const ProtobufCMessageDescriptor *, const struct weir_table_column *, uint32_t n,
                                       const struct weir_list *map, unsigned flags, char err[WEIR_COLUMNS_ERR]);
void weir_columns_free(struct weir_columns *);

union weir_cell_value {
    int64_t i64;
    uint64_t u64;
    double f64;
    struct weir_slice bytes; /* points into the event */
    struct {
        int64_t sec;
        int32_t nanos;
    } time;
    struct {
        uint32_t first, last, n; /* of weir_row.items, linked by next; valid when n > 0 */
    } list;
};
struct weir_cell {
    union weir_cell_value v;
    bool set; /* false: NULL */
};
struct weir_item {
    union weir_cell_value v;
    uint32_t next;
};
struct weir_row {            /* used again for every row; zero it first */
    struct weir_cell *cells; /* n_slots */
    struct weir_item *items; /* elements of its lists; grows to the largest row seen */
    uint32_t n_items, cap_items;
};

/* 0, or -1: no memory. */
int weir_row_init(struct weir_row *, const struct weir_columns *);
void weir_row_free(struct weir_row *);

enum weir_read { WEIR_READ_OK, WEIR_READ_MALFORMED, WEIR_READ_NO_MEMORY };
/* The row's slices live as long as `wire`. MALFORMED: err names the field and the byte. */
enum weir_read weir_columns_read(const struct weir_columns *, struct weir_slice wire, struct weir_row *,
                                 char err[WEIR_COLUMNS_ERR]);

/* The name that the .proto gives to an enum's number, or NULL. */
const char *weir_column_enum_name(const struct weir_column *, int64_t number);
/* The same, or the number itself (a newer sender's value), as protobuf's JSON has it. */
const char *weir_column_enum_text(const struct weir_column *, int64_t number, char digits[24]);
/* A string of 8-4-4-4-12 digits or 16 bytes as a UUID's bytes. */
bool weir_column_uuid(const struct weir_column *, struct weir_slice, uint8_t out[16]);
/* "a signed integer", "repeated strings": for error texts. */
const char *weir_column_field_type(const struct weir_column *);

#endif
