/* wait.c - runs the lane under the test's clock, or in real time until something is so. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdlib.h>

void kit_turn(struct weir_kit *kit)
{
    lane_enter(kit->lane);
    kit_send_pushed(kit);
    lane_leave(kit->lane);
}

void kit_settle_down(struct weir_kit *kit)
{
    /* A plugin that is always ready would keep us here: enough is enough. */
    for (int quiet = 0, n = 0; quiet < 2 && n < 10000; n++) {
        uint64_t before = kit->lane->turns;
        bool works = kit->under->works > kit->n_works_held;
        uv_run(&kit->lane->loop, works ? UV_RUN_ONCE : UV_RUN_NOWAIT);
        quiet = kit->lane->turns == before && !works ? quiet + 1 : 0;
        if (kit->lane->phase == LANE_CLOSING) break;
    }
}

void weir_kit_run(struct weir_kit *kit)
{
    kit_enter();
    kit_turn(kit);
    kit_settle_down(kit);
    kit_leave();
    kit_check_rules(kit);
}

/* ---- the clock, which all lanes have in common */
static uint64_t next_timer(const struct kit_open *o)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < o->n_lanes; i++)
        if (timers_next(&o->lanes[i].lane->timers) < due) due = timers_next(&o->lanes[i].lane->timers);
    return due;
}

static void run_all(struct kit_open *o)
{
    for (uint32_t i = 0; i < o->n_lanes; i++) weir_kit_run(&o->lanes[i]);
}

static void set_clock(struct kit_open *o, uint64_t now)
{
    for (uint32_t i = 0; i < o->n_lanes; i++)
        if (now > o->lanes[i].lane->fake_now) o->lanes[i].lane->fake_now = now;
}

void weir_kit_advance(struct weir_kit *kit, uint64_t ns)
{
    struct kit_open *o = kit->open;
    if (!kit->lane->fake_clock) fail_msg("weir_kit_advance: the kit was opened with WEIR_KIT_REAL_CLOCK");
    uint64_t until = kit->lane->fake_now + ns;
    kit_enter();
    run_all(o);
    for (uint64_t due; (due = next_timer(o)) <= until;) {
        set_clock(o, due);
        for (uint32_t i = 0; i < o->n_lanes; i++) lane_fire_timers(o->lanes[i].lane);
        run_all(o);
    }
    set_clock(o, until);
    run_all(o);
    kit_leave();
}

/* ---- real time */
static void woken(uv_timer_t *timer)
{
    (void)timer;
}

static void is_closed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

/* Before it goes out of scope; a lane that has just been drained has stopped its loop, so that once may not be enough. */
static void close_handle(struct weir_kit *kit, uv_handle_t *handle)
{
    bool closed = false;
    handle->data = &closed;
    uv_close(handle, is_closed);
    while (!closed) uv_run(&kit->lane->loop, UV_RUN_NOWAIT);
}

static uint64_t real_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void run_others(struct weir_kit *kit)
{
    struct kit_open *o = kit->open;
    for (uint32_t i = 0; i < o->n_lanes; i++) {
        if (&o->lanes[i] == kit || o->lanes[i].lane->phase == LANE_CLOSING) continue;
        kit_turn(&o->lanes[i]);
        uv_run(&o->lanes[i].lane->loop, UV_RUN_NOWAIT);
    }
}

bool weir_kit_wait(struct weir_kit *kit, bool (*cond)(void *), void *arg, unsigned timeout_ms)
{
    uint64_t until = real_ms() + timeout_ms;
    bool met;
    uv_timer_t look; /* the condition may depend on things outside the loop */
    kit_enter();
    uv_timer_init(&kit->lane->loop, &look);
    uv_timer_start(&look, woken, 5, 5);
    kit_turn(kit);
    while (!(met = cond(arg)) && real_ms() < until && !kit_is_broken(kit->open) && kit->lane->phase != LANE_CLOSING) {
        run_others(kit);
        uv_run(&kit->lane->loop, UV_RUN_ONCE);
    }
    close_handle(kit, (uv_handle_t *)&look);
    kit_settle_down(kit);
    kit_leave();
    kit_check_rules(kit);
    return met;
}

struct fd_wait {
    uv_poll_t poll;
    bool ready;
};

static void fd_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    ((struct fd_wait *)poll)->ready = true;
}

static bool is_ready(void *arg)
{
    return ((struct fd_wait *)arg)->ready;
}

bool kit_wait_fd(struct weir_kit *kit, int fd, int events, unsigned timeout_ms)
{
    struct fd_wait w = {.ready = false};
    kit_enter();
    if (uv_poll_init(&kit->lane->loop, &w.poll, fd) || uv_poll_start(&w.poll, events, fd_ready))
        fail_msg("the kit cannot wait for a socket");
    weir_kit_wait(kit, is_ready, &w, timeout_ms);
    close_handle(kit, (uv_handle_t *)&w.poll);
    kit_settle_down(kit);
    kit_leave();
    return w.ready;
}

struct wanted {
    struct weir_kit *kit;
    uint64_t number;
    struct weir_event *ev;
    enum weir_state state;
};

static bool is_settled(void *arg)
{
    struct wanted *w = arg;
    return weir_kit_settled(w->kit, w->number) != NULL;
}

bool weir_kit_wait_settled(struct weir_kit *kit, uint64_t number, unsigned timeout_ms)
{
    struct wanted w = {kit, number, NULL, WEIR_STARTING};
    return weir_kit_wait(kit, is_settled, &w, timeout_ms);
}

static bool is_forwarded(void *arg)
{
    struct wanted *w = arg;
    if (!w->ev) w->ev = weir_kit_forwarded(w->kit);
    return w->ev != NULL;
}

struct weir_event *weir_kit_wait_forwarded(struct weir_kit *kit, unsigned timeout_ms)
{
    struct wanted w = {kit, 0, NULL, WEIR_STARTING};
    weir_kit_wait(kit, is_forwarded, &w, timeout_ms);
    return w.ev;
}

static bool is_state(void *arg)
{
    struct wanted *w = arg;
    return w->kit->under->state == w->state;
}

bool weir_kit_wait_state(struct weir_kit *kit, enum weir_state state, unsigned timeout_ms)
{
    struct wanted w = {kit, 0, NULL, state};
    return weir_kit_wait(kit, is_state, &w, timeout_ms);
}

static bool drained(void *arg)
{
    return weir_kit_drained(arg);
}

bool weir_kit_wait_drained(struct weir_kit *kit, unsigned timeout_ms)
{
    return weir_kit_wait(kit, drained, kit, timeout_ms);
}

void weir_kit_flow(struct weir_kit *kit, bool open)
{
    kit->lane->flow_pinned_shut = !open;
    weir_kit_run(kit);
}
