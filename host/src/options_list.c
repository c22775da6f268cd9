/* options_list.c - LIST and MAP: ( { ... } ), { name = { ... } }, [ "name" ] and [ "name=value" ]. */
#include "options_impl.h"
#include <stdio.h>
#include <string.h>

enum { ENTRIES_MAX = 4096 };

static unsigned length_of(const config_setting_t *setting)
{
    int n = config_setting_length(setting);
    return n > 0 ? (unsigned)n : 0;
}

static bool is_group(const config_setting_t *setting)
{
    return config_setting_type(setting) == CONFIG_TYPE_GROUP;
}

/* Room for the entries, within the option's bounds. NULL when there are none, or after an error. */
static char *make_entries(struct weir_cursor *c, const struct weir_opt *opt, unsigned n, size_t stride,
                          struct weir_list *list)
{
    if ((opt->min || opt->max) && (n < opt->min || n > opt->max)) {
        if (opt->max == INT64_MAX)
            weir_cursor_error(c, "expected at least %lld entries, found %u", (long long)opt->min, n);
        else
            weir_cursor_error(c, "expected %lld to %lld entries, found %u", (long long)opt->min, (long long)opt->max,
                              n);
        return NULL;
    }
    if (n > ENTRIES_MAX) {
        weir_cursor_error(c, "expected at most %d entries, found %u", ENTRIES_MAX, n);
        return NULL;
    }
    *list = (struct weir_list){NULL, 0, (uint32_t)stride};
    if (!n) return NULL;
    list->items = weir_arena_alloc(c->o->arena, n * stride);
    if (!list->items) {
        weir_cursor_error(c, "out of memory");
        return NULL;
    }
    list->n = n;
    return list->items;
}

static const struct weir_opt *name_option(const struct weir_opt *sub)
{
    while (sub->name && strcmp(sub->name, "name") != 0) sub++;
    return sub->name ? sub : NULL;
}

/* An entry given by its name alone, or by the key it stands under. */
static void fill_name(struct weir_cursor *c, const struct weir_opt *opt, const char *text, size_t n, char *entry)
{
    const struct weir_opt *name = name_option(opt->sub);
    char *copy = weir_arena_copy(c->o->arena, text, n);
    struct weir_scalar s = {copy, n, WEIR_FORM_STRING, false};
    if (!copy)
        weir_cursor_error(c, "out of memory");
    else if (name)
        weir_scalar_parse(c, name, &s, entry + name->offset);
}

static void fill_entry(struct weir_cursor *c, const struct weir_opt *opt, const config_setting_t *setting, char *entry)
{
    static const char *const skip_name[] = {"name", NULL};
    const struct weir_opt *name = name_option(opt->sub);
    struct weir_scalar s;
    if (is_group(setting) && config_setting_name(setting) && name) {
        if (config_setting_get_member((config_setting_t *)setting, "name"))
            weir_cursor_error(c, "\"name\" is the key \"%s\" already", config_setting_name(setting));
        weir_fill_group(c, opt->sub, setting, skip_name, entry, true);
        fill_name(c, opt, config_setting_name(setting), strlen(config_setting_name(setting)), entry);
    } else if (is_group(setting)) {
        weir_fill_group(c, opt->sub, setting, NULL, entry, true);
    } else if (config_setting_type(setting) == CONFIG_TYPE_STRING && name) {
        weir_fill_group(c, opt->sub, NULL, skip_name, entry, true);
        if (weir_scalar_read(c, setting, &s)) fill_name(c, opt, s.text, s.n, entry);
    } else {
        weir_cursor_error(c, "expected a group { ... }%s", name ? " or a string" : "");
    }
}

/* "routes.place", or "routes[0]" for what has no name. */
static size_t push_entry(struct weir_cursor *c, const config_setting_t *setting, unsigned i)
{
    const char *name = config_setting_name(setting);
    if (!name && is_group(setting)) config_setting_lookup_string(setting, "name", &name);
    if (name) return weir_cursor_push(c, name);
    size_t n = c->n;
    int wrote = snprintf(c->path + n, sizeof c->path - n, "[%u]", i);
    if (wrote > 0 && n + (size_t)wrote < sizeof c->path) c->n += (size_t)wrote;
    return n;
}

