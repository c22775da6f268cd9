/* loader.c - finds, checks and opens plugins. Everything is checked before any code of the plugin is called. */
#include "loader.h"
#include "crash.h"
#include "module.h"
#include "tables.h"
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    struct entry *next;
    struct weir_loaded pub;
    const struct weir_plugin *found; /* as its file has it */
    struct weir_plugin plugin;       /* normalized */
    struct weir_arena tables;
    bool initialized;
    char *path;
};
struct weir_loader {
    char **folders;
    size_t n_folders;
    struct entry *entries;
};

struct weir_loader *weir_loader_new(void)
{
    return calloc(1, sizeof(struct weir_loader));
}

static void free_entry(struct entry *e)
{
    weir_arena_free(&e->tables);
    free(e->path);
    free(e); /* the .so stays: threads of its libraries may still run */
}

void weir_loader_free(struct weir_loader *l)
{
    if (!l) return;
    for (struct entry *e = l->entries, *next; e; e = next) {
        next = e->next;
        if (e->initialized && e->plugin.fini) e->plugin.fini();
        free_entry(e);
    }
    for (size_t i = 0; i < l->n_folders; i++) free(l->folders[i]);
    free(l->folders);
    free(l);
}

int weir_loader_add_folder(struct weir_loader *l, const char *folder)
{
    for (size_t i = 0; i < l->n_folders; i++)
        if (!strcmp(l->folders[i], folder)) return 0;
    char **folders = realloc(l->folders, (l->n_folders + 1) * sizeof *folders);
    if (!folders) return -1;
    l->folders = folders;
    folders[l->n_folders] = strdup(folder);
    return folders[l->n_folders] ? (l->n_folders++, 0) : -1;
}

/* Of this executable's folder: plugins/ in a build that was never installed; under the prefix, whichever it was
 * installed to, where the executable is in bin/. Else where the build was configured to install to. */
static int add_own_folders(struct weir_loader *l)
{
    static const char *const beside[] = {"/plugins", "/../" WEIR_PLUGIN_DIR};
    char exe[PATH_MAX], folder[PATH_MAX + 64];
    struct stat st;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        exe[n] = 0;
        *strrchr(exe, '/') = 0;
    }
    for (size_t i = 0; n > 0 && i < sizeof beside / sizeof *beside; i++) {
        snprintf(folder, sizeof folder, "%s%s", exe, beside[i]);
        char *real = stat(folder, &st) == 0 ? realpath(folder, NULL) : NULL;
        if (!real) continue;
        int rc = weir_loader_add_folder(l, real);
        free(real);
        return rc;
    }
    return weir_loader_add_folder(l, WEIR_INSTALL_PLUGINS);
}

int weir_loader_defaults(struct weir_loader *l)
{
    const char *env = getenv("WEIR_PLUGIN_PATH");
    char *copy = env && *env ? strdup(env) : NULL, *rest = copy;
    for (char *folder; rest && (folder = strsep(&rest, ":"));)
        if (*folder && weir_loader_add_folder(l, folder)) break;
    free(copy);
    return add_own_folders(l);
}

size_t weir_loader_folders(const struct weir_loader *l, const char *const **folders)
{
    *folders = (const char *const *)l->folders;
    return l->n_folders;
}

/* What the structs that may grow had when ABI 1 began; a plugin of older headers has at least these. */
static const struct {
    size_t plugin, opt, metric, outcome;
} least = {offsetof(struct weir_plugin, close) + sizeof(void (*)(void)),
           offsetof(struct weir_opt, doc) + sizeof(char *), offsetof(struct weir_metric, buckets) + sizeof(double *),
           offsetof(struct weir_outcome, doc) + sizeof(char *)};

