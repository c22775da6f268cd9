/* kit.c - opens one plugin between the kit's ends. */
#include "kit.h"
#include "cmocka_include.h"
#include "log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void broken(void *arg, struct stage *s, const char *rule)
{
    kit_broke(arg, s->plugin->name, "%s", rule);
}

static uint32_t roles_of(const char *name)
{
    struct weir_loader *loader = weir_loader_new();
    char msg[512];
    if (!loader || weir_loader_defaults(loader)) fail_msg("out of memory");
    const struct weir_loaded *l = weir_loader_get(loader, name, msg, sizeof msg);
    if (!l) fail_msg("%s", msg);
    uint32_t roles = l->plugin->roles;
    weir_loader_free(loader);
    return roles;
}

char *kit_right_text(const char *end, const char *const *outputs)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f) return NULL;
    fprintf(f, outputs ? "branches = { " : "%s = {}", end);
    for (; outputs && *outputs; outputs++)
        fprintf(f, "%s = { %s-%s = { plugin = \"%s\" } } ", *outputs, end, *outputs, end);
    if (outputs) fputc('}', f);
    if (!fclose(f)) return text;
    free(text);
    return NULL;
}

/* The stage's group begins on line 1, as the test wrote it. */
static struct weir_conf *load(const struct weir_kit_setup *setup, struct weir_errors *errs)
{
    static const struct weir_plugin *const ends[] = {&kit_left, &kit_right, NULL};
    const char *name = setup->plugin;
    uint32_t roles = roles_of(name);
    const char *base = strrchr(name, '/');
    char stage[128], *text = NULL, *right = kit_right_text(kit_right.name, setup->outputs);
    snprintf(stage, sizeof stage, "%s", base ? base + 1 : name);
    stage[strcspn(stage, ".")] = 0;
    bool source = roles == WEIR_SOURCE, sink = !(roles & WEIR_FILTER) || (setup->flags & WEIR_KIT_LAST);
    if (source) sink = false;
    if (!right ||
        asprintf(&text, "pipelines = { kit = { lanes = %u; stages = { %s %s = { plugin = \"%s\" \n%s\n} %s } } }\n",
                 setup->lanes ? setup->lanes : 1, source ? "" : "kit-left = {}", stage, name,
                 setup->conf ? setup->conf : "", sink ? "" : right) < 0)
        fail_msg("out of memory");
    const struct weir_conf_source from = {.text = text, .text_name = "conf", .builtins = ends};
    struct weir_conf *c = weir_conf_load(&from, errs);
    free(text);
    free(right);
    if (!c) fail_msg("out of memory");
    /* the line that the kit put before the test's own */
    for (size_t i = 0; i < errs->n; i++)
        if (errs->v[i].line > 1) errs->v[i].line--;
    return c;
}

static char *errors_text(struct weir_errors *errs)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f) fail_msg("out of memory");
    weir_errors_print(errs, f);
    fclose(f);
    weir_errors_free(errs);
    return text;
}

char *kit_refuses(const struct weir_kit_setup *setup)
{
    struct weir_errors errs = {0};
    weir_conf_free(load(setup, &errs));
    return errs.n ? errors_text(&errs) : NULL;
}

char *weir_kit_refuses(const char *name, const char *conf)
{
    const struct weir_kit_setup setup = {.plugin = name, .conf = conf};
    return kit_refuses(&setup);
}

static void find_sides(struct weir_kit *kit)
{
    for (uint32_t i = 0; i < kit->lane->n_stages; i++) {
        struct stage *s = &kit->lane->stages[i];
        if (!strcmp(s->plugin->name, kit_left.name))
            kit->left = s;
        else if (strcmp(s->plugin->name, kit_right.name) != 0)
            kit->under = s;
    }
}

/* ---- open */
static int share(struct kit_open *o, struct weir_errors *errs)
{
    const struct weir_conf_pipeline *p = o->pipeline->conf;
    int rc = 0;
    kit_opening = o;
    for (uint32_t i = 0; i < p->n_stages && !rc; i++) {
        struct weir_err err = {0};
        rc = weir_loader_init(o->conf->loader, p->stages[i].loaded, &err);
        if (rc) weir_errors_add(errs, p->stages[i].file, p->stages[i].line, "%s: init: %s", p->stages[i].name, err.msg);
    }
    if (!rc) rc = pipeline_share(o->pipeline, errs);
    kit_opening = NULL;
    return rc;
}

