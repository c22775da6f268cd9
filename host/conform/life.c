/* life.c - a plugin in the test kit, from open to close, with events from the seed. */
#include "life.h"
#include "lane.h"
#include <string.h>

enum { STEP_MS = 5, TOGETHER_MAX = 8 };

/* Of threads and descriptors that libraries keep for the process only the case "leaves-nothing" can tell. */
bool life_try(struct life *l, const struct conform *c, uint64_t salt, uint64_t fail_alloc, char **error)
{
    char path[4096];
    *l = (struct life){.conform = c, .rng = {c->seed + salt * 0x100000001u}};
    l->plugin = conform_descriptor(c, path);
    const unsigned flags = (c->last ? WEIR_KIT_LAST : 0u) | (c->library_inside ? WEIR_KIT_LIBRARY_INSIDE : 0u);
    const struct weir_kit_setup setup = {.plugin = c->plugin,
                                         .conf = c->conf,
                                         .flags = WEIR_KIT_LIBRARY_KEEPS | flags,
                                         .fail_alloc = fail_alloc,
                                         .outputs = c->outputs};
    l->kit = weir_kit_try_open(&setup, error);
    return l->kit != NULL;
}

void life_open(struct life *l, const struct conform *c, uint64_t salt)
{
    char *error = NULL;
    if (life_try(l, c, salt, 0, &error)) return;
    error[strcspn(error, "\n")] = 0;
    conform_fail("open: it was refused: %s", error);
}

static void push_one(struct life *l)
{
    struct weir_ctx *ctx = weir_kit_ctx(l->kit);
    struct random_event e;
    random_event(&e, &l->rng, l->conform, ctx);
    weir_kit_push(l->kit, &e.event);
    random_event_free(&e);
    l->pushed++;
}

static bool is_source(const struct life *l)
{
    return l->plugin->roles == WEIR_SOURCE;
}

void life_push(struct life *l, uint32_t n)
{
    if (is_source(l)) return;
    while (n) {
        uint32_t together = 1 + rng_below(&l->rng, TOGETHER_MAX);
        for (; n && together; n--, together--) push_one(l);
        weir_kit_run(l->kit);
    }
}

/* ---- time: the kit's clock goes from timer to timer, and the machine's goes on for what is outside of it */
static bool never(void *arg)
{
    (void)arg;
    return false;
}

static void step(struct life *l)
{
    struct lane *lane = stage_of(weir_kit_ctx(l->kit))->lane;
    uint64_t due = timers_next(&lane->timers);
    if (due != UINT64_MAX)
        weir_kit_advance(l->kit, due > lane->fake_now ? due - lane->fake_now : 0);
    else
        weir_kit_wait(l->kit, never, NULL, STEP_MS);
}

/* Every other step lets the outside answer. */
static void pass(struct life *l, uint64_t n)
{
    step(l);
    if (n % 4 == 3) weir_kit_wait(l->kit, never, NULL, 1);
}

static uint64_t real_ms(void)
{
    return uv_hrtime() / 1000000;
}

struct weir_event *life_next(struct life *l, uint64_t ms)
{
    uint64_t until = real_ms() + ms;
    struct weir_event *ev;
    for (uint64_t n = 0; !(ev = weir_kit_forwarded(l->kit)) && real_ms() < until && !weir_kit_drained(l->kit); n++)
        pass(l, n);
    l->taken += ev != NULL;
    return ev;
}

uint32_t life_settle(struct life *l, enum weir_status status)
{
    uint32_t n = 0;
    for (struct weir_event *ev; (ev = weir_kit_forwarded(l->kit)); n++) {
        l->taken++;
        weir_kit_settle(l->kit, ev, status, status == WEIR_OK ? NULL : "the case says so");
    }
    weir_kit_run(l->kit);
    return n;
}

bool life_until(struct life *l, bool (*cond)(struct life *), uint64_t ms)
{
    uint64_t until = real_ms() + ms;
    bool met;
    life_settle(l, WEIR_OK);
    for (uint64_t n = 0; !(met = cond(l)) && real_ms() < until && !weir_kit_drained(l->kit); n++) {
        pass(l, n);
        life_settle(l, WEIR_OK);
    }
    return met || cond(l);
}

bool life_all_settled(struct life *l)
{
    for (uint64_t i = l->pushed; i; i--)
        if (!weir_kit_settled(l->kit, i)) return false;
    return true;
}

static bool has_emitted(struct life *l)
{
    return l->taken >= 3;
}

void life_work(struct life *l, uint32_t n)
{
    life_push(l, n);
    if (is_source(l)) life_until(l, has_emitted, l->conform->feed ? l->conform->patience_ms : 300);
}

/* ---- the end */
static bool is_drained(struct life *l)
{
    return weir_kit_drained(l->kit);
}

static bool waits_for_a_server(struct life *l)
{
    enum weir_state state = weir_kit_state(l->kit, NULL);
    return state == WEIR_STARTING || state == WEIR_DEGRADED || state == WEIR_FAILED;
}

void life_close(struct life *l)
{
    struct stage *s = stage_of(weir_kit_ctx(l->kit));
    bool waits = waits_for_a_server(l);
    life_settle(l, WEIR_OK);
    weir_kit_drain(l->kit);
    if (!life_until(l, is_drained, l->conform->patience_ms) || s->lane->timed_out) { /* its clock runs faster */
        if (!waits && !waits_for_a_server(l))
            conform_fail("drain: it did not say WEIR_DRAINED within %llu ms; it holds %u batches, %u tickets, %u works",
                         (unsigned long long)l->conform->patience_ms, s->batches, s->tickets, s->works);
        s->lane->timed_out = true; /* as the host does then: what it holds is given up with it */
        s->state = WEIR_FAILED;
        s->lane->phase = LANE_CLOSING;
    }
    if (l->alloc_failed) *l->alloc_failed = weir_kit_alloc_failed(l->kit);
    weir_kit_close(l->kit);
    l->kit = NULL;
}
