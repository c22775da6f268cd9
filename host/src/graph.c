/* graph.c - pipelines as a picture: a box each, streams between them, in text, DOT or Mermaid. A dashed line is what
 * travels after an early answer, a dotted one (in text ⇢) a call. */
#include "promises.h"
#include "verdict.h"
#include <stdlib.h>
#include <string.h>

struct streams { /* every name that something reads or writes, in order of first sight */
    const char **names;
    uint32_t n;
};

static uint32_t stream_index(const struct streams *s, const char *name)
{
    uint32_t i = 0;
    while (i < s->n && strcmp(s->names[i], name) != 0) i++;
    return i;
}

static void add_stream(struct streams *s, const char *name)
{
    if (*name && stream_index(s, name) == s->n) s->names[s->n++] = name;
}

static int find_streams(struct streams *s, const struct weir_promises *all)
{
    size_t most = 1;
    for (uint32_t i = 0; i < all->n; i++) most += 2 * (size_t)all->pipelines[i].n;
    s->n = 0;
    s->names = calloc(most, sizeof(*s->names));
    if (!s->names) return -1;
    for (uint32_t i = 0; i < all->n; i++)
        for (uint32_t k = 0; k < all->pipelines[i].n; k++) {
            add_stream(s, all->pipelines[i].stages[k].promise.reads);
            add_stream(s, all->pipelines[i].stages[k].promise.writes);
        }
    return 0;
}

/* ---- labels */

/* DOT strings end at a quote and know backslash escapes. */
static void put_dot(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

/* Mermaid has entities of its own, #name; and #number;, and reads HTML and Markdown in labels. */
static void put_mermaid(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\"#<>&`\\", *text))
            fprintf(out, "#%d;", *text);
        else
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

/* ---- DOT */

static void dot_pipeline(const struct weir_promised *p, uint32_t i, FILE *out)
{
    fprintf(out, "  subgraph cluster_%u {\n    label=\"", i);
    put_dot(out, p->conf->name);
    fputs("\";\n", out);
    for (uint32_t k = 0; k < p->n; k++) {
        fprintf(out, "    p%us%u [label=\"", i, k);
        put_dot(out, p->stages[k].conf->name);
        fputs("\"];\n", out);
    }
    for (uint32_t k = 1; k < p->n; k++) {
        const struct weir_conf_stage *s = p->stages[k].conf;
        bool answered = weir_promised_is_behind(p, (int)k, WEIR_ANSWERS_EARLY);
        fprintf(out, "    p%us%u -> p%us%u", i, s->parent, i, k);
        if (s->branch || answered) fputs(" [", out);
        if (s->branch) fputs("label=\"", out);
        if (s->branch) put_dot(out, s->branch);
        if (s->branch) fputs(answered ? "\", " : "\"", out);
        if (answered) fputs("style=dashed", out);
        fputs(s->branch || answered ? "];\n" : ";\n", out);
    }
    fputs("  }\n", out);
}

static void dot(const struct weir_promises *all, const struct streams *s, FILE *out)
{
    fputs("digraph weir {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n", out);
    for (uint32_t i = 0; i < all->n; i++) dot_pipeline(&all->pipelines[i], i, out);
    for (uint32_t i = 0; i < s->n; i++) {
        fprintf(out, "  x%u [shape=cds, label=\"", i);
        put_dot(out, s->names[i]);
        fputs("\"];\n", out);
    }
    for (uint32_t i = 0; i < all->n; i++)
        for (uint32_t k = 0; k < all->pipelines[i].n; k++) {
            const struct weir_promise *p = &all->pipelines[i].stages[k].promise;
            uint32_t reads = stream_index(s, p->reads), writes = stream_index(s, p->writes);
            const char *style = weir_promised_is_call(p->reads) ? " [style=dotted]" : "";
            if (*p->reads && weir_promised_calls_by_read(&all->pipelines[i], k))
                fprintf(out, "  p%us%u -> x%u%s;\n", i, k, reads, style);
            else if (*p->reads)
                fprintf(out, "  x%u -> p%us%u%s;\n", reads, i, k, style);
            style = weir_promised_is_call(p->writes) ? " [style=dotted]" : "";
            if (*p->writes) fprintf(out, "  p%us%u -> x%u%s;\n", i, k, writes, style);
        }
    fputs("}\n", out);
}

/* ---- Mermaid */

