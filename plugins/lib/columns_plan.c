/* columns_plan.c - matches a message type with a table's columns, once, and says what does not fit and what to do. */
#include "columns.h"
#include "columns_tree.h"
#include "columns_wire.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct planner {
    const ProtobufCMessageDescriptor *message;
    struct weir_columns *plan;
    char *err;
};

__attribute__((format(printf, 2, 3))) static int fail(struct planner *pl, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(pl->err, WEIR_COLUMNS_ERR, fmt, args);
    va_end(args);
    return -1;
}

static int no_memory(struct planner *pl)
{
    return fail(pl, "no memory");
}

static bool is_time(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_MESSAGE &&
           strcmp(((const ProtobufCMessageDescriptor *)f->descriptor)->name, "google.protobuf.Timestamp") == 0;
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_LENGTH;
    default: return WIRE_VARINT;
    }
}

static bool kind_of(const ProtobufCFieldDescriptor *f, enum weir_column_kind *kind)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: *kind = WEIR_COLUMN_I64; return true;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: *kind = WEIR_COLUMN_U64; return true;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE: *kind = WEIR_COLUMN_F64; return true;
    case PROTOBUF_C_TYPE_BOOL: *kind = WEIR_COLUMN_BOOL; return true;
    case PROTOBUF_C_TYPE_ENUM: *kind = WEIR_COLUMN_ENUM; return true;
    case PROTOBUF_C_TYPE_STRING: *kind = WEIR_COLUMN_STRING; return true;
    case PROTOBUF_C_TYPE_BYTES: *kind = WEIR_COLUMN_BYTES; return true;
    case PROTOBUF_C_TYPE_MESSAGE: *kind = WEIR_COLUMN_TIME; return is_time(f);
    }
    return false;
}

