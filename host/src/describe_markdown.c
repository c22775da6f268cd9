/* describe_markdown.c - the same tables as a reference in Markdown: of a plugin, and of the host's own keys. */
#include "conf_host.h"
#include "describe_impl.h"
#include <string.h>

enum { PATH = 256 };

/* "|" would end the cell; "<" and "*" mean something outside of `code`. */
static void print_cell(const char *text, FILE *out)
{
    bool code = false;
    for (; *text; text++) {
        if (*text == '`') code = !code;
        if (*text == '|' || (!code && (*text == '<' || *text == '*'))) fputc('\\', out);
        fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static void print_meaning(const struct weir_opt *o, FILE *out)
{
    if (o->flags & WEIR_DEPRECATED) fputs("Deprecated. ", out);
    print_cell(o->doc ? o->doc : "", out);
    fputs(o->flags & WEIR_SECRET ? " (secret: never shown) |\n" : " |\n", out);
}

static void print_row(const struct weir_opt *o, const char *path, FILE *out)
{
    char text[WEIR_PHRASE], cell[WEIR_PHRASE];
    fprintf(out, "| `%s` | ", path);
    print_cell(weir_phrase_type(o, text), out);
    fputs(*weir_phrase_bounds(o, text) ? ", " : "", out);
    print_cell(text, out);
    fputs(" | ", out);
    weir_phrase_default(o, text);
    if (strncmp(text, "default ", 8) == 0) {
        snprintf(cell, sizeof cell, "`%.500s`", text + 8);
        print_cell(cell, out);
    } else {
        fputs(o->flags & WEIR_REQUIRED ? "**required**" : text, out);
    }
    fputs(" | ", out);
    print_meaning(o, out);
}

/* Entries of a list appear below it as list.NAME.option; NAME itself goes into their option `name`. */
static void print_rows(const struct weir_opt *opts, const char *above, bool entries, FILE *out)
{
    char path[PATH];
    for (const struct weir_opt *o = opts; o && o->name; o++) {
        if (entries && strcmp(o->name, "name") == 0) {
            fprintf(out, "| `%.*s` | its name | | ", (int)strlen(above) - 1, above);
            print_meaning(o, out);
            continue;
        }
        int n = snprintf(path, sizeof path, "%s%s", above, o->name);
        print_row(o, path, out);
        if (n <= 0 || (size_t)n + sizeof ".NAME." > sizeof path || !weir_phrase_sub(o)) continue;
        bool list = o->type == WEIR_LIST;
        snprintf(path + n, sizeof path - (size_t)n, list ? ".NAME." : ".");
        print_rows(weir_phrase_sub(o), path, list, out);
    }
}

void weir_describe_table(const struct weir_opt *opts, const char *what, FILE *out)
{
    fprintf(out, "| %s | takes | default | meaning |\n|---|---|---|---|\n", what);
    print_rows(opts, "", false, out);
}

void weir_describe_host_keys_markdown(FILE *out)
{
    weir_describe_table(weir_host_options, "key", out);
}

static void print_metrics(const struct weir_plugin *plugin, FILE *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    char name[WEIR_PHRASE];
    if (!plugin->metrics || !plugin->metrics->name) return;
    fputs("\n| metric | type | labels | meaning |\n|---|---|---|---|\n", out);
    for (const struct weir_metric *m = plugin->metrics; m->name; m++) {
        fprintf(out, "| `%s` | %s | ", weir_phrase_metric(plugin, m, name),
                (unsigned)m->type < 3 ? types[m->type] : "?");
        for (const char *const *label = m->labels; label && *label; label++)
            fprintf(out, "%s%s", label == m->labels ? "" : ", ", *label);
        fputs(" | ", out);
        print_cell(m->help ? m->help : "", out);
        fputs(" |\n", out);
    }
}

void weir_describe_markdown(const struct weir_plugin *plugin, FILE *out)
{
    fprintf(out, "### %s\n\n%s\n\n", plugin->name, plugin->doc ? plugin->doc : "");
    if (plugin->opts && plugin->opts->name) weir_describe_table(plugin->opts, "option", out);
    for (const struct weir_outcome *o = plugin->outcomes; o && o->name; o++) {
        if (o == plugin->outcomes && o[1].name) fputs("\n| outcome | meaning |\n|---|---|\n", out);
        if (!*o->name) continue;
        fprintf(out, "| `%s` | ", o->name);
        print_cell(o->doc ? o->doc : "", out);
        fputs(" |\n", out);
    }
    print_metrics(plugin, out);
}
