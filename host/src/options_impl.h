/* options_impl.h - between options.c (groups, required, unknown), options_scalar.c and options_list.c. */
#ifndef WEIR_OPTIONS_IMPL_H
#define WEIR_OPTIONS_IMPL_H
#include "options.h"

enum { WEIR_PATH_MAX = 256 };
struct weir_cursor { /* where in the tables and in the conf the driver is */
    const struct weir_options *o;
    char path[WEIR_PATH_MAX]; /* "stage.security.user" */
    size_t n;
    struct weir_place where;
    bool bad;
    bool from_default; /* the value is a table's default */
};

enum weir_form { WEIR_FORM_STRING, WEIR_FORM_INT, WEIR_FORM_FLOAT, WEIR_FORM_BOOL };
struct weir_scalar { /* a value as text, and how it was written */
    const char *text;
    size_t n;
    enum weir_form form;
    bool secret;
};

__attribute__((format(printf, 2, 3))) void weir_cursor_error(struct weir_cursor *, const char *fmt, ...);
/* Appends ".name" (no dot at the start); returns the length to give back to pop. */
size_t weir_cursor_push(struct weir_cursor *, const char *name);
void weir_cursor_pop(struct weir_cursor *, size_t n);

/* False after an error. */
bool weir_scalar_read(struct weir_cursor *, const config_setting_t *, struct weir_scalar *);
void weir_scalar_parse(struct weir_cursor *, const struct weir_opt *, const struct weir_scalar *, void *member);
void weir_fill_group(struct weir_cursor *, const struct weir_opt *opts, const config_setting_t *group,
                     const char *const *skip, char *cfg, bool required);
void weir_fill_list(struct weir_cursor *, const struct weir_opt *, const config_setting_t *, void *member);
void weir_fill_map(struct weir_cursor *, const struct weir_opt *, const config_setting_t *, void *member);
/* One option from its setting, or from its default when setting is NULL. */
void weir_fill_one(struct weir_cursor *, const struct weir_opt *, const config_setting_t *, char *cfg);
#endif
