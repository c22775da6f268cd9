/* conf_vars.h - ${NAME}, ${NAME:-default} and ${file:/path} in strings, and the secrets that no message may show. */
#ifndef WEIR_CONF_VARS_H
#define WEIR_CONF_VARS_H
#include "conf_arena.h"
#include "errors.h"
#include <stdbool.h>

struct weir_vars {
    struct weir_arena *arena;
    struct weir_var {
        struct weir_var *next;
        const char *name, *value;
        int line;
    } * file;    /* of the env file; they go before the environment */
    bool closed; /* the environment is not looked at */
    struct weir_secret {
        struct weir_secret *next;
        const char *text;
        size_t n;
    } * secrets;
};

struct weir_expanded {
    const char *text; /* in the arena; cannot hold NUL */
    size_t n;
    bool secret; /* some of it came from ${file:} */
};

/* "NAME=value"..., NULL; these go before the environment, later ones before earlier. -1: no memory. */
int weir_vars_give(struct weir_vars *, const char *const *env);
/* Reads NAME=value lines; -1 when errors were added. Messages never show a value. */
int weir_vars_read(struct weir_vars *, const char *path, struct weir_errors *);
/* `base` is the conf file that holds the string: ${file:} is relative to it. -1 with msg. */
int weir_vars_expand(struct weir_vars *, const char *raw, const char *base, struct weir_expanded *, char *msg,
                     size_t size);
/* Remembers a text that must not be shown. -1: no memory. */
int weir_vars_hide(struct weir_vars *, const char *text, size_t n);
/* Overwrites every secret in msg with "***". */
void weir_vars_redact(const struct weir_vars *, char *msg);
#endif
