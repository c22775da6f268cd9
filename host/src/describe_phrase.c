/* describe_phrase.c - the short phrases that say what an option takes; every form of description uses them. */
#include "describe_impl.h"
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static size_t add(char *buf, size_t used, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(buf + used, WEIR_PHRASE - used, fmt, args);
    va_end(args);
    return n > 0 && used + (size_t)n < WEIR_PHRASE ? used + (size_t)n : used;
}

/* A list whose entries are no more than a name is written [ "a", "b" ]. */
static bool is_list_of_names(const struct weir_opt *opt)
{
    return opt->type == WEIR_LIST && opt->sub && opt->sub[0].name && !opt->sub[1].name &&
           strcmp(opt->sub[0].name, "name") == 0;
}

const struct weir_opt *weir_phrase_sub(const struct weir_opt *opt)
{
    return is_list_of_names(opt) ? NULL : opt->sub;
}

const char *weir_phrase_type(const struct weir_opt *opt, char buf[WEIR_PHRASE])
{
    size_t used = add(buf, 0, "%s", is_list_of_names(opt) ? "a list of strings" : weir_options_type(opt));
    if (opt->type != WEIR_ENUM) return buf;
    used = 0;
    for (const char *const *c = opt->choices; *c; c++)
        used = add(buf, used, "%s\"%s\"", !used ? "" : c[1] ? ", " : " or ", *c);
    return buf;
}

const char *weir_phrase_bounds(const struct weir_opt *opt, char buf[WEIR_PHRASE])
{
    char min[32], max[32];
    const char *entries = opt->type == WEIR_LIST || opt->type == WEIR_MAP ? " entries" : "";
    buf[0] = '\0';
    if (!opt->min && !opt->max) return buf;
    weir_options_value(opt, opt->min, min);
    weir_options_value(opt, opt->max, max);
    if (opt->max == INT64_MAX)
        add(buf, 0, "at least %s%s", min, entries);
    else if (opt->min == INT64_MIN)
        add(buf, 0, "at most %s%s", max, entries);
    else
        add(buf, 0, "%s to %s%s", min, max, entries);
    return buf;
}

const char *weir_phrase_default(const struct weir_opt *opt, char buf[WEIR_PHRASE])
{
    bool bare = opt->type == WEIR_BOOL || opt->type == WEIR_INT || opt->type == WEIR_FLOAT || opt->type == WEIR_LIST ||
                opt->type == WEIR_MAP;
    buf[0] = '\0';
    if (opt->flags & WEIR_REQUIRED)
        add(buf, 0, "required");
    else if (opt->def && (opt->flags & WEIR_SECRET))
        add(buf, 0, "default: not shown");
    else if (opt->def)
        add(buf, 0, bare ? "default %s" : "default \"%s\"", opt->def);
    else if (opt->type == WEIR_BOOL)
        add(buf, 0, "default false");
    return buf;
}

const char *weir_phrase_metric(const struct weir_plugin *plugin, const struct weir_metric *metric,
                               char buf[WEIR_PHRASE])
{
    add(buf, 0, "weir_%s_%s", plugin->name, metric->name);
    for (char *p = buf; *p; p++)
        if (!isalnum((unsigned char)*p)) *p = '_';
    return buf;
}