static int open_lane(struct weir_kit *kit, uint32_t index, unsigned flags, struct weir_errors *errs)
{
    struct kit_open *o = kit->open;
    struct weir_err err = {0};
    struct stage *at = NULL;
    kit->held_tail = &kit->held;
    kit->lane = &o->pipeline->lanes[index];
    kit->lane->fake_clock = !(flags & WEIR_KIT_REAL_CLOCK);
    kit->lane->fake_now = 1000000000;
    kit->hooks = (struct lane_hooks){broken, kit};
    kit->lane->hooks = &kit->hooks;
    if (lane_init(kit->lane, o->pipeline, index)) fail_msg("out of memory");
    find_sides(kit);
    o->n_open++;
    if (!lane_open(kit->lane, &err, &at)) return 0;
    const struct weir_conf_stage *conf = &o->pipeline->conf->stages[at->index];
    weir_errors_add(errs, conf->file, conf->line, "%s%s%s: %s", conf->name, *err.option ? "." : "", err.option,
                    err.msg);
    return -1;
}

static struct kit_open *new_open(const struct weir_kit_setup *setup, struct weir_errors *errs)
{
    struct kit_open *o = calloc(1, sizeof *o);
    if (!o) fail_msg("out of memory");
    pthread_mutex_init(&o->lock, NULL);
    o->thread = pthread_self();
    o->flags = setup->flags;
    o->quarantine.newest = &o->quarantine.oldest;
    kit_account_open();
    o->conf = load(setup, errs);
    if (errs->n) return o;
    o->n_lanes = o->conf->pipelines[0].lanes;
    o->lanes = calloc(o->n_lanes, sizeof *o->lanes);
    o->metrics = weir_metrics_new();
    o->pipeline = o->metrics ? pipeline_create(o->conf, &o->conf->pipelines[0], o->metrics, NULL, -1) : NULL;
    if (!o->lanes || !o->pipeline || kit_allocs_init(&o->allocs, o->pipeline->conf)) fail_msg("out of memory");
    o->pipeline->calls = &kit_calls;
    for (uint32_t i = 0; i < o->n_lanes; i++) o->lanes[i] = (struct weir_kit){.open = o, .hold = setup->hold};
    return o;
}

struct weir_kit *weir_kit_try_open(const struct weir_kit_setup *setup, char **error)
{
    struct weir_errors errs = {0};
    weir_log_setup(getenv("WEIR_KIT_DEBUG") ? WEIR_DEBUG : WEIR_ERROR, false);
    struct kit_open *o = new_open(setup, &errs);
    if (!errs.n) {
        o->allocs.fail_at = setup->fail_alloc;
        int rc = share(o, &errs);
        for (uint32_t i = 0; i < o->n_lanes && !rc; i++) rc = open_lane(&o->lanes[i], i, setup->flags, &errs);
    }
    if (errs.n) {
        char *text = errors_text(&errs);
        kit_abandon(o);
        *error = text;
        return NULL;
    }
    for (uint32_t i = 0; i < o->n_lanes; i++) weir_kit_run(&o->lanes[i]);
    kit_leave();
    *error = NULL;
    return o->lanes;
}

struct weir_kit *weir_kit_open_with(const char *name, const char *conf, unsigned flags)
{
    const struct weir_kit_setup setup = {.plugin = name, .conf = conf, .flags = flags};
    char *error;
    struct weir_kit *kit = weir_kit_try_open(&setup, &error);
    if (!kit) fail_msg("%s was refused:\n%s", name, error);
    return kit;
}

struct weir_kit *weir_kit_open(const char *name, const char *conf)
{
    return weir_kit_open_with(name, conf, 0);
}

struct weir_kit *weir_kit_lane(struct weir_kit *kit, uint32_t index)
{
    if (index >= kit->open->n_lanes) fail_msg("weir_kit_lane: there is no lane %u of %u", index, kit->open->n_lanes);
    return &kit->open->lanes[index];
}
