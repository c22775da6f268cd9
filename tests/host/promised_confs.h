/* promised_confs.h - confs by hand, of plugins that exist only here: the host can know them by their promises alone.
 * One conf at a time; what the host says of it is in `said` and `errors_said`. */
#ifndef PROMISED_CONFS_H
#define PROMISED_CONFS_H
#include "verdict.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- plugins: each promises what its cfg says, which is a struct weir_promise */

static inline void say_cfg(const void *cfg, struct weir_promise *p)
{
    uint32_t size = p->size;
    *p = *(const struct weir_promise *)cfg;
    p->size = size;
}
static const struct weir_plugin promising = {
    .name = "promising", .cfg_size = sizeof(struct weir_promise), .promise = say_cfg};
static const struct weir_plugin silent = {.name = "silent"};
static inline int any_outputs(const void *cfg, const char *const *outputs, uint32_t n, struct weir_err *err)
{
    (void)cfg, (void)outputs, (void)n, (void)err;
    return 0;
}
static const struct weir_plugin chooser = {
    .name = "chooser", .cfg_size = sizeof(struct weir_promise), .promise = say_cfg, .check_outputs = any_outputs};
static const struct weir_loaded with_promise = {&promising, ""}, without = {&silent, ""}, choosing = {&chooser, ""};

/* not every program uses all */
__attribute__((unused)) static struct weir_promise
    web = {.reads = "http:0.0.0.0:80"},
    replaying = {.flags = WEIR_REPLAYS, .reads = "log:orders"},
    durable = {.flags = WEIR_DURABLE_ON_OK, .writes = "table:x"},
    once = {.flags = WEIR_DURABLE_ON_OK | WEIR_ONCE_BY_KEY, .key = "epoch, seq", .writes = "table:orders"},
    loose = {.flags = 0}, refusing = {.flags = WEIR_MAY_REFUSE},
    asking = {.flags = WEIR_EFFECT | WEIR_DURABLE_ON_OK | WEIR_ONCE_BY_KEY | WEIR_MAY_REFUSE | WEIR_ANSWERS_EARLY,
              .key = "id",
              .reads = "call:ledger"},
    publishing = {.flags = WEIR_DURABLE_ON_OK, .writes = "log:orders"}, loose_publishing = {.writes = "log:orders"},
    repairing = {.flags = WEIR_REPLAYS | WEIR_REPAIRS, .reads = "ledger:main", .repairs = "log:orders"},
    serving = {.reads = "call:ledger"},
    ledger = {.flags = WEIR_EFFECT | WEIR_DURABLE_ON_OK | WEIR_ONCE_BY_KEY | WEIR_MAY_REFUSE,
              .key = "id",
              .writes = "ledger:main"};

/* ---- confs by hand */

static struct weir_conf_stage stages[32];
static struct weir_conf_pipeline pipelines[8];
static struct weir_conf conf;
static uint32_t n_stages;
static char *said, *errors_said;

static inline int begin(void **state)
{
    (void)state;
    memset(pipelines, 0, sizeof(pipelines));
    conf = (struct weir_conf){.pipelines = pipelines};
    n_stages = 0;
    said = errors_said = NULL;
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    free(said);
    free(errors_said);
    return 0;
}

static inline void pipeline(const char *name)
{
    int line = 100 * ((int)conf.n_pipelines + 1);
    pipelines[conf.n_pipelines++] =
        (struct weir_conf_pipeline){.name = name, .file = "t.conf", .line = line, .stages = &stages[n_stages]};
}

/* A NULL promise: a plugin that makes none. Its line is the pipeline's plus 1, 2, ... */
static inline void stage(const char *name, struct weir_promise *promise)
{
    struct weir_conf_pipeline *p = &pipelines[conf.n_pipelines - 1];
    uint32_t before = p->n_stages ? p->n_stages - 1 : 0;
    stages[n_stages++] = (struct weir_conf_stage){
        name, promise ? &with_promise : &without, promise, "t.conf", p->line + (int)++p->n_stages, before, NULL};
}

/* The stage just added begins a branch behind the stage of that number. */
static inline void branch(const char *name, uint32_t parent)
{
    stages[n_stages - 1].branch = name;
    stages[n_stages - 1].parent = parent;
}

static inline void has_line(const char *text, const char *line)
{
    if (!strstr(text, line)) fail_msg("\"%s\" is not in:\n%s", line, text);
}

static inline void take_orders(struct weir_promise *sink)
{
    pipeline("orders");
    stage("web", &web);
    stage("ask", &asking);
    stage("publish", sink);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
#endif
