/* players_options.c - the command line of bench-players. */
#include "players.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "bench-players [OPTION...]: players who bet over HTTP, on a schedule that no slow answer holds up\n"
    "  --to ADDRESS:PORT      the ingress; 127.0.0.1:8080\n"
    "  --phase PHASE          open (every account), fund (each with 10,000,000.00), bet (the default)\n"
    "  --connections N        kept alive, one request at a time on each; 64\n"
    "  --steps RATE:SECONDS,...  bets a second, one after the other; rate 0 is as fast as the connections answer; "
    "0:10\n"
    "  --accounts N           player-0 to player-N-1, drawn by chance; 4000\n"
    "  --body-bytes N         a bet's JSON, its selection made as long as that takes, up to 65536; 0: as short as it "
    "is\n"
    "  --timeout SECONDS      for an answer, and for a free connection; 5\n"
    "  --run ID               first part of every bet_id; the time when not given\n"
    "  --series FILE          a line a second, tab-separated\n";

void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("bench-players: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static uint64_t number(const char *option, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v < min || v > max)
        die("--%s: found \"%s\", expected a number from %llu to %llu", option, text, (unsigned long long)min,
            (unsigned long long)max);
    return v;
}

static void read_address(struct options *o, const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    if (!n || n >= sizeof host) die("--to: found \"%s\", expected ADDRESS:PORT, 127.0.0.1:8080 for one", text);
    memcpy(host, text, n);
    host[n] = '\0';
    o->to.sin_family = AF_INET;
    o->to.sin_port = htons((uint16_t)number("to", colon + 1, 1, 65535));
    if (inet_pton(AF_INET, host, &o->to.sin_addr) != 1) die("--to: found \"%s\", expected an IPv4 address", host);
}

static void read_phase(struct options *o, const char *text)
{
    static const char *const names[] = {"bet", "open", "fund"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(names[i], text) != 0) continue;
        o->phase = (enum phase)i;
        return;
    }
    die("--phase: found \"%s\", expected open, fund or bet", text);
}

static void read_steps(struct options *o, char *text)
{
    uint64_t total = 0;
    o->n_steps = 0;
    for (char *save, *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        char *colon = strchr(one, ':');
        if (!colon) die("--steps: found \"%s\", expected RATE:SECONDS, 5000:10 for one", one);
        if (o->n_steps == STEPS_MAX) die("--steps: found more than %d", STEPS_MAX);
        *colon = '\0';
        struct step *s = &o->steps[o->n_steps++];
        s->rate = number("steps", one, 0, 10000000);
        s->seconds = number("steps", colon + 1, 1, SECONDS_MAX);
        total += s->seconds;
    }
    if (!o->n_steps) die("--steps: found nothing, expected RATE:SECONDS,...");
    if (total > SECONDS_MAX)
        die("--steps: found %llu seconds, expected at most %d", (unsigned long long)total, SECONDS_MAX);
}

static void read_run(struct options *o, const char *text)
{
    size_t n = strlen(text);
    if (!n || n >= sizeof o->run || strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz") != n)
        die("--run: found \"%s\", expected 1 to %zu of 0-9 and a-z", text, sizeof o->run - 1);
    memcpy(o->run, text, n + 1);
}

static void defaults(struct options *o)
{
    struct timespec now;
    *o = (struct options){
        .connections = 64, .n_steps = 1, .accounts = 4000, .timeout_ns = 5000000000u, .steps = {{0, 10}}};
    read_address(o, "127.0.0.1:8080");
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(o->run, sizeof o->run, "%llx",
             (unsigned long long)now.tv_sec * 1000000u + (unsigned long long)now.tv_nsec / 1000u);
}

void options_read(struct options *o, int argc, char **argv)
{
    static const struct option names[] = {
        {"to", 1, NULL, 't'},    {"phase", 1, NULL, 'p'},    {"connections", 1, NULL, 'c'},
        {"steps", 1, NULL, 's'}, {"accounts", 1, NULL, 'a'}, {"timeout", 1, NULL, 'o'},
        {"run", 1, NULL, 'r'},   {"series", 1, NULL, 'f'},   {"body-bytes", 1, NULL, 'b'},
        {"help", 0, NULL, 'h'},  {NULL, 0, NULL, 0}};
    defaults(o);
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (c) {
        case 't': read_address(o, optarg); break;
        case 'p': read_phase(o, optarg); break;
        case 'c': o->connections = (unsigned)number("connections", optarg, 1, 60000); break;
        case 's': read_steps(o, optarg); break;
        case 'a': o->accounts = number("accounts", optarg, 1, 100000000); break;
        case 'o': o->timeout_ns = number("timeout", optarg, 1, 3600) * 1000000000u; break;
        case 'r': read_run(o, optarg); break;
        case 'f': o->series = optarg; break;
        case 'b': o->body_bytes = number("body-bytes", optarg, 0, 65536); break;
        case 'h': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2); /* getopt has said what is wrong */
        }
    if (optind < argc) die("found \"%s\", expected options only: --help", argv[optind]);
}
