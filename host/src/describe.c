/* describe.c - `weir describe NAME`: what a plugin understands, for people, from the very tables that parse it. */
#include "conf_host.h"
#include "describe_impl.h"
#include <string.h>

enum { WIDTH = 100, NESTED = 4 };

/* Words that wrap at the width, each line indented. */
static void print_wrapped(const char *text, int indent, FILE *out)
{
    int column = 0;
    while (*text) {
        text += strspn(text, " \n");
        int n = (int)strcspn(text, " \n");
        if (!n) break;
        if (column && column + 1 + n > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%*s%.*s", column ? 1 : indent, "", n, text);
        column += column ? n + 1 : indent + n;
        text += n;
    }
    fputc('\n', out);
}

static void print_options(const struct weir_opt *opts, int indent, FILE *out)
{
    char type[WEIR_PHRASE], bounds[WEIR_PHRASE], def[WEIR_PHRASE];
    for (const struct weir_opt *o = opts; o && o->name; o++) {
        weir_phrase_bounds(o, bounds);
        weir_phrase_default(o, def);
        fprintf(out, "%*s%-16s %s%s%s%s%s%s%s\n", indent, "", o->name, weir_phrase_type(o, type), *bounds ? ", " : "",
                bounds, *def ? ", " : "", def, o->flags & WEIR_SECRET ? ", secret" : "",
                o->flags & WEIR_DEPRECATED ? ", deprecated" : "");
        if (o->doc) print_wrapped(o->doc, indent + NESTED, out);
        print_options(weir_phrase_sub(o), indent + NESTED, out);
    }
}

static void print_roles(const struct weir_plugin *plugin, FILE *out)
{
    static const char *const names[] = {"source", "filter", "sink"};
    const char *between = " (";
    for (unsigned i = 0; i < 3; i++)
        if (plugin->roles & 1u << i) {
            fprintf(out, "%s%s", between, names[i]);
            between = ", ";
        }
    if (plugin->check_outputs) fprintf(out, "%schooses among branches", between);
    fputs(plugin->roles & 7u || plugin->check_outputs ? ")\n" : "\n", out);
}

static void print_metrics(const struct weir_plugin *plugin, FILE *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    char name[WEIR_PHRASE];
    for (const struct weir_metric *m = plugin->metrics; m && m->name; m++) {
        if (m == plugin->metrics) fputs("\nMetrics\n", out);
        fprintf(out, "  %s (%s", weir_phrase_metric(plugin, m, name), (unsigned)m->type < 3 ? types[m->type] : "?");
        for (const char *const *label = m->labels; label && *label; label++)
            fprintf(out, "%s%s", label == m->labels ? "; by " : ", ", *label);
        fputs(")\n", out);
        if (m->help) print_wrapped(m->help, 2 + NESTED, out);
    }
}

void weir_describe(const struct weir_plugin *plugin, FILE *out)
{
    fprintf(out, "%s %s", plugin->name, plugin->version ? plugin->version : "");
    print_roles(plugin, out);
    if (plugin->doc) print_wrapped(plugin->doc, 0, out);
    if (plugin->opts && plugin->opts->name) fputs("\nOptions\n", out);
    print_options(plugin->opts, 2, out);
    for (const struct weir_outcome *o = plugin->outcomes; o && o->name; o++) {
        if (o == plugin->outcomes && o[1].name) fputs("\nOutcomes\n", out);
        if (*o->name) fprintf(out, "  %-20s %s\n", o->name, o->doc ? o->doc : "");
    }
    print_metrics(plugin, out);
}

void weir_describe_host_keys(FILE *out)
{
    fputs("Keys of a conf\n", out);
    print_options(weir_host_options, 2, out);
}
