/* read.c - a test file into tests and steps. What can be wrong without running anything is said here, with its line. */
#include "fields.h"
#include "plan.h"
#include <stdlib.h>
#include <string.h>

struct reading {
    struct test_file *file;
    struct weir_errors *errs;
    struct file_keys keys;
    struct test *test;
    char path[200]; /* "tests.NAME.steps[2].push" */
};

static struct weir_options options(const struct reading *r, const char *label, const char *const *skip)
{
    return (struct weir_options){.arena = &r->file->arena,
                                 .errs = r->errs,
                                 .vars = &r->file->vars,
                                 .schemas = r->test && r->test->conf ? r->test->conf->schemas : NULL,
                                 .label = label,
                                 .skip = skip};
}

static struct plan_errors errors_at(const struct reading *r, struct weir_place at)
{
    return (struct plan_errors){.file = r->file, .errs = r->errs, .at = at, .path = r->path};
}

static const char *text(struct weir_slice s)
{
    return s.n ? (const char *)s.p : NULL;
}

/* ---- the confs of a test */
static const char **env_of(struct reading *r)
{
    const struct weir_list *lists[] = {&r->keys.env, &r->test->keys.env};
    size_t n = 0;
    const char **env = weir_arena_alloc(&r->file->arena, (lists[0]->n + lists[1]->n + 3) * sizeof *env);
    if (env) env[n++] = weir_arena_printf(&r->file->arena, "TEST_DIR=%s", r->file->dir);
    if (env) env[n++] = weir_arena_printf(&r->file->arena, "TEST_PORT=%u", r->file->port);
    for (int k = 0; env && k < 2; k++)
        for (uint32_t i = 0; i < lists[k]->n; i++) {
            const struct weir_pair *p = (const struct weir_pair *)lists[k]->items + i;
            env[n++] = weir_arena_printf(&r->file->arena, "%.*s=%.*s", (int)p->name.n, (const char *)p->name.p,
                                         (int)p->value.n, p->value.n ? (const char *)p->value.p : "");
        }
    for (size_t i = 0; env && i < n; i++)
        if (!env[i]) return NULL;
    return env;
}

static const char **paths_of(struct reading *r, size_t *n)
{
    const struct weir_list *list = r->test->keys.conf.n ? &r->test->keys.conf : &r->keys.conf;
    const struct weir_slice *names = list->items;
    const char *slash = strrchr(r->file->path, '/');
    const char **paths = weir_arena_alloc(&r->file->arena, (list->n + 1) * sizeof *paths);
    for (*n = 0; paths && *n < list->n; ++*n) {
        const char *name = (const char *)names[*n].p;
        int dir = slash && *name != '/' ? (int)(slash - r->file->path) + 1 : 0;
        paths[*n] = weir_arena_printf(&r->file->arena, "%.*s%s", dir, r->file->path, name);
        if (!paths[*n]) return NULL;
    }
    return paths;
}

static void load_conf(struct reading *r)
{
    struct test *t = r->test;
    struct plan_errors e = errors_at(r, t->at);
    struct weir_conf_source src = {.env = env_of(r)};
    src.paths = paths_of(r, &src.n_paths);
    if (!src.n_paths)
        plan_error(&e, "which conf? Give conf = [ \"FILE\" ] here or at the top");
    else if (!src.env || !src.paths || !(t->conf = weir_conf_load(&src, &t->conf_errors)))
        plan_error(&e, "out of memory");
}

/* ---- steps */
/* "fields.a[2].b" was written in the group, if only to say that it has its default. */
static bool was_given(void *group, const struct fact *f)
{
    char path[512] = "", *to = path;
    for (const char *from = f->key + strcspn(f->key, "."); *from && to < path + sizeof path - 3; from++) {
        if (*from == '[') *to++ = '.';
        *to++ = *from;
    }
    *to = '\0';
    return !f->implied || config_setting_lookup(group, path + 1);
}

static void encode(struct reading *r, struct step *s, struct content *c)
{
    struct plan_errors e = errors_at(r, s->at);
    struct weir_options o = options(r, "", NULL);
    const config_setting_t *group = c->fields ? c->fields : c->has;
    char path[240];
    snprintf(path, sizeof path, "%s.%s", r->path, c->fields || !c->has ? "fields" : "has");
    if (c->fields && c->has) plan_error(&e, "either `fields` or `has`");
    if (c->message && c->value.p) plan_error(&e, "either `message` or `value`");
    if (group && !c->message) plan_error(&e, "`message` is needed with `fields` and `has`: the message type");
    if (c->value.p) c->wire = c->value;
    if (!c->message || (c->fields && c->has)) return;
    if (!fields_encode(&o, path, c->message, group, &c->wire) || !group) return;
    facts_add_message(&c->expected, c->message, c->wire);
    if (c->has) facts_filter(&c->expected, was_given, (void *)c->has); /* only that is looked at */
}

