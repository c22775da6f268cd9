/* table.c - reads the catalog's answer, plans the columns and writes the statements. Every name comes from the server
 * already quoted; nothing of the conf is pasted into SQL.
 * Staging columns are called c0, c1 ...; i is the event's place in its batch. */
#include "table.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char pg_table_query[] =
    "select a.attname, format_type(a.atttypid, a.atttypmod), coalesce(e.typname, b.typname), quote_ident(a.attname), "
    "e.oid is not null, coalesce(e.typtype, b.typtype) = 'e', not (a.attnotnull or t.typnotnull), "
    "a.atthasdef or a.attidentity <> '', quote_ident(n.nspname) || '.' || quote_ident(c.relname), "
    "exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate "
    "and i.indpred is null and i.indexprs is null and "
    "(select array_agg(k.attname::text order by k.attname::text collate \"C\") from pg_attribute k "
    "where k.attrelid = c.oid and k.attnum = any (i.indkey[0:i.indnkeyatts - 1])) = "
    "(select array_agg(w order by w collate \"C\") from unnest($2::text[]) w)), "
    "coalesce(e.oid, b.oid), "
    /* COPY passes rules by; a trigger may leave rows out */
    "c.relkind in ('r', 'p') and not c.relhasrules and not row_security_active(c.oid) and not exists "
    "(select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgtype & 7 = 7) "
    "from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid "
    "join pg_type t on t.oid = a.atttypid "
    "join pg_type b on b.oid = case t.typtype when 'd' then t.typbasetype else t.oid end "
    "left join pg_type e on e.oid = b.typelem and b.typcategory = 'A' "
    "where c.oid = to_regclass($1::text) and a.attnum > 0 and not a.attisdropped "
    "and a.attgenerated = '' and a.attidentity <> 'a' order by a.attnum";
enum { NAME, FULL, BASE, QUOTED, IS_ARRAY, IS_ENUM, NULLABLE, HAS_DEFAULT, TABLE, KEY_IS_UNIQUE, OID, TAKES_COPY };

/* ---- text */

__attribute__((format(printf, 3, 4))) static void add(struct weir_buf *b, bool *ok, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    *ok = *ok && n >= 0 && weir_buf_put(b, text, (size_t)n);
    if (n >= 0) free(text);
}

/* The text as a string of its own; NULL when anything failed. */
static char *finish(struct weir_buf *b, bool ok)
{
    ok = ok && weir_buf_put(b, "", 1);
    if (ok) return (char *)b->p;
    weir_buf_free(b);
    return NULL;
}

char *pg_key_array(const struct weir_list *key)
{
    struct weir_buf b = {NULL, 0, 0};
    bool ok = true;
    add(&b, &ok, "{");
    for (uint32_t i = 0; i < key->n; i++) {
        struct weir_slice name = pg_key_at(key, i);
        add(&b, &ok, i ? ",\"" : "\"");
        for (size_t k = 0; k < name.n; k++)
            add(&b, &ok, name.p[k] == '"' || name.p[k] == '\\' ? "\\%c" : "%c", name.p[k]);
        add(&b, &ok, "\"");
    }
    add(&b, &ok, "}");
    return finish(&b, ok);
}

/* ---- columns */

static bool is_true(const PGresult *r, int row, int field)
{
    return *PQgetvalue(r, row, field) == 't';
}

static int read_columns(struct pg_table *t, const PGresult *r, struct weir_table_column *out)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct pg_column *c = &t->columns[t->n_columns++];
        *c = (struct pg_column){strdup(PQgetvalue(r, i, FULL)),   strdup(PQgetvalue(r, i, BASE)),
                                strdup(PQgetvalue(r, i, QUOTED)), (uint32_t)strtoul(PQgetvalue(r, i, OID), NULL, 10),
                                is_true(r, i, IS_ARRAY),          is_true(r, i, IS_ENUM)};
        if (!c->full || !c->base || !c->quoted) return -1;
        out[i] = (struct weir_table_column){PQgetvalue(r, i, NAME), c->full, is_true(r, i, NULLABLE),
                                            is_true(r, i, HAS_DEFAULT)};
    }
    return 0;
}

static const struct weir_column *planned(const struct pg_table *t, uint32_t i)
{
    return &t->plan->v[t->order[i]];
}

static const struct pg_column *catalog(const struct pg_table *t, uint32_t i)
{
    return &t->columns[planned(t, i)->index];
}

static const struct pg_type *type_at(const struct pg_table *t, uint32_t i)
{
    return &t->types[t->order[i]];
}

