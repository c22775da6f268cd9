/* run.c - `weir run`: opens every pipeline, starts their lanes, waits for signals, drains in the order of the conf. */
#include "run.h"
#include "admin.h"
#include "lane.h"
#include "log.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct process {
    const struct weir_conf *conf;
    struct weir_metrics *metrics;
    struct weir_status_board board;
    struct weir_admin *admin;
    struct pipeline **pipelines;
    uint32_t n_open, n_started;
    int finished_fd, signal_fd;
};

/* ---- the board that the admin listener reads */
static void fill_board(struct process *p)
{
    size_t stage = 0, lane = 0;
    for (uint32_t i = 0; i < p->conf->n_pipelines; i++) {
        const struct weir_conf_pipeline *pc = &p->conf->pipelines[i];
        p->board.pipelines[i].pipeline = pc->name;
        p->pipelines[i]->board_at = stage;
        p->pipelines[i]->board_lane = lane;
        for (uint32_t l = 0; l < pc->lanes; l++) {
            p->board.lanes[lane].pipeline = pc->name;
            p->board.lanes[lane++].lane = l;
            for (uint32_t s = 0; s < pc->n_stages; s++)
                p->board.stages[stage++] = (struct weir_stage_status){.pipeline = pc->name,
                                                                      .stage = pc->stages[s].name,
                                                                      .plugin = pc->stages[s].loaded->plugin->name,
                                                                      .lane = l,
                                                                      .is_source = s == 0};
        }
    }
}

static int make_board(struct process *p)
{
    struct weir_status_board *b = &p->board;
    for (uint32_t i = 0; i < p->conf->n_pipelines; i++) {
        b->n_lanes += p->conf->pipelines[i].lanes;
        b->n += (size_t)p->conf->pipelines[i].lanes * p->conf->pipelines[i].n_stages;
    }
    b->n_pipelines = p->conf->n_pipelines;
    b->lanes = calloc(b->n_lanes, sizeof *b->lanes);
    b->stages = calloc(b->n, sizeof *b->stages);
    b->pipelines = calloc(b->n_pipelines, sizeof *b->pipelines);
    pthread_mutex_init(&b->lock, NULL);
    return b->lanes && b->stages && b->pipelines ? 0 : -1;
}

/* Before any thread exists, so that every thread inherits the mask. */
static int take_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) || signal(SIGPIPE, SIG_IGN) == SIG_ERR) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- start */
static int prepare(struct process *p, struct weir_errors *errs)
{
    p->signal_fd = take_signals();
    p->finished_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->metrics = weir_metrics_new();
    p->pipelines = calloc(p->conf->n_pipelines, sizeof *p->pipelines);
    bool ok = p->signal_fd >= 0 && p->finished_fd >= 0 && p->metrics && p->pipelines && !make_board(p);
    for (uint32_t i = 0; ok && i < p->conf->n_pipelines; i++) {
        p->pipelines[i] = pipeline_create(p->conf, &p->conf->pipelines[i], p->metrics, &p->board, p->finished_fd);
        ok = p->pipelines[i] != NULL;
    }
    if (!ok) {
        weir_errors_add(errs, NULL, 0, "cannot start: %s", strerror(errno));
        return -1;
    }
    fill_board(p);
    const struct weir_label version = {"version", WEIR_VERSION};
    struct weir_series *info =
        weir_metrics_series(p->metrics, "weir_build_info", WEIR_GAUGE, "1, with the version.", NULL, &version, 1);
    if (info) weir_series_put(info, 1);
    return 0;
}

static int start(struct process *p, struct weir_errors *errs)
{
    for (; p->n_open < p->conf->n_pipelines; p->n_open++)
        if (pipeline_open(p->pipelines[p->n_open], p->conf->loader, errs)) {
            p->n_open++;
            return -1;
        }
    if (p->conf->admin.listen) {
        struct weir_err err = {0};
        p->admin = weir_admin_start(p->conf->admin.listen, p->metrics, &p->board, &err);
        if (!p->admin) {
            weir_errors_add(errs, NULL, 0, "admin.listen: %s", err.msg);
            return -1;
        }
    }
    for (; p->n_started < p->conf->n_pipelines; p->n_started++)
        if (pipeline_start(p->pipelines[p->n_started], errs)) return -1;
    return 0;
}