/* Did an earlier step of this kind name it? */
static void check_name(struct reading *r, const struct step *s, struct weir_slice name, enum step_kind by)
{
    struct plan_errors e = errors_at(r, s->at);
    const char *known[128];
    size_t n = 0;
    if (!name.n) return;
    for (const struct step *k = r->test->steps; k < s; k++) {
        if (k->kind != by || (s->fake && k->fake != s->fake)) continue;
        struct weir_slice its = by == STEP_PUSH      ? k->keys->push.name
                                : by == STEP_ARRIVES ? k->keys->arrives.name
                                : by == STEP_ASKED   ? k->keys->asked.name
                                                     : k->keys->request.name;
        if (its.n && !strcmp((const char *)its.p, (const char *)name.p)) return;
        if (its.n && n < 128) known[n++] = (const char *)its.p;
    }
    const char *near = weir_nearest((const char *)name.p, known, n);
    plan_error(&e, "no `%s` before this one%s has the name \"%s\"%s%s%s", step_options[by].name,
               s->fake ? " at this fake" : "", (const char *)name.p, near ? "; did you mean \"" : "", near ? near : "",
               near ? "\"?" : "");
}

/* An outcome is one of the plugin that the fake stands for; the conf may map it. */
static void check_outcome(struct reading *r, const struct step *s)
{
    struct plan_errors e = errors_at(r, s->at);
    const char *name = text(s->keys->settle.outcome), *known[128];
    size_t n = 0;
    if (!name || !s->fake) return;
    for (const struct weir_outcome *o = s->fake->real->outcomes; o && o->name && n < 128; o++) known[n++] = o->name;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(known[i], name)) return;
    const char *near = weir_nearest(name, known, n);
    plan_error(&e, "plugin %s has no outcome \"%s\"%s%s%s", s->fake->real->name, name, near ? "; did you mean \"" : "",
               near ? near : "", near ? "\"?" : "");
}

/* Into which branch: an index into the stage's outputs. */
static void find_output(struct reading *r, struct step *s)
{
    struct plan_errors e = errors_at(r, s->at);
    const struct pass_keys *k = &s->keys->pass;
    const struct weir_conf_pipeline *p = s->fake ? s->fake->pipeline : NULL;
    s->output = PASS_TO_ALL;
    if (!p) return;
    if (!k->to.n && s->fake->real->check_outputs)
        plan_error(&e, "say to which branch: %s chooses one", s->fake->stage->name);
    if (!k->to.n) return;
    uint32_t n = 0;
    for (uint32_t i = s->fake->index; (i = weir_conf_next(p, s->fake->index, i)) < p->n_stages; n++)
        if (p->stages[i].branch && !strcmp(p->stages[i].branch, text(k->to))) s->output = n;
    if (s->output == PASS_TO_ALL)
        plan_error(&e, "no branch \"%s\" begins behind %s", text(k->to), s->fake->stage->name);
}

static void finish_fake_step(struct reading *r, struct step *s)
{
    struct plan_errors e = errors_at(r, s->at);
    struct step_keys *k = s->keys;
    const uint32_t gives = WEIR_SOURCE | WEIR_FILTER, takes = WEIR_FILTER | WEIR_SINK;
    switch (s->kind) {
    case STEP_PUSH:
        s->fake = plan_find_fake(r->test, text(k->push.at), gives, &e);
        encode(r, s, &k->push.content);
        break;
    case STEP_ARRIVES:
        s->fake = plan_find_fake(r->test, text(k->arrives.at), takes, &e);
        encode(r, s, &k->arrives.content);
        break;
    case STEP_PASS:
        s->fake = plan_find_fake(r->test, text(k->pass.at), WEIR_FILTER, &e);
        check_name(r, s, k->pass.name, STEP_ARRIVES);
        find_output(r, s);
        break;
    case STEP_SETTLE:
        s->fake = plan_find_fake(r->test, text(k->settle.at), takes, &e);
        encode(r, s, &k->settle.content);
        check_name(r, s, k->settle.name, STEP_ARRIVES);
        check_outcome(r, s);
        break;
    case STEP_SETTLED:
        s->fake = plan_find_fake(r->test, text(k->settled.at), gives, &e);
        encode(r, s, &k->settled.content);
        check_name(r, s, k->settled.name, STEP_PUSH);
        break;
    default: break;
    }
}