/* The key's columns first, then the others. -1: a key column gets no value from the event. */
static int put_in_order(struct pg_table *t, const struct pg_wish *w, char *err)
{
    uint32_t at = 0;
    for (uint32_t k = 0; k < w->key->n; k++) {
        struct weir_slice name = pg_key_at(w->key, k);
        uint32_t i = 0;
        while (i < t->plan->n && strcmp(t->plan->v[i].name, (const char *)name.p) != 0) i++;
        if (i == t->plan->n) {
            snprintf(err, WEIR_COLUMNS_ERR, "key: column %s gets no value from %s", (const char *)name.p,
                     w->message->name);
            return -1;
        }
        t->order[at++] = i;
    }
    for (uint32_t i = 0; i < t->plan->n; i++) {
        bool is_key = false;
        for (uint32_t k = 0; k < w->key->n; k++) is_key |= t->order[k] == i;
        if (!is_key) t->order[at++] = i;
    }
    return 0;
}

/* ---- statements */

/* A staged value as the column's type. */
static void value(struct weir_buf *b, bool *ok, const struct pg_table *t, uint32_t i)
{
    if (type_at(t, i)->cast)
        add(b, ok, "s.c%u::%s", i, catalog(t, i)->full);
    else
        add(b, ok, "s.c%u", i);
}

static char *columns_text(const struct pg_table *t)
{
    struct weir_buf b = {NULL, 0, 0};
    bool ok = true;
    add(&b, &ok, "(i integer not null");
    for (uint32_t i = 0; i < t->plan->n; i++)
        add(&b, &ok, ", c%u %s%s", i, pg_staging_type(type_at(t, i)->form), type_at(t, i)->array ? "[]" : "");
    add(&b, &ok, ")");
    return finish(&b, ok);
}

static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u; /* FNV-1a: a name, no secret */
    for (; *text; text++) h = (h ^ (uint8_t)*text) * 16777619u;
    return h;
}

char *pg_staging_prefix(struct weir_slice name, uint32_t lane, uint32_t session)
{
    struct weir_buf b = {NULL, 0, 0};
    bool ok = true;
    add(&b, &ok, "\"");
    for (size_t i = 0; i < name.n; i++)
        add(&b, &ok, name.p[i] == '.' ? "\".\"" : name.p[i] == '"' ? "\"\"" : "%c", name.p[i]);
    add(&b, &ok, "_%u_%u\"", lane, session);
    return finish(&b, ok);
}

/* "schema"."name_hash": tables of one name but other columns must not meet. */
static char *staging_name(const struct pg_wish *w, const char *columns)
{
    char *name = NULL;
    int n = w->staging ? asprintf(&name, "%.*s_%08x\"", (int)strlen(w->staging) - 1, w->staging, hash(columns))
                       : asprintf(&name, "pg_temp.weir_staging");
    return n < 0 ? NULL : name;
}

static void names(struct weir_buf *b, bool *ok, const struct pg_table *t)
{
    for (uint32_t i = 0; i < t->plan->n; i++) add(b, ok, "%s%s", i ? ", " : "", catalog(t, i)->quoted);
}

static char *direct_text(const struct pg_table *t, const char *target)
{
    struct weir_buf b = {NULL, 0, 0};
    bool ok = true;
    add(&b, &ok, "begin; copy %s (", target);
    names(&b, &ok, t);
    add(&b, &ok, ") from stdin (format binary)");
    return finish(&b, ok);
}

static char *insert_text(const struct pg_table *t, const struct pg_wish *w, const char *target, const char *stage)
{
    struct weir_buf b = {NULL, 0, 0};
    bool ok = true;
    add(&b, &ok, "insert into %s (", target);
    names(&b, &ok, t);
    add(&b, &ok, ") select ");
    for (uint32_t i = 0; i < t->plan->n; i++) {
        if (i) add(&b, &ok, ", ");
        value(&b, &ok, t, i);
    }
    add(&b, &ok, " from %s s", stage);
    for (uint32_t i = 0; i < w->key->n; i++) add(&b, &ok, "%s%s", i ? ", " : " on conflict (", catalog(t, i)->quoted);
    if (w->key->n) add(&b, &ok, ") do nothing");
    return finish(&b, ok);
}

static void differs(struct weir_buf *b, bool *ok, const struct pg_table *t, uint32_t i)
{
    const struct pg_type *type = type_at(t, i);
    const char *array = type->array ? "[]" : "", *name = catalog(t, i)->quoted;
    add(b, ok, " or t.%s", name);
    if (type->as_text) add(b, ok, "::text%s", array);
    add(b, ok, " is distinct from ");
    if (type->as_text && strcmp(catalog(t, i)->base, "bpchar") == 0 && !type->array) {
        add(b, ok, "rtrim(s.c%u, ' ')", i); /* as char(n) loses them */
        return;
    }
    value(b, ok, t, i);
    if (type->as_text) add(b, ok, "::text%s", array);
}

