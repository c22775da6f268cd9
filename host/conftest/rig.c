/* rig.c - opens the pipelines of a test, turns their loops, moves their clock, closes them. */
#include "rig.h"
#include "log.h"
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATIENCE_MS = 5000, POLL_MAX = 64, TURNS_MAX = 10000 };

void rig_fail(struct rig *rig, struct weir_place at, const char *fmt, ...)
{
    va_list args;
    if (rig->failed) return;
    rig->failed = true;
    fprintf(rig->out, "    %s:%d: ", at.file, at.line);
    va_start(args, fmt);
    vfprintf(rig->out, fmt, args);
    va_end(args);
    fputc('\n', rig->out);
}

static void on_broken(void *arg, struct stage *s, const char *rule)
{
    struct rig *rig = arg;
    if (!*rig->broken) snprintf(rig->broken, sizeof rig->broken, "plugin %s broke a rule: %s", s->plugin->name, rule);
}

struct lane *rig_lane(const struct rig *rig, const struct weir_conf_pipeline *p)
{
    for (size_t i = 0; i < rig->n_open; i++)
        if (rig->pipelines[i]->conf == p) return &rig->pipelines[i]->lanes[0];
    return NULL;
}

/* ---- open */
static bool is_fake(const struct rig *rig, const struct weir_conf_stage *s)
{
    for (size_t i = 0; i < rig->test->n_fakes; i++)
        if (rig->test->fakes[i].stage == s) return true;
    return false;
}

static void fail_with(struct rig *rig, struct weir_errors *errs)
{
    for (size_t i = 0; i < errs->n && !rig->failed; i++)
        rig_fail(rig, (struct weir_place){errs->v[i].file ? errs->v[i].file : rig->test->at.file, errs->v[i].line},
                 "%s", errs->v[i].msg);
    weir_errors_free(errs);
}

static bool init_plugins(struct rig *rig, const struct weir_conf_pipeline *p)
{
    for (uint32_t i = 0; i < p->n_stages; i++) {
        const struct weir_conf_stage *s = &p->stages[i];
        struct weir_err err = {0};
        if (is_fake(rig, s) || !weir_loader_init(rig->test->conf->loader, s->loaded, &err)) continue;
        rig_fail(rig, (struct weir_place){s->file, s->line}, "%s: init: %s", s->name, err.msg);
        return false;
    }
    return true;
}

static bool open_lane(struct rig *rig, struct pipeline *p)
{
    struct lane *lane = &p->lanes[0];
    struct weir_errors errs = {0};
    struct weir_err err = {0};
    struct stage *at = NULL;
    if (!init_plugins(rig, p->conf)) return false;
    if (pipeline_share(p, &errs)) {
        fail_with(rig, &errs);
        return false;
    }
    for (size_t i = 0; i < rig->test->n_fakes; i++)
        if (rig->test->fakes[i].pipeline == p->conf) p->shared[rig->test->fakes[i].index] = &rig->test->fakes[i];
    lane->fake_clock = true;
    lane->fake_now = 1000000000;
    lane->hooks = &rig->hooks;
    if (lane_init(lane, p, 0)) {
        rig_fail(rig, rig->test->at, "out of memory");
        return false;
    }
    rig->n_open++;
    if (!lane_open(lane, &err, &at)) return true;
    p->failed = true; /* nothing was drained: what is left behind is no leak */
    lane->phase = LANE_CLOSING;
    rig_fail(rig, (struct weir_place){p->conf->stages[at->index].file, p->conf->stages[at->index].line}, "%s%s%s: %s",
             at->ctx.stage, *err.option ? "." : "", err.option, err.msg);
    return false;
}