static void finish_http(struct reading *r, struct step *s, struct http_keys *k)
{
    struct plan_errors e = errors_at(r, s->at);
    struct weir_options o = options(r, "", NULL);
    char path[240];
    snprintf(path, sizeof path, "%s.json", r->path);
    if (!!k->json + !!k->body.p + !!k->strings.n > 1)
        plan_error(&e, s->kind == STEP_REPLY ? "one of `json`, `body` and `strings`" : "either `json` or `body`");
    if (k->json) s->json = fields_json(&o, path, k->json);
    if (s->kind == STEP_REPLY) check_name(r, s, k->name, STEP_ASKED);
    if (s->kind == STEP_ANSWER) check_name(r, s, k->name, STEP_REQUEST);
    if (s->kind == STEP_REQUEST && strncmp(text(k->to) ? text(k->to) : "", "unix:/", 6))
        plan_error(&e, "to: expected \"unix:/path\", as the conf's source listens on: \"unix:${TEST_DIR}/NAME\"");
}

static void check_metrics(struct reading *r, const struct step *s)
{
    struct plan_errors e = errors_at(r, s->at);
    const struct weir_slice *lines = s->keys->metrics.items;
    for (uint32_t i = 0; i < s->keys->metrics.n; i++) {
        const char *line = (const char *)lines[i].p, *equals = strrchr(line, '=');
        char *end = NULL;
        if (equals) strtod(equals + 1, &end);
        if (!equals || end == equals + 1 || *end)
            plan_error(&e, "\"%s\": expected \"name=2\" or \"name{label=value}=2\"", line);
    }
}

static void finish_step(struct reading *r, struct step *s)
{
    struct plan_errors e = errors_at(r, s->at);
    if (s->kind == STEP_REQUEST)
        finish_http(r, s, &s->keys->request);
    else if (s->kind == STEP_ANSWER)
        finish_http(r, s, &s->keys->answer);
    else if (s->kind == STEP_ASKED)
        finish_http(r, s, &s->keys->asked);
    else if (s->kind == STEP_REPLY)
        finish_http(r, s, &s->keys->reply);
    else if (s->kind == STEP_HANG_UP)
        check_name(r, s, s->keys->hang_up, STEP_REQUEST);
    else if (s->kind == STEP_METRICS)
        check_metrics(r, s);
    else if (s->kind == STEP_STATE && text(s->keys->state.stage))
        plan_find_stage(r->test, text(s->keys->state.stage), &s->pipeline, &s->stage, &e);
    else
        finish_fake_step(r, s);
}

/* One group of `steps`: its keys, in the order written. */
static void read_step(struct reading *r, const config_setting_t *group, unsigned number)
{
    struct test *t = r->test;
    struct weir_place at = weir_doc_place(group);
    struct step_keys *keys = weir_arena_alloc(&r->file->arena, sizeof *keys);
    char path[160];
    snprintf(path, sizeof path, "tests.%.100s.steps[%u]", t->name, number);
    snprintf(r->path, sizeof r->path, "%s", path);
    struct plan_errors e = errors_at(r, at);
    if (!keys || config_setting_type(group) != CONFIG_TYPE_GROUP) {
        plan_error(&e, keys ? "expected a group { ... }" : "out of memory");
        return;
    }
    struct weir_options o = options(r, path, NULL);
    bool good = !weir_options_fill(&o, step_options, group, at, keys);
    for (unsigned i = 0; good && i < (unsigned)config_setting_length(group); i++) {
        const config_setting_t *given = config_setting_get_elem((config_setting_t *)group, i);
        struct step *s = &t->steps[t->n_steps++];
        *s = (struct step){.at = weir_doc_place(given), .keys = keys};
        while (strcmp(step_options[s->kind].name, config_setting_name(given))) s->kind++;
        snprintf(r->path, sizeof r->path, "%s.%s", path, config_setting_name(given));
        finish_step(r, s);
    }
}

