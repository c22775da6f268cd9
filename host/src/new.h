/* new.h - `weir new`: the beginning of a plugin, as a folder of files that build, pass their test and run. */
#ifndef WEIR_NEW_H
#define WEIR_NEW_H
#include "errors.h"

struct weir_new {
    const char *kind;   /* "source", "filter" or "sink" */
    const char *name;   /* of the plugin, its folder and its files */
    const char *folder; /* to put that folder into; NULL: the working directory */
    const char *weir;   /* how this process was called: argv[0], for the commands to type next */
};
/* Writes FOLDER/NAME and prints the next three commands to `out`. On an error one line is added to `errs`, and nothing
 * of what was written is left (or the line says what could not be removed). Never writes into what exists. */
int weir_new(const struct weir_new *, FILE *out, struct weir_errors *errs);
#endif
