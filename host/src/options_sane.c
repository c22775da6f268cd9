/* options_sane.c - is an option table itself right? Checked before a plugin's table is trusted with memory. */
#include "options_impl.h"
#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 8, OPTIONS_MAX = 200 };

struct extent {
    size_t size, align;
};

static struct extent extent_of(const struct weir_opt *opt)
{
    static const struct extent extents[] = {
        [WEIR_BOOL] = {sizeof(bool), _Alignof(bool)},
        [WEIR_INT] = {sizeof(int64_t), _Alignof(int64_t)},
        [WEIR_FLOAT] = {sizeof(double), _Alignof(double)},
        [WEIR_SIZE] = {sizeof(uint64_t), _Alignof(uint64_t)},
        [WEIR_DURATION] = {sizeof(uint64_t), _Alignof(uint64_t)},
        [WEIR_STRING] = {sizeof(struct weir_slice), _Alignof(struct weir_slice)},
        [WEIR_ENUM] = {sizeof(int), _Alignof(int)},
        [WEIR_FIELD] = {sizeof(struct weir_field), _Alignof(struct weir_field)},
        [WEIR_MESSAGE] = {sizeof(void *), _Alignof(void *)},
        [WEIR_MAP] = {sizeof(struct weir_list), _Alignof(struct weir_list)},
        [WEIR_LIST] = {sizeof(struct weir_list), _Alignof(struct weir_list)},
    };
    return opt->type == WEIR_GROUP ? (struct extent){opt->size, 1} : extents[opt->type];
}

static bool check_layout(struct weir_cursor *c, const struct weir_opt *opt, uint32_t cfg_size)
{
    if ((unsigned)opt->type > WEIR_GROUP) {
        weir_cursor_error(c, "the plugin's option table is wrong: type %u is not known", (unsigned)opt->type);
        return false;
    }
    struct extent e = extent_of(opt);
    if (opt->size != e.size)
        weir_cursor_error(c, "the plugin's option table is wrong: %s takes a member of %zu bytes, its has %u",
                          weir_options_type(opt), e.size, opt->size);
    else if (opt->offset > cfg_size || opt->size > cfg_size - opt->offset)
        weir_cursor_error(c, "the plugin's option table is wrong: bytes %u to %llu do not lie in a struct of %u",
                          opt->offset, (unsigned long long)opt->offset + opt->size, cfg_size);
    else if (opt->offset % e.align)
        weir_cursor_error(c, "the plugin's option table is wrong: offset %u is not aligned", opt->offset);
    else
        return true;
    return false;
}

/* What the type needs besides, or what would never be read. NULL when right. */
static const char *check_members(const struct weir_opt *opt)
{
    bool nests = opt->type == WEIR_GROUP || opt->type == WEIR_LIST;
    bool bounded = opt->type == WEIR_INT || opt->type == WEIR_FLOAT || opt->type == WEIR_SIZE ||
                   opt->type == WEIR_DURATION || opt->type == WEIR_LIST || opt->type == WEIR_MAP;
    if (nests && !opt->sub) return "a group or list needs `sub`";
    if (opt->type == WEIR_LIST && !opt->sub_size) return "a list needs `sub_size`";
    if (opt->type == WEIR_ENUM && (!opt->choices || !opt->choices[0])) return "an enum needs `choices`";
    if (opt->type == WEIR_ENUM && !opt->def && !(opt->flags & WEIR_REQUIRED)) return "an enum needs a default";
    if (opt->type == WEIR_GROUP && opt->def) return "a group has no default of its own";
    if ((opt->min || opt->max) && !bounded) return "this type has no bounds";
    if (opt->min > opt->max) return "`min` is above `max`";
    if (opt->min < 0 && bounded && opt->type != WEIR_INT && opt->type != WEIR_FLOAT) return "`min` is below 0";
    if (opt->def && (opt->flags & WEIR_REQUIRED)) return "a required option has no use for a default";
    if (strpbrk(opt->name, " .=[]{}\"")) return "a name holds letters, digits, - and _";
    return NULL;
}

/* Through the same parser as what a user writes, into memory that is thrown away. */
static void check_default(struct weir_cursor *c, const struct weir_opt *opt)
{
    char *cfg = calloc(1, (size_t)opt->offset + opt->size);
    if (cfg)
        weir_fill_one(c, opt, NULL, cfg);
    else
        weir_cursor_error(c, "out of memory");
    free(cfg);
}

static void check_table(struct weir_cursor *c, const struct weir_opt *opts, uint32_t cfg_size, unsigned depth)
{
    if (depth > NESTING_MAX) {
        weir_cursor_error(c, "the plugin's option table is wrong: nested more than %d deep", NESTING_MAX);
        return;
    }
    unsigned n = 0;
    for (const struct weir_opt *o = opts; o && o->name; o++) {
        if (++n > OPTIONS_MAX) {
            weir_cursor_error(c, "the plugin's option table is wrong: over %d options, or no end", OPTIONS_MAX);
            return;
        }
        size_t back = weir_cursor_push(c, o->name);
        const char *why = NULL;
        bool fits = check_layout(c, o, cfg_size);
        if (fits) why = check_members(o);
        for (const struct weir_opt *p = opts; fits && !why && p < o; p++)
            if (strcmp(p->name, o->name) == 0) why = "the name stands in it twice";
        if (why) weir_cursor_error(c, "the plugin's option table is wrong: %s", why);
        if (fits && !why && o->sub) check_table(c, o->sub, o->type == WEIR_LIST ? o->sub_size : o->size, depth + 1);
        weir_cursor_pop(c, back);
        if (fits && !why && o->def) check_default(c, o);
    }
}

int weir_options_sane(const struct weir_options *o, const struct weir_opt *opts, uint32_t cfg_size,
                      struct weir_place where)
{
    struct weir_cursor c = {.o = o, .where = where};
    weir_cursor_push(&c, o->label);
    check_table(&c, opts, cfg_size, 0);
    for (const struct weir_opt *p = opts; p && p->name && !c.bad; p++)
        if (strcmp(p->name, "plugin") == 0)
            weir_cursor_error(&c, "the plugin's option table is wrong: the name \"plugin\" is the host's");
    return c.bad ? -1 : 0;
}
