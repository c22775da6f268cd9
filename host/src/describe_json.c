/* describe_json.c - the same tables for programs: one JSON object of a plugin, or of the host's own keys. */
#include "conf_host.h"
#include "describe_impl.h"
#include "text.h"
#include <inttypes.h>

static const char *const metric_types[] = {"counter", "gauge", "histogram"};

static void put_text(const char *name, const char *text, FILE *out)
{
    fprintf(out, ",\"%s\":", name);
    weir_put_json(out, text);
}

static void put_flag(const char *name, bool on, FILE *out)
{
    fprintf(out, ",\"%s\":%s", name, on ? "true" : "false");
}

static void put_names(const char *name, const char *const *names, FILE *out)
{
    fprintf(out, ",\"%s\":[", name);
    for (const char *const *n = names; n && *n; n++) {
        if (n != names) fputc(',', out);
        weir_put_json(out, *n);
    }
    fputc(']', out);
}

/* Bounds in the member's own unit: bytes, nanoseconds, entries. */
static void put_bounds(const struct weir_opt *o, FILE *out)
{
    if (!o->min && !o->max) return;
    if (o->min != INT64_MIN) fprintf(out, ",\"min\":%" PRId64, o->min);
    if (o->max != INT64_MAX) fprintf(out, ",\"max\":%" PRId64, o->max);
}

static void put_options(const struct weir_opt *opts, FILE *out)
{
    static const char *const types[] = {"bool", "int",   "float",   "size", "duration", "string",
                                        "enum", "field", "message", "map",  "list",     "group"};
    fputs(",\"options\":[", out);
    for (const struct weir_opt *o = opts; o && o->name; o++) {
        fputs(o == opts ? "{\"name\":" : ",{\"name\":", out);
        weir_put_json(out, o->name);
        put_text("type", types[o->type], out);
        put_text("default", o->flags & WEIR_SECRET ? NULL : o->def, out);
        put_bounds(o, out);
        put_flag("required", o->flags & WEIR_REQUIRED, out);
        put_flag("secret", o->flags & WEIR_SECRET, out);
        put_flag("deprecated", o->flags & WEIR_DEPRECATED, out);
        if (o->type == WEIR_ENUM) put_names("choices", o->choices, out);
        put_text("doc", o->doc, out);
        if (o->sub) put_options(o->sub, out);
        fputc('}', out);
    }
    fputc(']', out);
}

static void put_outcomes(const struct weir_plugin *p, FILE *out)
{
    const char *between = "";
    fputs(",\"outcomes\":[", out);
    for (const struct weir_outcome *o = p->outcomes; o && o->name; o++) {
        if (!*o->name) continue;
        fprintf(out, "%s{\"name\":", between);
        weir_put_json(out, o->name);
        put_text("doc", o->doc, out);
        fputc('}', out);
        between = ",";
    }
    fputc(']', out);
}

/* NULL: the host's. */
static void put_buckets(const double *buckets, FILE *out)
{
    if (!buckets) return;
    fputs(",\"buckets\":[", out);
    for (const double *b = buckets; *b != 0; b++) fprintf(out, "%s%.15g", b == buckets ? "" : ",", *b);
    fputc(']', out);
}

static void put_metrics(const struct weir_plugin *p, FILE *out)
{
    char name[WEIR_PHRASE];
    fputs(",\"metrics\":[", out);
    for (const struct weir_metric *m = p->metrics; m && m->name; m++) {
        fputs(m == p->metrics ? "{\"name\":" : ",{\"name\":", out);
        weir_put_json(out, weir_phrase_metric(p, m, name));
        put_text("type", metric_types[m->type <= WEIR_HISTOGRAM ? m->type : WEIR_COUNTER], out);
        put_names("labels", m->labels, out);
        put_buckets(m->type == WEIR_HISTOGRAM ? m->buckets : NULL, out);
        put_text("doc", m->help, out);
        fputc('}', out);
    }
    fputc(']', out);
}

void weir_describe_json(const struct weir_plugin *p, FILE *out)
{
    static const char *const roles[] = {"source", "filter", "sink"};
    const char *has[4] = {NULL};
    size_t n = 0;
    for (unsigned i = 0; i < 3; i++)
        if (p->roles & 1u << i) has[n++] = roles[i];
    fputs("{\"name\":", out);
    weir_put_json(out, p->name);
    put_text("version", p->version, out);
    put_text("doc", p->doc, out);
    put_names("roles", has, out);
    fprintf(out, ",\"chooses_branch\":%s", p->check_outputs ? "true" : "false");
    put_options(p->opts, out);
    put_outcomes(p, out);
    put_metrics(p, out);
    fputs("}\n", out);
}

void weir_describe_host_keys_json(FILE *out)
{
    fputs("{\"name\":\"weir\"", out);
    put_options(weir_host_options, out);
    fputs("}\n", out);
}