/* May we read it, and does this host have all that it may call? `size` is what its file holds of the descriptor. */
static bool sized(const struct weir_plugin *p, size_t size, const char *path, char *msg, size_t msg_size)
{
    if (p->host_size > sizeof(struct weir_host) || p->size > sizeof *p || p->opt_size > sizeof *p->opts ||
        p->metric_size > sizeof *p->metrics || p->outcome_size > sizeof *p->outcomes) {
        snprintf(msg, msg_size,
                 "%s: built with newer headers than this host's (%u/%u/%u/%u/%u bytes; this host knows "
                 "%zu/%zu/%zu/%zu/%zu); use a newer weir, or rebuild it with this host's headers",
                 path, p->host_size, p->size, p->opt_size, p->metric_size, p->outcome_size, sizeof(struct weir_host),
                 sizeof *p, sizeof *p->opts, sizeof *p->metrics, sizeof *p->outcomes);
        return false;
    }
    if (p->size >= least.plugin && size >= p->size && p->opt_size >= least.opt && p->metric_size >= least.metric &&
        p->outcome_size >= least.outcome)
        return true;
    snprintf(msg, msg_size,
             "%s: descriptor of %u bytes in an object of %zu, tables of %u/%u/%u; expected at least %zu and "
             "%zu/%zu/%zu; rebuild it against this host's headers",
             path, p->size, size, p->opt_size, p->metric_size, p->outcome_size, least.plugin, least.opt, least.metric,
             least.outcome);
    return false;
}

static bool fits(const struct weir_plugin *p, size_t size, const char *path, char *msg, size_t msg_size)
{
    if (p->magic != WEIR_MAGIC) {
        snprintf(msg, msg_size,
                 "%s: `weir_plugin_v1` is not a plugin descriptor; expected the one that WEIR_PLUGIN() makes", path);
        return false;
    }
    if (p->abi != WEIR_ABI) {
        snprintf(msg, msg_size,
                 "%s: built for plugin ABI %u, this host has ABI %u; rebuild it against this host's headers", path,
                 p->abi, WEIR_ABI);
        return false;
    }
    if (!sized(p, size, path, msg, msg_size)) return false;
    const char *lacks = !p->name || !*p->name                                ? "a name"
                        : !p->version                                        ? "a version"
                        : !p->doc                                            ? "a doc"
                        : !p->roles                                          ? "a role"
                        : (p->roles & (WEIR_FILTER | WEIR_SINK)) && !p->push ? "push(), which filters and sinks need"
                        : (p->roles & WEIR_SOURCE) && !p->done               ? "done(), which sources need"
                                                                             : NULL;
    if (lacks) snprintf(msg, msg_size, "%s: the plugin's descriptor lacks %s", path, lacks);
    return !lacks;
}

/* NULL: *msg says why. */
static struct entry *add_entry(struct weir_loader *l, const struct weir_plugin *plugin, const char *path, char *msg,
                               size_t size)
{
    struct entry *e = calloc(1, sizeof *e);
    const char *wrong = e && (e->path = strdup(path)) ? NULL : "out of memory";
    if (!wrong) {
        /* A plugin of an older header is shorter: what it lacks reads as zero. */
        memcpy(&e->plugin, plugin, plugin->size < sizeof e->plugin ? plugin->size : sizeof e->plugin);
        wrong = weir_tables_widen(&e->tables, &e->plugin);
    }
    if (wrong) {
        snprintf(msg, size, "%s: %s", path, wrong);
        if (e) free_entry(e);
        return NULL;
    }
    e->found = plugin;
    e->pub = (struct weir_loaded){&e->plugin, e->path};
    e->next = l->entries;
    l->entries = e;
    return e;
}

int weir_loader_add_builtin(struct weir_loader *l, const struct weir_plugin *plugin)
{
    char msg[64];
    return add_entry(l, plugin, "built in", msg, sizeof msg) ? 0 : -1;
}