void weir_fill_list(struct weir_cursor *c, const struct weir_opt *opt, const config_setting_t *setting, void *member)
{
    if (!config_setting_is_aggregate(setting)) {
        weir_cursor_error(c, "expected a list ( { ... }, { ... } ) or a group { name = { ... } }");
        return;
    }
    if (is_group(setting) && !name_option(opt->sub)) {
        weir_cursor_error(c, "expected a list ( { ... }, { ... } ): its entries have no names");
        return;
    }
    unsigned n = length_of(setting);
    char *entries = make_entries(c, opt, n, opt->sub_size, member);
    struct weir_place where = c->where;
    for (unsigned i = 0; entries && i < n; i++) {
        const config_setting_t *item = config_setting_get_elem((config_setting_t *)setting, i);
        size_t back = push_entry(c, item, i);
        if (!c->from_default) c->where = weir_doc_place(item);
        fill_entry(c, opt, item, entries + (size_t)i * opt->sub_size);
        weir_cursor_pop(c, back);
    }
    c->where = where;
}

static struct weir_slice slice(const char *text, size_t n)
{
    return (struct weir_slice){(const uint8_t *)text, n};
}

/* "name=value" cut in two; both halves end with NUL in a copy of their own. */
static bool split_pair(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s,
                       struct weir_pair *pair)
{
    bool secret = s->secret || (opt->flags & WEIR_SECRET);
    const char *eq = memchr(s->text, '=', s->n);
    if (!eq || eq == s->text) {
        weir_cursor_error(c, "expected \"name=value\", found %s%.80s%s", secret ? "" : "\"",
                          secret ? "a secret" : s->text, secret ? "" : "\"");
        return false;
    }
    size_t n = (size_t)(eq - s->text), rest = s->n - n - 1;
    const char *name = weir_arena_copy(c->o->arena, s->text, n);
    const char *value = weir_arena_copy(c->o->arena, eq + 1, rest);
    bool ok = name && value && (!secret || weir_vars_hide(c->o->vars, value, rest) == 0);
    if (!ok) weir_cursor_error(c, "out of memory");
    *pair = (struct weir_pair){slice(name, n), slice(value, rest)};
    return ok;
}

static bool read_pair(struct weir_cursor *c, const struct weir_opt *opt, const config_setting_t *item,
                      struct weir_pair *pair)
{
    struct weir_scalar s;
    const char *key = config_setting_name(item);
    if (config_setting_is_aggregate(item) || (!key && config_setting_type(item) != CONFIG_TYPE_STRING)) {
        weir_cursor_error(c, "expected %s", key ? "name = value" : "\"name=value\"");
        return false;
    }
    if (!weir_scalar_read(c, item, &s)) return false;
    if (!key) return split_pair(c, opt, &s, pair);
    const char *name = weir_arena_copy(c->o->arena, key, strlen(key));
    if ((s.secret || (opt->flags & WEIR_SECRET)) && weir_vars_hide(c->o->vars, s.text, s.n) < 0) name = NULL;
    if (!name) weir_cursor_error(c, "out of memory");
    *pair = (struct weir_pair){slice(name, strlen(key)), slice(s.text, s.n)};
    return name != NULL;
}

static void refuse_repeat(struct weir_cursor *c, const struct weir_pair *pairs, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (pairs[k].name.n == pairs[i].name.n && memcmp(pairs[k].name.p, pairs[i].name.p, pairs[i].name.n) == 0) {
            weir_cursor_error(c, "\"%s\" is given twice", (const char *)pairs[i].name.p);
            return;
        }
}

void weir_fill_map(struct weir_cursor *c, const struct weir_opt *opt, const config_setting_t *setting, void *member)
{
    if (!config_setting_is_aggregate(setting)) {
        weir_cursor_error(c, "expected [ \"name=value\", ... ]");
        return;
    }
    unsigned n = length_of(setting);
    struct weir_pair *pairs = (struct weir_pair *)(void *)make_entries(c, opt, n, sizeof *pairs, member);
    struct weir_place where = c->where;
    for (unsigned i = 0; pairs && i < n; i++) {
        const config_setting_t *item = config_setting_get_elem((config_setting_t *)setting, i);
        size_t back = push_entry(c, item, i);
        if (!c->from_default) c->where = weir_doc_place(item);
        if (read_pair(c, opt, item, &pairs[i])) refuse_repeat(c, pairs, i);
        weir_cursor_pop(c, back);
    }
    c->where = where;
}
