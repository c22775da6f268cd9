/* make.c - events to the bytes of an INSERT and its URL. Trap: a token seen with other rows silently drops the new
 * ones, so it holds the hash of the bytes. */
#include "sink.h"
#include <stdio.h>
#include <weir_failpoint.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

static void take_spare(struct sink *s, struct weir_buf *body)
{
    if (body->cap >= s->spare.cap) return;
    weir_buf_free(body);
    *body = s->spare;
    body->n = 0;
    s->spare = (struct weir_buf){NULL, 0, 0};
}

void ch_quote(struct weir_buf *to, bool *ok, const char *name, size_t n)
{
    *ok = *ok && weir_buf_put(to, "`", 1);
    for (size_t i = 0; *ok && i < n; i++) {
        if (name[i] == '`' || name[i] == '\\') *ok = weir_buf_put(to, "\\", 1);
        *ok = *ok && weir_buf_put(to, name + i, 1);
    }
    *ok = *ok && weir_buf_put(to, "`", 1);
}

/* INSERT INTO `db`.`table` (`a`, `b`) FORMAT Native */
static bool statement(const struct sink *s, struct weir_buf *sql)
{
    bool ok = weir_buf_put(sql, "INSERT INTO ", 12);
    ch_quote(sql, &ok, (const char *)s->cfg->database.p, s->cfg->database.n);
    ok = ok && weir_buf_put(sql, ".", 1);
    ch_quote(sql, &ok, (const char *)s->cfg->table.p, s->cfg->table.n);
    for (uint32_t i = 0; i < s->layout->plan->n; i++) {
        const char *name = s->layout->plan->v[i].name;
        ok = ok && weir_buf_put(sql, i ? ", " : " (", 2);
        ch_quote(sql, &ok, name, strlen(name));
    }
    return ok && weir_buf_put(sql, ") FORMAT Native", 15);
}

const struct weir_pair *ch_setting_at(const struct weir_list *settings, uint32_t i)
{
    return (const void *)((const char *)settings->items + (size_t)i * settings->stride);
}

bool ch_setting_name(const struct weir_pair *p, char name[CH_SETTING_MAX])
{
    if (p->name.n == 0 || p->name.n >= CH_SETTING_MAX) return false;
    memcpy(name, p->name.p, p->name.n);
    name[p->name.n] = '\0';
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == p->name.n;
}

static bool make_url(struct sink *s, struct block *b)
{
    char token[512];
    struct weir_buf sql = {NULL, 0, 0};
    XXH128_hash_t h = XXH3_128bits(b->body.p, b->body.n);
    snprintf(token, sizeof(token), "%.100s/%.100s:%.100s:%u:%llu-%llu:%016llx%016llx", s->ctx->pipeline, s->ctx->stage,
             s->name, b->part->id, (unsigned long long)b->entries[0].ev->position,
             (unsigned long long)b->entries[b->n - 1].ev->position, (unsigned long long)h.high64,
             (unsigned long long)h.low64);
    if (WEIR_FAILPOINT("sabotage.same-token")) snprintf(token, sizeof token, "same");
    free(b->url);
    b->url = strdup(s->base);
    bool ok = b->url && statement(s, &sql) && url_add(&b->url, "query", (const char *)sql.p, sql.n);
    weir_buf_free(&sql);
    for (uint32_t i = 0; ok && i < s->cfg->settings.n; i++) {
        const struct weir_pair *p = ch_setting_at(&s->cfg->settings, i);
        char name[CH_SETTING_MAX];
        ok = ch_setting_name(p, name) && url_add(&b->url, name, (const char *)p->value.p, p->value.n);
    }
    if (s->table.async_insert) ok = ok && url_add(&b->url, "async_insert", "0", 1);
    if (s->table.deduplicate_insert)
        ok = ok && url_add(&b->url, "deduplicate_insert", "enable", 6);
    else if (s->table.insert_deduplicate)
        ok = ok && url_add(&b->url, "insert_deduplicate", "1", 1);
    if (s->table.token) ok = ok && url_add(&b->url, "insert_deduplication_token", token, strlen(token));
    return ok;
}

static void reject_malformed(struct sink *s, struct weir_entry e, const char *err)
{
    char why[WEIR_COLUMNS_ERR + 128];
    snprintf(why, sizeof why, "as %s: %s", s->cfg->event->full_name, err);
    rows_reject(s, e, MALFORMED, why);
}

/* Thousands of events lie between an event's push and this: its memory is asked for while those before are decoded. */
static inline void expect(const struct block *b, uint32_t i)
{
    if (i + 8 >= b->n) return;
    __builtin_prefetch(b->entries[i + 8].ev);
    uintptr_t value = (uintptr_t)b->entries[i + 4].ev->value.p;
    __builtin_prefetch((const void *)value);
    __builtin_prefetch((const void *)(value + 64));
}

/* Decodes the entries; those that cannot be decoded are rejected and leave the block. */
static bool gather(struct sink *s, struct block *b)
{
    uint32_t good = 0;
    char err[WEIR_COLUMNS_ERR];
    ch_block_clear(s->layout);
    for (uint32_t i = 0; i < b->n; i++) {
        expect(b, i);
        enum weir_read r = ch_block_add(s->layout, b->entries[i].ev->value, err);
        if (r == WEIR_READ_NO_MEMORY) {
            memmove(b->entries + good, b->entries + i, (b->n - i) * sizeof(*b->entries));
            b->n -= i - good;
            return false;
        }
        if (r == WEIR_READ_OK)
            b->entries[good++] = b->entries[i];
        else
            reject_malformed(s, b->entries[i], err);
    }
    b->n = good;
    return true;
}

bool block_make(struct sink *s, struct block *b)
{
    bool ok = gather(s, b);
    if (ok && b->n == 0) {
        block_free(b);
        return false;
    }
    take_spare(s, &b->body);
    if (ok && ch_block_finish(s->layout, &b->body) && make_url(s, b)) return true;
    block_settle(b, WEIR_RETRY, "no memory");
    return false;
}
