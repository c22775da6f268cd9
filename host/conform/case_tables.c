/* case_tables.c - what the descriptor and its tables say, looked at without running any of the plugin's code. */
#include "conform.h"
#include "kit.h"
#include "loader.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct weir_plugin *conform_descriptor(const struct conform *c, char path[4096])
{
    static const struct weir_loaded *loaded; /* of this process, which has one plugin */
    static struct weir_loader *loader;
    char msg[512];
    if (!loader && (!(loader = weir_loader_new()) || weir_loader_defaults(loader))) conform_fail("out of memory");
    if (!loaded && !(loaded = weir_loader_get(loader, c->plugin, msg, sizeof msg))) conform_fail("load: %s", msg);
    snprintf(path, 4096, "%s", loaded->path);
    return loaded->plugin;
}

void case_load(const struct conform *c)
{
    char path[4096];
    const struct weir_plugin *p = conform_descriptor(c, path);
    bool filter = (p->roles & WEIR_FILTER) && !c->last;
    conform_say_roles(p->roles & WEIR_SOURCE ? WEIR_SOURCE : filter ? WEIR_FILTER : WEIR_SINK);
    if (c->last && (p->roles & (WEIR_FILTER | WEIR_SINK)) != (WEIR_FILTER | WEIR_SINK))
        conform_fail("--last is for a plugin that is filter and sink");
}

void case_conf(const struct conform *c)
{
    const struct weir_kit_setup setup = {.plugin = c->plugin, .conf = c->conf, .outputs = c->outputs};
    char *refused = kit_refuses(&setup);
    if (!refused) return;
    refused[strcspn(refused, "\n")] = 0;
    conform_fail("%s%s", refused, *c->conf ? "" : " (give CONF or --conf)");
}

/* Lower-case words, joined by `joint`: "my-filter", "passed_bytes_total". */
static bool well_formed(const char *name, char joint)
{
    if (!islower((unsigned char)*name)) return false;
    for (const char *p = name; *p; p++)
        if (*p == joint ? !isalnum((unsigned char)p[1]) : !islower((unsigned char)*p) && !isdigit((unsigned char)*p))
            return false;
    return true;
}

static bool says_something(const char *text)
{
    return text && strlen(text) >= 3;
}

static const char *callbacks(const struct weir_plugin *p)
{
    if (p->roles & ~(uint32_t)(WEIR_SOURCE | WEIR_FILTER | WEIR_SINK)) return "roles has bits that are no role";
    if ((p->roles & WEIR_SOURCE) && p->roles != WEIR_SOURCE) return "a source cannot be filter or sink as well";
    if (p->roles == WEIR_SOURCE && !p->open) return "a source has no open(), so it can never emit";
    if (!!p->share != !!p->unshare) return "share() and unshare() go together";
    if (p->fini && !p->init) return "fini() without init() is never called";
    if (p->opts && p->opts->name && !p->cfg_size) return "it has options, but cfg_size is 0";
    if (p->cfg_size > 1u << 24 || p->self_size > 1u << 24) return "cfg_size or self_size is above 16 MiB";
    return NULL;
}

void case_descriptor(const struct conform *c)
{
    char path[4096];
    const struct weir_plugin *p = conform_descriptor(c, path);
    const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t n = strlen(p->name);
    if (!well_formed(p->name, '-'))
        conform_fail("name: \"%s\": expected lower-case words joined by -, such as \"my-filter\"", p->name);
    if (strncmp(file, p->name, n) || strcmp(file + n, ".so"))
        conform_fail("name: the file is %s, but the plugin calls itself \"%s\"; expected %s.so", file, p->name,
                     p->name);
    if (!isdigit((unsigned char)*p->version) || !strchr(p->version, '.'))
        conform_fail("version: \"%s\": expected one such as \"1.0.0\"", p->version);
    if (!says_something(p->doc)) conform_fail("doc: \"%s\": expected a sentence", p->doc);
    if (callbacks(p)) conform_fail("descriptor: %s", callbacks(p));
}

/* ---- exports */
struct exports {
    char others[256];
    unsigned n_others;
    bool ours;
};

