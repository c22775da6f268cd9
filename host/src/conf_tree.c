/* conf_tree.c - the stages of a pipeline, the line and the branches in which it ends, as one array in which each stage
 * stands behind the one before it; and what may stand where. */
#include "conf_impl.h"
#include "crash.h"
#include <stdio.h>
#include <string.h>

struct tree {
    struct weir_conf_loading *l;
    struct weir_conf_pipeline *p;
};
enum { NONE = -1 };

static void add_error(const struct tree *t, const config_setting_t *at, const char *name, const char *what)
{
    struct weir_place place = weir_doc_place(at);
    weir_errors_add(t->l->errs, place.file, place.line, "%s: %s", name, what);
}

static config_setting_t *elem(const config_setting_t *group, int i)
{
    return config_setting_get_elem((config_setting_t *)group, (unsigned)i);
}

static bool is_branches(const config_setting_t *s)
{
    return strcmp(config_setting_name(s), "branches") == 0;
}

static bool is_group(const config_setting_t *s)
{
    return config_setting_type(s) == CONFIG_TYPE_GROUP && config_setting_length(s) > 0;
}

static size_t count_stages(const config_setting_t *line)
{
    size_t n = 0;
    for (int i = 0; i < config_setting_length(line); i++) {
        const config_setting_t *s = elem(line, i);
        if (!is_branches(s)) n++;
        if (!is_branches(s) || !is_group(s)) continue;
        for (int k = 0; k < config_setting_length(s); k++)
            if (is_group(elem(s, k))) n += count_stages(elem(s, k));
    }
    return n;
}

/* ---- fill */
static void check_name(const struct tree *t, const struct weir_conf_stage *stage)
{
    for (const struct weir_conf_stage *s = t->p->stages; stage->name && s < stage; s++)
        if (s->name && strcmp(s->name, stage->name) == 0)
            weir_errors_add(t->l->errs, stage->file, stage->line,
                            "%s: a stage of this name is at %s:%d already; give one of them another name, and plugin = "
                            "\"%s\"",
                            stage->name, s->file, s->line, stage->loaded ? stage->loaded->plugin->name : stage->name);
}

/* Asks a stage that chooses whether its options fit the branches there are. */
static void check_outputs(const struct tree *t, uint32_t stage, const config_setting_t *group)
{
    const struct weir_conf_stage *s = &t->p->stages[stage];
    struct weir_err err = {.status = WEIR_REJECT};
    uint32_t n = 0;
    if (!s->loaded || !s->cfg || !s->loaded->plugin->check_outputs) return;
    const char **names = weir_arena_alloc(t->l->arena, (t->p->n_stages + 1) * sizeof *names);
    if (!names) {
        add_error(t, group, s->name, "out of memory");
        return;
    }
    for (uint32_t i = stage; (i = weir_conf_next(t->p, stage, i)) < t->p->n_stages;)
        names[n++] = t->p->stages[i].branch;
    weir_blame = (struct weir_blame){.plugin = s->loaded->plugin, .callback = "check_outputs"};
    int rc = s->loaded->plugin->check_outputs(s->cfg, names, n, &err);
    weir_blame.callback = NULL;
    if (rc) weir_conf_refuse(t->l, s, group, &err);
}

static void add_line(const struct tree *, const config_setting_t *line, int before, const char *branch);

static void add_branches(const struct tree *t, const config_setting_t *branches, int before)
{
    char path[128];
    if (before == NONE) {
        add_error(t, branches, "branches", "expected a stage before it, which the branches begin behind");
        return;
    }
    if (!is_group(branches)) {
        add_error(t, branches, "branches",
                  "expected a group of branches: branches = { name = { sink = { ... } } name = { ... } }");
        return;
    }
    for (int i = 0; i < config_setting_length(branches); i++) {
        const config_setting_t *line = elem(branches, i);
        const char *name = config_setting_name(line);
        snprintf(path, sizeof path, "branches.%.100s", name);
        if (!is_group(line)) {
            add_error(t, line, path, "expected the branch's stages: a group of them");
            continue;
        }
        const char *kept = weir_arena_copy(t->l->arena, name, strlen(name));
        if (!kept)
            add_error(t, line, path, "out of memory");
        else
            add_line(t, line, before, kept);
    }
}

static void add_line(const struct tree *t, const config_setting_t *line, int before, const char *branch)
{
    const config_setting_t *group = NULL;
    for (int i = 0; i < config_setting_length(line); i++) {
        const config_setting_t *s = elem(line, i);
        if (is_branches(s)) {
            if (i + 1 < config_setting_length(line))
                add_error(t, s, "branches", "must be the last in its line: move the stages behind it into a branch");
            add_branches(t, s, i ? before : NONE);
            if (group) check_outputs(t, (uint32_t)before, group);
            return;
        }
        struct weir_conf_stage *stage = &t->p->stages[t->p->n_stages];
        stage->parent = before == NONE ? 0 : (uint32_t)before;
        stage->branch = i ? NULL : branch;
        before = (int)t->p->n_stages++;
        group = s;
        weir_conf_fill_stage(t->l, stage, s);
        check_name(t, stage);
    }
}

void weir_conf_fill_tree(struct weir_conf_loading *l, struct weir_conf_pipeline *p, const config_setting_t *stages)
{
    const struct tree t = {l, p};
    size_t n = count_stages(stages);
    if (config_setting_length(stages) < 1) {
        add_error(&t, stages, p->name, "stages: is empty");
        return;
    }
    p->stages = weir_arena_alloc(l->arena, (n + 1) * sizeof *p->stages);
    if (!p->stages) {
        add_error(&t, stages, p->name, "out of memory");
        return;
    }
    add_line(&t, stages, NONE, NULL);
    weir_conf_check_roles(l, p);
}

/* ---- roles */

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

uint32_t weir_conf_next(const struct weir_conf_pipeline *p, uint32_t stage, uint32_t after)
{
    while (++after < p->n_stages && p->stages[after].parent != stage) {
    }
    return after;
}

bool weir_conf_is_last(const struct weir_conf_pipeline *p, uint32_t stage)
{
    return weir_conf_next(p, stage, stage) == p->n_stages;
}

static bool begins_branches(const struct weir_conf_pipeline *p, uint32_t stage)
{
    return !weir_conf_is_last(p, stage) && p->stages[weir_conf_next(p, stage, stage)].branch;
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
        bool first = i == 0, last = weir_conf_is_last(p, i);
        uint32_t needed = first ? WEIR_SOURCE : last ? WEIR_SINK : WEIR_FILTER;
        if (!s->loaded) continue;
        if (s->loaded->plugin->check_outputs && !begins_branches(p, i))
            weir_errors_add(l->errs, s->file, s->line,
                            "%s: chooses among branches, but none begin behind it: end its line with branches = { name "
                            "= { ... } ... }",
                            s->name);
        else if (!(s->loaded->plugin->roles & needed))
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
