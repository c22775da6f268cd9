/* conf_pipeline.c - the pipelines of one file: their own keys, then stage after stage. */
#include "conf_impl.h"
#include <stdlib.h>
#include <string.h>

static void add_error(struct weir_conf_loading *l, const config_setting_t *at, const char *name, const char *what)
{
    struct weir_place place = weir_doc_place(at);
    weir_errors_add(l->errs, place.file, place.line, "%s: %s", name, what);
}

static void fill_keys(struct weir_conf_loading *l, struct weir_conf_pipeline *p, const config_setting_t *group)
{
    static const char *const skip[] = {"stages", NULL};
    struct weir_pipeline_keys keys = {0};
    struct weir_options o = weir_conf_options(l, p->name, skip);
    weir_options_fill(&o, weir_pipeline_options, group, weir_doc_place(group), &keys);
    p->lanes = (uint32_t)keys.lanes;
    p->window_events = (uint32_t)keys.window.events;
    p->window_bytes = keys.window.bytes;
    p->drain_timeout_ns = keys.drain_timeout ? keys.drain_timeout : l->drain_timeout_ns;
    p->require_no_loss = keys.require != 0;
}

static void fill_stages(struct weir_conf_loading *l, struct weir_conf_pipeline *p, const config_setting_t *group)
{
    const config_setting_t *stages = config_setting_get_member((config_setting_t *)group, "stages");
    if (!stages || config_setting_type(stages) != CONFIG_TYPE_GROUP) {
        add_error(l, stages ? stages : group, p->name,
                  stages ? "stages: expected a group: stages = { source = { ... } sink = { ... } }"
                         : "stages: required, but not given");
        return;
    }
    weir_conf_fill_tree(l, p, stages);
}

static void fill_pipeline(struct weir_conf_loading *l, struct weir_conf_pipeline *p, const config_setting_t *group)
{
    const char *name = config_setting_name(group);
    struct weir_place at = weir_doc_place(group);
    p->name = weir_arena_copy(l->arena, name, strlen(name));
    p->file = at.file;
    p->line = at.line;
    if (!p->name) {
        add_error(l, group, name, "out of memory");
        return;
    }
    for (const struct weir_conf_pipeline *q = l->conf->pipelines; q < p; q++)
        if (q->name && strcmp(q->name, p->name) == 0)
            weir_errors_add(l->errs, at.file, at.line, "%s: a pipeline of this name is at %s:%d already", name, q->file,
                            q->line);
    if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
        add_error(l, group, name, "expected a pipeline: a group { ... }");
        return;
    }
    fill_keys(l, p, group);
    fill_stages(l, p, group);
}

void weir_conf_add_pipelines(struct weir_conf_loading *l, const config_setting_t *root)
{
    const config_setting_t *group = config_setting_get_member((config_setting_t *)root, "pipelines");
    int n = group && config_setting_type(group) == CONFIG_TYPE_GROUP ? config_setting_length(group) : 0;
    if (n < 1) {
        struct weir_place place = weir_doc_place(group ? group : root);
        weir_errors_add(l->errs, place.file, group ? place.line : 0,
                        group ? "pipelines: expected a group: pipelines = { name = { ... } }"
                              : "no pipelines: write pipelines = { name = { ... } }");
        return;
    }
    struct weir_conf *conf = l->conf;
    struct weir_conf_pipeline *grown =
        weir_arena_alloc(l->arena, (conf->n_pipelines + (size_t)n) * sizeof *conf->pipelines);
    if (!grown) {
        add_error(l, group, "pipelines", "out of memory");
        return;
    }
    if (conf->n_pipelines) memcpy(grown, conf->pipelines, conf->n_pipelines * sizeof *grown);
    conf->pipelines = grown;
    for (int i = 0; i < n; i++)
        fill_pipeline(l, &conf->pipelines[conf->n_pipelines++],
                      config_setting_get_elem((config_setting_t *)group, (unsigned)i));
}
