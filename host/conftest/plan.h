/* plan.h - a test file as it was read: its tests, their confs, which stages are fakes, and their steps. */
#ifndef WEIR_CONFTEST_PLAN_H
#define WEIR_CONFTEST_PLAN_H
#include "conf.h"
#include "conf_doc.h"
#include "conf_vars.h"
#include "keys.h"

struct fake { /* stands for one stage */
    const struct weir_conf_pipeline *pipeline;
    struct weir_conf_stage *stage;
    uint32_t index;
    uint32_t role;                  /* one of WEIR_SOURCE, WEIR_FILTER, WEIR_SINK */
    const struct weir_plugin *real; /* what it stands for */
    struct weir_plugin plugin;      /* what it is (fake.c) */
    struct weir_loaded loaded;
    struct rig *rig; /* while it runs */
    struct stage *live;
    uint64_t n_pushed;
    bool flow;
};
#define PASS_TO_ALL UINT32_MAX /* every branch, or the one stage that follows */
struct step {
    enum step_kind kind;
    struct weir_place at;
    struct step_keys *keys;
    struct fake *fake;                         /* push, arrives, pass, settle, settled */
    const struct weir_conf_pipeline *pipeline; /* state */
    uint32_t stage;
    uint32_t output;  /* pass */
    const char *json; /* request, answer */
};
struct test {
    const char *name;
    struct weir_place at;
    struct test_keys keys;
    struct weir_conf *conf;
    struct weir_errors conf_errors;
    struct fake *fakes;
    size_t n_fakes;
    bool names_fakes; /* `fakes` was given */
    bool *runs;       /* by pipeline of the conf */
    struct step *steps;
    size_t n_steps;
};
struct test_file {
    const char *path, *dir; /* dir: what ${TEST_DIR} stands for */
    unsigned port;          /* ${TEST_PORT} */
    struct weir_arena arena;
    struct weir_vars vars;
    struct weir_doc *doc;
    struct test *tests;
    size_t n_tests;
};

/* Reads the file and every conf it names. Mistakes in the test file go to errs; those in a conf to the test's
 * conf_errors. The file is freed even after errors. */
void test_file_read(struct test_file *, struct weir_errors *errs);
void test_file_free(struct test_file *);

/* fakes.c: which stages are fakes. `at` begins error messages. */
struct plan_errors {
    const struct test_file *file;
    struct weir_errors *errs;
    struct weir_place at;
    const char *path;
};
int plan_fakes(struct test *, struct weir_arena *, const struct plan_errors *);
/* The fake of one of these roles that `name` means: "stage", "pipeline.stage", or NULL for the only one. */
struct fake *plan_find_fake(struct test *, const char *name, uint32_t roles, const struct plan_errors *);
/* Any stage of a pipeline that runs. */
bool plan_find_stage(const struct test *, const char *name, const struct weir_conf_pipeline **, uint32_t *index,
                     const struct plan_errors *);
void plan_error(const struct plan_errors *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
