/* types.c - reads a ClickHouse type and decides how a field's values are written for it. */
#include "types.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct words { /* a piece of a type's text */
    const char *p;
    size_t n;
};

/* "Nullable(X)" -> X; false when it is something else. */
static bool unwrap(struct words *w, const char *name)
{
    size_t n = strlen(name);
    if (w->n < n + 2 || memcmp(w->p, name, n) != 0 || w->p[n] != '(' || w->p[w->n - 1] != ')') return false;
    w->p += n + 1;
    w->n -= n + 2;
    return true;
}

static bool is(struct words w, const char *name)
{
    return w.n == strlen(name) && memcmp(w.p, name, w.n) == 0;
}

static bool starts(struct words w, const char *name)
{
    return w.n >= strlen(name) && memcmp(w.p, name, strlen(name)) == 0;
}

bool ch_type_nullable(const char *type)
{
    struct words w = {type, strlen(type)};
    (void)unwrap(&w, "LowCardinality");
    return unwrap(&w, "Nullable");
}

/* ---- integers: exact widths are ours, wider ones the server's */

static const struct {
    const char *name;
    uint32_t width;
    int64_t min;
    uint64_t max;
} ints[] = {
    {"Int8", 1, INT8_MIN, INT8_MAX},    {"Int16", 2, INT16_MIN, INT16_MAX}, {"Int32", 4, INT32_MIN, INT32_MAX},
    {"Int64", 8, INT64_MIN, INT64_MAX}, {"UInt8", 1, 0, UINT8_MAX},         {"UInt16", 2, 0, UINT16_MAX},
    {"UInt32", 4, 0, UINT32_MAX},       {"UInt64", 8, 0, UINT64_MAX},       {"Bool", 1, 0, 1},
};

static bool take_int(struct ch_type *t, struct words base)
{
    for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++) {
        if (!is(base, ints[i].name)) continue;
        t->form = CH_INT;
        t->width = ints[i].width;
        t->min = ints[i].min;
        t->max = ints[i].max;
        return true;
    }
    return false;
}

/* Declared as another type than the table's: the server converts. */
static const char *cast_int(struct ch_type *t, bool is_signed)
{
    const char *name = is_signed ? "Int64" : "UInt64";
    (void)take_int(t, (struct words){name, strlen(name)});
    return name;
}

static const char *from_integer(struct ch_type *t, struct words base, enum weir_column_kind kind)
{
    if (take_int(t, base)) return "";
    if (starts(base, "Int") || starts(base, "UInt") || starts(base, "Decimal") || starts(base, "Float"))
        return cast_int(t, kind != WEIR_COLUMN_U64);
    return NULL;
}

/* ---- enums: by name */

/* 'name' = number, with \ before a quote or backslash; returns the place after it. */
static const char *enum_entry(const char *p, const char *end, char *name, size_t size, long *value)
{
    size_t n = 0;
    while (p < end && *p != '\'') p++;
    if (p++ >= end) return NULL;
    for (; p < end && *p != '\''; p++) {
        if (*p == '\\' && p + 1 < end) p++;
        if (n + 1 >= size) return NULL;
        name[n++] = *p;
    }
    name[n] = '\0';
    while (p < end && *p != '=') p++;
    if (p++ >= end) return NULL;
    char *after;
    *value = strtol(p, &after, 10);
    return after;
}

static int take_enum(struct ch_type *t, struct words base, const struct weir_column *c)
{
    const ProtobufCEnumDescriptor *desc = c->field->descriptor;
    const char *p = base.p, *end = base.p + base.n;
    char name[256];
    long value;
    t->form = CH_ENUM;
    t->width = starts(base, "Enum8") ? 1 : 2;
    while ((p = enum_entry(p, end, name, sizeof(name), &value))) {
        const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value_by_name(desc, name);
        if (!v) continue; /* the table knows more names than the message */
        struct ch_enum_value *more = realloc(t->enums, (t->n_enums + 1) * sizeof(*more));
        if (!more) return -1;
        t->enums = more;
        t->enums[t->n_enums++] = (struct ch_enum_value){v->value, (int16_t)value};
    }
    return 0;
}

