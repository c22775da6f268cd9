/* block.c - appends a row's cells to columns, value by value with its bounds, and writes the columns as one block.
 * Native: columns, rows, then per column name, type, [offsets], [null map], values. */
#include "block.h"
#include <endian.h>
#include <stdio.h>

struct mark { /* where a column stood before the row */
    size_t nulls, offsets, data;
    uint64_t n;
};

static inline bool put_le(struct weir_buf *b, uint64_t v, unsigned width)
{
    if (b->cap - b->n < 8 && !weir_buf_room(b, 8)) return false;
    uint64_t le = htole64(v);
    memcpy(b->p + b->n, &le, 8);
    b->n += width;
    return true;
}

/* Length and bytes; short ones that fit go straight in. */
static inline bool put_string(struct weir_buf *b, struct weir_slice s)
{
    if (s.n > 0x7f || b->cap - b->n < s.n + 1) return weir_buf_string(b, s.p, s.n);
    b->p[b->n] = (uint8_t)s.n;
    memcpy(b->p + b->n + 1, s.p, s.n);
    b->n += s.n + 1;
    return true;
}

static enum weir_read stored(bool ok)
{
    return ok ? WEIR_READ_OK : WEIR_READ_NO_MEMORY;
}

static enum weir_read refuse(const struct weir_column *c, char *err, const char *what)
{
    snprintf(err, WEIR_COLUMNS_ERR, "field %s: %s for column %s, which is %s", c->path, what, c->name, c->type);
    return WEIR_READ_MALFORMED;
}

static inline enum weir_read put_int(struct ch_column *col, const struct weir_column *c, const union weir_cell_value *v,
                                     char *err)
{
    bool fits = c->kind == WEIR_COLUMN_U64
                    ? v->u64 <= col->type.max
                    : v->i64 >= col->type.min && (v->i64 < 0 || (uint64_t)v->i64 <= col->type.max);
    if (!fits) return refuse(c, err, "the number is out of range");
    return stored(put_le(&col->data, v->u64, col->type.width));
}

static enum weir_read put_float(struct ch_column *col, double v)
{
    float narrow = (float)v;
    uint64_t bits = 0;
    if (col->type.form == CH_FLOAT32)
        memcpy(&bits, &narrow, sizeof(narrow));
    else
        memcpy(&bits, &v, sizeof(v));
    return stored(put_le(&col->data, bits, col->type.form == CH_FLOAT32 ? 4 : 8));
}

static enum weir_read put_fixed(struct ch_column *col, const struct weir_column *c, struct weir_slice s, char *err)
{
    size_t width = col->type.width;
    if (s.n > width) return refuse(c, err, "too long");
    if (!weir_buf_room(&col->data, width)) return WEIR_READ_NO_MEMORY;
    memset(col->data.p + col->data.n, 0, width);
    if (s.n) memcpy(col->data.p + col->data.n, s.p, s.n);
    col->data.n += width;
    return WEIR_READ_OK;
}

static enum weir_read put_enum_name(struct ch_column *col, const struct weir_column *c, int64_t number)
{
    char digits[24];
    const char *name = weir_column_enum_text(c, number, digits);
    return stored(weir_buf_string(&col->data, name, strlen(name)));
}

static enum weir_read put_enum(struct ch_column *col, const struct weir_column *c, int64_t number, char *err)
{
    for (uint32_t i = 0; i < col->type.n_enums; i++)
        if (col->type.enums[i].number == number)
            return stored(put_le(&col->data, (uint64_t)(int64_t)col->type.enums[i].value, col->type.width));
    return refuse(c, err, "its value has no name");
}

static enum weir_read put_uuid(struct ch_column *col, const struct weir_column *c, struct weir_slice s, char *err)
{
    uint8_t id[16];
    if (!weir_column_uuid(c, s, id)) return refuse(c, err, "not a UUID");
    if (!weir_buf_room(&col->data, 16)) return WEIR_READ_NO_MEMORY;
    for (int i = 0; i < 8; i++) { /* two little-endian halves, the high one first */
        col->data.p[col->data.n + (size_t)i] = id[7 - i];
        col->data.p[col->data.n + 8 + (size_t)i] = id[15 - i];
    }
    col->data.n += 16;
    return WEIR_READ_OK;
}

