/* conf.h - what a process was told to do: conf files parsed into pipelines of stages with filled option structs. */
#ifndef WEIR_CONF_H
#define WEIR_CONF_H
#include "errors.h"
#include "loader.h"
#include "schemas.h"

struct weir_conf_stage {
    const char *name;                 /* label in errors, logs and metrics */
    const struct weir_loaded *loaded; /* NULL when it could not be loaded (an error was added) */
    void *cfg;                        /* cfg_size bytes, filled by the option table; NULL when invalid */
    const char *file;
    int line;
    uint32_t parent;    /* index of the stage before it, which is smaller than its own; of a source: 0 */
    const char *branch; /* of the first stage of a branch: the branch's name; else NULL */
};
struct weir_conf_pipeline {
    const char *name;
    uint32_t lanes;            /* default 1 */
    uint32_t window_events;    /* default 8192; a lane's unsettled events */
    uint64_t window_bytes;     /* default 64MiB; and their bytes */
    uint64_t drain_timeout_ns; /* default 30s */
    bool require_no_loss;      /* require = "no-loss" */
    const char *file;
    int line;
    struct weir_conf_stage *stages;
    uint32_t n_stages;
};
struct weir_conf {
    struct {
        const char *listen;
    } admin; /* NULL: no admin listener */
    struct {
        enum weir_level level;
        bool json;
    } log;
    uint64_t watchdog_ns;                 /* default 100ms */
    struct weir_conf_pipeline *pipelines; /* of all files, in order */
    uint32_t n_pipelines;
    struct weir_loader *loader;   /* owned; with plugin_path of the confs added first */
    struct weir_schemas *schemas; /* owned */
    void *priv;
};

struct weir_conf_source {     /* where the text comes from */
    const char *const *paths; /* files, in order; a pipeline name must be unique over all of them */
    size_t n_paths;
    const char *text; /* or instead: a text, with text_name for error messages */
    const char *text_name;
    const struct weir_plugin *const
        *builtins;          /* plugins that need no file (the test kit's ends), ends with NULL; or NULL */
    const char *env_file;   /* NULL, or NAME=value lines that go before the environment */
    const char *const *env; /* NULL, or "NAME=value"..., NULL, that take the place of the environment */
};

/* Parses, loads the plugins named, fills and checks every option and calls each plugin's check(). Collects all errors.
 * Always returns a conf (or NULL: no memory) to be freed; use its pipelines only when errs is empty. */
struct weir_conf *weir_conf_load(const struct weir_conf_source *, struct weir_errors *errs);
void weir_conf_free(struct weir_conf *);
/* The stages right behind `stage`, one after the other: the first one beyond index `after`, to begin with `stage`
 * itself; n_stages when there is no more. */
uint32_t weir_conf_next(const struct weir_conf_pipeline *, uint32_t stage, uint32_t after);
/* No stage comes behind it. */
bool weir_conf_is_last(const struct weir_conf_pipeline *, uint32_t stage);

/* `weir describe NAME`: options, outcomes, metrics, roles of one plugin, for people; and the host's own conf keys. */
void weir_describe(const struct weir_plugin *, FILE *);
void weir_describe_host_keys(FILE *);
/* The same as a reference in Markdown. */
void weir_describe_markdown(const struct weir_plugin *, FILE *);
void weir_describe_host_keys_markdown(FILE *);
/* The same for programs: one JSON object. Bounds are in the member's unit: bytes, nanoseconds, entries. */
void weir_describe_json(const struct weir_plugin *, FILE *);
void weir_describe_host_keys_json(FILE *);
#endif