bool rig_open(struct rig *rig, struct test *t, FILE *out, int prints, int server)
{
    *rig = (struct rig){.test = t, .out = out, .prints = prints, .server = server};
    rig->hooks = (struct lane_hooks){on_broken, rig};
    rig->push_tail = &rig->pushes;
    rig->arrival_tail = &rig->arrivals;
    rig->request_tail = &rig->requests;
    rig->call_tail = &rig->calls;
    rig->metrics = weir_metrics_new();
    rig->pipelines = calloc(t->conf->n_pipelines + 1, sizeof(struct pipeline *));
    if (!rig->metrics || !rig->pipelines) {
        rig_fail(rig, t->at, "out of memory");
        return false;
    }
    for (size_t i = 0; i < t->n_fakes; i++) fake_install(rig, &t->fakes[i]);
    for (uint32_t i = 0; i < t->conf->n_pipelines; i++) {
        if (!t->runs[i]) continue;
        t->conf->pipelines[i].lanes = 1;
        struct pipeline *p = pipeline_create(t->conf, &t->conf->pipelines[i], rig->metrics, NULL, -1);
        if (!p) {
            rig_fail(rig, t->at, "out of memory");
            return false;
        }
        rig->pipelines[rig->n++] = p;
        if (!open_lane(rig, p)) return false;
    }
    rig_run(rig);
    return !rig->failed;
}

/* ---- run */
static bool turn_lane(struct lane *lane)
{
    uint64_t before = lane->turns;
    if (lane->phase < LANE_CLOSING && timers_next(&lane->timers) <= lane->fake_now) lane_fire_timers(lane);
    if (lane->phase < LANE_CLOSING) uv_run(&lane->loop, UV_RUN_NOWAIT);
    return lane->turns != before;
}

static uint32_t works(const struct rig *rig)
{
    uint32_t n = 0;
    for (size_t i = 0; i < rig->n_open; i++)
        for (uint32_t k = 0; k < rig->pipelines[i]->lanes[0].n_stages; k++)
            n += rig->pipelines[i]->lanes[0].stages[k].works;
    return n;
}

