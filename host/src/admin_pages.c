/* admin_pages.c - liveness, readiness and status as text, JSON and HTML. */
#include "admin_pages.h"
#include "text.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A callback that runs for longer than this will not come back: time to be restarted. */
#define STUCK_NS 10000000000ull

static const char *const phase_names[] = {"starting", "running", "draining", "stopped", "failed"};
static const char *const state_names[] = {"starting", "ready", "degraded", "drained", "failed"};

/* ---- the copy, so that pages are written without the lock */

static void copy_board(struct weir_snapshot *s, struct weir_status_board *b)
{
    if (b->n) memcpy(s->stages, b->stages, b->n * sizeof(*b->stages));
    for (size_t i = 0; i < b->n_pipelines; i++)
        s->pipelines[i] = (struct weir_snapshot_pipeline){b->pipelines[i].pipeline, b->pipelines[i].phase};
    for (size_t i = 0; i < b->n_lanes; i++)
        s->lanes[i] = (struct weir_snapshot_lane){b->lanes[i].pipeline, b->lanes[i].lane,
                                                  atomic_load(&b->lanes[i].busy_since_ns)};
    s->n_stages = b->n;
    s->n_pipelines = b->n_pipelines;
    s->n_lanes = b->n_lanes;
}

int weir_snapshot_take(struct weir_snapshot *s, struct weir_status_board *b)
{
    memset(s, 0, sizeof(*s));
    pthread_mutex_lock(&b->lock);
    s->stages = calloc(b->n + 1, sizeof(*s->stages));
    s->pipelines = calloc(b->n_pipelines + 1, sizeof(*s->pipelines));
    s->lanes = calloc(b->n_lanes + 1, sizeof(*s->lanes));
    bool complete = s->stages && s->pipelines && s->lanes;
    if (complete) copy_board(s, b);
    pthread_mutex_unlock(&b->lock);
    if (!complete) weir_snapshot_free(s);
    return complete ? 0 : -1;
}

void weir_snapshot_free(struct weir_snapshot *s)
{
    free(s->stages);
    free(s->pipelines);
    free(s->lanes);
    memset(s, 0, sizeof(*s));
}

/* ---- probes */

unsigned weir_page_livez(const struct weir_snapshot *s, uint64_t now_ns, FILE *f)
{
    size_t stuck = 0;
    for (size_t i = 0; i < s->n_lanes; i++) {
        uint64_t since = s->lanes[i].busy_since_ns;
        if (since == 0 || now_ns <= since || now_ns - since <= STUCK_NS) continue;
        stuck++;
        fprintf(f, "%s lane %u: busy in one callback for %llu s\n", s->lanes[i].pipeline, s->lanes[i].lane,
                (unsigned long long)((now_ns - since) / 1000000000u));
    }
    if (stuck == 0) fputs("ok\n", f);
    return stuck ? 503 : 200;
}

/* A server that goes away later must not make this 503: it would take every copy of the host out of its service at
 * once. So only three things count: never ready yet, leaving, and a source that cannot accept. */
static const char *why_not(const struct weir_stage_status *stage)
{
    if (stage->state == WEIR_FAILED) return "failed";
    if (!stage->was_ready) return "not ready yet";
    if (stage->is_source && stage->cannot_accept) return "cannot accept";
    return NULL;
}

unsigned weir_page_readyz(const struct weir_snapshot *s, FILE *f)
{
    size_t reasons = 0;
    if (s->n_pipelines == 0 && s->n_stages == 0 && ++reasons) fputs("starting\n", f);
    for (size_t i = 0; i < s->n_pipelines; i++) {
        if (s->pipelines[i].phase < WEIR_PHASE_DRAINING) continue; /* starting: its stages say what is missing */
        fprintf(f, "%s: %s\n", s->pipelines[i].name, phase_names[s->pipelines[i].phase]);
        reasons++;
    }
    for (size_t i = 0; i < s->n_stages; i++) {
        const struct weir_stage_status *stage = &s->stages[i];
        const char *why = why_not(stage);
        if (!why) continue;
        fprintf(f, "%s/%s lane %u: %s%s%s\n", stage->pipeline, stage->stage, stage->lane, why, *stage->why ? ": " : "",
                stage->why);
        reasons++;
    }
    if (reasons == 0) fputs("ready\n", f);
    return reasons ? 503 : 200;
}

