/* columns_read.c - one pass over an event's wire bytes: fields that columns want go to their slots, the rest is
 * skipped. Later copies of a field win and messages merge, as the wire form's rules have it. */
#include "columns.h"
#include "columns_tree.h"
#include "columns_wire.h"
#include <stdio.h>
#include <stdlib.h>

typedef const struct weir_columns_step step;

struct reader {
    const struct weir_columns *plan;
    struct weir_row *row;
    const uint8_t *base;
    char *err;
    bool no_memory;
};

static const uint8_t nothing[1];

/* NULL, so that a reading function can return it. */
static const uint8_t *fault(struct reader *r, step *s, const uint8_t *at, const char *what)
{
    if (s)
        snprintf(r->err, WEIR_COLUMNS_ERR, "field %s, byte %zu: %s", s->field->name, (size_t)(at - r->base), what);
    else
        snprintf(r->err, WEIR_COLUMNS_ERR, "byte %zu: %s", (size_t)(at - r->base), what);
    return NULL;
}

static union weir_cell_value *new_item(struct reader *r, struct weir_cell *list)
{
    struct weir_row *row = r->row;
    if (row->n_items == row->cap_items) {
        uint32_t cap = row->cap_items ? row->cap_items * 2 : 64;
        struct weir_item *items = cap > row->cap_items ? realloc(row->items, cap * sizeof(*items)) : NULL;
        if (!items) {
            r->no_memory = true;
            return NULL;
        }
        row->items = items;
        row->cap_items = cap;
    }
    uint32_t at = row->n_items++;
    if (list->v.list.n++ == 0)
        list->v.list.first = at;
    else
        row->items[list->v.list.last].next = at;
    list->v.list.last = at;
    return &row->items[at].v;
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* 32-bit varints are read as 64 bits and cut, as every protobuf reader does. */
static void from_varint(ProtobufCType type, uint64_t v, union weir_cell_value *out)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32: out->u64 = (uint32_t)v; break;
    case PROTOBUF_C_TYPE_UINT64: out->u64 = v; break;
    case PROTOBUF_C_TYPE_SINT32: out->i64 = unzigzag((uint32_t)v); break;
    case PROTOBUF_C_TYPE_SINT64: out->i64 = unzigzag(v); break;
    case PROTOBUF_C_TYPE_BOOL: out->i64 = v != 0; break;
    case PROTOBUF_C_TYPE_INT64: out->i64 = (int64_t)v; break;
    default: out->i64 = (int32_t)(uint32_t)v; break; /* int32, enum */
    }
}

static void from_fixed32(ProtobufCType type, uint32_t v, union weir_cell_value *out)
{
    float f;
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
        memcpy(&f, &v, sizeof(f));
        out->f64 = (double)f;
        break;
    case PROTOBUF_C_TYPE_SFIXED32: out->i64 = (int32_t)v; break;
    default: out->u64 = v; break;
    }
}

/* double, sfixed64 and fixed64 are the same 8 bytes of the union */
static void from_fixed64(uint64_t v, union weir_cell_value *out)
{
    memcpy(out, &v, sizeof(v));
}

static inline const uint8_t *read_scalar(struct reader *r, step *s, const uint8_t *p, const uint8_t *end,
                                         union weir_cell_value *out)
{
    const uint8_t *at = p;
    uint64_t wide;
    uint32_t narrow;
    switch (s->wire) {
    case WIRE_VARINT:
        p = wire_varint(p, end, &wide);
        if (!p) return fault(r, s, at, "a number is cut off or too long");
        from_varint(s->type, wide, out);
        return p;
    case WIRE_FIXED64:
        p = wire_fixed64(p, end, &wide);
        if (!p) return fault(r, s, at, "8 bytes expected, the message ends before");
        from_fixed64(wide, out);
        return p;
    case WIRE_FIXED32:
        p = wire_fixed32(p, end, &narrow);
        if (!p) return fault(r, s, at, "4 bytes expected, the message ends before");
        from_fixed32(s->type, narrow, out);
        return p;
    default:
        p = wire_bytes(p, end, &out->bytes);
        if (!p) return fault(r, s, at, "its length goes past the end of the message");
        if (s->kind == WEIR_COLUMN_STRING && !wire_utf8(out->bytes)) return fault(r, s, at, "invalid UTF-8");
        return p;
    }
}

