/* conflicts.c - `conflicts = "reject"`. ReplacingMergeTree keeps the last of two rows with one key: a row that is not
 * what is there already would replace it in silence. So before a block is inserted the server gets it as a temporary
 * table and says which of its rows have a key that is there with other values, or earlier in the block. Values are
 * compared as text, of both sides by the table's types: then every type compares, and NaN equals itself. The table is
 * read by its primary key. */
#include "sink.h"
#include <stdio.h>
#include <sys/random.h>

enum { MOST = 100000 }; /* conflicts of an answer */

/* A form ends where its boundary stands: no value may know it. */
bool conflict_boundary(struct sink *s)
{
    unsigned char random[16];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) return false;
    for (size_t i = 0; i < sizeof(random); i++) snprintf(s->boundary + 2 * i, 3, "%02x", random[i]);
    return true;
}

/* ---- the question */

struct text {
    struct weir_buf buf;
    bool ok;
};

static void put(struct text *t, const char *s)
{
    t->ok = t->ok && weir_buf_put(&t->buf, s, strlen(s));
}

static void put_name(struct text *t, const char *of, const char *name, size_t n)
{
    put(t, of);
    ch_quote(&t->buf, &t->ok, name, n);
}

static bool is_key(const struct sink *s, const char *name)
{
    for (uint32_t i = 0; i < s->cfg->key.n; i++) {
        struct weir_slice k = ch_key_at(&s->cfg->key, i);
        if (strlen(name) == k.n && memcmp(name, k.p, k.n) == 0) return true;
    }
    return false;
}

static void put_keys(struct text *t, const struct sink *s)
{
    for (uint32_t i = 0; i < s->cfg->key.n; i++) {
        struct weir_slice k = ch_key_at(&s->cfg->key, i);
        put_name(t, i ? ", " : "", (const char *)k.p, k.n);
    }
}

static void put_columns(struct text *t, const struct sink *s)
{
    for (uint32_t i = 0; i < s->layout->plan->n; i++) {
        const char *name = s->layout->plan->v[i].name;
        put_name(t, i ? ", " : "", name, strlen(name));
    }
}

/* The row that counts of each key that is in the table, or twice in the block: the table's, else the first one. Mostly
 * there is none, and then nothing else is done. */
static void put_first_ones(struct text *t, const struct sink *s)
{
    put(t, "SELECT * FROM (SELECT ");
    put_columns(t, s);
    put(t, ", toUInt64(0) AS _weir_o FROM ");
    put_name(t, "", (const char *)s->cfg->database.p, s->cfg->database.n);
    put_name(t, ".", (const char *)s->cfg->table.p, s->cfg->table.n);
    put(t, " WHERE (");
    put_keys(t, s);
    put(t, ") IN (SELECT ");
    put_keys(t, s);
    put(t, " FROM _weir_rows) UNION ALL SELECT ");
    put_columns(t, s);
    put(t, ", toUInt64(_weir_n) + 1 AS _weir_o FROM _weir_rows WHERE (");
    put_keys(t, s);
    put(t, ") IN (SELECT ");
    put_keys(t, s);
    put(t, " FROM _weir_rows GROUP BY ");
    put_keys(t, s);
    put(t, " HAVING count() > 1)) ORDER BY _weir_o LIMIT 1 BY ");
    put_keys(t, s);
}

/* The rows that differ from the one that counts. */
static void put_query(struct text *t, const struct sink *s)
{
    const struct weir_columns *plan = s->layout->plan;
    char end[64];
    bool first = true;
    put(t, "SELECT r._weir_n FROM _weir_rows AS r INNER JOIN (");
    put_first_ones(t, s);
    put(t, ") AS t ON ");
    for (uint32_t i = 0; i < s->cfg->key.n; i++) {
        struct weir_slice k = ch_key_at(&s->cfg->key, i);
        put_name(t, i ? " AND t." : "t.", (const char *)k.p, k.n);
        put_name(t, " = r.", (const char *)k.p, k.n);
    }
    put(t, " WHERE t._weir_o != toUInt64(r._weir_n) + 1 AND (");
    for (uint32_t i = 0; i < plan->n; i++) {
        const char *name = plan->v[i].name;
        if (is_key(s, name)) continue;
        put_name(t, first ? "toString(t." : " OR toString(t.", name, strlen(name));
        put_name(t, ") IS DISTINCT FROM toString(r.", name, strlen(name));
        put(t, ")");
        first = false;
    }
    snprintf(end, sizeof(end), ") LIMIT %d FORMAT TabSeparated", MOST);
    put(t, end);
}

static void put_structure(struct text *t, const struct sink *s)
{
    for (uint32_t i = 0; i < s->layout->plan->n; i++) {
        const struct weir_column *c = &s->layout->plan->v[i];
        put_name(t, "", c->name, strlen(c->name));
        put(t, " ");
        put(t, c->type);
        put(t, ", ");
    }
    put(t, "_weir_n UInt32");
}

