/* schemas.c - message types from the *.schema.so of the folders that weir itself looks in. */
#include "dead_letters.h"
#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weir/schema.h>

/* What is loaded runs as us: nobody else may be able to write it. */
static bool trusted(const char *path)
{
    struct stat st;
    return !stat(path, &st) && !(st.st_mode & S_IWOTH);
}

static const ProtobufCMessageDescriptor *in_module(const char *path, const char *full_name)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* never closed: the descriptor lives in it */
    const struct weir_schema_module *m = so ? dlsym(so, "weir_schema_module_v1") : NULL;
    if (!m || m->magic != WEIR_SCHEMA_MAGIC || m->abi != WEIR_SCHEMA_ABI || m->size < sizeof *m) return NULL;
    for (const ProtobufCMessageDescriptor *const *d = m->messages; d && *d; d++)
        if (!strcmp((*d)->name, full_name)) return *d;
    return NULL;
}

static const ProtobufCMessageDescriptor *in_folder(const char *folder, const char *full_name)
{
    const ProtobufCMessageDescriptor *found = NULL;
    char pattern[PATH_MAX];
    glob_t files = {0};
    if (!trusted(folder)) return NULL;
    if ((size_t)snprintf(pattern, sizeof pattern, "%s/*.schema.so", folder) >= sizeof pattern) return NULL;
    if (!glob(pattern, 0, NULL, &files))
        for (size_t i = 0; !found && i < files.gl_pathc; i++)
            if (trusted(files.gl_pathv[i])) found = in_module(files.gl_pathv[i], full_name);
    globfree(&files);
    return found;
}

/* plugins/ beside a weir that was built and not installed; under the prefix, where the executable is in bin/. */
static const ProtobufCMessageDescriptor *beside_us(const char *full_name)
{
    static const char *const beside[] = {"plugins", "../" WEIR_PLUGIN_DIR};
    char exe[PATH_MAX], folder[PATH_MAX + 64];
    const ProtobufCMessageDescriptor *found = NULL;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return NULL;
    exe[n] = 0;
    *strrchr(exe, '/') = 0;
    for (size_t i = 0; !found && i < sizeof beside / sizeof *beside; i++) {
        snprintf(folder, sizeof folder, "%s/%s", exe, beside[i]);
        found = in_folder(folder, full_name);
    }
    return found;
}

const ProtobufCMessageDescriptor *schema_find(const char *full_name)
{
    const char *path = getenv("WEIR_PLUGIN_PATH");
    char *folders = path ? strdup(path) : NULL;
    const ProtobufCMessageDescriptor *found = NULL;
    for (char *next = folders, *folder; !found && next && (folder = strsep(&next, ":"));)
        if (*folder) found = in_folder(folder, full_name);
    free(folders);
    return found ? found : beside_us(full_name);
}