/* google.protobuf.Timestamp: 1 = seconds, 2 = nanos; years 1 to 9999. Keeps what it does not find: messages merge. */
static bool read_time(struct reader *r, step *s, struct weir_slice in, union weir_cell_value *out)
{
    const uint8_t *p = in.p, *end = in.p + in.n;
    while (p < end) {
        const uint8_t *at = p;
        uint32_t id;
        unsigned type;
        uint64_t v;
        p = wire_tag(p, end, &id, &type);
        if (p && id <= 2 && type == WIRE_VARINT) {
            p = wire_varint(p, end, &v);
            if (p && id == 1) out->time.sec = (int64_t)v;
            if (p && id == 2) out->time.nanos = (int32_t)(uint32_t)v;
        } else if (p) {
            p = id <= 2 ? NULL : wire_skip(p, end, type);
        }
        if (!p) return fault(r, s, at, "malformed timestamp");
    }
    if (out->time.sec < -62135596800 || out->time.sec > 253402300799 || out->time.nanos < 0 ||
        out->time.nanos > 999999999)
        return fault(r, s, in.p, "timestamp out of range (years 1 to 9999, nanos 0 to 999999999)");
    return true;
}

static const uint8_t *read_message(struct reader *, uint32_t node, const uint8_t *p, const uint8_t *end);

static void clear_step(struct reader *r, step *s)
{
    if (s->what == STEP_VALUE || s->what == STEP_TIME) r->row->cells[s->target] = (struct weir_cell){.set = false};
    if (s->what != STEP_DESCEND) return;
    const struct weir_columns_node *node = &r->plan->nodes[s->target];
    for (uint32_t i = 0; i < node->n; i++) clear_step(r, &node->steps[i]);
}

/* The newest member of a oneof displaces the others. */
static void clear_oneof(struct reader *r, const struct weir_columns_node *node, step *keep)
{
    for (uint32_t i = 0; i < node->n; i++) {
        step *s = &node->steps[i];
        if (s != keep && s->oneof && s->field->quantifier_offset == keep->field->quantifier_offset) clear_step(r, s);
    }
}

static const uint8_t *read_packed(struct reader *r, step *s, struct weir_cell *cell, const uint8_t *p,
                                  const uint8_t *end)
{
    struct weir_slice in;
    const uint8_t *after = wire_bytes(p, end, &in);
    if (!after) return fault(r, s, p, "its length goes past the end of the message");
    const uint8_t *q = in.p, *stop = in.p + in.n;
    while (q < stop) {
        union weir_cell_value *item = new_item(r, cell);
        q = item ? read_scalar(r, s, q, stop, item) : NULL;
        if (!q) return NULL;
    }
    return after;
}

static const uint8_t *read_value(struct reader *r, step *s, const uint8_t *p, const uint8_t *end, unsigned type)
{
    struct weir_cell *cell = &r->row->cells[s->target];
    unsigned want = s->wire;
    if (s->repeated && type == WIRE_LENGTH && want != WIRE_LENGTH) return read_packed(r, s, cell, p, end);
    if (type != want) return fault(r, s, p, "another wire type than its .proto says");
    union weir_cell_value *out = s->repeated ? new_item(r, cell) : &cell->v;
    if (!out) return NULL;
    cell->set = true;
    return read_scalar(r, s, p, end, out);
}

static const uint8_t *read_nested(struct reader *r, step *s, const uint8_t *p, const uint8_t *end, unsigned type)
{
    struct weir_slice in;
    if (type != WIRE_LENGTH) return fault(r, s, p, "another wire type than its .proto says");
    const uint8_t *after = wire_bytes(p, end, &in);
    if (!after) return fault(r, s, p, "its length goes past the end of the message");
    if (s->what == STEP_DESCEND) return read_message(r, s->target, in.p, in.p + in.n) ? after : NULL;
    struct weir_cell *cell = &r->row->cells[s->target];
    union weir_cell_value *out = s->repeated ? new_item(r, cell) : &cell->v;
    if (!out) return NULL;
    if (s->repeated || !cell->set) memset(out, 0, sizeof(*out));
    cell->set = true;
    return read_time(r, s, in, out) ? after : NULL;
}