/* ---- wait */
static bool all_done(const struct process *p)
{
    for (uint32_t i = 0; i < p->n_started; i++)
        if (!pipeline_done(p->pipelines[i])) return false;
    return true;
}

/* Waits until `pipe` (or all, when NULL) has ended: true; or a signal came: false. */
static bool wait_for_end(struct process *p, struct pipeline *pipe)
{
    struct pollfd fds[2] = {{p->finished_fd, POLLIN, 0}, {p->signal_fd, POLLIN, 0}};
    while (!(pipe ? pipeline_done(pipe) : all_done(p))) {
        uint64_t count;
        struct signalfd_siginfo info;
        if (poll(fds, 2, -1) < 0 && errno != EINTR) return false;
        if (read(p->finished_fd, &count, sizeof count) > 0) continue;
        if (read(p->signal_fd, &info, sizeof info) == sizeof info) {
            weir_logf(WEIR_INFO, "%s: draining", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
            return false;
        }
    }
    return true;
}

/* One pipeline after the other, in the order of the conf: who calls before who is called. */
static void drain(struct process *p)
{
    for (uint32_t i = 0; i < p->n_started; i++) {
        if (pipeline_done(p->pipelines[i])) continue;
        pipeline_stop(p->pipelines[i]);
        if (wait_for_end(p, p->pipelines[i])) continue;
        weir_logf(WEIR_WARN, "second signal: leaving at once, without draining");
        _exit(WEIR_EXIT_LEFT);
    }
}

static int finish(struct process *p)
{
    int code = WEIR_EXIT_OK;
    for (uint32_t i = 0; i < p->n_started; i++) {
        if (!pipeline_join(p->pipelines[i], stderr) && code == WEIR_EXIT_OK) code = WEIR_EXIT_LEFT;
        if (p->pipelines[i]->failed) code = WEIR_EXIT_FAILED;
    }
    return code;
}

static void discard(struct process *p)
{
    if (p->admin) weir_admin_stop(p->admin);
    for (uint32_t i = 0; i < p->conf->n_pipelines && p->pipelines; i++)
        if (p->pipelines[i]) pipeline_destroy(p->pipelines[i]);
    free(p->pipelines);
    weir_metrics_free(p->metrics);
    free(p->board.lanes);
    free(p->board.stages);
    free(p->board.pipelines);
    close(p->finished_fd);
    close(p->signal_fd);
}

int weir_run(const struct weir_conf *conf, struct weir_errors *errs)
{
    struct process p = {.conf = conf};
    int code = WEIR_EXIT_USAGE;
    if (!conf->n_pipelines) {
        weir_errors_add(errs, NULL, 0, "nothing to run: the confs declare no pipeline");
        return code;
    }
    weir_log_setup(conf->log.level, conf->log.json);
    weir_crash_json(conf->log.json);
    if (prepare(&p, errs)) return code;
    if (!start(&p, errs)) {
        weir_logf(WEIR_INFO, "weir " WEIR_VERSION " runs %u pipeline%s", conf->n_pipelines,
                  conf->n_pipelines > 1 ? "s" : "");
        if (!wait_for_end(&p, NULL)) drain(&p);
        code = finish(&p);
        weir_logf(WEIR_INFO, "stopped, exit code %d", code);
    } else {
        for (uint32_t i = 0; i < p.n_started; i++) pipeline_stop(p.pipelines[i]);
        for (uint32_t i = 0; i < p.n_started; i++) pipeline_join(p.pipelines[i], stderr);
        for (uint32_t i = p.n_started; i < p.n_open; i++) pipeline_abandon(p.pipelines[i]);
    }
    discard(&p);
    return code;
}