/* ---- status */

static void put_member(FILE *f, const char *name, const char *value)
{
    fprintf(f, "\"%s\":", name);
    weir_put_json(f, value);
    fputc(',', f);
}

static void put_stage(FILE *f, const struct weir_stage_status *stage)
{
    char since[32];
    weir_rfc3339(since, stage->since_ns);
    fputc('{', f);
    put_member(f, "stage", stage->stage);
    put_member(f, "plugin", stage->plugin);
    fprintf(f, "\"lane\":%u,", stage->lane);
    put_member(f, "state", state_names[stage->state]);
    put_member(f, "reason", stage->why);
    fputs("\"since\":", f);
    weir_put_json(f, since);
    fputc('}', f);
}

unsigned weir_page_status(const struct weir_snapshot *s, FILE *f)
{
    fputc('{', f);
    put_member(f, "version", WEIR_VERSION);
    fputs("\"pipelines\":[", f);
    for (size_t i = 0; i < s->n_pipelines; i++) {
        const struct weir_snapshot_pipeline *p = &s->pipelines[i];
        size_t n = 0;
        fputs(i ? ",{" : "{", f);
        put_member(f, "pipeline", p->name);
        put_member(f, "phase", phase_names[p->phase]);
        fputs("\"stages\":[", f);
        for (size_t k = 0; k < s->n_stages; k++) {
            if (strcmp(s->stages[k].pipeline, p->name) != 0) continue;
            if (n++) fputc(',', f);
            put_stage(f, &s->stages[k]);
        }
        fputs("]}", f);
    }
    fputs("]}\n", f);
    return 200;
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">"
    "<title>weir</title>\n<style>body{font:15px/1.5 system-ui,sans-serif;margin:2em;max-width:70em;"
    "color-scheme:light dark}table{border-collapse:collapse}th,td{text-align:left;padding:.2em 1em .2em 0;"
    "border-bottom:1px solid #8884}.ready{color:#2a7}.degraded,.starting,.drained{color:#c80}.failed{color:#d33}"
    "</style></head>\n<body><h1>weir " WEIR_VERSION "</h1>\n<p><a href=\"/status\">status</a> (JSON) · "
    "<a href=\"/metrics\">metrics</a> · <a href=\"/livez\">livez</a> · <a href=\"/readyz\">readyz</a></p>\n"
    "<table><tr><th>pipeline</th><th>stage</th><th>plugin</th><th>lane</th><th>state</th><th>reason</th>"
    "<th>since</th></tr>\n";

static void put_cell(FILE *f, const char *text)
{
    fputs("<td>", f);
    weir_put_html(f, text);
    fputs("</td>", f);
}

static const char *phase_of(const struct weir_snapshot *s, const char *pipeline)
{
    for (size_t i = 0; i < s->n_pipelines; i++)
        if (strcmp(s->pipelines[i].name, pipeline) == 0) return phase_names[s->pipelines[i].phase];
    return "";
}

unsigned weir_page_front(const struct weir_snapshot *s, FILE *f)
{
    fputs(page_head, f);
    for (size_t i = 0; i < s->n_stages; i++) {
        const struct weir_stage_status *stage = &s->stages[i];
        char since[32];
        weir_rfc3339(since, stage->since_ns);
        fputs("<tr><td>", f);
        weir_put_html(f, stage->pipeline);
        fprintf(f, " (%s)</td>", phase_of(s, stage->pipeline));
        put_cell(f, stage->stage);
        put_cell(f, stage->plugin);
        fprintf(f, "<td>%u</td><td class=\"%s\">%s</td>", stage->lane, state_names[stage->state],
                state_names[stage->state]);
        put_cell(f, stage->why);
        put_cell(f, since);
        fputs("</tr>\n", f);
    }
    fputs("</table></body></html>\n", f);
    return 200;
}