static step *search_step(const struct weir_columns_node *node, uint32_t id, uint32_t *guess)
{
    uint32_t low = 0, high = node->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (node->steps[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == node->n || node->steps[low].id != id) return NULL;
    *guess = low + 1;
    return &node->steps[low];
}

/* Fields mostly come in the order of their numbers, so the next step is the first guess. */
static inline step *find_step(const struct weir_columns_node *node, uint32_t id, uint32_t *guess)
{
    if (*guess < node->n && node->steps[*guess].id == id) return &node->steps[(*guess)++];
    return search_step(node, id, guess);
}

static void set_zero(struct weir_cell *cell, enum weir_column_kind kind)
{
    memset(&cell->v, 0, sizeof(cell->v));
    if (kind == WEIR_COLUMN_STRING || kind == WEIR_COLUMN_BYTES) cell->v.bytes.p = nothing;
    cell->set = true;
}

/* A message that is there gives its fields without presence their zero. */
static void set_defaults(struct reader *r, const struct weir_columns_node *node)
{
    for (uint32_t i = 0; i < node->n; i++) {
        step *s = &node->steps[i];
        if (s->implicit && !r->row->cells[s->target].set) set_zero(&r->row->cells[s->target], s->kind);
    }
}

static const uint8_t *read_message(struct reader *r, uint32_t index, const uint8_t *p, const uint8_t *end)
{
    const struct weir_columns_node *node = &r->plan->nodes[index];
    uint32_t guess = 0;
    set_defaults(r, node);
    while (p < end) {
        const uint8_t *at = p;
        uint32_t id;
        unsigned type;
        p = wire_tag(p, end, &id, &type);
        if (!p) return fault(r, NULL, at, "malformed or cut off tag");
        step *s = find_step(node, id, &guess);
        if (s && s->oneof) clear_oneof(r, node, s);
        if (!s || s->what == STEP_CLEAR) {
            p = wire_skip(p, end, type);
            if (!p) return fault(r, NULL, at, "a field that no column takes is malformed or cut off");
        } else {
            p = s->what == STEP_VALUE ? read_value(r, s, p, end, type) : read_nested(r, s, p, end, type);
            if (!p) return NULL;
        }
    }
    return p;
}

/* Lists are there even when empty; what else is missing must be allowed to be. A field without presence of its own in
 * an absent message is NULL where a column takes that, else its zero. */
static bool finish(struct reader *r)
{
    for (uint32_t i = 0; i < r->plan->n; i++) {
        const struct weir_column *c = &r->plan->v[i];
        struct weir_cell *cell = &r->row->cells[c->slot];
        if (cell->set) continue;
        if (c->repeated) {
            cell->set = true;
        } else if (!c->nullable && !c->required) {
            set_zero(cell, c->kind);
        } else if (c->required) {
            snprintf(r->err, WEIR_COLUMNS_ERR, "field %s is absent, but column %s takes no NULL", c->path, c->name);
            return false;
        }
    }
    return true;
}

enum weir_read weir_columns_read(const struct weir_columns *plan, struct weir_slice wire, struct weir_row *row,
                                 char err[WEIR_COLUMNS_ERR])
{
    struct reader r = {plan, row, wire.n ? wire.p : nothing, err, false};
    memset(row->cells, 0, plan->n_slots * sizeof(*row->cells));
    row->n_items = 0;
    bool ok = read_message(&r, 0, r.base, r.base + wire.n) && finish(&r);
    if (ok) return WEIR_READ_OK;
    return r.no_memory ? WEIR_READ_NO_MEMORY : WEIR_READ_MALFORMED;
}

int weir_row_init(struct weir_row *row, const struct weir_columns *plan)
{
    *row = (struct weir_row){0};
    row->cells = calloc(plan->n_slots ? plan->n_slots : 1, sizeof(*row->cells));
    return row->cells ? 0 : -1;
}

void weir_row_free(struct weir_row *row)
{
    free(row->cells);
    free(row->items);
    *row = (struct weir_row){0};
}