/* Which staged rows are not in the table as they are: i, and whether there is no row of that key at all. */
static char *compare_text(const struct pg_table *t, const struct pg_wish *w, const char *target, const char *stage)
{
    struct weir_buf b = {NULL, 0, 0};
    bool ok = true;
    add(&b, &ok, "select s.i, t.ctid is null from %s s left join %s t on ", stage, target);
    for (uint32_t i = 0; i < w->key->n; i++) {
        add(&b, &ok, "%st.%s = ", i ? " and " : "", catalog(t, i)->quoted);
        value(&b, &ok, t, i);
    }
    add(&b, &ok, " where (t.ctid is null");
    for (uint32_t i = 0; i < w->key->n; i++) add(&b, &ok, " and s.c%u is not null", i); /* NULLs never conflict */
    add(&b, &ok, ") or t.ctid is not null and (false");
    for (uint32_t i = w->key->n; i < t->plan->n; i++) differs(&b, &ok, t, i);
    add(&b, &ok, ")");
    return finish(&b, ok);
}

static int write_statements(struct pg_table *t, const struct pg_wish *w, const char *target, bool takes_copy)
{
    char *columns = columns_text(t), *stage = columns ? staging_name(w, columns) : NULL;
    bool ok = stage != NULL;
    ok = ok &&
         (w->staging ? asprintf(&t->stage, "create unlogged table if not exists %s %s", stage, columns)
                     : asprintf(&t->stage, "create temp table weir_staging %s on commit delete rows", columns)) > 0;
    ok = ok && asprintf(&t->copy, "begin; copy %s from stdin (format binary)", stage) > 0;
    ok = ok && asprintf(&t->commit, w->staging ? "delete from %s; commit" : "commit", stage) > 0;
    if (ok) t->insert = insert_text(t, w, target, stage);
    if (ok && w->key->n) t->compare = compare_text(t, w, target, stage);
    ok = ok && t->insert && (t->compare || !w->key->n);
    for (uint32_t i = 0; i < t->plan->n; i++)
        takes_copy = takes_copy && pg_type_is_direct(type_at(t, i), catalog(t, i));
    if (ok && takes_copy) ok = (t->direct = direct_text(t, target)) != NULL;
    free(columns);
    free(stage);
    return ok ? 0 : -1;
}

static int build(struct pg_table *t, const PGresult *r, const struct pg_wish *w, struct weir_table_column *cols,
                 char *err)
{
    uint32_t n = (uint32_t)PQntuples(r);
    t->columns = calloc(n, sizeof(*t->columns));
    if (!t->columns || read_columns(t, r, cols)) return -1;
    t->plan = weir_columns_plan(w->message, cols, n, w->columns, w->flags, err);
    if (!t->plan) return -1;
    t->types = calloc(t->plan->n, sizeof(*t->types));
    t->order = calloc(t->plan->n + w->key->n, sizeof(*t->order));
    if (!t->types || !t->order || weir_row_init(&t->row, t->plan)) return -1;
    for (uint32_t i = 0; i < t->plan->n; i++)
        if (pg_type_of(&t->plan->v[i], &t->columns[t->plan->v[i].index], &t->types[i], err)) return -1;
    if (put_in_order(t, w, err)) return -1;
    if (w->key->n && !is_true(r, 0, KEY_IS_UNIQUE)) {
        char *key = pg_key_array(w->key);
        snprintf(err, WEIR_COLUMNS_ERR,
                 "there is no unique index over exactly the key %.150s: without it an event that "
                 "comes twice would be stored twice; create one",
                 key ? key : "");
        free(key);
        return -1;
    }
    return write_statements(t, w, PQgetvalue(r, 0, TABLE), is_true(r, 0, TAKES_COPY));
}

struct pg_table *pg_table_new(const PGresult *r, const struct pg_wish *w, char err[WEIR_COLUMNS_ERR])
{
    int n = PQntuples(r);
    if (n == 0) {
        snprintf(err, WEIR_COLUMNS_ERR, "there is no such table, or it has no columns that take values");
        return NULL;
    }
    snprintf(err, WEIR_COLUMNS_ERR, "no memory");
    struct pg_table *t = calloc(1, sizeof(*t));
    struct weir_table_column *cols = calloc((size_t)n, sizeof(*cols));
    bool ok = t && cols && build(t, r, w, cols, err) == 0;
    free(cols);
    if (ok) return t;
    pg_table_free(t);
    return NULL;
}

void pg_table_free(struct pg_table *t)
{
    if (!t) return;
    for (uint32_t i = 0; t->columns && i < t->n_columns; i++) {
        free(t->columns[i].full);
        free(t->columns[i].base);
        free(t->columns[i].quoted);
    }
    char *texts[] = {t->stage, t->copy, t->insert, t->compare, t->commit, t->direct};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) free(texts[i]);
    weir_row_free(&t->row);
    weir_columns_free(t->plan);
    free(t->columns);
    free(t->types);
    free(t->order);
    free(t);
}
