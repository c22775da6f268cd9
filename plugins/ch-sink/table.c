/* table.c - one question to the server's system tables, and what follows from the answer.
 * Traps: non_replicated_deduplication_window is 0 by default, so that tokens are ignored; a table that does not
 * replace, or not by the key, shows an event that came twice as two; without fsync "durable" means kill -9, not power
 * loss. */
#include "table.h"
#include "types.h"
#include <stdio.h>

/* Rows of four strings: what, name, a, b. Columns come with their position, as UNION ALL keeps no order. */
const char ch_table_query[] =
    "SELECT 'column', name, type, concat(leftPad(toString(position), 10, '0'), ' ', default_kind) FROM system.columns "
    "WHERE database = {db:String} AND table = {table:String} "
    "UNION ALL SELECT 'engine', engine, sorting_key, engine_full FROM system.tables "
    "WHERE database = {db:String} AND name = {table:String} "
    "UNION ALL SELECT 'setting', name, value, '' FROM system.settings WHERE name IN ('async_insert', "
    "'deduplicate_insert', 'insert_deduplicate', 'insert_deduplication_token') "
    "UNION ALL SELECT 'merge_tree', name, value, '' FROM system.merge_tree_settings WHERE name IN "
    "('non_replicated_deduplication_window', 'replicated_deduplication_window', 'fsync_after_insert') FORMAT RowBinary";

struct found { /* what the answer says, while it is read */
    struct ch_table *table;
    char **order; /* of each column: its position, for sorting */
    char *engine, *sorting_key, *engine_full;
    char *window, *replicated_window, *fsync;
};

static const uint8_t *take(const uint8_t *p, const uint8_t *end, char **out)
{
    uint64_t n = 0;
    unsigned shift = 0;
    do {
        if (!p || p == end || shift > 28) return NULL;
        n |= (uint64_t)(*p & 0x7f) << shift;
        shift += 7;
    } while (*p++ & 0x80);
    if (n > (uint64_t)(end - p)) return NULL;
    *out = strndup((const char *)p, (size_t)n);
    return *out ? p + n : NULL;
}

/* MATERIALIZED and ALIAS columns take no values; EPHEMERAL ones feed others. */
static bool add_column(struct found *f, char **w)
{
    const char *kind = strchr(w[3], ' ');
    kind = kind ? kind + 1 : "";
    if (strcmp(kind, "") != 0 && strcmp(kind, "DEFAULT") != 0) return true;
    struct ch_table *t = f->table;
    void *columns = realloc(t->columns, (t->n + 1) * sizeof(*t->columns));
    if (columns) t->columns = columns;
    void *order = realloc(f->order, (t->n + 1) * sizeof(*f->order));
    if (order) f->order = order;
    if (!columns || !order) return false;
    f->order[t->n] = w[3];
    t->columns[t->n++] = (struct weir_table_column){w[1], w[2], ch_type_nullable(w[2]), *kind != '\0'};
    w[1] = w[2] = w[3] = NULL; /* kept */
    return true;
}

static void keep(char **to, char **from)
{
    free(*to);
    *to = *from;
    *from = NULL;
}

static bool add_row(struct found *f, char **w)
{
    struct ch_table *t = f->table;
    if (strcmp(w[0], "column") == 0) return add_column(f, w);
    if (strcmp(w[0], "engine") == 0) {
        keep(&f->engine, &w[1]);
        keep(&f->sorting_key, &w[2]);
        keep(&f->engine_full, &w[3]);
    } else if (strcmp(w[0], "setting") == 0) {
        t->async_insert |= strcmp(w[1], "async_insert") == 0;
        t->deduplicate_insert |= strcmp(w[1], "deduplicate_insert") == 0;
        t->insert_deduplicate |= strcmp(w[1], "insert_deduplicate") == 0;
        t->token |= strcmp(w[1], "insert_deduplication_token") == 0;
    } else if (strcmp(w[0], "merge_tree") == 0) {
        if (strcmp(w[1], "fsync_after_insert") == 0) keep(&f->fsync, &w[2]);
        if (strcmp(w[1], "non_replicated_deduplication_window") == 0) keep(&f->window, &w[2]);
        if (strcmp(w[1], "replicated_deduplication_window") == 0) keep(&f->replicated_window, &w[2]);
    }
    return true;
}

static bool read_rows(struct found *f, const struct weir_buf *answer)
{
    const uint8_t *p = answer->p, *end = answer->p + answer->n;
    bool ok = true;
    while (ok && p != end) {
        char *w[4] = {NULL};
        for (int i = 0; p && i < 4; i++) p = take(p, end, &w[i]);
        ok = p && add_row(f, w);
        for (int i = 0; i < 4; i++) free(w[i]);
    }
    return ok;
}