static struct entry *open_file(struct weir_loader *l, const char *path, char *msg, size_t size)
{
    for (struct entry *e = l->entries; e; e = e->next)
        if (!strcmp(e->path, path)) return e;
    const struct weir_plugin *found =
        weir_module_open(path, "weir_plugin_v1", offsetof(struct weir_plugin, name), msg, size);
    if (!found) return NULL;
    if (!fits(found, weir_module_symbol_size(found), path, msg, size)) return NULL;
    for (struct entry *e = l->entries; e; e = e->next) {
        if (e->found == found) return e; /* the same file by another path */
        if (strcmp(e->plugin.name, found->name)) continue;
        snprintf(msg, size,
                 "%s: calls itself \"%s\", as does %s, which is loaded; expected one file of that name: rename or "
                 "remove one",
                 path, found->name, e->path);
        return NULL;
    }
    return add_entry(l, found, path, msg, size);
}

const struct weir_loaded *weir_loader_get(struct weir_loader *l, const char *name, char *msg, size_t size)
{
    char path[PATH_MAX];
    for (struct entry *e = l->entries; e; e = e->next)
        if (!strcmp(e->path, "built in") && !strcmp(e->plugin.name, name)) return &e->pub;
    if (*name == '/') {
        struct entry *e = open_file(l, name, msg, size);
        return e ? &e->pub : NULL;
    }
    if (strchr(name, '/')) {
        snprintf(msg, size, "plugin \"%s\": expected a plugin's name or an absolute path", name);
        return NULL;
    }
    for (size_t i = 0; i < l->n_folders; i++) {
        if ((size_t)snprintf(path, sizeof path, "%s/%s.so", l->folders[i], name) >= sizeof path || access(path, F_OK))
            continue;
        struct entry *e = open_file(l, path, msg, size);
        if (e && strcmp(e->plugin.name, name)) {
            snprintf(msg, size, "%s: the plugin calls itself \"%s\"; the file must be named after it", path,
                     e->plugin.name);
            return NULL;
        }
        return e ? &e->pub : NULL;
    }
    int n = snprintf(msg, size, "plugin \"%s\" was not found in", name);
    for (size_t i = 0; i < l->n_folders && n > 0 && (size_t)n < size; i++)
        n += snprintf(msg + n, size - (size_t)n, "%s %s", i ? "," : "", l->folders[i]);
    if (n > 0 && (size_t)n < size)
        snprintf(msg + n, size - (size_t)n, "; build it, or name its folder in plugin_path or WEIR_PLUGIN_PATH");
    return NULL;
}

static int is_plugin(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return n > 3 && !strcmp(d->d_name + n - 3, ".so") && (n < 10 || strcmp(d->d_name + n - 10, ".schema.so"));
}

static bool is_listed(const struct weir_loaded *const *list, size_t n, const struct entry *e)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == &e->pub) return true;
    return false;
}

size_t weir_loader_all(struct weir_loader *l, const struct weir_loaded ***out, struct weir_errors *errs)
{
    size_t n = 0;
    *out = NULL;
    for (size_t i = 0; i < l->n_folders; i++) {
        struct dirent **list;
        int found = scandir(l->folders[i], &list, is_plugin, alphasort);
        for (int k = 0; k < found; k++) {
            char path[PATH_MAX], msg[512];
            snprintf(path, sizeof path, "%s/%s", l->folders[i], list[k]->d_name);
            free(list[k]);
            struct entry *e = open_file(l, path, msg, sizeof msg);
            if (e && is_listed(*out, n, e)) continue;
            const struct weir_loaded **grown = e ? realloc(*out, (n + 1) * sizeof *grown) : NULL;
            if (grown) {
                *out = grown;
                grown[n++] = &e->pub;
            } else {
                weir_errors_add(errs, NULL, 0, "%s", e ? "out of memory" : msg);
            }
        }
        if (found >= 0) free(list);
    }
    return n;
}

int weir_loader_init(struct weir_loader *l, const struct weir_loaded *loaded, struct weir_err *err)
{
    (void)l;
    struct entry *e = weir_container(loaded, struct entry, pub);
    if (e->initialized) return 0;
    weir_blame = (struct weir_blame){.plugin = &e->plugin, .callback = "init"};
    int rc = e->plugin.init ? e->plugin.init(err) : 0;
    weir_blame.callback = NULL;
    if (rc) return -1;
    e->initialized = true;
    return 0;
}
