/* options.c - groups of options: what is required, unknown, deprecated or left to its default. */
#include "options.h"
#include "log.h"
#include "options_impl.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void weir_cursor_error(struct weir_cursor *c, const char *fmt, ...)
{
    char msg[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    weir_vars_redact(c->o->vars, msg);
    weir_errors_add(c->o->errs, c->where.file, c->where.line, "%s%s%s%s", c->path, c->n ? ": " : "",
                    c->from_default ? "the plugin's own default is wrong: " : "", msg);
    c->bad = true;
}

size_t weir_cursor_push(struct weir_cursor *c, const char *name)
{
    size_t back = c->n;
    int wrote = snprintf(c->path + c->n, sizeof c->path - c->n, "%s%s", c->n ? "." : "", name);
    c->n = wrote > 0 && c->n + (size_t)wrote < sizeof c->path ? c->n + (size_t)wrote : strlen(c->path);
    return back;
}

void weir_cursor_pop(struct weir_cursor *c, size_t n)
{
    c->n = n;
    c->path[n] = '\0';
}

const char *weir_options_type(const struct weir_opt *opt)
{
    static const char *const names[] = {
        [WEIR_BOOL] = "true or false",
        [WEIR_INT] = "an integer",
        [WEIR_FLOAT] = "a number",
        [WEIR_SIZE] = "a size",
        [WEIR_DURATION] = "a duration",
        [WEIR_STRING] = "a string",
        [WEIR_ENUM] = "a word",
        [WEIR_FIELD] = "a field",
        [WEIR_MESSAGE] = "a message type",
        [WEIR_MAP] = "a list of \"name=value\"",
        [WEIR_LIST] = "a list",
        [WEIR_GROUP] = "a group",
    };
    return names[opt->type];
}

/* LIST and MAP defaults are conf text of their own. */
static void fill_default_list(struct weir_cursor *c, const struct weir_opt *opt, void *member)
{
    char *text = weir_arena_printf(c->o->arena, "value = %s", opt->def);
    struct weir_doc *doc =
        text ? weir_doc_text(text, c->where.file ? c->where.file : "default", c->o->arena, c->o->errs) : NULL;
    const config_setting_t *value = doc ? config_lookup(&doc->config, "value") : NULL;
    if (!value)
        weir_cursor_error(c, "%s does not parse", opt->def);
    else if (opt->type == WEIR_LIST)
        weir_fill_list(c, opt, value, member);
    else
        weir_fill_map(c, opt, value, member);
    weir_doc_free(doc);
}

static void fill_default(struct weir_cursor *c, const struct weir_opt *opt, char *member)
{
    c->from_default = true;
    if (opt->type == WEIR_LIST || opt->type == WEIR_MAP) {
        fill_default_list(c, opt, member);
    } else {
        struct weir_scalar s = {opt->def, strlen(opt->def), WEIR_FORM_STRING, false};
        weir_scalar_parse(c, opt, &s, member);
    }
    c->from_default = false;
}

static void fill_given(struct weir_cursor *c, const struct weir_opt *opt, const config_setting_t *setting, char *member)
{
    struct weir_scalar s;
    if (opt->flags & WEIR_DEPRECATED)
        weir_logf(WEIR_WARN, "%s:%d: %s: deprecated: %s", c->where.file, c->where.line, c->path,
                  opt->doc ? opt->doc : "");
    if (opt->type == WEIR_LIST)
        weir_fill_list(c, opt, setting, member);
    else if (opt->type == WEIR_MAP)
        weir_fill_map(c, opt, setting, member);
    else if (config_setting_is_aggregate(setting))
        weir_cursor_error(c, "expected %s, found a %s", weir_options_type(opt),
                          config_setting_type(setting) == CONFIG_TYPE_GROUP ? "group" : "list");
    else if (weir_scalar_read(c, setting, &s))
        weir_scalar_parse(c, opt, &s, member);
}

void weir_fill_one(struct weir_cursor *c, const struct weir_opt *opt, const config_setting_t *setting, char *cfg)
{
    struct weir_place where = c->where;
    size_t back = weir_cursor_push(c, opt->name);
    char *member = cfg + opt->offset;
    bool from_default = c->from_default;
    if (setting && !from_default) c->where = weir_doc_place(setting);
    if (opt->type == WEIR_GROUP && setting && config_setting_type(setting) != CONFIG_TYPE_GROUP)
        weir_cursor_error(c, "expected a group { ... }");
    else if (opt->type == WEIR_GROUP && !opt->sub)
        *(const config_setting_t **)(void *)member = setting;
    else if (opt->type == WEIR_GROUP)
        weir_fill_group(c, opt->sub, setting, NULL, member, setting || (opt->flags & WEIR_REQUIRED));
    else if (setting)
        fill_given(c, opt, setting, member);
    else if (opt->def)
        fill_default(c, opt, member);
    c->from_default = from_default;
    weir_cursor_pop(c, back);
    c->where = where;
}

static bool contains(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

static void list_known(char *buf, size_t size, const char *const *names, size_t n)
{
    size_t used = 0;
    *buf = '\0';
    for (size_t i = 0; i < n && i < 12; i++) {
        int wrote = snprintf(buf + used, size - used, "%s%s", i ? ", " : "", names[i]);
        if (wrote > 0 && used + (size_t)wrote < size) used += (size_t)wrote;
    }
    if (n > 12) snprintf(buf + used, size - used, ", ...");
}

static void say_unknown(struct weir_cursor *c, const struct weir_opt *opts, const char *const *skip, const char *name)
{
    const char *names[256] = {NULL};
    char known[512];
    size_t n = 0;
    for (const struct weir_opt *o = opts; o->name && n < 200; o++)
        if (!(o->flags & WEIR_DEPRECATED) && !contains(skip, o->name)) names[n++] = o->name;
    for (; skip && *skip && n < 256; skip++) names[n++] = *skip;
    const char *near = weir_nearest(name, names, n);
    list_known(known, sizeof known, names, n);
    size_t back = weir_cursor_push(c, name);
    if (near)
        weir_cursor_error(c, "unknown option; did you mean \"%s\"?", near);
    else if (n)
        weir_cursor_error(c, "unknown option; known here: %s", known);
    else
        weir_cursor_error(c, "unknown option; none is known here");
    weir_cursor_pop(c, back);
}

static void refuse_unknown(struct weir_cursor *c, const struct weir_opt *opts, const config_setting_t *group,
                           const char *const *skip)
{
    int n = config_setting_length(group);
    struct weir_place where = c->where;
    for (int i = 0; i < n; i++) {
        const config_setting_t *child = config_setting_get_elem((config_setting_t *)group, (unsigned)i);
        const char *name = config_setting_name(child);
        const struct weir_opt *o = opts;
        while (o->name && strcmp(o->name, name) != 0) o++;
        if (o->name || contains(skip, name)) continue;
        if (!c->from_default) c->where = weir_doc_place(child);
        say_unknown(c, opts, skip, name);
    }
    c->where = where;
}

void weir_fill_group(struct weir_cursor *c, const struct weir_opt *opts, const config_setting_t *group,
                     const char *const *skip, char *cfg, bool required)
{
    if (group) refuse_unknown(c, opts, group, skip);
    for (const struct weir_opt *o = opts; o && o->name; o++) {
        if (contains(skip, o->name)) continue;
        const config_setting_t *setting = group ? config_setting_get_member((config_setting_t *)group, o->name) : NULL;
        if (!setting && (o->flags & WEIR_REQUIRED) && o->type != WEIR_GROUP) {
            if (!required) continue;
            size_t back = weir_cursor_push(c, o->name);
            weir_cursor_error(c, "required, but not given (%s)", o->doc ? o->doc : "no description");
            weir_cursor_pop(c, back);
        } else {
            weir_fill_one(c, o, setting, cfg);
        }
    }
}

int weir_options_fill(const struct weir_options *o, const struct weir_opt *opts, const config_setting_t *group,
                      struct weir_place where, void *cfg)
{
    struct weir_cursor c = {.o = o, .where = where};
    weir_cursor_push(&c, o->label);
    if (opts)
        weir_fill_group(&c, opts, group, o->skip, cfg, true);
    else if (group)
        refuse_unknown(&c, &(const struct weir_opt)WEIR_OPT_END, group, o->skip);
    return c.bad ? -1 : 0;
}

const char *weir_options_text(const struct weir_options *o, const config_setting_t *setting, const char *path)
{
    struct weir_cursor c = {.o = o, .where = weir_doc_place(setting)};
    struct weir_scalar s;
    weir_cursor_push(&c, path);
    if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
        weir_cursor_error(&c, "expected a string");
        return NULL;
    }
    return weir_scalar_read(&c, setting, &s) ? s.text : NULL;
}

static const config_setting_t *child_called(const config_setting_t *parent, const char *name)
{
    if (!config_setting_is_aggregate(parent)) return NULL;
    const config_setting_t *child = config_setting_get_member((config_setting_t *)parent, name);
    for (int i = 0; !child && i < config_setting_length(parent); i++) {
        const config_setting_t *item = config_setting_get_elem((config_setting_t *)parent, (unsigned)i);
        const char *own = NULL;
        if (config_setting_type(item) == CONFIG_TYPE_GROUP && config_setting_lookup_string(item, "name", &own) &&
            strcmp(own, name) == 0)
            child = item;
    }
    return child;
}

struct weir_place weir_options_place(const config_setting_t *group, const char *path)
{
    char part[64];
    while (*path) {
        size_t n = strcspn(path, ".[]");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        char *end;
        unsigned long index = strtoul(part, &end, 10);
        bool number = n && !*end && config_setting_is_aggregate(group);
        const config_setting_t *child = number ? config_setting_get_elem((config_setting_t *)group, (unsigned)index)
                                        : n    ? child_called(group, part)
                                               : group;
        if (!child) break;
        group = child;
        path += n;
        path += strspn(path, ".[]");
    }
    return weir_doc_place(group);
}