static const int64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

/* ClickHouse: Date 1970..2149, DateTime 1970..2106, Date32 and DateTime64 1900..2299. */
static enum weir_read put_time(struct ch_column *col, const struct weir_column *c, const union weir_cell_value *v,
                               char *err)
{
    int64_t sec = v->time.sec, day = sec / 86400 - (sec % 86400 < 0);
    const int64_t first = -2208988800, last = 10413791999, step = powers[9 - col->type.scale];
    int64_t ticks;
    switch (col->type.form) {
    case CH_DATE:
        if (day < 0 || day > UINT16_MAX) break;
        return stored(put_le(&col->data, (uint64_t)day, 2));
    case CH_DATE32:
        if (sec < first || sec > last) break;
        return stored(put_le(&col->data, (uint64_t)day, 4));
    case CH_DATETIME:
        if (sec < 0 || sec > UINT32_MAX) break;
        return stored(put_le(&col->data, (uint64_t)sec, 4));
    default:
        if (sec < first || sec > last) break;
        if (__builtin_mul_overflow(sec, powers[col->type.scale], &ticks) ||
            __builtin_add_overflow(ticks, v->time.nanos / step, &ticks))
            break; /* DateTime64(9) ends in 2262 */
        return stored(put_le(&col->data, (uint64_t)ticks, 8));
    }
    return refuse(c, err, "the time is out of range");
}

static inline enum weir_read put_value(struct ch_column *col, const struct weir_column *c,
                                       const union weir_cell_value *v, char *err)
{
    switch (col->type.form) {
    case CH_INT: return put_int(col, c, v, err);
    case CH_FLOAT32:
    case CH_FLOAT64: return put_float(col, v->f64);
    case CH_STRING: return stored(put_string(&col->data, v->bytes));
    case CH_FIXED: return put_fixed(col, c, v->bytes, err);
    case CH_ENUM_NAME: return put_enum_name(col, c, v->i64);
    case CH_ENUM: return put_enum(col, c, v->i64, err);
    case CH_UUID: return put_uuid(col, c, v->bytes, err);
    default: return put_time(col, c, v, err);
    }
}

/* The value that stands under a NULL. */
static enum weir_read put_nothing(struct ch_column *col)
{
    static const uint32_t widths[] = {
        [CH_FLOAT32] = 4, [CH_FLOAT64] = 8, [CH_STRING] = 1,   [CH_ENUM_NAME] = 1, [CH_UUID] = 16,
        [CH_DATE] = 2,    [CH_DATE32] = 4,  [CH_DATETIME] = 4, [CH_DATETIME64] = 8};
    bool own = col->type.form == CH_INT || col->type.form == CH_FIXED || col->type.form == CH_ENUM;
    size_t width = own ? col->type.width : widths[col->type.form];
    if (!weir_buf_room(&col->data, width)) return WEIR_READ_NO_MEMORY;
    memset(col->data.p + col->data.n, 0, width);
    col->data.n += width;
    return WEIR_READ_OK;
}

static inline enum weir_read put_element(struct ch_column *col, const struct weir_column *c,
                                         const union weir_cell_value *v, char *err)
{
    col->n++;
    if (col->type.nullable && !put_le(&col->nulls, !v, 1)) return WEIR_READ_NO_MEMORY;
    return v ? put_value(col, c, v, err) : put_nothing(col);
}

static enum weir_read put_cell(struct ch_layout *l, uint32_t i, char *err)
{
    const struct weir_column *c = &l->plan->v[i];
    const struct weir_cell *cell = &l->row.cells[c->slot];
    struct ch_column *col = &l->columns[i];
    if (!c->repeated) return put_element(col, c, cell->set ? &cell->v : NULL, err);
    uint32_t at = cell->v.list.first;
    for (uint32_t k = 0; k < cell->v.list.n; k++, at = l->row.items[at].next) {
        enum weir_read r = put_element(col, c, &l->row.items[at].v, err);
        if (r != WEIR_READ_OK) return r;
    }
    return stored(put_le(&col->offsets, col->n, 8));
}