/* By position: few columns, nearly sorted. */
static void sort_columns(struct found *f)
{
    struct ch_table *t = f->table;
    for (uint32_t i = 1; i < t->n; i++) {
        for (uint32_t k = i; k > 0 && strcmp(f->order[k - 1], f->order[k]) > 0; k--) {
            char *order = f->order[k];
            struct weir_table_column column = t->columns[k];
            f->order[k] = f->order[k - 1];
            t->columns[k] = t->columns[k - 1];
            f->order[k - 1] = order;
            t->columns[k - 1] = column;
        }
    }
}

/* The table's own SETTINGS go before the server's. */
static bool is_zero(const struct found *f, const char *setting, const char *server)
{
    char wanted[80];
    snprintf(wanted, sizeof(wanted), " %s = ", setting);
    const char *own = strstr(f->engine_full, wanted);
    if (own) return strtoll(own + strlen(wanted), NULL, 10) == 0;
    return server && strtoll(server, NULL, 10) == 0;
}

/* Whether `name` is an element of "a, b, cityHash64(c)"; quoted names are compared without their quotes. */
static bool sorted_by(const char *key, struct weir_slice name)
{
    while (*key) {
        size_t n = strcspn(key, ",");
        const char *p = key;
        size_t len = n;
        if (len >= 2 && p[0] == '`' && p[len - 1] == '`') p++, len -= 2;
        if (len == name.n && memcmp(p, name.p, len) == 0) return true;
        key += n;
        key += strspn(key, ", ");
    }
    return false;
}

static void judge_key(const struct found *f, const struct ch_table_wish *wish, char *out, size_t size)
{
    bool replicated = strncmp(f->engine, "Replicated", 10) == 0, shared = strncmp(f->engine, "Shared", 6) == 0;
    const char *setting = replicated ? "replicated_deduplication_window" : "non_replicated_deduplication_window";
    if (!strstr(f->engine, "Replacing")) {
        snprintf(out, size, "table %s: its engine is %s: an event that comes twice stays twice; use ReplacingMergeTree",
                 wish->name, f->engine);
        return;
    }
    for (uint32_t i = 0; i < wish->key->n; i++) {
        struct weir_slice name = ch_key_at(wish->key, i);
        if (sorted_by(f->sorting_key, name)) continue;
        snprintf(out, size,
                 "table %s: ORDER BY (%.80s) lacks the key's %.*s: different events would replace each other",
                 wish->name, f->sorting_key, (int)name.n, (const char *)name.p);
        return;
    }
    if (!shared && is_zero(f, setting, replicated ? f->replicated_window : f->window))
        snprintf(out, size,
                 "table %s: %s is 0, repeated blocks are stored again: ALTER TABLE %s MODIFY SETTING %s = 1000",
                 wish->name, setting, wish->name, setting);
}

static void judge(struct found *f, const struct ch_table_wish *wish)
{
    char *out = f->table->lacks;
    size_t size = sizeof(f->table->lacks);
    out[0] = '\0';
    if (!strstr(f->engine, "MergeTree")) {
        snprintf(out, size, "table %s: its engine is %s: whether rows are durable or once is unknown", wish->name,
                 f->engine);
        return;
    }
    if (wish->key->n) judge_key(f, wish, out, size);
    if (!*out && wish->fsync && is_zero(f, "fsync_after_insert", f->fsync))
        snprintf(out, size,
                 "table %s: fsync_after_insert is 0, power loss may lose rows: ALTER TABLE %s MODIFY SETTING "
                 "fsync_after_insert = 1 (or fsync = false here)",
                 wish->name, wish->name);
}

int ch_table_read(struct ch_table *t, const struct weir_buf *answer, const struct ch_table_wish *wish,
                  char err[WEIR_COLUMNS_ERR])
{
    struct found f = {.table = t};
    *t = (struct ch_table){0};
    int rc = -1;
    if (!read_rows(&f, answer)) {
        snprintf(err, WEIR_COLUMNS_ERR, "the answer about table %s is not what a ClickHouse server says", wish->name);
    } else if (!f.engine || t->n == 0) {
        snprintf(err, WEIR_COLUMNS_ERR, "there is no table %s, or this user may not see it", wish->name);
    } else {
        sort_columns(&f);
        judge(&f, wish);
        rc = 0;
    }
    for (uint32_t i = 0; i < t->n; i++) free(f.order[i]);
    free(f.order);
    char *texts[] = {f.engine, f.sorting_key, f.engine_full, f.window, f.replicated_window, f.fsync};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) free(texts[i]);
    if (rc) ch_table_free(t);
    return rc;
}

void ch_table_free(struct ch_table *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        free((char *)(uintptr_t)t->columns[i].name);
        free((char *)(uintptr_t)t->columns[i].type);
    }
    free(t->columns);
    t->columns = NULL;
    t->n = 0;
}
