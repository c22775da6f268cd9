/* conf_stage.c - one stage: which plugin it is, its options, the plugin's own check, and its role in the line. */
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
    err.option[sizeof err.option - 1] = err.msg[sizeof err.msg - 1] = '\0';
    weir_vars_redact(l->vars, err.msg);
    struct weir_place at = weir_options_place(group, err.option);
    weir_errors_add(l->errs, at.file, at.line, "%s%s%s: %s", stage->name, *err.option ? "." : "", err.option,
                    *err.msg ? err.msg : "refused by the plugin without a reason");
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
    else if (weir_options_sane(&o, plugin->opts, plugin->cfg_size, at) == 0 &&
             weir_options_fill(&o, plugin->opts, group, at, cfg) == 0)
        run_check(l, stage, group, cfg);
}

/* "a source and a filter": what a plugin can be. */
static const char *roles_of(const struct weir_plugin *plugin, char buf[64])
{
    static const char *const names[] = {"a source", "a filter", "a sink"};
    size_t used = 0;
    snprintf(buf, 64, "nothing that has a place in a pipeline");
    for (unsigned i = 0; i < 3; i++)
        if (plugin->roles & 1u << i) {
            int wrote = snprintf(buf + used, 64 - used, "%s%s", used ? " and " : "", names[i]);
            used += wrote > 0 ? (size_t)wrote : 0;
        }
    return buf;
}

void weir_conf_check_roles(struct weir_conf_loading *l, const struct weir_conf_pipeline *p)
{
    char roles[64];
    if (p->n_stages == 1) {
        weir_errors_add(l->errs, p->file, p->line,
                        "%s: one stage is no pipeline: it takes a source and a sink at least", p->name);
        return;
    }
    for (uint32_t i = 0; i < p->n_stages; i++) {
        const struct weir_conf_stage *s = &p->stages[i];
        bool first = i == 0, last = i + 1 == p->n_stages;
        uint32_t needed = first ? WEIR_SOURCE : last ? WEIR_SINK : WEIR_FILTER;
        if (!s->loaded || (s->loaded->plugin->roles & needed)) continue;
        weir_errors_add(l->errs, s->file, s->line, "%s: %s must be %s, but %s is %s", s->name,
                        first  ? "the first stage"
                        : last ? "the last stage"
                               : "a stage between first and last",
                        first  ? "a source"
                        : last ? "a sink"
                               : "a filter",
                        s->loaded->plugin->name, roles_of(s->loaded->plugin, roles));
    }
}