/* Until some loop or connection has something. */
static void sleep_on_all(struct rig *rig, int timeout_ms)
{
    struct pollfd fds[POLL_MAX];
    nfds_t n = 0;
    for (size_t i = 0; i < rig->n_open && n < POLL_MAX; i++)
        if (rig->pipelines[i]->lanes[0].phase < LANE_CLOSING)
            fds[n++] = (struct pollfd){.fd = uv_backend_fd(&rig->pipelines[i]->lanes[0].loop), .events = POLLIN};
    for (struct request *r = rig->requests; r && n < POLL_MAX; r = r->next)
        if (r->fd >= 0 && !r->over) fds[n++] = (struct pollfd){.fd = r->fd, .events = POLLIN};
    for (struct call *c = rig->calls; c && n < POLL_MAX; c = c->next)
        if (c->fd >= 0 && !c->whole) fds[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    if (n < POLL_MAX) fds[n++] = (struct pollfd){.fd = rig->server, .events = POLLIN};
    poll(fds, n, timeout_ms);
}

static void check_rules(struct rig *rig)
{
    if (*rig->broken) rig_fail(rig, rig->test->at, "%s", rig->broken);
}

void rig_run(struct rig *rig)
{
    /* A plugin that is always ready would keep us here: enough is enough. */
    for (int quiet = 0, n = 0; quiet < 2 && n < TURNS_MAX; n++) {
        bool moved = false;
        for (size_t i = 0; i < rig->n_open; i++) moved |= turn_lane(&rig->pipelines[i]->lanes[0]);
        for (struct request *r = rig->requests; r; r = r->next) moved |= request_move(rig, r);
        moved |= server_accept(rig);
        for (struct call *c = rig->calls; c; c = c->next) moved |= call_move(rig, c);
        quiet = moved ? 0 : quiet + 1;
        if (quiet && works(rig)) {
            sleep_on_all(rig, 10);
            quiet = 0;
        }
    }
    check_rules(rig);
}

void rig_advance(struct rig *rig, uint64_t ns)
{
    if (!rig->n_open) return;
    uint64_t until = rig->pipelines[0]->lanes[0].fake_now + ns;
    rig_run(rig);
    for (;;) {
        struct lane *next = NULL;
        uint64_t due = UINT64_MAX;
        for (size_t i = 0; i < rig->n_open; i++) {
            struct lane *lane = &rig->pipelines[i]->lanes[0];
            if (lane->phase >= LANE_CLOSING || timers_next(&lane->timers) >= due) continue;
            due = timers_next(&lane->timers);
            next = lane;
        }
        if (!next || due > until) break;
        for (size_t i = 0; i < rig->n_open; i++)
            if (due > rig->pipelines[i]->lanes[0].fake_now) rig->pipelines[i]->lanes[0].fake_now = due;
        lane_fire_timers(next);
        rig_run(rig);
    }
    for (size_t i = 0; i < rig->n_open; i++) rig->pipelines[i]->lanes[0].fake_now = until;
    rig_run(rig);
}

/* A stage with a socket, or a library with threads of its own, may still hear something. */
static bool may_still_come(const struct rig *rig)
{
    struct stat threads;
    if (!stat("/proc/self/task", &threads) && threads.st_nlink > 3) return true; /* ".", ".." and ours */
    for (size_t i = 0; i < rig->n_open; i++)
        for (uint32_t k = 0; k < rig->pipelines[i]->lanes[0].n_stages; k++)
            if (rig->pipelines[i]->lanes[0].stages[k].watches) return true;
    return false;
}

static uint64_t real_ms(void)
{
    return uv_hrtime() / 1000000;
}

bool rig_wait(struct rig *rig, bool (*cond)(struct rig *, void *), void *arg)
{
    uint64_t until = real_ms() + PATIENCE_MS;
    rig_run(rig);
    while (!cond(rig, arg)) {
        if (rig->failed || !may_still_come(rig) || real_ms() >= until) return false;
        sleep_on_all(rig, 5);
        rig_run(rig);
    }
    return true;
}

/* ---- close */
static void start_drain(struct lane *lane)
{
    if (lane->phase != LANE_RUNNING) return;
    lane_enter(lane);
    lane_start_drain(lane);
    lane_leave(lane);
}

void rig_drain(struct rig *rig)
{
    for (size_t i = 0; i < rig->n_open; i++) {
        start_drain(&rig->pipelines[i]->lanes[0]);
        rig_run(rig);
    }
}

bool rig_drained(struct rig *rig, void *arg)
{
    (void)arg;
    for (size_t i = 0; i < rig->n_open; i++)
        if (rig->pipelines[i]->lanes[0].phase < LANE_CLOSING) return false;
    return true;
}

static void drain_to_the_end(struct rig *rig, struct pipeline *p)
{
    struct lane *lane = &p->lanes[0];
    uint64_t until = real_ms() + PATIENCE_MS;
    start_drain(lane);
    rig_run(rig);
    while (lane->phase < LANE_CLOSING && real_ms() < until) {
        bool settled = fake_settle_rest(rig);
        sleep_on_all(rig, timers_next(&lane->timers) == UINT64_MAX ? 5 : 0);
        rig_run(rig);
        if (lane->phase == LANE_CLOSING) break;
        if (timers_next(&lane->timers) != UINT64_MAX)
            rig_advance(rig, timers_next(&lane->timers) - lane->fake_now);
        else if (!settled && !may_still_come(rig))
            break;
    }
    if (lane->phase < LANE_CLOSING)
        rig_fail(rig, rig->test->at, "%s does not drain: stage %s holds %u tickets, %u batches", p->conf->name,
                 lane->stages[lane->drain_at].ctx.stage, lane->stages[lane->drain_at].tickets,
                 lane->stages[lane->drain_at].batches);
    else if (lane->timed_out)
        rig_fail(rig, rig->test->at, "%s: %s", p->conf->name, lane->left);
}

static void drop_arrivals(struct rig *rig)
{
    for (struct arrival *a = rig->arrivals; a; a = a->next)
        if (!a->gone) fake_settle(rig, a, &(const struct weir_result){.status = WEIR_UNKNOWN, .outcome_name = ""});
}

void rig_close(struct rig *rig)
{
    for (struct request *r = rig->requests; r; r = r->next) request_hang_up(r);
    for (size_t i = 0; i < rig->n_open; i++) drain_to_the_end(rig, rig->pipelines[i]);
    drop_arrivals(rig);
    check_rules(rig);
    for (size_t i = 0; i < rig->n_open; i++) lane_close(&rig->pipelines[i]->lanes[0]);
    check_rules(rig);
    for (size_t i = 0; i < rig->n; i++) {
        for (size_t k = 0; k < rig->test->n_fakes; k++)
            if (rig->test->fakes[k].pipeline == rig->pipelines[i]->conf)
                rig->pipelines[i]->shared[rig->test->fakes[k].index] = NULL;
        pipeline_unshare(rig->pipelines[i]);
        pipeline_destroy(rig->pipelines[i]);
    }
    free(rig->pipelines);
    if (rig->metrics) weir_metrics_free(rig->metrics);
    request_free(rig);
    server_close(rig);
    fake_free(rig);
}