static void take_export(void *arg, const char *name)
{
    struct exports *e = arg;
    size_t n = strlen(e->others);
    if (!strcmp(name, "weir_plugin_v1")) {
        e->ours = true;
        return;
    }
    if (e->n_others++ < 4) snprintf(e->others + n, sizeof e->others - n, "%s%s", n ? ", " : "", name);
}

void case_exports(const struct conform *c)
{
    char path[4096], why[512];
    struct exports e = {.n_others = 0};
    conform_descriptor(c, path);
    if (conform_exports(path, take_export, &e, why, sizeof why)) conform_fail("exports: %s", why);
    if (!e.ours) conform_fail("exports: weir_plugin_v1 is not a global symbol of %s", path);
    if (e.n_others)
        conform_fail("exports: besides weir_plugin_v1 %u more: %s; make them static or build with -fvisibility=hidden",
                     e.n_others, e.others);
}

/* ---- metrics */
static bool ends_with(const char *name, const char *const *endings)
{
    for (size_t n = strlen(name); *endings; endings++)
        if (n >= strlen(*endings) && !strcmp(name + n - strlen(*endings), *endings)) return true;
    return false;
}

static void check_metric(const struct weir_metric *m)
{
    static const char *const total[] = {"_total", NULL};
    static const char *const other_units[] = {"_ms", "_us", "_ns", "_millis", "_kb", "_kib", "_mb", "_minutes", NULL};
    static const char *const host_labels[] = {"pipeline", "stage", "plugin", "lane", NULL};
    unsigned n = 0;
    if (!well_formed(m->name, '_'))
        conform_fail("metric %s: expected lower-case words joined by _, such as \"passed_bytes_total\"", m->name);
    if (!says_something(m->help)) conform_fail("metric %s: no help", m->name);
    if ((unsigned)m->type > WEIR_HISTOGRAM) conform_fail("metric %s: type %u is not known", m->name, (unsigned)m->type);
    if ((m->type == WEIR_COUNTER) != ends_with(m->name, total))
        conform_fail("metric %s: %s", m->name,
                     m->type == WEIR_COUNTER ? "a counter's name ends with _total"
                                             : "_total is the ending of counters");
    if (ends_with(m->name, other_units)) conform_fail("metric %s: units are _seconds and _bytes", m->name);
    for (const char *const *l = m->labels; l && *l; l++) {
        if (++n > 4) conform_fail("metric %s: more than 4 labels", m->name);
        if (!well_formed(*l, '_')) conform_fail("metric %s: label \"%s\" is not well-formed", m->name, *l);
        if (ends_with(*l, host_labels)) conform_fail("metric %s: the label %s is the host's", m->name, *l);
    }
    for (const double *b = m->buckets; b && *b != 0 && b[1] != 0; b++)
        if (b[1] <= *b) conform_fail("metric %s: buckets do not rise: %g after %g", m->name, b[1], *b);
    if (m->buckets && m->type != WEIR_HISTOGRAM) conform_fail("metric %s: only a histogram has buckets", m->name);
}

void case_metrics(const struct conform *c)
{
    char path[4096];
    const struct weir_plugin *p = conform_descriptor(c, path);
    for (const struct weir_metric *m = p->metrics; m && m->name; m++) {
        check_metric(m);
        for (const struct weir_metric *other = p->metrics; other < m; other++)
            if (!strcmp(other->name, m->name)) conform_fail("metric %s: it stands in the table twice", m->name);
    }
}

/* ---- outcomes */
void case_outcomes(const struct conform *c)
{
    char path[4096];
    const struct weir_plugin *p = conform_descriptor(c, path);
    if (p->outcomes && p->outcomes->name && *p->outcomes->name)
        conform_fail("outcome %s: the first one is WEIR_OUTCOME_NONE, for index 0 means none", p->outcomes->name);
    for (const struct weir_outcome *o = p->outcomes; o && o->name; o++) {
        if (o == p->outcomes) continue;
        if (!well_formed(o->name, '-'))
            conform_fail("outcome \"%s\": expected lower-case words joined by -, such as \"too-large\"", o->name);
        if (!says_something(o->doc)) conform_fail("outcome %s: no doc", o->name);
        for (const struct weir_outcome *other = p->outcomes; other < o; other++)
            if (!strcmp(other->name, o->name)) conform_fail("outcome %s: it stands in the table twice", o->name);
    }
}