static void mermaid_pipeline(const struct weir_promised *p, uint32_t i, FILE *out)
{
    fprintf(out, "  subgraph p%u[\"", i);
    put_mermaid(out, p->conf->name);
    fputs("\"]\n    direction LR\n", out);
    for (uint32_t k = 0; k < p->n; k++) {
        const struct weir_conf_stage *s = p->stages[k].conf;
        bool answered = weir_promised_is_behind(p, (int)k, WEIR_ANSWERS_EARLY);
        fprintf(out, "    p%us%u[\"", i, k);
        put_mermaid(out, s->name);
        fputs("\"]\n", out);
        if (!k) continue;
        fprintf(out, "    p%us%u %s", i, s->parent, answered ? "-.->" : "-->");
        if (s->branch) fputs("|\"", out);
        if (s->branch) put_mermaid(out, s->branch);
        if (s->branch) fputs("\"|", out);
        fprintf(out, " p%us%u\n", i, k);
    }
    fputs("  end\n", out);
}

static void mermaid(const struct weir_promises *all, const struct streams *s, FILE *out)
{
    fputs("graph LR\n", out);
    for (uint32_t i = 0; i < all->n; i++) mermaid_pipeline(&all->pipelines[i], i, out);
    for (uint32_t i = 0; i < s->n; i++) {
        fprintf(out, "  x%u([\"", i);
        put_mermaid(out, s->names[i]);
        fputs("\"])\n", out);
    }
    for (uint32_t i = 0; i < all->n; i++)
        for (uint32_t k = 0; k < all->pipelines[i].n; k++) {
            const struct weir_promise *p = &all->pipelines[i].stages[k].promise;
            uint32_t reads = stream_index(s, p->reads), writes = stream_index(s, p->writes);
            const char *arrow = weir_promised_is_call(p->reads) ? "-. call .->" : "-->";
            if (*p->reads && weir_promised_calls_by_read(&all->pipelines[i], k))
                fprintf(out, "  p%us%u %s x%u\n", i, k, arrow, reads);
            else if (*p->reads)
                fprintf(out, "  x%u %s p%us%u\n", reads, arrow, i, k);
            arrow = weir_promised_is_call(p->writes) ? "-. call .->" : "-->";
            if (*p->writes) fprintf(out, "  p%us%u %s x%u\n", i, k, arrow, writes);
        }
}

/* ---- text */

/* "a/sink, b/sink → " or " → c/source": who puts in, who takes out. */
static void text_ends(const struct weir_promises *all, const char *stream, bool takers, FILE *out)
{
    const char *arrow = weir_promised_is_call(stream) ? " ⇢ " : " → ";
    int n = 0;
    for (uint32_t i = 0; i < all->n; i++) {
        const struct weir_promised *p = &all->pipelines[i];
        for (uint32_t k = 0; k < p->n; k++) {
            const struct weir_promise *s = &p->stages[k].promise;
            bool reads = strcmp(s->reads, stream) == 0, calls = reads && weir_promised_calls_by_read(p, k);
            if (takers ? !reads || calls : strcmp(s->writes, stream) != 0 && !calls) continue;
            fprintf(out, "%s%s/%s", n++ ? ", " : takers ? arrow : "", p->conf->name, p->stages[k].conf->name);
        }
    }
    if (n && !takers) fputs(arrow, out);
}

static void text(const struct weir_promises *all, const struct streams *s, FILE *out)
{
    for (uint32_t i = 0; i < all->n; i++) {
        fprintf(out, "%s: ", all->pipelines[i].conf->name);
        weir_promised_chain(&all->pipelines[i], out);
        fputc('\n', out);
    }
    if (s->n) fputc('\n', out);
    for (uint32_t i = 0; i < s->n; i++) {
        text_ends(all, s->names[i], false, out);
        fputs(s->names[i], out);
        text_ends(all, s->names[i], true, out);
        fputc('\n', out);
    }
}

void weir_graph(const struct weir_conf *conf, enum weir_graph_form form, FILE *out)
{
    struct weir_promises all;
    struct streams streams;
    if (weir_promises_ask(&all, conf) != 0) return;
    if (find_streams(&streams, &all) == 0) {
        if (form == WEIR_GRAPH_DOT)
            dot(&all, &streams, out);
        else if (form == WEIR_GRAPH_MERMAID)
            mermaid(&all, &streams, out);
        else
            text(&all, &streams, out);
        free(streams.names);
    }
    weir_promises_free(&all);
}
