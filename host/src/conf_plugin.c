/* conf_plugin.c - a plugin that was not found: which one may have been meant. */
#include "conf_impl.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 256 };

/* "name" of "name.so" that is no schema module; NULL for any other file. */
static char *plugin_name(const char *file)
{
    size_t n = strlen(file);
    if (n < 4 || strcmp(file + n - 3, ".so") != 0) return NULL;
    if (n > 10 && strcmp(file + n - 10, ".schema.so") == 0) return NULL;
    return strndup(file, n - 3);
}

static size_t list_folder(const char *folder, char **names, size_t n)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && n < NAMES_MAX && (e = readdir(dir));) {
        names[n] = plugin_name(e->d_name);
        if (names[n]) n++;
    }
    if (dir) closedir(dir);
    return n;
}

const char *weir_conf_nearest_plugin(const struct weir_conf_loading *l, const char *name)
{
    char *names[NAMES_MAX];
    const char *const *folders;
    size_t n = 0, n_folders = weir_loader_folders(l->conf->loader, &folders);
    for (size_t i = 0; i < n_folders; i++) n = list_folder(folders[i], names, n);
    const char *near = weir_nearest(name, (const char *const *)names, n);
    if (near && strcmp(near, name) == 0) near = NULL; /* it is there: the loader has said what is wrong with it */
    near = near ? weir_arena_copy(l->arena, near, strlen(near)) : NULL;
    for (size_t i = 0; i < n; i++) free(names[i]);
    return near;
}
