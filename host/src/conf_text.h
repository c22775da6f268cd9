/* conf_text.h - conf files made ready for libconfig: mistakes found and named, includes put in place, every integer
 * 64 bits wide, and for each line of the result the file and line it came from. */
#ifndef WEIR_CONF_TEXT_H
#define WEIR_CONF_TEXT_H
#include "conf_arena.h"
#include "errors.h"
#include <stdbool.h>
#include <sys/types.h>

struct weir_place {
    const char *file;
    int line;
};

struct weir_text {
    struct weir_arena *arena; /* file names live here */
    struct weir_errors *errs;
    char *out;
    size_t n, cap;
    struct weir_place *lines; /* of out's lines */
    size_t n_lines, cap_lines;
    bool bad;
};

/* A file that is being read, and the one that includes it. */
struct weir_input {
    const char *name;
    char *bytes;
    size_t n;
    dev_t dev;
    ino_t ino;
    const struct weir_input *parent;
};

/* The names that are taken in one group. */
struct weir_scope {
    struct weir_scope_name {
        struct weir_scope_name *next;
        const char *p;
        size_t n;
        struct weir_place place;
    } * names;
    size_t n;
};

/* Reads a file with its includes; -1 when errors were added. */
int weir_text_file(struct weir_text *, const char *path);
int weir_text_string(struct weir_text *, const char *text, const char *name);
void weir_text_free(struct weir_text *);

/* ---- between the parts of this: conf_text.c reads, conf_syntax.c parses, conf_brackets.c finds what is not closed */
void weir_text_put(struct weir_text *, struct weir_place, const char *p, size_t n);
/* Parses a file that `from` includes by this name at this line, into the same group. */
void weir_text_include(struct weir_text *, const struct weir_input *from, int line, const char *name,
                       struct weir_scope *);
void weir_syntax_parse(struct weir_text *, const struct weir_input *, struct weir_scope *);
void weir_brackets_explain(struct weir_text *, const struct weir_input *);
#endif
