/* main.c - the command line. Each command is a function; other subcommands are executables weir-NAME, as git does it.
 */
#include "conf.h"
#include "crash.h"
#include "log.h"
#include "new.h"
#include "run.h"
#include "verdict.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "weir: runs pipelines of plugins\n"
    "\n"
    "  weir run CONF...              run every pipeline of the confs until SIGTERM\n"
    "  weir check [--strict] CONF... say all errors and what each pipeline guarantees; --strict: loss windows are "
    "errors\n"
    "  weir graph [--dot|--mermaid] CONF...\n"
    "                                draw how the confs hang together\n"
    "  weir plugins                  list the plugins and where they were found\n"
    "  weir describe [--markdown|--json] [NAME]\n"
    "                                options, outcomes and metrics of a plugin; without NAME: the conf's own keys\n"
    "  weir new source|filter|sink NAME [--dir FOLDER]\n"
    "                                write the beginning of a plugin: its code, test, build and a conf that runs it\n"
    "  weir test FILE...             run the pipelines of a conf without their servers, as test files say; --help\n"
    "  weir test-plugin PLUGIN [CONF]\n"
    "                                does a plugin keep the rules? --help has its options\n"
    "  weir NAME ...                 runs the executable weir-NAME, from this one's folder or the PATH\n"
    "\n"
    "  --env-file FILE               with run, check, graph: NAME=value lines that go before the environment\n"
    "  --version, --help\n"
    "\n"
    "Plugins are looked for in plugin_path of the conf, WEIR_PLUGIN_PATH, and the install folder.\n"
    "Exit codes: 0 good; 1 something was left when the drain timed out; 2 usage, conf or start; 3 a pipeline failed.\n";

struct args {
    const char *env_file, *dir;
    bool strict, dot, mermaid, markdown, json;
    const char **names;
    size_t n_names;
};

static int usage(const char *what, const char *which)
{
    fprintf(stderr, "weir: %s%s; `weir --help` lists the commands\n", what, which);
    return WEIR_EXIT_USAGE;
}

static int parse(int argc, char **argv, struct args *a)
{
    a->names = calloc((size_t)argc + 1, sizeof *a->names);
    if (!a->names) return usage("out of memory", "");
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "--strict"))
            a->strict = true;
        else if (!strcmp(argv[i], "--dot"))
            a->dot = true;
        else if (!strcmp(argv[i], "--mermaid"))
            a->mermaid = true;
        else if (!strcmp(argv[i], "--markdown"))
            a->markdown = true;
        else if (!strcmp(argv[i], "--json"))
            a->json = true;
        else if (!strcmp(argv[i], "--env-file") && i + 1 < argc)
            a->env_file = argv[++i];
        else if (!strcmp(argv[i], "--dir") && i + 1 < argc)
            a->dir = argv[++i];
        else if (argv[i][0] == '-')
            return usage("unknown option ", argv[i]);
        else
            a->names[a->n_names++] = argv[i];
    }
    return 0;
}

static int print_errors(struct weir_errors *errs)
{
    size_t n = errs->n;
    weir_errors_print(errs, stderr);
    weir_errors_free(errs);
    return n ? WEIR_EXIT_USAGE : WEIR_EXIT_OK;
}

static struct weir_conf *load(const struct args *a, struct weir_errors *errs)
{
    const struct weir_conf_source source = {.paths = a->names, .n_paths = a->n_names, .env_file = a->env_file};
    struct weir_conf *conf = weir_conf_load(&source, errs);
    if (!conf) weir_errors_add(errs, NULL, 0, "out of memory");
    return conf;
}

static int command_run(const struct args *a)
{
    struct weir_errors errs = {0};
    struct weir_conf *conf = load(a, &errs);
    int code = errs.n ? WEIR_EXIT_USAGE : weir_run(conf, &errs);
    if (errs.n) code = print_errors(&errs);
    weir_conf_free(conf);
    return code;
}

static int command_check(const struct args *a)
{
    struct weir_errors errs = {0};
    struct weir_conf *conf = load(a, &errs);
    if (!errs.n) weir_verdict(conf, a->strict, stdout, &errs);
    int code = print_errors(&errs);
    weir_conf_free(conf);
    return code;
}

static int command_graph(const struct args *a)
{
    struct weir_errors errs = {0};
    struct weir_conf *conf = load(a, &errs);
    if (!errs.n) weir_graph(conf, a->mermaid ? WEIR_GRAPH_MERMAID : a->dot ? WEIR_GRAPH_DOT : WEIR_GRAPH_TEXT, stdout);
    int code = print_errors(&errs);
    weir_conf_free(conf);
    return code;
}

