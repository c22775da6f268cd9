/* conf_impl.h - between conf.c (files, host keys), conf_pipeline.c and conf_stage.c. */
#ifndef WEIR_CONF_IMPL_H
#define WEIR_CONF_IMPL_H
#include "conf.h"
#include "conf_host.h"
#include "options.h"

struct weir_conf_priv {
    struct weir_arena arena; /* names, cfg structs and all that they point to */
    struct weir_vars vars;
};

struct weir_conf_loading { /* lives as long as weir_conf_load() */
    struct weir_conf *conf;
    struct weir_arena *arena;
    struct weir_errors *errs;
    struct weir_vars *vars;
    uint64_t drain_timeout_ns; /* of the file at hand */
};

struct weir_options weir_conf_options(const struct weir_conf_loading *, const char *label, const char *const *skip);
/* Adds the pipelines of one file. */
void weir_conf_add_pipelines(struct weir_conf_loading *, const config_setting_t *root);
void weir_conf_fill_stage(struct weir_conf_loading *, struct weir_conf_stage *, const config_setting_t *);
/* The plugin of the folders that may have been meant by a name that is in none; NULL when there is none. */
const char *weir_conf_nearest_plugin(const struct weir_conf_loading *, const char *name);
/* The stages of a pipeline: its line, and the branches in which the line ends. */
void weir_conf_fill_tree(struct weir_conf_loading *, struct weir_conf_pipeline *, const config_setting_t *stages);
/* Source first, a sink at each end, filters between; one that chooses among branches has some. */
void weir_conf_check_roles(struct weir_conf_loading *, const struct weir_conf_pipeline *);
/* Tells an error that a plugin's check() or its like returned. */
void weir_conf_refuse(struct weir_conf_loading *, const struct weir_conf_stage *, const config_setting_t *group,
                      struct weir_err *);
#endif