static bool is_oneof(const ProtobufCFieldDescriptor *f)
{
    return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

static bool is_implicit(const ProtobufCFieldDescriptor *f)
{
    return f->label == PROTOBUF_C_LABEL_NONE && f->type != PROTOBUF_C_TYPE_MESSAGE && !is_oneof(f);
}

/* ---- the tree */

static int add_node(struct planner *pl, uint32_t *index)
{
    struct weir_columns *plan = pl->plan;
    void *nodes = realloc(plan->nodes, (plan->n_nodes + 1) * sizeof(*plan->nodes));
    if (!nodes) return no_memory(pl);
    plan->nodes = nodes;
    plan->nodes[plan->n_nodes] = (struct weir_columns_node){NULL, 0};
    *index = plan->n_nodes++;
    return 0;
}

static struct weir_columns_step *find_step(struct weir_columns_node *node, uint32_t id)
{
    for (uint32_t i = 0; i < node->n; i++)
        if (node->steps[i].id == id) return &node->steps[i];
    return NULL;
}

static int add_step(struct planner *pl, uint32_t node, const struct weir_columns_step *step)
{
    struct weir_columns_node *to = &pl->plan->nodes[node];
    void *steps = realloc(to->steps, (to->n + 1) * sizeof(*to->steps));
    if (!steps) return no_memory(pl);
    to->steps = steps;
    to->steps[to->n++] = *step;
    return 0;
}

/* The node of the message that `field` of `node` holds. */
static int descend(struct planner *pl, uint32_t *node, const ProtobufCFieldDescriptor *field, const char *path)
{
    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return fail(pl, "path %s goes into %s, which is not a message", path, field->name);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return fail(pl, "path %s goes through %s, which is repeated: only a repeated scalar can fill a column", path,
                    field->name);
    struct weir_columns_step *have = find_step(&pl->plan->nodes[*node], field->id);
    if (have && have->what != STEP_DESCEND)
        return fail(pl, "path %s goes into %s, which another column takes as a whole", path, field->name);
    if (have) {
        *node = have->target;
        return 0;
    }
    uint32_t child;
    if (add_node(pl, &child)) return -1;
    struct weir_columns_step step = {
        .id = field->id, .target = child, .field = field, .what = STEP_DESCEND, .oneof = is_oneof(field)};
    if (add_step(pl, *node, &step)) return -1;
    *node = child;
    return 0;
}

static int add_leaf(struct planner *pl, uint32_t node, const ProtobufCFieldDescriptor *field, struct weir_column *c)
{
    if (!kind_of(field, &c->kind))
        return fail(pl,
                    "column %s: field %s is a message: name one of its fields, columns = [\"%s=%s.FIELD\"], or "
                    "leave the column out, [\"%s=\"]",
                    c->name, c->path, c->name, c->path, c->name);
    c->field = field;
    c->repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    c->required = !c->repeated && !c->nullable && !is_implicit(field);
    struct weir_columns_step *have = find_step(&pl->plan->nodes[node], field->id);
    if (have && have->what == STEP_DESCEND)
        return fail(pl, "column %s takes %s as a whole, another column a field inside it", c->name, c->path);
    c->slot = have ? have->target : pl->plan->n_slots++;
    if (have) return 0;
    struct weir_columns_step step = {.id = field->id,
                                     .target = c->slot,
                                     .field = field,
                                     .kind = c->kind,
                                     .type = field->type,
                                     .wire = wire_type_of(field->type),
                                     .what = c->kind == WEIR_COLUMN_TIME ? STEP_TIME : STEP_VALUE,
                                     .repeated = c->repeated,
                                     .implicit = is_implicit(field),
                                     .oneof = is_oneof(field)};
    return add_step(pl, node, &step);
}

/* Follows a path from the message down to the field that fills the column. */
static int add_path(struct planner *pl, struct weir_column *c)
{
    const ProtobufCMessageDescriptor *message = pl->message;
    const char *at = c->path;
    uint32_t node = 0;
    for (unsigned depth = 0; depth < WEIR_COLUMNS_DEPTH; depth++) {
        char name[128];
        size_t n = strcspn(at, ".");
        if (n == 0 || n >= sizeof(name)) return fail(pl, "column %s: malformed field path \"%s\"", c->name, c->path);
        memcpy(name, at, n);
        name[n] = '\0';
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(message, name);
        if (!f) return fail(pl, "column %s: %s has no field %s (path \"%s\")", c->name, message->name, name, c->path);
        if (at[n] == '\0') return add_leaf(pl, node, f, c);
        if (descend(pl, &node, f, c->path)) return -1;
        message = f->descriptor;
        at += n + 1;
    }
    return fail(pl, "column %s: path \"%s\" is deeper than %u names", c->name, c->path, WEIR_COLUMNS_DEPTH);
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = ((const struct weir_columns_step *)a)->id, y = ((const struct weir_columns_step *)b)->id;
    return (x > y) - (x < y);
}

/* A oneof's members that no column takes still displace those that one takes. */
static int add_clears(struct planner *pl, uint32_t node, const ProtobufCMessageDescriptor *message)
{
    uint32_t n = pl->plan->nodes[node].n;
    for (unsigned f = 0; f < message->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &message->fields[f];
        if (!is_oneof(field) || find_step(&pl->plan->nodes[node], field->id)) continue;
        bool wanted = false;
        for (uint32_t i = 0; i < n; i++) {
            const struct weir_columns_step *s = &pl->plan->nodes[node].steps[i];
            wanted |= s->oneof && s->field->quantifier_offset == field->quantifier_offset;
        }
        struct weir_columns_step step = {.id = field->id, .field = field, .what = STEP_CLEAR, .oneof = true};
        if (wanted && add_step(pl, node, &step)) return -1;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct weir_columns_step s = pl->plan->nodes[node].steps[i];
        if (s.what == STEP_DESCEND && add_clears(pl, s.target, s.field->descriptor)) return -1;
    }
    struct weir_columns_node *done = &pl->plan->nodes[node];
    if (done->n) qsort(done->steps, done->n, sizeof(*done->steps), by_id);
    return 0;
}

/* ---- the columns */

static bool same(struct weir_slice s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static const struct weir_pair *mapped(const struct weir_list *map, const char *column)
{
    for (uint32_t i = 0; map && i < map->n; i++) {
        const struct weir_pair *p = (const void *)((const char *)map->items + (size_t)i * map->stride);
        if (same(p->name, column)) return p;
    }
    return NULL;
}

static int add_column(struct planner *pl, const struct weir_table_column *t, uint32_t index, struct weir_slice path)
{
    struct weir_column *c = &pl->plan->v[pl->plan->n++];
    *c = (struct weir_column){.name = strdup(t->name),
                              .type = strdup(t->type),
                              .nullable = t->nullable,
                              .index = index,
                              .path = strndup((const char *)path.p, path.n)};
    if (!c->name || !c->type || !c->path) return no_memory(pl);
    return add_path(pl, c);
}

static int place_column(struct planner *pl, const struct weir_table_column *t, uint32_t index,
                        const struct weir_list *map)
{
    const struct weir_pair *given = mapped(map, t->name);
    bool optional = t->nullable || t->has_default;
    if (given && given->value.n) return add_column(pl, t, index, given->value);
    if (given) {
        if (optional) return 0;
        return fail(pl, "column %s is NOT NULL without a default: it cannot be left out", t->name);
    }
    if (protobuf_c_message_descriptor_get_field_by_name(pl->message, t->name))
        return add_column(pl, t, index, (struct weir_slice){(const uint8_t *)t->name, strlen(t->name)});
    if (optional) return 0;
    return fail(pl,
                "column %s is NOT NULL without a default and %s has no field %s: map it, columns = "
                "[\"%s=FIELD.PATH\"], or give it a default",
                t->name, pl->message->name, t->name, t->name);
}

static int check_map(struct planner *pl, const struct weir_table_column *cols, uint32_t n, const struct weir_list *map)
{
    for (uint32_t i = 0; map && i < map->n; i++) {
        const struct weir_pair *p = (const void *)((const char *)map->items + (size_t)i * map->stride);
        bool known = false;
        for (uint32_t c = 0; c < n; c++) known |= same(p->name, cols[c].name);
        if (!known)
            return fail(pl, "columns = [\"%.*s=...\"]: the table has no column %.*s", (int)p->name.n,
                        (const char *)p->name.p, (int)p->name.n, (const char *)p->name.p);
    }
    return 0;
}

static int check_fields(struct planner *pl)
{
    for (unsigned f = 0; f < pl->message->n_fields; f++)
        if (!find_step(&pl->plan->nodes[0], pl->message->fields[f].id))
            return fail(pl, "field %s of %s has no column: add one, or let it go with unmapped = \"ignore\"",
                        pl->message->fields[f].name, pl->message->name);
    return 0;
}

static int build(struct planner *pl, const struct weir_table_column *cols, uint32_t n, const struct weir_list *map,
                 unsigned flags)
{
    uint32_t root;
    pl->plan->v = calloc(n ? n : 1, sizeof(*pl->plan->v));
    if (!pl->plan->v) return no_memory(pl);
    if (!pl->message->fields_sorted_by_name) return fail(pl, "%s was compiled without field names", pl->message->name);
    if (add_node(pl, &root) || check_map(pl, cols, n, map)) return -1;
    for (uint32_t i = 0; i < n; i++)
        if (place_column(pl, &cols[i], i, map)) return -1;
    if (pl->plan->n == 0) return fail(pl, "no column of the table has the name of a field of %s", pl->message->name);
    if ((flags & WEIR_COLUMNS_EVERY_FIELD) && check_fields(pl)) return -1;
    return add_clears(pl, 0, pl->message);
}

struct weir_columns *weir_columns_plan(const ProtobufCMessageDescriptor *message, const struct weir_table_column *cols,
                                       uint32_t n, const struct weir_list *map, unsigned flags,
                                       char err[WEIR_COLUMNS_ERR])
{
    struct planner pl = {message, calloc(1, sizeof(struct weir_columns)), err};
    if (!pl.plan) {
        (void)no_memory(&pl);
        return NULL;
    }
    if (build(&pl, cols, n, map, flags) == 0) return pl.plan;
    weir_columns_free(pl.plan);
    return NULL;
}

void weir_columns_free(struct weir_columns *plan)
{
    if (!plan) return;
    for (uint32_t i = 0; i < plan->n; i++) {
        free(plan->v[i].name);
        free(plan->v[i].type);
        free(plan->v[i].path);
    }
    for (uint32_t i = 0; i < plan->n_nodes; i++) free(plan->nodes[i].steps);
    free(plan->nodes);
    free(plan->v);
    free(plan);
}
