/* dead_letters.c - weir-dead-letters: what the pipelines could not deal with, to look at and to put back. */
#include "dead_letters.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char trouble[512];

static const char help[] =
    "weir-dead-letters: the events that a pipeline refused, in the topic that its kafka-consumer writes them to.\n"
    "\n"
    "  weir dead-letters list  [LETTER...]            a line each: where, when, which class, which plugin, why\n"
    "  weir dead-letters show  LETTER... | --all      one whole: headers, key, value as JSON or hex\n"
    "  weir dead-letters retry LETTER... | --all      put back into the topic that it was read from, once\n"
    "\n"
    "LETTER is PARTITION:OFFSET as `list` shows it, or a range of them: 0:17, 0:17-42\n"
    "\n"
    "  --kafka HOST:PORT,...      brokers                                                                 (required)\n"
    "  --topic NAME               the dead-letter topic                                                   (required)\n"
    "  --kafka-user NAME, --kafka-password-file FILE, --kafka-protocol sasl_plaintext|sasl_ssl|plaintext|ssl\n"
    "  --group NAME, --class NAME, --plugin NAME      only letters of these\n"
    "  --dry-run                  retry: say what would go where, and do nothing\n"
    "\n"
    "Exit codes: 0 done; 1 a letter that was named is not there, or was put back before; 2 could not run.\n";

int cannot(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(trouble, sizeof trouble, fmt, args);
    va_end(args);
    trouble[strcspn(trouble, "\n")] = 0;
    return -1;
}

/* "0:17" or "0:17-42" */
static bool read_range(const char *text, struct range *r)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    long partition = strtol(text, &end, 10);
    if (*end != ':' || partition > INT32_MAX || end[1] < '0' || end[1] > '9') return false;
    r->partition = (int32_t)partition;
    r->first = r->last = strtoll(end + 1, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9') r->last = strtoll(end + 1, &end, 10);
    return !*end && r->first <= r->last;
}

static int add_range(struct options *o, const char *text)
{
    struct range *ranges = reallocarray(o->ranges, o->n_ranges + 1, sizeof *ranges);
    if (!ranges) return cannot("out of memory");
    o->ranges = ranges;
    if (!read_range(text, &o->ranges[o->n_ranges]))
        return cannot("found \"%s\", expected a letter as `list` shows it, or a range: 0:17, 0:17-42", text);
    o->n_ranges++;
    return 0;
}

static int take_option(struct options *o, int argc, char **argv, int *i)
{
    const struct {
        const char *name, **value;
    } known[] = {{"--kafka", &o->kafka},
                 {"--topic", &o->topic},
                 {"--kafka-user", &o->user},
                 {"--kafka-password-file", &o->password_file},
                 {"--kafka-protocol", &o->protocol},
                 {"--group", &o->group},
                 {"--class", &o->class},
                 {"--plugin", &o->plugin}};
    const char *name = argv[*i];
    const struct {
        const char *name;
        bool *is;
    } switches[] = {{"--all", &o->all}, {"--dry-run", &o->dry_run}, {"--help", &o->help}};
    for (size_t k = 0; k < sizeof switches / sizeof *switches; k++) {
        if (strcmp(name, switches[k].name)) continue;
        *switches[k].is = true;
        return 0;
    }
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        if (strcmp(name, known[k].name)) continue;
        if (*i + 1 >= argc) return cannot("%s: its value is missing", name);
        *known[k].value = argv[++*i];
        return 0;
    }
    return cannot("unknown option %s; `weir dead-letters --help` lists the options", name);
}

static int parse(int argc, char **argv, struct options *o)
{
    static const char *const commands[] = {[LIST] = "list", [SHOW] = "show", [RETRY] = "retry"};
    int found = -1;
    for (int i = 1; i < argc; i++) {
        int rc, before = found;
        for (int k = 0; found < 0 && k < 3; k++)
            if (!strcmp(argv[i], commands[k])) found = k;
        if (found != before) continue;
        if (*argv[i] == '-')
            rc = take_option(o, argc, argv, &i);
        else
            rc = found < 0 ? cannot("found \"%s\", expected list, show or retry", argv[i]) : add_range(o, argv[i]);
        if (rc) return rc;
    }
    if (o->help) return 0;
    if (found < 0) return cannot("expected list, show or retry; `weir dead-letters --help` says more");
    o->command = (enum command)found;
    if (!o->kafka || !o->topic) return cannot("expected --kafka HOST:PORT and --topic NAME");
    if (o->all && o->n_ranges) return cannot("expected letters or --all, found both");
    if (o->command != LIST && !o->all && !o->n_ranges)
        return cannot("%s: expected letters as `list` shows them, or --all", commands[o->command]);
    if (o->dry_run && o->command != RETRY) return cannot("--dry-run is for retry");
    return 0;
}

static int show_named(const struct letters *all, const struct options *o)
{
    int missing = 0;
    for (size_t i = 0; i < o->n_ranges; i++) {
        const struct range *r = &o->ranges[i];
        if (r->first != r->last || letters_at(all, r->partition, r->first)) continue;
        fprintf(stderr, "weir-dead-letters: letter %d:%lld is not there\n", (int)r->partition, (long long)r->first);
        missing = 1;
    }
    return show_letters(all, o) ? 2 : missing;
}

static int read_password(struct options *o)
{
    if (!o->user) return 0;
    FILE *f = o->password_file ? fopen(o->password_file, "r") : NULL;
    bool ok = f && fgets(o->password, sizeof o->password, f);
    if (f) fclose(f);
    o->password[strcspn(o->password, "\r\n")] = 0;
    return ok ? 0
              : cannot("--kafka-password-file %s: expected a file with the password of --kafka-user in its first line",
                       o->password_file ? o->password_file : "is not given");
}

static int run(struct options *o)
{
    struct letters all = {0};
    int rc = read_password(o) || letters_read(o, &all) ? 2 : 0;
    if (!rc) letters_choose(&all, o);
    if (!rc && o->command == LIST) list_letters(&all, o);
    if (!rc && o->command == SHOW) rc = show_named(&all, o);
    if (!rc && o->command == RETRY) rc = retry_letters(&all, o);
    letters_free(&all);
    if (fflush(stdout)) rc = 2;
    return rc;
}

int main(int argc, char **argv)
{
    struct heard heard = {.refused = false};
    struct options o = {.heard = &heard};
    int rc = parse(argc, argv, &o) ? 2 : 0;
    if (!rc && o.help)
        fputs(help, stdout);
    else if (!rc)
        rc = run(&o);
    if (rc == 2) fprintf(stderr, "weir-dead-letters: %s\n", trouble);
    free(o.ranges);
    return rc;
}
