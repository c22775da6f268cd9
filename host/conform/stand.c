/* stand.c - a plugin in a real pipeline, from open to close, and what its log says of it. */
#include "stand.h"
#include "conf.h"
#include "kit.h"
#include "lane.h"
#include "log.h"
#include "stand_ends.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BOARD_STAGES = 2 + CONFORM_OUTPUTS };

static struct weir_conf *load(const struct conform *c, const struct stand_order *o)
{
    static const struct weir_plugin *const ends[] = {&stand_left, &stand_right, NULL};
    char path[4096], *text = NULL, *right = kit_right_text(stand_right.name, c->outputs);
    const struct weir_plugin *p = conform_descriptor(c, path);
    bool source = p->roles == WEIR_SOURCE, sink = !source && (!(p->roles & WEIR_FILTER) || c->last);
    struct weir_errors errs = {0};
    if (!right || asprintf(&text,
                           "watchdog = \"50ms\"\ndrain_timeout = \"%llums\"\npipelines = { conform = { lanes = %u\n"
                           "window = { events = %u }\nstages = { %s %s = { plugin = \"%s\"\n%s\n} %s } } }\n",
                           (unsigned long long)c->patience_ms, o->lanes, o->window, source ? "" : "conform-left = {}",
                           p->name, c->plugin, c->conf, sink ? "" : right) < 0)
        conform_fail("out of memory");
    const struct weir_conf_source from = {.text = text, .text_name = "conf", .builtins = ends};
    struct weir_conf *conf = weir_conf_load(&from, &errs);
    free(text);
    free(right);
    if (!conf || errs.n) conform_fail("conf: %s", errs.n ? errs.v[0].msg : "out of memory");
    return conf;
}

static void make_board(struct weir_status_board *b, const struct stand_order *o)
{
    b->n = (size_t)o->lanes * BOARD_STAGES;
    b->n_lanes = o->lanes;
    b->stages = calloc(b->n, sizeof *b->stages);
    b->lanes = calloc(b->n_lanes, sizeof *b->lanes);
    if (!b->stages || !b->lanes) conform_fail("out of memory");
    pthread_mutex_init(&b->lock, NULL);
}

/* Does any lane of it wait for a server, or has it failed? Then it may hold what it has. */
static bool waits(struct weir_status_board *b, const struct pipeline *p)
{
    bool yes = false;
    pthread_mutex_lock(&b->lock);
    for (uint32_t lane = 0; lane < p->n_lanes; lane++)
        for (uint32_t i = 0; i < p->conf->n_stages; i++) {
            enum weir_state s = b->stages[lane * p->conf->n_stages + i].state;
            if (strncmp(p->conf->stages[i].name, "conform-", 8))
                yes |= s == WEIR_STARTING || s == WEIR_DEGRADED || s == WEIR_FAILED;
        }
    pthread_mutex_unlock(&b->lock);
    return yes;
}

static bool ended(struct pipeline *p, uint64_t ms)
{
    struct pollfd fd = {p->finished_fd, POLLIN, 0};
    uint64_t until = uv_hrtime() / 1000000 + ms, now;
    while (!pipeline_done(p) && (now = uv_hrtime() / 1000000) < until) poll(&fd, 1, (int)(until - now));
    return pipeline_done(p);
}

static char *read_log(void)
{
    off_t n = lseek(CONFORM_LOG_FD, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);
    if (!text || pread(CONFORM_LOG_FD, text, (size_t)n, 0) < 0) conform_fail("out of memory");
    return text;
}

static void look_for_broken_rules(const char *log)
{
    static const char mark[] = "broke a rule: ";
    const char *at = strstr(log, mark);
    if (at) conform_fail("%.*s", (int)strcspn(at + strlen(mark), "\"\n"), at + strlen(mark));
}

static void run(struct pipeline *p, struct weir_status_board *board, const struct weir_conf *conf,
                const struct stand *stand)
{
    struct weir_errors errs = {0};
    const struct conform *c = stand->conform;
    bool source = strcmp(p->conf->stages[0].name, stand_left.name) != 0;
    for (uint32_t i = 0; i < p->conf->n_stages; i++)
        if (!strncmp(p->conf->stages[i].name, "conform-", 8)) p->shared[i] = (void *)stand;
    if (pipeline_open(p, conf->loader, &errs)) conform_fail("open: %s", errs.v[0].msg);
    if (pipeline_start(p, &errs)) conform_fail("%s", errs.v[0].msg);
    ended(p, source ? stand->order->run_ms : c->patience_ms);
    bool waiting = waits(board, p);
    pipeline_stop(p);
    if (!ended(p, c->patience_ms + 5000)) conform_fail("drain: a lane did not end: is a callback still running?");
    waiting |= waits(board, p);
    char *left = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&left, &n);
    if (!f) conform_fail("out of memory");
    bool clean = pipeline_join(p, f);
    fclose(f);
    if (!clean && !waiting) conform_fail("drain: %s", left);
    if (stand->given != stand->resolved && !waiting)
        conform_fail("settle: %llu of %llu events were not settled",
                     (unsigned long long)(stand->given - stand->resolved), (unsigned long long)stand->given);
    free(left);
}

void stand_run(const struct conform *c, const struct stand_order *o, struct stand_result *result)
{
    *result = (struct stand_result){.given = 0};
    struct stand stand = {.conform = c, .order = o, .result = result};
    struct weir_status_board board = {.n = 0};
    struct weir_conf *conf = load(c, o);
    struct weir_metrics *metrics = weir_metrics_new();
    int finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    weir_log_setup(WEIR_WARN, false);
    make_board(&board, o);
    struct pipeline *p =
        metrics && finished >= 0 ? pipeline_create(conf, &conf->pipelines[0], metrics, &board, finished) : NULL;
    if (!p) conform_fail("out of memory");
    run(p, &board, conf, &stand);
    pipeline_destroy(p);
    weir_metrics_free(metrics);
    weir_conf_free(conf);
    close(finished);
    pthread_mutex_destroy(&board.lock);
    free(board.stages);
    free(board.lanes);
    result->given = stand.given;
    result->resolved = stand.resolved;
    result->arrived = stand.arrived;
    result->log = read_log();
    look_for_broken_rules(result->log);
}
