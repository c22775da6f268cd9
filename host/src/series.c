/* series.c - the metrics every stage has, and those that its plugin declares. Names and labels are an API: the table
 * is in host/README.md. All exist, as 0, from the moment the stage is made. */
#include "lane.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_STATUS = WEIR_FATAL + 1, N_STATE = WEIR_FAILED + 1, LABELS_MAX = 4 };
const char *const weir_status_names[N_STATUS] = {"ok", "reject", "retry", "unknown", "fatal"};
static const char *const state_names[N_STATE] = {"starting", "ready", "degraded", "drained", "failed"};

struct settled { /* one (status, outcome) */
    struct settled *next;
    enum weir_status status;
    struct weir_series *series;
    char outcome[];
};
struct labelled { /* one series of a plugin's metric */
    struct labelled *next;
    uint32_t index;
    struct weir_series *series;
    char *values[LABELS_MAX];
};
struct stage_series {
    struct weir_series *events, *forwarded, *seconds, *stalls, *age, *state[N_STATE], *busy[N_CALLBACKS];
    struct settled *settled, *bare[N_STATUS]; /* bare: those without an outcome, which are also in the list */
    struct labelled *labelled;
    uint32_t n_metrics;
    struct weir_series *plain[]; /* the plugin's metrics without labels, by index */
};

static struct weir_metrics *registry(struct stage *s)
{
    return s->lane->pipeline->metrics;
}

static struct weir_series *add(struct stage *s, const char *name, enum weir_metric_type type, const char *help,
                               const double *buckets, const struct weir_label *more, size_t n_more)
{
    struct weir_label labels[WEIR_LABELS_MAX] = {
        {"pipeline", s->ctx.pipeline}, {"stage", s->ctx.stage}, {"plugin", s->plugin->name}};
    for (size_t i = 0; i < n_more && i + 3 < WEIR_LABELS_MAX; i++) labels[3 + i] = more[i];
    return weir_metrics_series(registry(s), name, type, help, buckets, labels, 3 + n_more);
}

static void exported_name(const struct stage *s, uint32_t index, char *out, size_t size)
{
    snprintf(out, size, "weir_%s_%s", s->plugin->name, s->plugin->metrics[index].name);
    for (char *c = out; *c; c++)
        if (*c == '-') *c = '_';
}

static struct settled *settled_series(struct stage *s, enum weir_status status, const char *outcome)
{
    struct stage_series *all = s->series;
    if (!*outcome && all->bare[status]) return all->bare[status];
    for (struct settled *e = all->settled; e; e = e->next)
        if (e->status == status && !strcmp(e->outcome, outcome)) return e;
    struct settled *e = malloc(sizeof *e + strlen(outcome) + 1);
    if (!e) return NULL;
    strcpy(e->outcome, outcome);
    e->status = status;
    const struct weir_label labels[] = {{"status", weir_status_names[status]}, {"outcome", e->outcome}};
    e->series = add(s, "weir_settled_total", WEIR_COUNTER, "Events that this stage settled, by what became of them.",
                    NULL, labels, 2);
    e->next = all->settled;
    all->settled = e;
    if (!*outcome) all->bare[status] = e;
    return e;
}

static int open_plugin_metrics(struct stage *s)
{
    for (uint32_t i = 0; i < s->series->n_metrics; i++) {
        const struct weir_metric *m = &s->plugin->metrics[i];
        char name[128];
        if (m->labels) continue; /* made when its label values are first seen */
        exported_name(s, i, name, sizeof name);
        s->series->plain[i] = add(s, name, m->type, m->help, m->buckets, NULL, 0);
        if (!s->series->plain[i]) return -1;
    }
    return 0;
}

int stage_series_open(struct stage *s)
{
    uint32_t n = 0;
    while (s->plugin->metrics && s->plugin->metrics[n].name) n++;
    struct stage_series *all = calloc(1, sizeof *all + n * sizeof all->plain[0]);
    if (!all) return -1;
    s->series = all;
    all->n_metrics = n;
    all->events = add(s, "weir_events_total", WEIR_COUNTER, "Events that came into this stage; of a source: went out.",
                      NULL, NULL, 0);
    all->forwarded = add(s, "weir_forwarded_total", WEIR_COUNTER,
                         "Events that came into this stage and that it handed on.", NULL, NULL, 0);
    all->seconds =
        add(s, "weir_stage_seconds", WEIR_HISTOGRAM, "Time of one push callback of this stage.", NULL, NULL, 0);
    all->stalls = add(s, "weir_stage_stalls_total", WEIR_COUNTER,
                      "Calls into this stage that held their lane longer than `watchdog`.", NULL, NULL, 0);
    for (int i = 0; i < N_CALLBACKS; i++) {
        const struct weir_label label = {"callback", callback_names[i]};
        all->busy[i] =
            add(s, "weir_stage_busy_seconds_total", WEIR_COUNTER,
                "Time in calls into this stage: over its events, what an event costs here.", NULL, &label, 1);
        if (!all->busy[i]) return -1;
    }
    if (s->durable)
        all->age = add(s, "weir_event_age_seconds", WEIR_HISTOGRAM,
                       "Age of an event (since its own timestamp) when this stage had it durable.", NULL, NULL, 0);
    for (int i = 0; i < N_STATE; i++) {
        const struct weir_label label = {"state", state_names[i]};
        all->state[i] =
            add(s, "weir_stage_state", WEIR_GAUGE, "Lanes in which this stage is in this state.", NULL, &label, 1);
        if (!all->state[i]) return -1;
    }
    weir_series_put(all->state[WEIR_STARTING], 1);
    bool settled =
        settled_series(s, WEIR_OK, "") && settled_series(s, WEIR_RETRY, "") && settled_series(s, WEIR_UNKNOWN, "");
    for (const struct weir_outcome *o = s->plugin->outcomes; settled && o && o->name; o++)
        if (*o->name) settled = settled_series(s, WEIR_OK, o->name) != NULL;
    return all->events && all->forwarded && all->seconds && all->stalls && settled ? open_plugin_metrics(s) : -1;
}

