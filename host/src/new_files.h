/* new_files.h - the files of `weir new`: templates with their places filled. */
#ifndef WEIR_NEW_FILES_H
#define WEIR_NEW_FILES_H
#include "errors.h"
#include <stdbool.h>

/* host/templates, each name without its ".in"; made at build time. Ends with name == NULL. */
struct weir_template {
    const char *name, *text;
};
extern const struct weir_template weir_templates[];

/* What stands for a place in a template: every "@NAME@" becomes `text`. The list ends with place == NULL. */
struct weir_place {
    const char *place, *text;
};
struct weir_new_file {
    char template[32];
    char name[64]; /* in the new folder */
};
/* Makes the folder and the files in it. On an error adds it to `errs` and removes what was made. */
int weir_new_files(const char *folder, const struct weir_new_file *files, size_t n, const struct weir_place *places,
                   struct weir_errors *errs);
#endif