bool conflict_learn(struct sink *s, char err[WEIR_COLUMNS_ERR])
{
    const struct weir_columns *plan = s->layout->plan;
    struct text query = {.ok = true}, structure = {.ok = true};
    uint32_t keys = 0;
    free(s->conflict_url);
    s->conflict_url = NULL;
    for (uint32_t i = 0; i < plan->n; i++) keys += is_key(s, plan->v[i].name);
    if (!s->cfg->conflicts || !s->cfg->key.n || keys == plan->n) return true; /* no column can differ */
    if (keys < s->cfg->key.n) {
        snprintf(err, WEIR_COLUMNS_ERR, "conflicts: a column of `key` gets no value from the event");
        return false;
    }
    put_query(&query, s);
    put_structure(&structure, s);
    bool ok = query.ok && structure.ok && (s->conflict_url = strdup(s->base)) &&
              url_add(&s->conflict_url, "query", (const char *)query.buf.p, query.buf.n) &&
              url_add(&s->conflict_url, "max_threads", "1", 1) && /* it is small: more cost more than they win */
              url_add(&s->conflict_url, "_weir_rows_format", "Native", 6) &&
              url_add(&s->conflict_url, "_weir_rows_structure", (const char *)structure.buf.p, structure.buf.n);
    weir_buf_free(&query.buf);
    weir_buf_free(&structure.buf);
    if (!ok) snprintf(err, WEIR_COLUMNS_ERR, "no memory");
    return ok;
}

static uint64_t skip_varint(const struct block *b, size_t *at)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = b->body.p[(*at)++];
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) break;
    }
    return v;
}

/* The block once more, with a column that numbers its rows, as a file of a form. */
bool conflict_form(const struct sink *s, struct block *b)
{
    char head[256], tail[64];
    struct weir_buf *form = &b->form;
    size_t skip = 0;
    uint64_t columns = skip_varint(b, &skip);
    (void)skip_varint(b, &skip); /* rows */
    int n = snprintf(head, sizeof(head),
                     "--%s\r\nContent-Disposition: form-data; name=\"_weir_rows\"; filename=\"rows\"\r\n"
                     "Content-Type: application/octet-stream\r\n\r\n",
                     s->boundary);
    int end = snprintf(tail, sizeof(tail), "\r\n--%s--\r\n", s->boundary);
    form->n = 0;
    bool ok = weir_buf_room(form, b->body.n + (size_t)b->n * 4 + 512) && weir_buf_put(form, head, (size_t)n) &&
              weir_buf_varint(form, columns + 1) && weir_buf_varint(form, b->n) &&
              weir_buf_put(form, b->body.p + skip, b->body.n - skip) && weir_buf_string(form, "_weir_n", 7) &&
              weir_buf_string(form, "UInt32", 6);
    for (uint32_t i = 0; ok && i < b->n; i++) {
        const uint8_t le[4] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), (uint8_t)(i >> 24)};
        ok = weir_buf_put(form, le, sizeof(le));
    }
    return ok && weir_buf_put(form, tail, (size_t)end);
}

/* ---- the answer: numbers, one a line */

static bool next_number(const struct weir_buf *reply, size_t *at, uint32_t *n)
{
    size_t i = *at;
    *n = 0;
    for (; i < reply->n && reply->p[i] >= '0' && reply->p[i] <= '9' && *n < 100000000; i++)
        *n = *n * 10 + (reply->p[i] - '0');
    bool ok = i > *at && i < reply->n && reply->p[i] == '\n';
    *at = i + 1;
    return ok;
}

static bool is_answer(const struct http_call *call, uint32_t rows)
{
    uint32_t n;
    if (call->code != CURLE_OK || call->status != 200 || call->exception) return false;
    for (size_t at = 0; at < call->reply.n;)
        if (!next_number(&call->reply, &at, &n) || n >= rows) return false;
    return true;
}

int conflict_answer(struct sink *s, struct block *b)
{
    char why[200];
    uint32_t n, good = 0;
    int found = 0;
    if (!is_answer(&b->call, b->n)) return -1;
    snprintf(why, sizeof(why), "its key is taken by a row of %.120s with other values", s->name);
    for (size_t at = 0; at < b->call.reply.n && next_number(&b->call.reply, &at, &n); found++) {
        if (!b->entries[n].ev) continue; /* named twice */
        rows_reject(s, b->entries[n], CONFLICT, why);
        b->entries[n].ev = NULL;
    }
    for (uint32_t i = 0; i < b->n; i++)
        if (b->entries[i].ev) b->entries[good++] = b->entries[i];
    b->n = good;
    return found;
}