void stage_series_close(struct stage *s)
{
    struct stage_series *all = s->series;
    if (!all) return;
    struct weir_metrics *m = registry(s);
    weir_metrics_drop(m, all->events);
    weir_metrics_drop(m, all->forwarded);
    weir_metrics_drop(m, all->seconds);
    weir_metrics_drop(m, all->stalls);
    if (all->age) weir_metrics_drop(m, all->age);
    for (int i = 0; i < N_CALLBACKS; i++)
        if (all->busy[i]) weir_metrics_drop(m, all->busy[i]);
    for (int i = 0; i < N_STATE; i++)
        if (all->state[i]) weir_metrics_drop(m, all->state[i]);
    for (struct settled *e = all->settled, *next; e; e = next) {
        next = e->next;
        weir_metrics_drop(m, e->series);
        free(e);
    }
    for (struct labelled *l = all->labelled, *next; l; l = next) {
        next = l->next;
        weir_metrics_drop(m, l->series);
        for (int i = 0; i < LABELS_MAX; i++) free(l->values[i]);
        free(l);
    }
    for (uint32_t i = 0; i < all->n_metrics; i++)
        if (all->plain[i]) weir_metrics_drop(m, all->plain[i]);
    free(all);
    s->series = NULL;
}

void stage_count_in(struct stage *s, uint32_t n)
{
    weir_series_put(s->series->events, n);
}

void stage_count_forwarded(struct stage *s, uint32_t n)
{
    weir_series_put(s->series->forwarded, n);
}

void stage_count_settled(struct stage *s, enum weir_status status, const char *outcome)
{
    struct settled *e = settled_series(s, status, outcome);
    if (e && e->series) weir_series_put(e->series, 1);
}

void stage_count_seconds(struct stage *s, double seconds)
{
    weir_series_put(s->series->seconds, seconds);
}

void stage_count_busy(struct stage *s, enum callback callback, double seconds)
{
    if (s->series) weir_series_put(s->series->busy[callback], seconds);
}

void stage_count_stall(struct stage *s)
{
    weir_series_put(s->series->stalls, 1);
}

void stage_count_age(struct stage *s, uint64_t ts_ns)
{
    uint64_t wall = host_calls.wall(&s->ctx);
    weir_series_put(s->series->age, wall > ts_ns ? (double)(wall - ts_ns) / 1e9 : 0);
}

void stage_count_state(struct stage *s, enum weir_state before, enum weir_state now)
{
    weir_series_put(s->series->state[before], 0);
    weir_series_put(s->series->state[now], 1);
}

static bool same_labels(const struct labelled *l, const char *const *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(l->values[i], values[i])) return false;
    return true;
}

static struct weir_series *labelled_series(struct stage *s, uint32_t index, const char *const *values)
{
    const struct weir_metric *m = &s->plugin->metrics[index];
    uint32_t n = 0;
    while (n < LABELS_MAX && m->labels[n]) n++;
    for (struct labelled *l = s->series->labelled; l; l = l->next)
        if (l->index == index && same_labels(l, values, n)) return l->series;
    struct labelled *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    struct weir_label labels[LABELS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        l->values[i] = strdup(values[i]);
        if (!l->values[i]) goto no_memory;
        labels[i] = (struct weir_label){m->labels[i], l->values[i]};
    }
    char name[128];
    exported_name(s, index, name, sizeof name);
    l->index = index;
    l->series = add(s, name, m->type, m->help, m->buckets, labels, n);
    if (!l->series) goto no_memory;
    l->next = s->series->labelled;
    s->series->labelled = l;
    return l->series;
no_memory:
    for (uint32_t i = 0; i < n; i++) free(l->values[i]);
    free(l);
    return NULL;
}

void stage_metric(struct stage *s, uint32_t index, const char *const *labels, double v)
{
    if (index >= s->series->n_metrics) {
        stage_broke(s, "metric: the index is not in the plugin's table");
        return;
    }
    bool wants = s->plugin->metrics[index].labels != NULL;
    if (wants != (labels != NULL)) {
        stage_broke(s, "metric: label values given without label names, or the other way round");
        return;
    }
    struct weir_series *series = wants ? labelled_series(s, index, labels) : s->series->plain[index];
    if (series) weir_series_put(series, v);
}

double stage_metric_sum(struct stage *s, const char *name)
{
    double sum = 0;
    char own[128];
    for (uint32_t i = 0; i < s->series->n_metrics; i++) {
        exported_name(s, i, own, sizeof own);
        if (strcmp(own, name)) continue;
        if (s->series->plain[i]) sum += weir_series_value(s->series->plain[i]);
        for (struct labelled *l = s->series->labelled; l; l = l->next)
            if (l->index == i) sum += weir_series_value(l->series);
    }
    return sum;
}
