/* chain.c - nanoseconds an event through the host's own machinery: a real pipeline with real plugins against the same
 * work as plain calls over an array, in turns.
 *   bench-chain EVENTS PAIRS       plugins are found by WEIR_PLUGIN_PATH */
#include "lane.h"
#include "log.h"
#include "pairs.h"
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BATCH = 64, BYTES = 64, FILTERS = 4 };

static void die(const char *what)
{
    fprintf(stderr, "bench-chain: %s\n", what);
    exit(1);
}

/* ---- the pipeline */
static uint64_t run(struct pipeline *p, const struct weir_conf *conf, int finished)
{
    struct weir_errors errs = {0};
    if (pipeline_open(p, conf->loader, &errs)) {
        weir_errors_print(&errs, stderr);
        die("the pipeline does not open");
    }
    uint64_t began = clock_ns();
    if (pipeline_start(p, &errs)) die("the pipeline does not start");
    while (!pipeline_done(p)) {
        struct pollfd fd = {finished, POLLIN, 0};
        poll(&fd, 1, -1);
    }
    uint64_t took = clock_ns() - began;
    if (!pipeline_join(p, stderr) || p->failed) die("the pipeline failed");
    return took;
}

/* Nanoseconds an event from source to done(), with four of `filter` between source and sink. */
static double chain(const char *filter, uint64_t events)
{
    char text[1024];
    struct weir_errors errs = {0};
    snprintf(text, sizeof text,
             "pipelines = { bench = { stages = { bench_source = { count = %llu, batch = %d } a = { plugin = \"%s\" } "
             "b = { plugin = \"%s\" } c = { plugin = \"%s\" } d = { plugin = \"%s\" } null = {} } } }",
             (unsigned long long)events, BATCH, filter, filter, filter, filter);
    const struct weir_conf_source source = {.text = text, .text_name = "bench"};
    struct weir_conf *conf = weir_conf_load(&source, &errs);
    if (!conf || errs.n) {
        weir_errors_print(&errs, stderr);
        die("the conf does not load");
    }
    int finished = eventfd(0, EFD_CLOEXEC);
    struct weir_metrics *metrics = weir_metrics_new();
    struct pipeline *p = metrics ? pipeline_create(conf, conf->pipelines, metrics, NULL, finished) : NULL;
    if (finished < 0 || !p) die("out of memory or descriptors");
    double ns = (double)run(p, conf, finished) / (double)events;
    pipeline_destroy(p);
    weir_metrics_free(metrics);
    weir_conf_free(conf);
    close(finished);
    return ns;
}

/* ---- the reference: an array of events, filled, shown to each filter, settled, each with its done() */
struct unit {
    enum weir_status status;
    bool settled;
};
struct plain {
    struct weir_event ev[BATCH];
    struct unit units[BATCH];
    uint8_t bytes[BATCH][BYTES];
    uint64_t seen, done;
};

static void plain_fill(struct plain *p, uint64_t at)
{
    static const uint8_t value[BYTES];
    for (uint32_t i = 0; i < BATCH; i++) {
        memcpy(p->bytes[i], value, BYTES);
        p->units[i] = (struct unit){WEIR_OK, false};
        p->ev[i] = (struct weir_event){.value = {p->bytes[i], BYTES}, .position = at + i};
    }
}
static void plain_filter(struct plain *p)
{
    for (uint32_t i = 0; i < BATCH; i++) p->seen += p->ev[i].value.p[0];
}
static void plain_settle(struct plain *p)
{
    for (uint32_t i = 0; i < BATCH; i++) p->units[i] = (struct unit){WEIR_OK, true};
}
static void plain_done(struct plain *p, const struct unit *u)
{
    p->done += u->settled && u->status == WEIR_OK;
}

/* Through pointers that the compiler cannot see through, as a host calls its plugins. */
static void (*volatile filter)(struct plain *) = plain_filter;
static void (*volatile settle)(struct plain *) = plain_settle;
static void (*volatile done)(struct plain *, const struct unit *) = plain_done;

static double plain_calls(uint64_t events)
{
    static struct plain p;
    p.done = 0;
    uint64_t began = clock_ns(), batches = (events + BATCH - 1) / BATCH;
    for (uint64_t b = 0; b < batches; b++) {
        plain_fill(&p, b * BATCH);
        for (int i = 0; i < FILTERS; i++) filter(&p);
        settle(&p);
        for (uint32_t i = 0; i < BATCH; i++) done(&p, &p.units[i]);
    }
    uint64_t took = clock_ns() - began;
    if (p.done != batches * BATCH) die("the plain calls went wrong");
    return (double)took / (double)p.done;
}

/* A new array for each batch, the events copied into it, the old one freed. */
static struct weir_event *volatile array;
static double plain_copies(uint64_t events)
{
    const size_t size = BATCH * sizeof(struct weir_event);
    uint64_t batches = (events + BATCH - 1) / BATCH;
    if (!(array = calloc(1, size))) die("out of memory");
    uint64_t began = clock_ns();
    for (uint64_t b = 0; b < batches; b++) {
        struct weir_event *to = malloc(size), *from = array;
        if (!to) die("out of memory");
        for (uint32_t i = 0; i < BATCH; i++) to[i] = from[i];
        array = to;
        free(from);
    }
    uint64_t took = clock_ns() - began;
    free(array);
    return (double)took / (double)(batches * BATCH);
}

int main(int argc, char **argv)
{
    uint64_t events = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
    unsigned n = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    if (!events || n < 1 || n > PAIRS_MAX) die("expected: EVENTS PAIRS");
    weir_log_setup(WEIR_WARN, false);
    struct pairs through = {.n = n}, moved = {.n = n};
    chain("bench_move", events / 10); /* warms up memory and caches */
    for (unsigned i = 0; i < n; i++) {
        through.figure[i] = chain("bench_pass", events);
        through.reference[i] = plain_calls(events);
        moved.figure[i] = (chain("bench_move", events) - through.figure[i]) / FILTERS;
        moved.reference[i] = plain_copies(events);
    }
    pairs_print(&through, "source > 4 filters > done", "ns/event", "< 60", "plain calls over an array of 64");
    pairs_print(&moved, "a filter moves every event", "ns/event", "< 25", "copies to a new array of 64");
    return 0;
}
