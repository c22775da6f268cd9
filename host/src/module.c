/* module.c - dlopen with the checks that must come before it. Loading runs a file's constructors, so who could have
 * written the file is asked first. */
#include "module.h"
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool trusted(const char *path, const char *what, char *msg, size_t size)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        snprintf(msg, size, "%s: %s", path, strerror(errno));
        return false;
    }
    if (st.st_mode & S_IWOTH) {
        snprintf(msg, size, "%s: %s can be written by everybody (mode %04o); say chmod o-w %s", path, what,
                 (unsigned)(st.st_mode & 07777), path);
        return false;
    }
    if ((st.st_mode & S_IWGRP) && st.st_gid != 0 && st.st_gid != getegid()) {
        snprintf(msg, size, "%s: %s can be written by group %u, which is not this process's; say chmod g-w %s", path,
                 what, (unsigned)st.st_gid, path);
        return false;
    }
    return true;
}

int weir_module_trusted(const char *path, char *msg, size_t size)
{
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        snprintf(msg, size, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (!trusted(real, "the file", msg, size)) return -1;
    char *slash = strrchr(real, '/');
    slash[slash == real ? 1 : 0] = '\0';
    return trusted(real, "the folder", msg, size) ? 0 : -1;
}

/* Bytes of a symbol as its object's table has them: a descriptor of an older layout is shorter than we would read. */
size_t weir_module_symbol_size(const void *address)
{
    Dl_info info;
    const ElfW(Sym) *sym = NULL;
    if (!dladdr1(address, &info, (void **)&sym, RTLD_DL_SYMENT) || !sym) return 0;
    return (size_t)sym->st_size;
}

/* What dlerror() says, behind the path, with what to do about it. */
static void explain(const char *path, const char *why, char *msg, size_t size)
{
    size_t n = strlen(path);
    if (!why) why = "no reason given";
    if (strncmp(why, path, n) == 0 && why[n] == ':') why += n + 2;
    const char *help = strstr(why, "undefined symbol")            ? "; link what defines it, and build it again"
                       : strstr(why, "cannot open shared object") ? "; install the library, or put it where ld.so looks"
                                                                  : "; build it for this machine";
    snprintf(msg, size, "%s: cannot be loaded: %s%s", path, why, help);
}

const void *weir_module_open(const char *path, const char *symbol, size_t min_size, char *msg, size_t size)
{
    if (weir_module_trusted(path, msg, size) != 0 || weir_module_whole(path, msg, size) != 0) return NULL;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        explain(path, dlerror(), msg, size);
        return NULL;
    }
    const void *address = dlsym(handle, symbol);
    if (!address) {
        snprintf(msg, size, "%s: exports no symbol %s; is it built with weir_add_plugin or weir_add_schema?", path,
                 symbol);
        return NULL;
    }
    size_t found = weir_module_symbol_size(address);
    if (found < min_size) {
        snprintf(msg, size, "%s: %s has %zu bytes, expected at least %zu; build it again with this host's headers",
                 path, symbol, found, min_size);
        return NULL;
    }
    return address;
}
