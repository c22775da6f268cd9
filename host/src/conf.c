/* conf.c - from conf files to pipelines of stages: host keys of every file first, then the plugin folders they name,
 * then what needs plugins. A file with a mistake does not keep the others from being checked. */
#include "conf.h"
#include "conf_impl.h"
#include <stdlib.h>
#include <string.h>

struct weir_options weir_conf_options(const struct weir_conf_loading *l, const char *label, const char *const *skip)
{
    return (struct weir_options){
        .arena = l->arena, .errs = l->errs, .vars = l->vars, .schemas = l->conf->schemas, .label = label, .skip = skip};
}

static bool has(const struct weir_doc *doc, const char *key)
{
    return config_lookup(&doc->config, key) != NULL;
}

/* Relative to the file that says it, which may be an included one. */
static void add_folders(struct weir_conf_loading *l, const struct weir_doc *doc, const struct weir_list *list)
{
    const struct weir_slice *folders = list->items;
    const config_setting_t *setting = config_lookup(&doc->config, "plugin_path");
    for (uint32_t i = 0; i < list->n; i++) {
        const char *name = (const char *)folders[i].p;
        const char *file = weir_doc_place(setting).file, *slash = file ? strrchr(file, '/') : NULL;
        bool relative = name && *name != '/' && slash;
        if (relative) name = weir_arena_printf(l->arena, "%.*s/%s", (int)(slash - file), file, name);
        if (!name || weir_loader_add_folder(l->conf->loader, name) < 0)
            weir_errors_add(l->errs, file, 0, "plugin_path: out of memory");
    }
}

/* Settings of the whole process: the first file that gives one is heard. */
struct given {
    bool admin, log, watchdog;
};

static uint64_t take_host_keys(struct weir_conf_loading *l, const struct weir_doc *doc, struct given *given)
{
    static const char *const skip[] = {"pipelines", NULL};
    struct weir_host_keys keys = {0};
    struct weir_options o = weir_conf_options(l, "", skip);
    struct weir_conf *conf = l->conf;
    const config_setting_t *root = config_root_setting(&doc->config);
    weir_options_fill(&o, weir_host_options, root, weir_doc_place(root), &keys);
    if (has(doc, "admin") && !given->admin) {
        given->admin = true;
        conf->admin.listen = keys.admin.listen.n ? (const char *)keys.admin.listen.p : NULL;
    }
    if (has(doc, "log") && !given->log) {
        given->log = true;
        conf->log.level = (enum weir_level)keys.log.level;
        conf->log.json = keys.log.format != 0;
    }
    if (!given->watchdog) conf->watchdog_ns = keys.watchdog;
    given->watchdog |= has(doc, "watchdog");
    add_folders(l, doc, &keys.plugin_path);
    return keys.drain_timeout;
}

static void load_schemas(struct weir_conf_loading *l)
{
    const char *const *folders;
    if (weir_loader_defaults(l->conf->loader) < 0) weir_errors_add(l->errs, NULL, 0, "out of memory");
    size_t n = weir_loader_folders(l->conf->loader, &folders);
    for (size_t i = 0; i < n; i++) weir_schemas_load_folder(l->conf->schemas, folders[i], l->errs);
}

static struct weir_doc **read_docs(struct weir_conf_loading *l, const struct weir_conf_source *src, size_t *n)
{
    *n = src->text ? 1 : src->n_paths;
    struct weir_doc **docs = calloc(*n ? *n : 1, sizeof *docs);
    for (size_t i = 0; docs && i < *n; i++)
        docs[i] = src->text ? weir_doc_text(src->text, src->text_name ? src->text_name : "conf", l->arena, l->errs)
                            : weir_doc_file(src->paths[i], l->arena, l->errs);
    if (!docs) weir_errors_add(l->errs, NULL, 0, "out of memory");
    if (!*n) weir_errors_add(l->errs, NULL, 0, "no conf file was given");
    return docs;
}

static void load_all(struct weir_conf_loading *l, const struct weir_conf_source *src)
{
    size_t n;
    struct given given = {0};
    struct weir_doc **docs = read_docs(l, src, &n);
    uint64_t *drain = calloc(n ? n : 1, sizeof *drain);
    for (size_t i = 0; docs && drain && i < n; i++)
        if (docs[i]) drain[i] = take_host_keys(l, docs[i], &given);
    load_schemas(l);
    for (size_t i = 0; docs && drain && i < n; i++) {
        l->drain_timeout_ns = drain[i];
        if (docs[i]) weir_conf_add_pipelines(l, config_root_setting(&docs[i]->config));
    }
    for (size_t i = 0; docs && i < n; i++) weir_doc_free(docs[i]);
    free(docs);
    free(drain);
}

struct weir_conf *weir_conf_load(const struct weir_conf_source *src, struct weir_errors *errs)
{
    struct weir_conf *conf = calloc(1, sizeof *conf);
    struct weir_conf_priv *priv = calloc(1, sizeof *priv);
    if (!conf || !priv) {
        free(conf);
        free(priv);
        return NULL;
    }
    conf->priv = priv;
    conf->log.level = WEIR_INFO;
    conf->watchdog_ns = 100000000;
    conf->loader = weir_loader_new();
    conf->schemas = weir_schemas_new();
    if (!conf->loader || !conf->schemas) {
        weir_conf_free(conf);
        return NULL;
    }
    for (size_t i = 0; src->builtins && src->builtins[i]; i++)
        if (weir_loader_add_builtin(conf->loader, src->builtins[i])) {
            weir_conf_free(conf);
            return NULL;
        }
    priv->vars.arena = &priv->arena;
    priv->vars.closed = src->env != NULL;
    if (src->env && weir_vars_give(&priv->vars, src->env)) {
        weir_conf_free(conf);
        return NULL;
    }
    struct weir_conf_loading l = {.conf = conf, .arena = &priv->arena, .errs = errs, .vars = &priv->vars};
    if (!src->env_file || weir_vars_read(&priv->vars, src->env_file, errs) == 0) load_all(&l, src);
    return conf;
}

void weir_conf_free(struct weir_conf *conf)
{
    if (!conf) return;
    struct weir_conf_priv *priv = conf->priv;
    if (conf->loader) weir_loader_free(conf->loader);
    if (conf->schemas) weir_schemas_free(conf->schemas);
    if (priv) weir_arena_free(&priv->arena);
    free(priv);
    free(conf);
}
