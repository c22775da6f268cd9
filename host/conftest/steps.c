/* steps.c - what a test does: push, pass, settle, clock, flow, drain. What it expects is in expect.c. */
#include "rig.h"
#include <stdlib.h>
#include <string.h>

static bool is_named(const char *its, struct weir_slice name)
{
    return !name.n || (its && !strcmp(its, (const char *)name.p));
}

static void push(struct rig *rig, const struct step *s)
{
    struct push *p = calloc(1, sizeof *p);
    struct lane *lane = s->fake->live->lane;
    if (!p) {
        rig_fail(rig, s->at, "out of memory");
        return;
    }
    *p = (struct push){.step = s, .fake = s->fake, .number = ++s->fake->n_pushed};
    *rig->push_tail = p;
    rig->push_tail = &p->next;
    lane_enter(lane);
    fake_send(rig, s->fake);
    lane_leave(lane);
}

/* The event of this name at this fake, or its oldest one; it must have come and be undecided. */
struct wanted {
    const struct fake *fake;
    struct weir_slice name;
    struct arrival *found;
};

static bool is_there(struct rig *rig, void *arg)
{
    struct wanted *w = arg;
    for (struct arrival *a = rig->arrivals; a && !w->found; a = a->next)
        if (a->fake == w->fake && !a->gone && is_named(a->name, w->name)) w->found = a;
    return w->found != NULL;
}

static struct arrival *find(struct rig *rig, const struct step *s, struct weir_slice name)
{
    struct wanted w = {s->fake, name, NULL};
    if (rig_wait(rig, is_there, &w)) return w.found;
    if (name.n)
        rig_fail(rig, s->at, "%s: the event \"%s\" at %s is settled or passed on already", step_options[s->kind].name,
                 (const char *)name.p, s->fake->stage->name);
    else
        rig_fail(rig, s->at, "%s: no event is at %s", step_options[s->kind].name, s->fake->stage->name);
    return NULL;
}

static void settle(struct rig *rig, const struct step *s)
{
    const struct result_keys *k = &s->keys->settle;
    const struct weir_result r = {.status = (enum weir_status)k->status,
                                  .schema = k->content.message ? k->content.message->id : 0,
                                  .n_headers = k->content.headers.n,
                                  .reply = k->content.wire,
                                  .headers = k->content.headers.items,
                                  .retry_after_ns = k->retry_after,
                                  .outcome_name = k->outcome.n ? (const char *)k->outcome.p : "",
                                  .why = k->why.n ? (const char *)k->why.p : NULL};
    struct arrival *a = find(rig, s, k->name);
    if (a) fake_settle(rig, a, &r);
}

static void pass(struct rig *rig, const struct step *s)
{
    struct arrival *a = find(rig, s, s->keys->pass.name);
    if (a && !fake_pass(rig, a, s->output)) rig_fail(rig, s->at, "out of memory");
}

static void hang_up(struct rig *rig, const struct step *s)
{
    for (struct request *r = rig->requests; r; r = r->next)
        if (is_named(r->name, s->keys->hang_up)) {
            request_hang_up(r);
            r->asked = true;
        }
}

static void flow(struct rig *rig, const struct step *s)
{
    for (size_t i = 0; i < rig->n_open; i++) rig->pipelines[i]->lanes[0].flow_pinned_shut = s->keys->flow != 0;
    for (size_t i = 0; i < rig->n_open; i++) {
        lane_enter(&rig->pipelines[i]->lanes[0]);
        lane_leave(&rig->pipelines[i]->lanes[0]);
    }
}

static void expect_drained(struct rig *rig, const struct step *s)
{
    bool wanted = s->keys->drained, is = wanted ? rig_wait(rig, rig_drained, NULL) : rig_drained(rig, NULL);
    for (size_t i = 0; i < rig->n_open && is != wanted; i++) {
        const struct lane *lane = &rig->pipelines[i]->lanes[0];
        if (!wanted)
            rig_fail(rig, s->at, "drained: every pipeline has drained");
        else if (lane->phase < LANE_DRAINING)
            rig_fail(rig, s->at, "drained: %s was not told to drain", lane->pipeline->conf->name);
        else if (lane->phase < LANE_CLOSING)
            rig_fail(rig, s->at, "drained: %s waits for stage %s", lane->pipeline->conf->name,
                     lane->stages[lane->drain_at].ctx.stage);
    }
}

void step_run(struct rig *rig, const struct step *s)
{
    switch (s->kind) {
    case STEP_PUSH: push(rig, s); break;
    case STEP_ARRIVES: expect_arrives(rig, s); break;
    case STEP_PASS: pass(rig, s); break;
    case STEP_SETTLE: settle(rig, s); break;
    case STEP_SETTLED: expect_settled(rig, s); break;
    case STEP_REQUEST: request_start(rig, s); break;
    case STEP_ANSWER: expect_answer(rig, s); break;
    case STEP_HANG_UP: hang_up(rig, s); break;
    case STEP_ASKED: expect_asked(rig, s); break;
    case STEP_REPLY: step_reply(rig, s); break;
    case STEP_ADVANCE: rig_advance(rig, s->keys->advance); break;
    case STEP_FLOW: flow(rig, s); break;
    case STEP_DRAIN:
        if (s->keys->drain) rig_drain(rig);
        break;
    case STEP_DRAINED: expect_drained(rig, s); break;
    case STEP_STATE: expect_state(rig, s); break;
    case STEP_METRICS: expect_metrics(rig, s); break;
    case STEP_PRINTS: expect_prints(rig, s); break;
    case STEP_KINDS: break;
    }
    if (!rig->failed) rig_run(rig);
}
