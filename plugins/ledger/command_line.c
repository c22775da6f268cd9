/* command_line.c - what weir-ledger is told. */
#include "ledger.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const char *option, const char *found, const char *expected)
{
    fprintf(stderr, "weir-ledger: %s: found \"%s\", expected %s\n", option, found, expected);
    return -1;
}

/* "7d": seconds. -1: not one. */
static int64_t duration(const char *text)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    long n = strtol(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end > text && n >= 0 && n <= 36500 && !strcmp(end, units[i].unit)) return n * units[i].seconds;
    return -1;
}

static int64_t number(const char *text, int64_t most)
{
    char *end;
    long long n = strtoll(text, &end, 10);
    return end > text && !*end && n >= 0 && n <= most ? n : -1;
}

static int take(struct options *o, const char *name, const char *value)
{
    if (!strcmp(name, "--ledger")) {
        o->url = value;
    } else if (!strcmp(name, "--keep")) {
        o->keep_s = duration(value);
        if (o->keep_s < 0) return wrong(name, value, "a duration like 7d, 36h, 90min or 0s");
    } else if (!strcmp(name, "--most")) {
        o->most = number(value, 1000000);
        if (o->most < 1) return wrong(name, value, "a number from 1 to 1000000");
    } else if (!strcmp(name, "--pause")) {
        o->pause_ms = number(value, 60000);
        if (o->pause_ms < 0) return wrong(name, value, "milliseconds, up to 60000");
    } else {
        fprintf(stderr, "weir-ledger: unknown option %s; `weir-ledger --help` lists them\n", name);
        return -1;
    }
    return 0;
}

int options_read(int argc, char **argv, struct options *o)
{
    *o = (struct options){.command = argc > 1 ? argv[1] : "", .keep_s = -1, .most = 1000, .pause_ms = 20};
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help")) {
            o->command = argv[i];
            return 0;
        }
    bool trims = !strcmp(o->command, "trim");
    if (!trims && strcmp(o->command, "new-epoch") != 0) return wrong("command", o->command, "trim or new-epoch");
    o->url = getenv("WEIR_LEDGER_URL");
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--yes")) {
            o->yes = true;
            continue;
        }
        if (i + 1 == argc) return wrong(argv[i], "nothing", "a value");
        if (take(o, argv[i], argv[i + 1])) return -1;
        i++;
    }
    if (!o->url) return wrong("--ledger", "nothing", "postgresql://USER@HOST/DATABASE, or WEIR_LEDGER_URL");
    if (trims && o->keep_s < 0) return wrong("--keep", "nothing", "a duration like 7d, longer than the topic keeps");
    if (!trims && !o->yes)
        return wrong("--yes", "nothing", "it, to say that the ledger was restored, or lost commits in a failover");
    return 0;
}
