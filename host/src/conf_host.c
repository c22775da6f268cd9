/* conf_host.c - what the host itself understands in a conf, in one place. */
#include "conf_host.h"

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"logfmt", "json", NULL};
static const char *const requirements[] = {"nothing", "no-loss", NULL};

#define SECOND 1000000000ll

const struct weir_opt weir_stage_options[] = {
    WEIR_OPT(struct weir_stage_keys, plugin, WEIR_STRING,
             .doc = "the plugin, or the absolute path of its .so, when it is not the stage's name; all other keys of "
                    "the stage are the plugin's own: `weir describe PLUGIN`"),
    WEIR_OPT_END};

static const struct weir_opt window_options[] = {
    {.name = "events",
     .type = WEIR_INT,
     .offset = 0,
     .size = sizeof(int64_t),
     .def = "8192",
     .min = 1,
     .max = 10000000,
     .doc = "unsettled events a lane may hold; beyond it the source waits"},
    {.name = "bytes",
     .type = WEIR_SIZE,
     .offset = sizeof(int64_t),
     .size = sizeof(uint64_t),
     .def = "64MiB",
     .min = 65536,
     .max = 1ll << 40,
     .doc = "and their bytes"},
    WEIR_OPT_END};

const struct weir_opt weir_pipeline_options[] = {
    WEIR_OPT(struct weir_pipeline_keys, lanes, WEIR_INT, .def = "1", .min = 1, .max = 1024,
             .doc = "threads, each with an instance of every stage"),
    WEIR_OPT(struct weir_pipeline_keys, window, WEIR_GROUP, .sub = window_options,
             .doc = "bounds what one lane has in flight"),
    WEIR_OPT(struct weir_pipeline_keys, drain_timeout, WEIR_DURATION, .min = 1, .max = 86400 * SECOND,
             .doc = "how long a stop may take before what is left is given up; the top-level drain_timeout when not "
                    "given"),
    WEIR_OPT(struct weir_pipeline_keys, require, WEIR_ENUM, .def = "nothing", .choices = requirements,
             .doc = "`no-loss` makes a loss window of this pipeline an error of `weir check` and `weir run`"),
    WEIR_OPT(struct weir_pipeline_keys, stages, WEIR_LIST, .flags = WEIR_REQUIRED, .sub = weir_stage_options,
             .sub_size = sizeof(struct weir_stage_keys),
             .doc = "a group of stages in the order in which an event meets them, each `name = { ... }`; it may end in "
                    "branches = "
                    "{ name = { stages } ... }"),
    WEIR_OPT_END};

static const struct weir_opt admin_options[] = {
    {.name = "listen",
     .type = WEIR_STRING,
     .offset = 0,
     .size = sizeof(struct weir_slice),
     .doc = "\"host:port\" of /metrics, /livez, /readyz and /status; no listener when not given"},
    WEIR_OPT_END};

static const struct weir_opt log_options[] = {{.name = "level",
                                               .type = WEIR_ENUM,
                                               .offset = 0,
                                               .size = sizeof(int),
                                               .def = "info",
                                               .choices = levels,
                                               .doc = "the least severe line that is written"},
                                              {.name = "format",
                                               .type = WEIR_ENUM,
                                               .offset = sizeof(int),
                                               .size = sizeof(int),
                                               .def = "logfmt",
                                               .choices = formats,
                                               .doc = "how a line on stderr looks"},
                                              WEIR_OPT_END};

static const struct weir_opt folder_options[] = {{.name = "name",
                                                  .type = WEIR_STRING,
                                                  .offset = 0,
                                                  .size = sizeof(struct weir_slice),
                                                  .flags = WEIR_REQUIRED,
                                                  .doc = "a folder"},
                                                 WEIR_OPT_END};

const struct weir_opt weir_host_options[] = {
    WEIR_OPT(struct weir_host_keys, admin, WEIR_GROUP, .sub = admin_options, .doc = "the admin listener"),
    WEIR_OPT(struct weir_host_keys, log, WEIR_GROUP, .sub = log_options, .doc = "log lines"),
    WEIR_OPT(struct weir_host_keys, plugin_path, WEIR_LIST, .sub = folder_options,
             .sub_size = sizeof(struct weir_slice),
             .doc = "[ \"folder\", ... ] searched for plugins and schema modules before WEIR_PLUGIN_PATH and the "
                    "install folder; relative to the conf file"),
    WEIR_OPT(struct weir_host_keys, watchdog, WEIR_DURATION, .def = "100ms", .min = 1000000, .max = 3600 * SECOND,
             .doc = "a call into a plugin that holds its lane for longer is counted for its stage and logged"),
    WEIR_OPT(struct weir_host_keys, drain_timeout, WEIR_DURATION, .def = "30s", .min = 1, .max = 86400 * SECOND,
             .doc = "for every pipeline that does not say otherwise"),
    WEIR_OPT(struct weir_host_keys, pipelines, WEIR_LIST, .flags = WEIR_REQUIRED, .sub = weir_pipeline_options,
             .sub_size = sizeof(struct weir_pipeline_keys),
             .doc = "a group of pipelines, each `name = { ... }`; they are drained in the order written"),
    WEIR_OPT_END};
