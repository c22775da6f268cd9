/* kit.c - opens one plugin between the kit's ends. */
#include "kit.h"
#include "cmocka_include.h"
#include "log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void broken(void *arg, struct stage *s, const char *rule)
{
    struct weir_kit *kit = arg;
    if (!*kit->broken) snprintf(kit->broken, sizeof kit->broken, "plugin %s broke a rule: %s", s->plugin->name, rule);
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

/* The stage's group begins on line 1, as the test wrote it. */
static struct weir_conf *load(const char *name, const char *conf, unsigned flags, struct weir_errors *errs)
{
    static const struct weir_plugin *const ends[] = {&kit_left, &kit_right, NULL};
    uint32_t roles = roles_of(name);
    const char *base = strrchr(name, '/');
    char stage[128], *text = NULL;
    snprintf(stage, sizeof stage, "%s", base ? base + 1 : name);
    stage[strcspn(stage, ".")] = 0;
    bool source = roles == WEIR_SOURCE, sink = !(roles & WEIR_FILTER) || (flags & WEIR_KIT_LAST);
    if (source) sink = false;
    if (asprintf(&text, "pipelines = { kit = { stages = { %s %s = { plugin = \"%s\" \n%s\n} %s } } }\n",
                 source ? "" : "kit-left = {}", stage, name, conf ? conf : "", sink ? "" : "kit-right = {}") < 0)
        fail_msg("out of memory");
    const struct weir_conf_source from = {.text = text, .text_name = "conf", .builtins = ends};
    struct weir_conf *c = weir_conf_load(&from, errs);
    free(text);
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

char *weir_kit_refuses(const char *name, const char *conf)
{
    struct weir_errors errs = {0};
    weir_conf_free(load(name, conf, 0, &errs));
    return errs.n ? errors_text(&errs) : NULL;
}

static void find_sides(struct weir_kit *kit)
{
    for (uint32_t i = 0; i < kit->lane->n_stages; i++) {
        struct stage *s = &kit->lane->stages[i];
        if (!strcmp(s->plugin->name, kit_left.name))
            kit->left = s;
        else if (!strcmp(s->plugin->name, kit_right.name))
            kit->right = s;
        else
            kit->under = s;
    }
    if (kit->left) kit->pipeline->shared[kit->left->index] = kit;
    if (kit->right) kit->pipeline->shared[kit->right->index] = kit;
}

static void open_lane(struct weir_kit *kit, unsigned flags)
{
    struct weir_errors errs = {0};
    struct weir_err err = {0};
    struct stage *at = NULL;
    kit->lane = &kit->pipeline->lanes[0];
    kit->lane->fake_clock = !(flags & WEIR_KIT_REAL_CLOCK);
    kit->lane->fake_now = 1000000000;
    kit->hooks = (struct lane_hooks){broken, kit};
    kit->lane->hooks = &kit->hooks;
    for (uint32_t i = 0; i < kit->pipeline->conf->n_stages; i++)
        if (weir_loader_init(kit->conf->loader, kit->pipeline->conf->stages[i].loaded, &err))
            fail_msg("init: %s", err.msg);
    if (pipeline_share(kit->pipeline, &errs)) fail_msg("%s", errors_text(&errs));
    if (lane_init(kit->lane, kit->pipeline, 0)) fail_msg("out of memory");
    find_sides(kit);
    if (lane_open(kit->lane, &err, &at)) fail_msg("open of %s: %s %s", at->ctx.stage, err.option, err.msg);
}

struct weir_kit *weir_kit_open_with(const char *name, const char *conf, unsigned flags)
{
    struct weir_errors errs = {0};
    struct weir_kit *kit = calloc(1, sizeof *kit);
    if (!kit) fail_msg("out of memory");
    weir_log_setup(getenv("WEIR_KIT_DEBUG") ? WEIR_DEBUG : WEIR_ERROR, false);
    kit->held_tail = &kit->held;
    kit->conf = load(name, conf, flags, &errs);
    if (errs.n) fail_msg("%s was refused:\n%s", name, errors_text(&errs));
    weir_errors_free(&errs);
    kit->metrics = weir_metrics_new();
    if (!kit->metrics) fail_msg("out of memory");
    kit->pipeline = pipeline_create(kit->conf, &kit->conf->pipelines[0], kit->metrics, NULL, -1);
    if (!kit->pipeline) fail_msg("out of memory");
    open_lane(kit, flags);
    weir_kit_run(kit);
    return kit;
}

struct weir_kit *weir_kit_open(const char *name, const char *conf)
{
    return weir_kit_open_with(name, conf, 0);
}