/* ---- what fits what: "" = declared as the table has it, a name = declared so, NULL = does not fit */

static const char *as_string(struct ch_type *t)
{
    t->form = CH_STRING;
    return "String";
}

static const char *from_text(struct ch_type *t, struct words base, enum weir_column_kind kind)
{
    if (starts(base, "FixedString(")) {
        t->form = CH_FIXED;
        t->width = (uint32_t)strtoul(base.p + strlen("FixedString("), NULL, 10);
        return "";
    }
    if (is(base, "UUID")) {
        t->form = CH_UUID;
        return "";
    }
    if (kind == WEIR_COLUMN_BYTES && !is(base, "String")) return NULL;
    return as_string(t); /* dates, decimals, addresses, JSON ...: the server reads the text */
}

static const char *from_time(struct ch_type *t, struct words base)
{
    if (starts(base, "DateTime64(")) {
        t->form = CH_DATETIME64;
        t->scale = (unsigned)strtoul(base.p + strlen("DateTime64("), NULL, 10);
        return t->scale <= 9 ? "" : NULL;
    }
    t->form = starts(base, "DateTime") ? CH_DATETIME : is(base, "Date32") ? CH_DATE32 : CH_DATE;
    return starts(base, "Date") ? "" : NULL;
}

static const char *from_enum(struct ch_type *t, struct words base, const struct weir_column *c)
{
    if (starts(base, "Enum8(") || starts(base, "Enum16(")) return take_enum(t, base, c) == 0 ? "" : NULL;
    if (!is(base, "String")) return from_integer(t, base, WEIR_COLUMN_ENUM);
    t->form = CH_ENUM_NAME;
    return "";
}

static const char *from_float(struct ch_type *t, struct words base)
{
    t->form = is(base, "Float32") ? CH_FLOAT32 : CH_FLOAT64;
    return starts(base, "Float") ? "" : NULL;
}

static const char *choose(struct ch_type *t, struct words base, const struct weir_column *c)
{
    switch (c->kind) {
    case WEIR_COLUMN_I64:
    case WEIR_COLUMN_U64:
    case WEIR_COLUMN_BOOL: return from_integer(t, base, c->kind);
    case WEIR_COLUMN_F64: return from_float(t, base);
    case WEIR_COLUMN_ENUM: return from_enum(t, base, c);
    case WEIR_COLUMN_STRING:
    case WEIR_COLUMN_BYTES: return from_text(t, base, c->kind);
    case WEIR_COLUMN_TIME: return from_time(t, base);
    }
    return NULL;
}

int ch_type_of(const struct weir_column *c, struct ch_type *t, char err[WEIR_COLUMNS_ERR])
{
    struct words w = {c->type, strlen(c->type)};
    *t = (struct ch_type){.array = unwrap(&w, "Array")};
    (void)unwrap(&w, "LowCardinality"); /* its own encoding has dictionaries; the server makes them */
    t->nullable = unwrap(&w, "Nullable");
    const char *declared = t->array == c->repeated ? choose(t, w, c) : NULL;
    if (!declared) {
        ch_type_free(t);
        snprintf(err, WEIR_COLUMNS_ERR,
                 "column %s is %s, field %s is %s: change the column's type or map another field", c->name, c->type,
                 c->path, weir_column_field_type(c));
        return -1;
    }
    if (*declared) w = (struct words){declared, strlen(declared)};
    if (asprintf(&t->declared, "%s%s%.*s%s%s", t->array ? "Array(" : "", t->nullable ? "Nullable(" : "", (int)w.n, w.p,
                 t->nullable ? ")" : "", t->array ? ")" : "") < 0) {
        t->declared = NULL;
        ch_type_free(t);
        snprintf(err, WEIR_COLUMNS_ERR, "no memory");
        return -1;
    }
    return 0;
}

void ch_type_free(struct ch_type *t)
{
    free(t->declared);
    free(t->enums);
    t->declared = NULL;
    t->enums = NULL;
    t->n_enums = 0;
}