static const char *roles(uint32_t r, char *out)
{
    sprintf(out, "%s%s%s", r & WEIR_SOURCE ? "source " : "", r & WEIR_FILTER ? "filter " : "",
            r & WEIR_SINK ? "sink " : "");
    return out;
}

static int command_plugins(void)
{
    struct weir_errors errs = {0};
    struct weir_loader *loader = weir_loader_new();
    const struct weir_loaded **all = NULL;
    if (!loader || weir_loader_defaults(loader)) return usage("out of memory", "");
    size_t n = weir_loader_all(loader, &all, &errs);
    for (size_t i = 0; i < n; i++) {
        char buf[32];
        printf("%-16s %-8s %-14s %s\n%-16s %s\n", all[i]->plugin->name, all[i]->plugin->version,
               roles(all[i]->plugin->roles, buf), all[i]->plugin->doc, "", all[i]->path);
    }
    free(all);
    weir_loader_free(loader);
    return print_errors(&errs);
}

static int command_describe(const struct args *a)
{
    if (!a->n_names) {
        if (a->json)
            weir_describe_host_keys_json(stdout);
        else if (a->markdown)
            weir_describe_host_keys_markdown(stdout);
        else
            weir_describe_host_keys(stdout);
        return WEIR_EXIT_OK;
    }
    struct weir_loader *loader = weir_loader_new();
    char msg[512];
    if (!loader || weir_loader_defaults(loader)) return usage("out of memory", "");
    const struct weir_loaded *l = weir_loader_get(loader, a->names[0], msg, sizeof msg);
    if (!l)
        fprintf(stderr, "weir: %s\n", msg);
    else if (a->json)
        weir_describe_json(l->plugin, stdout);
    else if (a->markdown)
        weir_describe_markdown(l->plugin, stdout);
    else
        weir_describe(l->plugin, stdout);
    int code = l ? WEIR_EXIT_OK : WEIR_EXIT_USAGE;
    weir_loader_free(loader);
    return code;
}

static int command_new(const struct args *a, const char *weir)
{
    struct weir_errors errs = {0};
    if (a->n_names != 2) return usage("expected `weir new source|filter|sink NAME`", "");
    const struct weir_new order = {.kind = a->names[0], .name = a->names[1], .folder = a->dir, .weir = weir};
    weir_new(&order, stdout, &errs);
    return print_errors(&errs);
}

/* "/usr/bin/" of this executable, in a buffer of PATH_MAX; "" when unknown. */
static const char *own_folder(char *path)
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = 0;
    if (n > 0) strrchr(path, '/')[1] = 0;
    return path;
}

static int external(char **argv)
{
    char name[128], folder[PATH_MAX], beside[PATH_MAX + sizeof name];
    if ((size_t)snprintf(name, sizeof name, "weir-%s", argv[1]) < sizeof name && argv[1][0] != '-') {
        snprintf(beside, sizeof beside, "%s%s", own_folder(folder), name);
        if (strchr(beside, '/')) execv(beside, argv + 1);
        execvp(name, argv + 1);
        if (errno != ENOENT) return usage(strerror(errno), name);
    }
    if (!strcmp(argv[1], "test-plugin"))
        return usage("test-plugin was not built with this weir: install libcmocka-dev, and build it again", "");
    return usage("unknown command ", argv[1]);
}

static int dispatch(const char *command, const struct args *a, char **argv)
{
    bool confs = !strcmp(command, "run") || !strcmp(command, "check") || !strcmp(command, "graph");
    if (confs && !a->n_names) return usage("expected at least one conf file after ", command);
    if (!strcmp(command, "run")) return command_run(a);
    if (!strcmp(command, "check")) return command_check(a);
    if (!strcmp(command, "graph")) return command_graph(a);
    if (!strcmp(command, "plugins")) return command_plugins();
    if (!strcmp(command, "describe")) return command_describe(a);
    if (!strcmp(command, "new")) return command_new(a, argv[0]);
    return external(argv);
}

static bool is_ours(const char *command)
{
    static const char *const ours[] = {"run", "check", "graph", "plugins", "describe", "new", NULL};
    for (int i = 0; ours[i]; i++)
        if (!strcmp(ours[i], command)) return true;
    return false;
}

int main(int argc, char **argv)
{
    struct args a = {0};
    if (argc < 2) {
        fputs(help, stderr);
        return WEIR_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) return fputs(help, stdout) < 0;
    if (!strcmp(argv[1], "--version")) return puts("weir " WEIR_VERSION) < 0;
    if (!is_ours(argv[1])) return external(argv);
    weir_crash_report();
    int code = parse(argc - 2, argv + 2, &a);
    if (!code) code = dispatch(argv[1], &a, argv);
    free(a.names);
    return code;
}
