/* main.c - weir-test-plugin: a plugin against the rules of <weir/plugin.h>, case by case. */
#include "conform.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_GOOD, EXIT_BROKEN, EXIT_MISUSED };

static const char help[] =
    "weir test-plugin PLUGIN [CONF]: does a plugin keep the rules of <weir/plugin.h>?\n"
    "\n"
    "  PLUGIN is a path (./my-filter.so) or a name as `weir describe` takes it. CONF is a file with what would stand\n"
    "  in the stage's group: options, one a line.\n"
    "\n"
    "  --conf TEXT              the same in place: --conf 'max = 100'\n"
    "  --message NAME [FIELDS]  events to push: this message, with 'field: value; field: value'; may be repeated.\n"
    "                           Without it: random bytes, and random messages of every type that is found\n"
    "  --feed COMMAND           a shell command that runs beside each case: who calls a source that is called\n"
    "  --library-inside         a library in the .so ends the process without memory: only host calls fail\n"
    "  --outputs A,B            branches behind it, for a plugin that chooses among them\n"
    "  --last                   a plugin that is filter and sink as the last stage (else as a filter)\n"
    "  --lanes N                of the case with several (default 4)\n"
    "  --seed N                 of what is random; each run prints its own\n"
    "  --patience DURATION      how long it may take to settle or drain (default 5s); a case may take 12 times that\n"
    "  --only CASE              this case alone\n"
    "  --list                   the cases and what each looks at\n"
    "  --verbose                what each case wrote and logged\n"
    "\n"
    "A plugin whose promise() says that it writes \"stdout\" may.\n"
    "Exit codes: 0 every case that ran is ok; 1 a rule is broken; 2 usage, or a conf that the plugin refuses.\n";

static int misused(const char *what, const char *which)
{
    fprintf(stderr, "weir test-plugin: %s%s; `weir test-plugin --help` has its usage\n", what, which);
    return EXIT_MISUSED;
}

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t room = 0;
    FILE *f = fopen(path, "r");
    ssize_t n = f ? getdelim(&text, &room, '\0', f) : -1;
    if (f && n < 0 && feof(f)) text = strdup("");
    if (f) fclose(f);
    return text;
}

/* A path is what is there, or has a slash; the kit takes absolute ones. */
static char *plugin_of(const char *given)
{
    size_t n = strlen(given);
    bool path = strchr(given, '/') || (n > 3 && !strcmp(given + n - 3, ".so"));
    if (!path) return strdup(given);
    char *real = realpath(given, NULL);
    if (!real) fprintf(stderr, "weir test-plugin: %s: %s\n", given, strerror(errno));
    return real;
}

static bool number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 0);
    return isdigit((unsigned char)*text) && !*end && !errno;
}

static bool duration_ms(const char *text, uint64_t *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    bool seconds = !strcmp(end, "s");
    *out = n * (seconds ? 1000 : 1);
    return isdigit((unsigned char)*text) && (seconds || !strcmp(end, "ms")) && n > 0 && n < 1000000;
}

/* "a,b,c" */
static bool outputs(struct conform *c, const char *value)
{
    char *names = strdup(value), *rest = names;
    for (uint32_t i = 0; names && rest && i < CONFORM_OUTPUTS; i++) c->names[i] = strsep(&rest, ",");
    c->outputs = c->names;
    return names && !rest;
}

/* An option with a value. NULL: taken. Else what is wrong. */
static const char *take(struct conform *c, const char *option, const char *value)
{
    uint64_t n;
    if (!strcmp(option, "--conf"))
        return (c->conf = strdup(value)) ? NULL : "out of memory at ";
    else if (!strcmp(option, "--feed"))
        c->feed = value;
    else if (!strcmp(option, "--outputs"))
        return outputs(c, value) ? NULL : "expected the names of at most 8 branches, as a,b,c, after ";
    else if (!strcmp(option, "--only"))
        c->only = value;
    else if (!strcmp(option, "--seed"))
        return number(value, &c->seed) ? NULL : "expected a number after ";
    else if (!strcmp(option, "--patience"))
        return duration_ms(value, &c->patience_ms) ? NULL : "expected a duration, 5s or 500ms, after ";
    else if (!strcmp(option, "--lanes")) {
        if (!number(value, &n) || n < 1 || n > 64) return "expected 1 to 64 after ";
        c->lanes = (uint32_t)n;
    } else
        return "unknown option ";
    return NULL;
}

