/* case_options.c - the options table, each option by itself, through the parser that users' confs go through. */
#include "conform.h"
#include "options.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct table {
    const char *plugin;
    uint32_t cfg_size;
    char path[256]; /* of the group that is looked at: "tls." */
};

/* All errors of `text` in a group of this one option; "" for none. Malloc'ed. */
static char *errors_of(const struct table *t, const struct weir_opt *opt, const char *text)
{
    struct weir_opt one[2] = {*opt, WEIR_OPT_END};
    struct weir_arena arena = {0};
    struct weir_vars vars = {.arena = &arena};
    struct weir_errors errs = {0};
    const struct weir_options o = {.arena = &arena, .errs = &errs, .vars = &vars, .label = t->plugin};
    char *said = NULL;
    size_t n = 0;
    void *cfg = calloc(1, (size_t)opt->offset + opt->size + 16);
    struct weir_doc *doc = weir_doc_text(text, "conf", &arena, &errs);
    FILE *f = open_memstream(&said, &n);
    if (!cfg || !f) conform_fail("out of memory");
    if (doc) weir_options_fill(&o, one, config_root_setting(&doc->config), (struct weir_place){"conf", 1}, cfg);
    weir_errors_print(&errs, f);
    fclose(f);
    weir_doc_free(doc);
    weir_errors_free(&errs);
    weir_arena_free(&arena);
    free(cfg);
    return said;
}

static void expect_refused(const struct table *t, const struct weir_opt *opt, const char *text, const char *what)
{
    char *said = errors_of(t, opt, text);
    if (!strstr(said, opt->name))
        conform_fail("option %s%s: %s (%s) is not refused with its name; said: %s", t->path, opt->name, what, text,
                     *said ? said : "nothing");
    free(said);
}

static void expect_taken(const struct table *t, const struct weir_opt *opt, const char *text, const char *what)
{
    char *said = errors_of(t, opt, text);
    if (*said) conform_fail("option %s%s: %s (%s) is refused: %s", t->path, opt->name, what, text, said);
    free(said);
}

static void try_bound(const struct table *t, const struct weir_opt *opt, int64_t value, bool inside, const char *what)
{
    char text[160], shown[32];
    weir_options_value(opt, value, shown);
    bool quoted = opt->type == WEIR_SIZE || opt->type == WEIR_DURATION || value > INT32_MAX || value < INT32_MIN;
    snprintf(text, sizeof text, "%s = %s%s%s", opt->name, quoted ? "\"" : "", shown, quoted ? "\"" : "");
    if (inside)
        expect_taken(t, opt, text, what);
    else
        expect_refused(t, opt, text, what);
}

static void check_bounds(const struct table *t, const struct weir_opt *opt)
{
    bool number =
        opt->type == WEIR_INT || opt->type == WEIR_SIZE || opt->type == WEIR_DURATION || opt->type == WEIR_FLOAT;
    bool natural = opt->type == WEIR_SIZE || opt->type == WEIR_DURATION;
    if (!number || (!opt->min && !opt->max)) return;
    bool whole = opt->type != WEIR_FLOAT || (opt->min > -(1ll << 52) && opt->max < 1ll << 52);
    try_bound(t, opt, opt->min, true, "its min");
    if (whole) try_bound(t, opt, opt->max, true, "its max");
    if (whole && opt->min > (natural ? 0 : INT64_MIN)) try_bound(t, opt, opt->min - 1, false, "below its min");
    if (whole && opt->max < INT64_MAX) try_bound(t, opt, opt->max + 1, false, "above its max");
}

static void check_words(const struct table *t, const struct weir_opt *opt)
{
    char text[256];
    if (opt->type != WEIR_ENUM) return;
    snprintf(text, sizeof text, "%s = \"no-such-word\"", opt->name);
    expect_refused(t, opt, text, "a word that is none of its choices");
    for (const char *const *word = opt->choices; *word; word++) {
        snprintf(text, sizeof text, "%s = \"%s\"", opt->name, *word);
        expect_taken(t, opt, text, "one of its choices");
    }
}

static void check_unknown(const struct table *t, const struct weir_opt *opt)
{
    char text[256];
    size_t n = strlen(opt->name);
    if (n < 4 || (opt->flags & WEIR_DEPRECATED)) return; /* a mistake in a short word may be any other */
    snprintf(text, sizeof text, "%sx = 1", opt->name);
    char *said = errors_of(t, opt, text);
    const char *hint = strstr(said, "did you mean");
    if (!hint || !strstr(hint, opt->name))
        conform_fail("option %s%s: a mistake in its name (%s) is not refused with a suggestion; said: %s", t->path,
                     opt->name, text, *said ? said : "nothing");
    free(said);
}

static void check_table(struct table *t, const struct weir_opt *opts)
{
    for (const struct weir_opt *o = opts; o && o->name; o++) {
        if (!o->doc || strlen(o->doc) < 3) conform_fail("option %s%s: no doc", t->path, o->name);
        if ((o->flags & WEIR_REQUIRED) && o->type != WEIR_GROUP)
            expect_refused(t, o, "", "nothing, though it is required");
        check_bounds(t, o);
        check_words(t, o);
        check_unknown(t, o);
        if (!o->sub) continue;
        size_t n = strlen(t->path);
        snprintf(t->path + n, sizeof t->path - n, "%s.", o->name);
        check_table(t, o->sub);
        t->path[n] = 0;
    }
}

/* Layout, names, bounds and defaults, as the host looks at them before it trusts the table with memory. */
static void check_sane(const struct weir_plugin *p)
{
    struct weir_arena arena = {0};
    struct weir_vars vars = {.arena = &arena};
    struct weir_errors errs = {0};
    const struct weir_options o = {.arena = &arena, .errs = &errs, .vars = &vars, .label = p->name};
    weir_options_sane(&o, p->opts, p->cfg_size, (struct weir_place){"conf", 1});
    if (errs.n) conform_fail("option %s", errs.v[0].msg);
    weir_arena_free(&arena);
}

void case_options(const struct conform *c)
{
    char path[4096];
    const struct weir_plugin *p = conform_descriptor(c, path);
    struct table t = {.plugin = p->name, .cfg_size = p->cfg_size};
    check_sane(p);
    check_table(&t, p->opts);
}
