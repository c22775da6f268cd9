/* options.h - one driver over struct weir_opt tables: fills a cfg struct from a conf group, checks everything, names
 * every mistake by file, line and option path. */
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H
#include "conf_doc.h"
#include "conf_vars.h"
#include "schemas.h"

struct weir_options {
    struct weir_arena *arena; /* everything that the cfg points to */
    struct weir_errors *errs;
    struct weir_vars *vars;
    const struct weir_schemas *schemas;
    const char *label;       /* first part of every option's path in messages: the stage; "" for the host's keys */
    const char *const *skip; /* names at the top that the caller deals with, NULL-terminated; or NULL */
};

/* Fills cfg (zeroed, laid out by opts) from the group, defaults included. group NULL: defaults alone; `where` is then
 * the place of what is required but not given. -1 when errors were added. In tables of the host alone a GROUP without
 * `sub` is kept as it was written: its member is a const config_setting_t *, NULL when not given. */
int weir_options_fill(const struct weir_options *, const struct weir_opt *opts, const config_setting_t *group,
                      struct weir_place where, void *cfg);
/* Errors in the table itself: sizes, offsets, defaults, bounds. -1 when errors were added. */
int weir_options_sane(const struct weir_options *, const struct weir_opt *opts, uint32_t cfg_size, struct weir_place);
/* Where "routes.place.on" was written in this group, as deep as it goes. */
struct weir_place weir_options_place(const config_setting_t *group, const char *path);
/* The string of a scalar setting with variables expanded. NULL after an error, which begins with `path`. */
const char *weir_options_text(const struct weir_options *, const config_setting_t *, const char *path);
/* For messages and docs: "a duration", and a value of the option's unit. Returns buf. */
const char *weir_options_type(const struct weir_opt *);
const char *weir_options_value(const struct weir_opt *, int64_t value, char buf[32]);
#endif
