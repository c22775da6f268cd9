/* types.c - which field fits which column, and its value in PostgreSQL's binary form (big-endian, days and microseconds
 * since 2000). Everything is checked here, so that COPY itself never fails for a value. */
#include "types.h"
#include <stdio.h>

static const struct {
    const char *name;
    uint32_t oid;
} staging[] = {
    [PG_INT2] = {"smallint", 21},
    [PG_INT4] = {"integer", 23},
    [PG_INT8] = {"bigint", 20},
    [PG_FLOAT4] = {"real", 700},
    [PG_FLOAT8] = {"double precision", 701},
    [PG_BOOL] = {"boolean", 16},
    [PG_TEXT] = {"text", 25},
    [PG_ENUM_NAME] = {"text", 25},
    [PG_DIGITS] = {"text", 25},
    [PG_BYTEA] = {"bytea", 17},
    [PG_UUID] = {"uuid", 2950},
    [PG_TIMESTAMPTZ] = {"timestamp with time zone", 1184},
    [PG_TIMESTAMP] = {"timestamp without time zone", 1114},
    [PG_DATE] = {"date", 1082},
};

const char *pg_staging_type(enum pg_form form)
{
    return staging[form].name;
}

/* ---- what fits what; the first match wins */

enum {
    I64 = 1 << WEIR_COLUMN_I64,
    U64 = 1 << WEIR_COLUMN_U64,
    F64 = 1 << WEIR_COLUMN_F64,
    BOOL = 1 << WEIR_COLUMN_BOOL,
    ENUM = 1 << WEIR_COLUMN_ENUM,
    STRING = 1 << WEIR_COLUMN_STRING,
    BYTES = 1 << WEIR_COLUMN_BYTES,
    TIME = 1 << WEIR_COLUMN_TIME,
    INTEGERS = I64 | U64 | BOOL | ENUM
};
static const struct {
    const char *base; /* NULL: any */
    unsigned kinds;
    enum pg_form form;
    bool cast, as_text;
} fits[] = {
    {"int2", INTEGERS, PG_INT2, false, false},
    {"int4", INTEGERS, PG_INT4, false, false},
    {"int8", INTEGERS, PG_INT8, false, false},
    {"numeric", I64, PG_INT8, false, false},
    {"numeric", U64, PG_DIGITS, true, false},
    {"float4", F64, PG_FLOAT4, false, false},
    {"float8", F64, PG_FLOAT8, false, false},
    {"bool", BOOL, PG_BOOL, false, false},
    {"text", STRING, PG_TEXT, false, false},
    {"text", ENUM, PG_ENUM_NAME, false, false},
    /* no cast: it would cut a longer text silently, the assignment refuses it */
    {"varchar", STRING, PG_TEXT, false, true},
    {"varchar", ENUM, PG_ENUM_NAME, false, true},
    {"bpchar", STRING, PG_TEXT, false, true},
    {"bpchar", ENUM, PG_ENUM_NAME, false, true},
    {"bytea", BYTES, PG_BYTEA, false, false},
    {"uuid", STRING | BYTES, PG_UUID, false, false},
    {"timestamptz", TIME, PG_TIMESTAMPTZ, false, false},
    {"timestamp", TIME, PG_TIMESTAMP, false, false},
    {"date", TIME, PG_DATE, false, false},
    /* numeric, jsonb, inet, enums, texts of other kinds ...: the server reads the text */
    {NULL, STRING, PG_TEXT, true, true},
};

int pg_type_of(const struct weir_column *c, const struct pg_column *col, struct pg_type *t, char err[WEIR_COLUMNS_ERR])
{
    for (size_t i = 0; col->array == c->repeated && i < sizeof(fits) / sizeof(*fits); i++) {
        if (!(fits[i].kinds & 1u << c->kind) || (fits[i].base && strcmp(fits[i].base, col->base) != 0)) continue;
        *t = (struct pg_type){fits[i].form, col->array, fits[i].cast, fits[i].as_text};
        return 0;
    }
    if (col->array == c->repeated && c->kind == WEIR_COLUMN_ENUM && col->is_enum) {
        *t = (struct pg_type){PG_ENUM_NAME, col->array, true, true};
        return 0;
    }
    snprintf(err, WEIR_COLUMNS_ERR, "column %s is %s, field %s is %s: change the column's type or map another field",
             c->name, col->full, c->path, weir_column_field_type(c));
    return -1;
}

/* By OID: a type of that name may be anybody's. The elements of an array name their type and get no other. */
bool pg_type_is_direct(const struct pg_type *t, const struct pg_column *col)
{
    enum { BPCHAR = 1042, VARCHAR = 1043 };
    if (col->oid == staging[t->form].oid) return true;
    bool text = t->form == PG_TEXT || t->form == PG_ENUM_NAME;
    return text && !t->array && (col->oid == BPCHAR || col->oid == VARCHAR || col->is_enum);
}

/* ---- values */

static bool put_be(struct weir_buf *b, uint64_t v, unsigned width)
{
    if (!weir_buf_room(b, 8)) return false;
    for (unsigned i = 0; i < width; i++) b->p[b->n + i] = (uint8_t)(v >> (8 * (width - 1 - i)));
    b->n += width;
    return true;
}

static enum weir_read put_number(struct weir_buf *b, uint64_t v, unsigned width)
{
    return put_be(b, width, 4) && put_be(b, v, width) ? WEIR_READ_OK : WEIR_READ_NO_MEMORY;
}