static void read_steps(struct reading *r, const config_setting_t *list)
{
    struct test *t = r->test;
    struct plan_errors e = errors_at(r, list ? weir_doc_place(list) : t->at);
    unsigned n = list ? (unsigned)config_setting_length(list) : 0, keys = 0;
    if (list && config_setting_type(list) != CONFIG_TYPE_LIST) {
        plan_error(&e, "steps: expected a list of groups: ( { ... }, { ... } )");
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        int length = config_setting_length(config_setting_get_elem((config_setting_t *)list, i));
        keys += length > 0 ? (unsigned)length : 0;
    }
    t->steps = weir_arena_alloc(&r->file->arena, (keys + 1) * sizeof *t->steps);
    if (!t->steps) plan_error(&e, "out of memory");
    for (unsigned i = 0; t->steps && i < n; i++) read_step(r, config_setting_get_elem((config_setting_t *)list, i), i);
}

static void read_test(struct reading *r, const config_setting_t *group)
{
    static const char *const skip[] = {"steps", NULL};
    struct test *t = r->test;
    t->name = config_setting_name(group);
    t->at = weir_doc_place(group);
    snprintf(r->path, sizeof r->path, "tests.%.100s", t->name);
    struct plan_errors e = errors_at(r, t->at);
    if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
        plan_error(&e, "expected a test: a group { ... }");
        return;
    }
    char label[160];
    snprintf(label, sizeof label, "%s", r->path);
    struct weir_options o = options(r, label, skip);
    if (weir_options_fill(&o, test_options, group, t->at, &t->keys)) return;
    t->names_fakes = config_setting_get_member((config_setting_t *)group, "fakes") != NULL;
    load_conf(r);
    /* a conf that is refused is what this test will report */
    if (!t->conf || t->conf_errors.n || plan_fakes(t, &r->file->arena, &e)) return;
    read_steps(r, config_setting_get_member((config_setting_t *)group, "steps"));
}

static void read_tests(struct reading *r, const config_setting_t *tests)
{
    if (!tests || config_setting_type(tests) != CONFIG_TYPE_GROUP || config_setting_length(tests) < 1) {
        struct weir_place at = weir_doc_place(tests ? tests : config_root_setting(&r->file->doc->config));
        weir_errors_add(r->errs, at.file, tests ? at.line : 0, "no tests: write tests = { name = { ... } }");
        return;
    }
    size_t n = (size_t)config_setting_length(tests);
    r->file->tests = weir_arena_alloc(&r->file->arena, n * sizeof *r->file->tests);
    if (!r->file->tests) weir_errors_add(r->errs, r->file->path, 0, "out of memory");
    for (size_t i = 0; r->file->tests && i < n; i++) {
        r->test = &r->file->tests[r->file->n_tests++];
        read_test(r, config_setting_get_elem((config_setting_t *)tests, (unsigned)i));
    }
}

void test_file_read(struct test_file *file, struct weir_errors *errs)
{
    static const char *const skip[] = {"tests", NULL};
    struct reading r = {.file = file, .errs = errs};
    const char *dir = weir_arena_printf(&file->arena, "TEST_DIR=%s", file->dir);
    const char *port = weir_arena_printf(&file->arena, "TEST_PORT=%u", file->port);
    file->vars = (struct weir_vars){.arena = &file->arena, .closed = true};
    if (!dir || !port || weir_vars_give(&file->vars, (const char *const[]){dir, port, NULL})) {
        weir_errors_add(errs, file->path, 0, "out of memory");
        return;
    }
    file->doc = weir_doc_file(file->path, &file->arena, errs);
    if (!file->doc) return;
    const config_setting_t *root = config_root_setting(&file->doc->config);
    struct weir_options o = options(&r, "", skip);
    if (weir_options_fill(&o, file_options, root, weir_doc_place(root), &r.keys)) return;
    read_tests(&r, config_setting_get_member((config_setting_t *)root, "tests"));
}

static void free_step(struct step *s)
{
    /* the keys are shared by the steps of one group: each frees what its kind has made */
    struct content *c = s->kind == STEP_ARRIVES   ? &s->keys->arrives.content
                        : s->kind == STEP_SETTLED ? &s->keys->settled.content
                        : s->kind == STEP_PUSH    ? &s->keys->push.content
                        : s->kind == STEP_SETTLE  ? &s->keys->settle.content
                                                  : NULL;
    if (c) facts_free(&c->expected);
}

void test_file_free(struct test_file *file)
{
    for (size_t i = 0; i < file->n_tests; i++) {
        struct test *t = &file->tests[i];
        for (size_t k = 0; k < t->n_steps; k++) free_step(&t->steps[k]);
        weir_errors_free(&t->conf_errors);
        weir_conf_free(t->conf);
    }
    weir_doc_free(file->doc);
    weir_arena_free(&file->arena);
}
