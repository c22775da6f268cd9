/* pipeline.c - a chain of stages, run in as many lanes as the conf says: share, open, threads, stop. */
#include "lane.h"
#include "log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_phase(struct pipeline *p, enum weir_phase phase)
{
    if (!p->board) return;
    pthread_mutex_lock(&p->board->lock);
    for (size_t i = 0; i < p->board->n_pipelines; i++)
        if (!strcmp(p->board->pipelines[i].pipeline, p->conf->name)) p->board->pipelines[i].phase = phase;
    pthread_mutex_unlock(&p->board->lock);
}

struct pipeline *pipeline_create(const struct weir_conf *conf, const struct weir_conf_pipeline *pc,
                                 struct weir_metrics *metrics, struct weir_status_board *board, int finished_fd)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->conf = pc;
    p->schemas = conf->schemas;
    p->metrics = metrics;
    p->board = board;
    p->watchdog_ns = conf->watchdog_ns;
    p->finished_fd = finished_fd;
    p->calls = &host_calls;
    p->n_lanes = pc->lanes;
    p->lanes = calloc(pc->lanes, sizeof *p->lanes);
    p->shared = calloc(pc->n_stages, sizeof *p->shared);
    pthread_mutex_init(&p->lock, NULL);
    if (p->lanes && p->shared) return p;
    pipeline_destroy(p);
    return NULL;
}

void pipeline_unshare(struct pipeline *p)
{
    for (uint32_t i = 0; i < p->conf->n_stages; i++) {
        const struct weir_plugin *plugin = p->conf->stages[i].loaded->plugin;
        if (p->shared[i] && plugin->unshare) plugin->unshare(p->shared[i]);
        p->shared[i] = NULL;
    }
}

void pipeline_fail(struct pipeline *p, const char *stage, const char *why)
{
    pthread_mutex_lock(&p->lock);
    bool first = !p->failed;
    p->failed = true;
    if (first) snprintf(p->failure, sizeof p->failure, "%s.%s: %s", p->conf->name, stage, why);
    pthread_mutex_unlock(&p->lock);
    if (!first || p->finished_fd < 0) return; /* the test kit looks for itself */
    weir_logf(WEIR_ERROR, "pipeline %s stops: %s", p->conf->name, p->failure);
    pipeline_stop(p);
}

static void lane_ended(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    bool last = --p->n_running == 0, failed = p->failed;
    pthread_mutex_unlock(&p->lock);
    if (!last) return;
    set_phase(p, failed ? WEIR_PHASE_FAILED : WEIR_PHASE_STOPPED);
    uint64_t one = 1;
    if (write(p->finished_fd, &one, sizeof one) < 0) weir_logf(WEIR_ERROR, "cannot tell that a pipeline ended");
}

static void *lane_main(void *arg)
{
    struct lane *lane = arg;
    if (!weir_crash_stack()) weir_logf(WEIR_DEBUG, "no stack for the report of an overflow");
    lane_run(lane);
    pthread_mutex_lock(&lane->pipeline->lock);
    lane->alive = false; /* from here on nobody may wake its loop */
    pthread_mutex_unlock(&lane->pipeline->lock);
    lane_close(lane);
    weir_crash_stack_free();
    lane_ended(lane->pipeline);
    return NULL;
}

static int at_stage(const struct weir_conf_stage *s, const struct weir_err *err, struct weir_errors *errs)
{
    weir_errors_add(errs, s->file, s->line, "%s%s%s: %s", s->name, *err->option ? "." : "", err->option, err->msg);
    return -1;
}

int pipeline_share(struct pipeline *p, struct weir_errors *errs)
{
    for (uint32_t i = 0; i < p->conf->n_stages; i++) {
        const struct weir_conf_stage *s = &p->conf->stages[i];
        struct weir_err err = {0};
        if (!s->loaded->plugin->share) continue;
        weir_blame = (struct weir_blame){.plugin = s->loaded->plugin, .callback = "share"};
        int rc = s->loaded->plugin->share(p->calls, s->cfg, p->n_lanes, &p->shared[i], &err);
        weir_blame.callback = NULL;
        if (rc) return at_stage(s, &err, errs);
    }
    return 0;
}

static int init_plugins(struct pipeline *p, struct weir_loader *loader, struct weir_errors *errs)
{
    for (uint32_t i = 0; i < p->conf->n_stages; i++) {
        struct weir_err err = {0};
        if (weir_loader_init(loader, p->conf->stages[i].loaded, &err)) return at_stage(&p->conf->stages[i], &err, errs);
    }
    return 0;
}

int pipeline_open(struct pipeline *p, struct weir_loader *loader, struct weir_errors *errs)
{
    if (init_plugins(p, loader, errs) || pipeline_share(p, errs)) return -1;
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        struct lane *lane = &p->lanes[i];
        struct weir_err err = {0};
        struct stage *at = NULL;
        if (lane_init(lane, p, i)) {
            weir_errors_add(errs, p->conf->file, p->conf->line, "%s: out of memory or descriptors for lane %u",
                            p->conf->name, i);
            return -1;
        }
        p->n_open++;
        if (p->board) lane->heartbeat = &p->board->lanes[p->board_lane + i].busy_since_ns;
        if (lane_open(lane, &err, &at)) return at_stage(&p->conf->stages[at->index], &err, errs);
    }
    return 0;
}

void pipeline_abandon(struct pipeline *p)
{
    p->failed = true; /* nothing was drained: what is left behind is no leak */
    for (uint32_t i = 0; i < p->n_open; i++) lane_close(&p->lanes[i]);
    pipeline_unshare(p);
}

int pipeline_start(struct pipeline *p, struct weir_errors *errs)
{
    set_phase(p, WEIR_PHASE_RUNNING);
    p->n_running = p->n_lanes;
    for (uint32_t i = 0; i < p->n_lanes; i++) p->lanes[i].alive = true; /* all, before the first can fail and stop us */
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        int rc = pthread_create(&p->lanes[i].thread, NULL, lane_main, &p->lanes[i]);
        if (!rc) continue;
        weir_errors_add(errs, p->conf->file, p->conf->line, "%s: cannot start a thread: %s", p->conf->name,
                        strerror(rc));
        return -1;
    }
    return 0;
}

void pipeline_stop(struct pipeline *p)
{
    set_phase(p, p->failed ? WEIR_PHASE_FAILED : WEIR_PHASE_DRAINING);
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (!p->lanes[i].alive) continue;
        atomic_store(&p->lanes[i].stop, true);
        uv_async_send(&p->lanes[i].wake);
    }
    pthread_mutex_unlock(&p->lock);
}

bool pipeline_done(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    bool done = p->n_running == 0;
    pthread_mutex_unlock(&p->lock);
    return done;
}

bool pipeline_join(struct pipeline *p, FILE *left)
{
    bool clean = true;
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        pthread_join(p->lanes[i].thread, NULL);
        if (!p->lanes[i].timed_out) continue;
        clean = false;
        fprintf(left, "weir: %s: %s\n", p->conf->name, p->lanes[i].left);
    }
    pipeline_unshare(p);
    return clean;
}

void pipeline_destroy(struct pipeline *p)
{
    listeners_close(p);
    pthread_mutex_destroy(&p->lock);
    free(p->lanes);
    free(p->shared);
    free(p);
}
