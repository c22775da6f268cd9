/* conf_host.h - the host's own keys: the option tables that parse them and that describe prints. */
#ifndef WEIR_CONF_HOST_H
#define WEIR_CONF_HOST_H
#include <weir/plugin.h>

struct weir_host_keys { /* top level */
    struct {
        struct weir_slice listen;
    } admin;
    struct {
        int level, format;
    } log;
    struct weir_list plugin_path; /* of struct weir_slice */
    uint64_t watchdog, drain_timeout;
    struct weir_list pipelines; /* never filled: conf_pipeline.c reads it */
};
struct weir_pipeline_keys {
    struct weir_slice name;
    int64_t lanes;
    struct {
        int64_t events;
        uint64_t bytes;
    } window;
    uint64_t drain_timeout;
    int require;
    struct weir_list stages; /* never filled: conf_stage.c reads it */
};
struct weir_stage_keys {
    struct weir_slice name, plugin;
};
extern const struct weir_opt weir_host_options[], weir_pipeline_options[], weir_stage_options[];
#endif
