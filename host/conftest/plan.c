/* plan.c - which pipelines of the confs run, which of their stages are fakes, and what a name means. */
#include "plan.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 128 };

void plan_error(const struct plan_errors *e, const char *fmt, ...)
{
    char msg[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    weir_errors_add(e->errs, e->at.file, e->at.line, "%s: %s", e->path, msg);
}

static uint32_t role_at(const struct weir_conf_pipeline *p, uint32_t i)
{
    return !i ? WEIR_SOURCE : weir_conf_is_last(p, i) ? WEIR_SINK : WEIR_FILTER;
}

/* "stage" or "pipeline.stage" */
static bool is_called(const struct weir_conf_pipeline *p, uint32_t i, const char *name)
{
    size_t n = strlen(p->name);
    if (!strcmp(p->stages[i].name, name)) return true;
    return !strncmp(p->name, name, n) && name[n] == '.' && !strcmp(p->stages[i].name, name + n + 1);
}

/* Says what was not found, and what may have been meant. */
static void not_found(const struct plan_errors *e, const char *what, const char *name, const char *const *known,
                      size_t n)
{
    char all[256] = "";
    const char *near = weir_nearest(name, known, n);
    size_t used = 0;
    for (size_t i = 0; i < n && used < 200; i++) {
        int wrote = snprintf(all + used, sizeof all - used, "%s%.60s", i ? ", " : "", known[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    if (near)
        plan_error(e, "no %s is called \"%s\"; did you mean \"%s\"?", what, name, near);
    else
        plan_error(e, "no %s is called \"%s\"; known here: %s", what, name, n ? all : "none");
}

/* ---- which pipelines run */
static int pick_pipelines(struct test *t, const struct plan_errors *e)
{
    const struct weir_slice *names = t->keys.pipelines.items;
    const char *known[NAMES_MAX];
    int rc = 0;
    for (uint32_t k = 0; k < t->conf->n_pipelines; k++) {
        if (!t->keys.pipelines.n) t->runs[k] = true;
        if (k < NAMES_MAX) known[k] = t->conf->pipelines[k].name;
    }
    for (uint32_t i = 0; i < t->keys.pipelines.n; i++) {
        bool found = false;
        for (uint32_t k = 0; k < t->conf->n_pipelines; k++)
            if (!strcmp(t->conf->pipelines[k].name, (const char *)names[i].p)) found = t->runs[k] = true;
        if (found) continue;
        not_found(e, "pipeline", (const char *)names[i].p, known,
                  t->conf->n_pipelines < NAMES_MAX ? t->conf->n_pipelines : NAMES_MAX);
        rc = -1;
    }
    return rc;
}

/* ---- stages by name */
static size_t stage_names(const struct test *t, const char **names)
{
    size_t n = 0;
    for (uint32_t k = 0; k < t->conf->n_pipelines; k++)
        for (uint32_t i = 0; t->runs[k] && i < t->conf->pipelines[k].n_stages && n < NAMES_MAX; i++)
            names[n++] = t->conf->pipelines[k].stages[i].name;
    return n;
}

bool plan_find_stage(const struct test *t, const char *name, const struct weir_conf_pipeline **pipeline,
                     uint32_t *index, const struct plan_errors *e)
{
    const char *names[NAMES_MAX];
    const struct weir_conf_pipeline *found = NULL;
    for (uint32_t k = 0; k < t->conf->n_pipelines; k++) {
        const struct weir_conf_pipeline *p = &t->conf->pipelines[k];
        for (uint32_t i = 0; t->runs[k] && i < p->n_stages; i++) {
            if (!is_called(p, i, name)) continue;
            if (found) {
                plan_error(e, "\"%s\" is in several pipelines: write \"%s.%s\" or \"%s.%s\"", name, found->name, name,
                           p->name, name);
                return false;
            }
            found = p;
            *index = i;
        }
    }
    if (!found) not_found(e, "stage", name, names, stage_names(t, names));
    *pipeline = found;
    return found != NULL;
}

/* ---- fakes */
static void add_fake(struct test *t, const struct weir_conf_pipeline *p, uint32_t i)
{
    for (size_t k = 0; k < t->n_fakes; k++)
        if (t->fakes[k].pipeline == p && t->fakes[k].index == i) return;
    t->fakes[t->n_fakes++] = (struct fake){
        .pipeline = p, .stage = &p->stages[i], .index = i, .role = role_at(p, i), .real = p->stages[i].loaded->plugin};
}

int plan_fakes(struct test *t, struct weir_arena *arena, const struct plan_errors *e)
{
    const struct weir_slice *names = t->keys.fakes.items;
    size_t stages = 0;
    for (uint32_t k = 0; k < t->conf->n_pipelines; k++) stages += t->conf->pipelines[k].n_stages;
    t->runs = weir_arena_alloc(arena, (t->conf->n_pipelines + 1) * sizeof *t->runs);
    t->fakes = weir_arena_alloc(arena, (stages + 1) * sizeof *t->fakes);
    if (!t->runs || !t->fakes) {
        plan_error(e, "out of memory");
        return -1;
    }
    int rc = pick_pipelines(t, e);
    for (uint32_t i = 0; i < t->keys.fakes.n; i++) {
        const struct weir_conf_pipeline *p;
        uint32_t index;
        if (plan_find_stage(t, (const char *)names[i].p, &p, &index, e))
            add_fake(t, p, index);
        else
            rc = -1;
    }
    for (uint32_t k = 0; !t->names_fakes && k < t->conf->n_pipelines; k++) {
        const struct weir_conf_pipeline *p = &t->conf->pipelines[k];
        if (!t->runs[k]) continue;
        for (uint32_t i = 0; i < p->n_stages; i++)
            if (role_at(p, i) != WEIR_FILTER) add_fake(t, p, i);
    }
    return rc;
}

static const char *role_names(uint32_t roles)
{
    return roles == (WEIR_SOURCE | WEIR_FILTER) ? "fake source or filter"
           : roles == WEIR_FILTER               ? "fake filter"
                                                : "fake filter or sink";
}

struct fake *plan_find_fake(struct test *t, const char *name, uint32_t roles, const struct plan_errors *e)
{
    const char *names[NAMES_MAX];
    struct fake *found = NULL;
    size_t n = 0, matches = 0;
    for (size_t i = 0; i < t->n_fakes; i++) {
        struct fake *f = &t->fakes[i];
        if (!(f->role & roles)) continue;
        if (n < NAMES_MAX) names[n++] = f->stage->name;
        if (name && !is_called(f->pipeline, f->index, name)) continue;
        found = f;
        matches++;
    }
    if (matches == 1) return found;
    if (!matches && name)
        not_found(e, role_names(roles), name, names, n);
    else if (!matches)
        plan_error(e, "this test has no %s", role_names(roles));
    else
        plan_error(e, "several could be meant: say which, as at = \"%s.%s\"", found->pipeline->name,
                   found->stage->name);
    return NULL;
}
