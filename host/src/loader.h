/* loader.h - finds, checks and opens plugins. A plugin is never unloaded. */
#ifndef WEIR_LOADER_H
#define WEIR_LOADER_H
#include "errors.h"
#include <weir/plugin.h>

struct weir_loader;
struct weir_loaded {
    const struct weir_plugin *plugin; /* normalized copy: whole table of this host, absent members zero */
    const char *path;
};

struct weir_loader *weir_loader_new(void);
/* Calls fini of every plugin whose init ran. */
void weir_loader_free(struct weir_loader *);
/* Folders are searched in the order added. weir_loader_defaults() adds WEIR_PLUGIN_PATH and the install folder. */
int weir_loader_add_folder(struct weir_loader *, const char *folder);
int weir_loader_defaults(struct weir_loader *);
size_t weir_loader_folders(const struct weir_loader *, const char *const **folders);
/* `name` is a plugin's name or an absolute path of a .so. Opened once; the same pointer every time. NULL: *msg (512
 * bytes) says the path, what was found, what was expected, what to do. Does not call init. */
const struct weir_loaded *weir_loader_get(struct weir_loader *, const char *name, char *msg, size_t size);
/* A plugin that is part of the program; found before any folder. */
int weir_loader_add_builtin(struct weir_loader *, const struct weir_plugin *);
/* Every plugin in every folder; broken ones are reported to `errs`. For `weir plugins`. The array is the caller's. */
size_t weir_loader_all(struct weir_loader *, const struct weir_loaded ***out, struct weir_errors *errs);
/* init() of the plugin, once. 0, or -1 with err. */
int weir_loader_init(struct weir_loader *, const struct weir_loaded *, struct weir_err *);
#endif
