/* conf_doc.h - one conf file as libconfig's tree, where every setting knows the file and line it was written at. */
#ifndef WEIR_CONF_DOC_H
#define WEIR_CONF_DOC_H
#include "conf_text.h"
#include <libconfig.h>

struct weir_doc {
    config_t config; /* its settings point here: weir_doc_place() finds the lines */
    struct weir_place *lines;
    size_t n_lines;
    const char *name;
};

/* Parses a file, or a text (path NULL). NULL when errors were added. Names live in the arena, the tree in the doc. */
struct weir_doc *weir_doc_file(const char *path, struct weir_arena *, struct weir_errors *);
struct weir_doc *weir_doc_text(const char *text, const char *name, struct weir_arena *, struct weir_errors *);
void weir_doc_free(struct weir_doc *);
struct weir_place weir_doc_place(const config_setting_t *);
#endif
