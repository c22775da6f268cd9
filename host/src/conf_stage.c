/* conf_stage.c - one stage: which plugin it is, its options, and the plugin's own check. */
#include "conf_impl.h"
#include "crash.h"
#include <stdio.h>
#include <string.h>

static const char *plugin_of(struct weir_conf_loading *l, const struct weir_conf_stage *stage,
                             const config_setting_t *group)
{
    const config_setting_t *given = config_setting_get_member((config_setting_t *)group, "plugin");
    if (!given) return stage->name;
    struct weir_options o = weir_conf_options(l, "", NULL);
    char path[128];
    snprintf(path, sizeof path, "%.100s.plugin", stage->name);
    const char *name = weir_options_text(&o, given, path);
    if (name && *name) return name;
    struct weir_place at = weir_doc_place(given);
    if (name) weir_errors_add(l->errs, at.file, at.line, "%s: empty: name a plugin, or leave it out", path);
    return NULL;
}

static const struct weir_loaded *load(struct weir_conf_loading *l, struct weir_conf_stage *stage,
                                      const config_setting_t *group)
{
    char msg[512] = "";
    const char *name = plugin_of(l, stage, group);
    if (!name) return NULL;
    const struct weir_loaded *loaded = weir_loader_get(l->conf->loader, name, msg, sizeof msg);
    if (!loaded) {
        struct weir_place at = weir_options_place(group, "plugin");
        weir_vars_redact(l->vars, msg);
        const char *near = *name == '/' ? NULL : weir_conf_nearest_plugin(l, name);
        weir_errors_add(l->errs, at.file, at.line, "%s: %s%s%s%s", stage->name, msg, near ? "; did you mean \"" : "",
                        near ? near : "", near ? "\"?" : "");
    }
    return loaded;
}

void weir_conf_refuse(struct weir_conf_loading *l, const struct weir_conf_stage *stage, const config_setting_t *group,
                      struct weir_err *err)
{
    err->option[sizeof err->option - 1] = err->msg[sizeof err->msg - 1] = '\0';
    weir_vars_redact(l->vars, err->msg);
    struct weir_place at = weir_options_place(group, err->option);
    weir_errors_add(l->errs, at.file, at.line, "%s%s%s: %s", stage->name, *err->option ? "." : "", err->option,
                    *err->msg ? err->msg : "refused by the plugin without a reason");
}

static void run_check(struct weir_conf_loading *l, struct weir_conf_stage *stage, const config_setting_t *group,
                      const void *cfg)
{
    struct weir_err err = {.status = WEIR_REJECT};
    weir_blame = (struct weir_blame){.plugin = stage->loaded->plugin, .callback = "check"};
    int rc = stage->loaded->plugin->check ? stage->loaded->plugin->check(cfg, &err) : 0;
    weir_blame.callback = NULL;
    if (rc == 0) {
        stage->cfg = (void *)cfg;
        return;
    }
    weir_conf_refuse(l, stage, group, &err);
}

/* Its table is no fault of who writes the conf: the errors say which file it comes from. */
static bool has_sane_table(struct weir_conf_loading *l, const struct weir_conf_stage *stage,
                           const struct weir_options *options, struct weir_place at)
{
    const struct weir_plugin *plugin = stage->loaded->plugin;
    struct weir_errors found = {0};
    struct weir_options o = *options;
    o.errs = &found;
    bool sane = weir_options_sane(&o, plugin->opts, plugin->cfg_size, at) == 0;
    for (size_t i = 0; i < found.n; i++)
        weir_errors_add(l->errs, found.v[i].file, found.v[i].line, "%s (in %s, whose author has to correct it)",
                        found.v[i].msg, stage->loaded->path);
    weir_errors_free(&found);
    return sane;
}

void weir_conf_fill_stage(struct weir_conf_loading *l, struct weir_conf_stage *stage, const config_setting_t *group)
{
    static const char *const host_keys[] = {"plugin", NULL};
    struct weir_place at = weir_doc_place(group);
    stage->name = config_setting_name(group);
    stage->name = weir_arena_copy(l->arena, stage->name, strlen(stage->name));
    stage->file = at.file;
    stage->line = at.line;
    if (!stage->name) {
        weir_errors_add(l->errs, at.file, at.line, "out of memory");
        return;
    }
    if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
        weir_errors_add(l->errs, at.file, at.line, "%s: expected a stage: a group { ... }", stage->name);
        return;
    }
    stage->loaded = load(l, stage, group);
    if (!stage->loaded) return;
    const struct weir_plugin *plugin = stage->loaded->plugin;
    struct weir_options o = weir_conf_options(l, stage->name, host_keys);
    void *cfg = weir_arena_alloc(l->arena, plugin->cfg_size);
    if (!cfg)
        weir_errors_add(l->errs, at.file, at.line, "out of memory");
    else if (has_sane_table(l, stage, &o, at) && weir_options_fill(&o, plugin->opts, group, at, cfg) == 0)
        run_check(l, stage, group, cfg);
}