static enum weir_read put_bytes(struct weir_buf *b, const void *bytes, size_t n)
{
    return put_be(b, n, 4) && weir_buf_put(b, bytes, n) ? WEIR_READ_OK : WEIR_READ_NO_MEMORY;
}

static enum weir_read refuse(const struct weir_column *c, char *err, const char *what)
{
    snprintf(err, WEIR_COLUMNS_ERR, "field %s: %s for column %s, which is %s", c->path, what, c->name, c->type);
    return WEIR_READ_MALFORMED;
}

static enum weir_read put_int(struct weir_buf *b, const struct weir_column *c, const union weir_cell_value *v,
                              unsigned width, char *err)
{
    int64_t max = width == 2 ? INT16_MAX : width == 4 ? INT32_MAX : INT64_MAX;
    bool inside = c->kind == WEIR_COLUMN_U64 ? v->u64 <= (uint64_t)max : v->i64 <= max && v->i64 >= -max - 1;
    return inside ? put_number(b, v->u64, width) : refuse(c, err, "the number is out of range");
}

static enum weir_read put_float(struct weir_buf *b, double v, unsigned width)
{
    float narrow = (float)v;
    uint32_t narrow_bits;
    uint64_t bits;
    memcpy(&narrow_bits, &narrow, sizeof(narrow));
    memcpy(&bits, &v, sizeof(v));
    return put_number(b, width == 4 ? narrow_bits : bits, width);
}

/* PostgreSQL's text is UTF-8 without the NUL. */
static enum weir_read put_text(struct weir_buf *b, const struct weir_column *c, struct weir_slice s, char *err)
{
    if (s.n && memchr(s.p, 0, s.n)) return refuse(c, err, "a NUL character");
    return put_bytes(b, s.p, s.n);
}

static enum weir_read put_name(struct weir_buf *b, const struct weir_column *c, int64_t number)
{
    char digits[24];
    const char *name = weir_column_enum_text(c, number, digits);
    return put_bytes(b, name, strlen(name));
}

static enum weir_read put_digits(struct weir_buf *b, uint64_t v)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
    return put_bytes(b, digits, (size_t)n);
}

static enum weir_read put_uuid(struct weir_buf *b, const struct weir_column *c, struct weir_slice s, char *err)
{
    uint8_t id[16];
    return weir_column_uuid(c, s, id) ? put_bytes(b, id, sizeof(id)) : refuse(c, err, "not a UUID");
}

/* A protobuf Timestamp (years 1 to 9999) always fits; nanoseconds are cut to microseconds. */
static enum weir_read put_time(struct weir_buf *b, enum pg_form form, const union weir_cell_value *v)
{
    const int64_t y2000 = 946684800;
    int64_t sec = v->time.sec - y2000, day = sec / 86400 - (sec % 86400 < 0);
    if (form == PG_DATE) return put_number(b, (uint64_t)day, 4);
    return put_number(b, (uint64_t)(sec * 1000000 + v->time.nanos / 1000), 8);
}

static enum weir_read put_value(struct weir_buf *b, const struct weir_column *c, enum pg_form form,
                                const union weir_cell_value *v, char *err)
{
    switch (form) {
    case PG_INT2: return put_int(b, c, v, 2, err);
    case PG_INT4: return put_int(b, c, v, 4, err);
    case PG_INT8: return put_int(b, c, v, 8, err);
    case PG_FLOAT4: return put_float(b, v->f64, 4);
    case PG_FLOAT8: return put_float(b, v->f64, 8);
    case PG_BOOL: return put_number(b, (uint64_t)v->i64, 1);
    case PG_TEXT: return put_text(b, c, v->bytes, err);
    case PG_ENUM_NAME: return put_name(b, c, v->i64);
    case PG_DIGITS: return put_digits(b, v->u64);
    case PG_BYTEA: return put_bytes(b, v->bytes.p, v->bytes.n);
    case PG_UUID: return put_uuid(b, c, v->bytes, err);
    default: return put_time(b, form, v);
    }
}

/* An array: dimensions (0 when empty), no NULLs, type; length and lower bound; elements. */
static enum weir_read put_array(struct weir_buf *b, const struct weir_column *c, const struct pg_type *t,
                                const struct weir_row *row, const struct weir_cell *cell, char *err)
{
    size_t start = b->n;
    uint32_t n = cell->v.list.n, at = cell->v.list.first;
    bool ok = put_be(b, 0, 4) && put_be(b, n > 0, 4) && put_be(b, 0, 4) && put_be(b, staging[t->form].oid, 4);
    if (ok && n) ok = put_be(b, n, 4) && put_be(b, 1, 4);
    if (!ok) return WEIR_READ_NO_MEMORY;
    for (uint32_t i = 0; i < n; i++, at = row->items[at].next) {
        enum weir_read r = put_value(b, c, t->form, &row->items[at].v, err);
        if (r != WEIR_READ_OK) return r;
    }
    uint32_t size = (uint32_t)(b->n - start - 4);
    for (unsigned i = 0; i < 4; i++) b->p[start + i] = (uint8_t)(size >> (24 - 8 * i));
    return WEIR_READ_OK;
}

enum weir_read pg_put_cell(struct weir_buf *b, const struct weir_column *c, const struct pg_type *t,
                           const struct weir_row *row, char err[WEIR_COLUMNS_ERR])
{
    const struct weir_cell *cell = &row->cells[c->slot];
    if (t->array) return put_array(b, c, t, row, cell, err);
    if (!cell->set) return put_be(b, UINT32_MAX, 4) ? WEIR_READ_OK : WEIR_READ_NO_MEMORY;
    return put_value(b, c, t->form, &cell->v, err);
}