static struct mark mark_of(const struct ch_column *col)
{
    return (struct mark){col->nulls.n, col->offsets.n, col->data.n, col->n};
}

static void go_back(struct ch_column *col, struct mark m)
{
    col->nulls.n = m.nulls;
    col->offsets.n = m.offsets;
    col->data.n = m.data;
    col->n = m.n;
}

enum weir_read ch_block_add(struct ch_layout *l, struct weir_slice wire, char err[WEIR_COLUMNS_ERR])
{
    struct mark marks[CH_MAX_COLUMNS];
    enum weir_read r = weir_columns_read(l->plan, wire, &l->row, err);
    if (r != WEIR_READ_OK) return r;
    for (uint32_t i = 0; i < l->plan->n; i++) {
        marks[i] = mark_of(&l->columns[i]);
        r = put_cell(l, i, err);
        if (r == WEIR_READ_OK) continue;
        for (uint32_t k = 0; k <= i; k++) go_back(&l->columns[k], marks[k]);
        return r;
    }
    l->rows++;
    return WEIR_READ_OK;
}

bool ch_block_finish(const struct ch_layout *l, struct weir_buf *out)
{
    size_t size = 32;
    for (uint32_t i = 0; i < l->plan->n; i++) {
        const struct ch_column *col = &l->columns[i];
        size += 32 + strlen(l->plan->v[i].name) + strlen(col->type.declared);
        size += col->nulls.n + col->offsets.n + col->data.n;
    }
    if (!weir_buf_room(out, size)) return false;
    bool ok = weir_buf_varint(out, l->plan->n) && weir_buf_varint(out, l->rows);
    for (uint32_t i = 0; ok && i < l->plan->n; i++) {
        const struct ch_column *col = &l->columns[i];
        const char *name = l->plan->v[i].name;
        ok = weir_buf_string(out, name, strlen(name)) &&
             weir_buf_string(out, col->type.declared, strlen(col->type.declared)) &&
             weir_buf_put(out, col->offsets.p, col->offsets.n) && weir_buf_put(out, col->nulls.p, col->nulls.n) &&
             weir_buf_put(out, col->data.p, col->data.n);
    }
    return ok;
}

void ch_block_clear(struct ch_layout *l)
{
    for (uint32_t i = 0; i < l->plan->n; i++) go_back(&l->columns[i], (struct mark){0});
    l->rows = 0;
}

struct ch_layout *ch_layout_new(struct weir_columns *plan, char err[WEIR_COLUMNS_ERR])
{
    struct ch_layout *l = calloc(1, sizeof(*l));
    snprintf(err, WEIR_COLUMNS_ERR, "no memory");
    if (!l) {
        weir_columns_free(plan);
        return NULL;
    }
    l->plan = plan;
    l->columns = calloc(plan->n, sizeof(*l->columns));
    bool ok = l->columns && weir_row_init(&l->row, plan) == 0;
    if (ok && plan->n > CH_MAX_COLUMNS) {
        snprintf(err, WEIR_COLUMNS_ERR, "%u columns; at most %u can be filled", plan->n, CH_MAX_COLUMNS);
        ok = false;
    }
    for (uint32_t i = 0; ok && i < plan->n; i++) ok = ch_type_of(&plan->v[i], &l->columns[i].type, err) == 0;
    if (ok) return l;
    ch_layout_free(l);
    return NULL;
}

void ch_layout_free(struct ch_layout *l)
{
    if (!l) return;
    for (uint32_t i = 0; l->columns && i < l->plan->n; i++) {
        ch_type_free(&l->columns[i].type);
        weir_buf_free(&l->columns[i].nulls);
        weir_buf_free(&l->columns[i].offsets);
        weir_buf_free(&l->columns[i].data);
    }
    weir_row_free(&l->row);
    weir_columns_free(l->plan);
    free(l->columns);
    free(l);
}