static int parse(struct conform *c, char **argv, const char **list)
{
    const char *plugin = NULL, *file = NULL;
    for (char **a = argv + 1; *a; a++) {
        const char *wrong = NULL;
        if (!strcmp(*a, "--list"))
            *list = *a;
        else if (!strcmp(*a, "--last"))
            c->last = true;
        else if (!strcmp(*a, "--library-inside"))
            c->library_inside = true;
        else if (!strcmp(*a, "--verbose"))
            c->verbose = true;
        else if (!strcmp(*a, "--message") && a[1]) {
            if (c->n_messages == CONFORM_MESSAGES) return misused("more messages than there is room for: ", a[1]);
            c->messages[c->n_messages].message = *++a;
            c->messages[c->n_messages++].fields = a[1] && strchr(a[1], ':') ? *++a : "";
        } else if (!strncmp(*a, "--", 2)) {
            wrong = a[1] ? take(c, a[0], a[1]) : "unknown option, or one that needs a value: ";
            if (wrong) return misused(wrong, *a);
            a++;
        } else if (!plugin)
            plugin = *a;
        else if (!file)
            file = *a;
        else
            return misused("one plugin and one conf, found ", *a);
    }
    if (*list) return 0;
    if (!plugin) return misused("expected a plugin", "");
    if (file && c->conf) return misused("either a conf file or --conf, found both: ", file);
    if (file && !(c->conf = read_file(file))) return misused("cannot read ", file);
    if (!c->conf && !(c->conf = strdup(""))) return misused("out of memory", "");
    return (c->plugin = plugin_of(plugin)) ? 0 : EXIT_MISUSED;
}

static const struct conform_case *find(const char *name)
{
    const struct conform_case *c = conform_cases;
    while (c->name && strcmp(c->name, name)) c++;
    return c->name ? c : NULL;
}

static void print(const struct conform_case *c, const struct conform_verdict *v)
{
    if (v->end == CONFORM_FAILED)
        printf("FAILED  %s: %s%s%s%s\n", c->name, v->why, *v->note ? " (" : "", v->note, *v->note ? ")" : "");
    else if (v->end == CONFORM_SKIPPED)
        printf("skipped %s: %s\n", c->name, v->why);
    else
        printf("ok      %s (%u ms)%s%s\n", c->name, v->ms, *v->note ? ": " : "", v->note);
    fflush(stdout);
}

/* A conf that the plugin refuses, where nothing else is wrong, is the user's mistake. */
static int run(const struct conform *c, char **argv)
{
    unsigned total = 0, ends[3] = {0};
    uint32_t roles = UINT32_MAX;
    bool stopped = false, misconfigured = false;
    struct conform_verdict v;
    printf("%s, seed %llu\n", c->plugin, (unsigned long long)c->seed);
    fflush(stdout);
    for (const struct conform_case *k = conform_cases; k->name; k++) {
        bool wanted = !c->only || !strcmp(c->only, k->name);
        if (!(k->roles & roles) || (!wanted && !k->gate)) continue;
        v = (struct conform_verdict){.end = CONFORM_SKIPPED};
        if (!stopped) conform_run_case(c, argv, k->name, &v);
        if (k == conform_cases) roles = v.roles;
        if (!stopped && (wanted || v.end == CONFORM_FAILED)) print(k, &v);
        if (!wanted && v.end != CONFORM_FAILED) continue;
        total++;
        ends[v.end]++;
        if (v.end != CONFORM_FAILED || !k->gate) continue;
        stopped = true;
        misconfigured = k->run == case_conf && ends[CONFORM_FAILED] == 1;
    }
    printf("ran %u of %u, %u skipped, %u failed\n", total - ends[CONFORM_SKIPPED], total, ends[CONFORM_SKIPPED],
           ends[CONFORM_FAILED]);
    return misconfigured ? EXIT_MISUSED : ends[CONFORM_FAILED] ? EXIT_BROKEN : EXIT_GOOD;
}

int main(int argc, char **argv)
{
    struct conform c = {.lanes = 4, .patience_ms = 5000};
    struct timespec ts;
    char seed[40], **all, **again;
    const char *list = NULL, *one = NULL;
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))) return fputs(help, stdout) < 0;
    all = again = calloc((size_t)argc + 3, sizeof *all);
    if (!all) return misused("out of memory", "");
    memcpy(all, argv, (size_t)argc * sizeof *again);
    clock_gettime(CLOCK_REALTIME, &ts);
    c.seed = (uint64_t)ts.tv_nsec / 1000;
    if (argc > 2 && !strcmp(argv[1], "--run-case")) {
        one = argv[2];
        again += 2;
    }
    int code = parse(&c, again, &list);
    if (!code && one) conform_case_main(&c, one);
    if (!code && c.only && !find(c.only)) code = misused("no such case: ", c.only);
    if (list)
        for (const struct conform_case *k = conform_cases; k->name; k++) printf("%-15s %s\n", k->name, k->what);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)c.seed);
    again[argc] = (char *)"--seed"; /* so that each case has the one that was printed */
    again[argc + 1] = seed;
    if (!code && !list) code = run(&c, again);
    free(all);
    free(c.plugin);
    free(c.conf);
    return code;
}
