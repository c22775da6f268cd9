/* wait.c - runs the lane under the test's clock, or in real time until something is so. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdlib.h>

void kit_check_rules(struct weir_kit *kit)
{
    if (*kit->broken) fail_msg("%s", kit->broken);
}

static void turn(struct weir_kit *kit)
{
    lane_enter(kit->lane);
    kit_send_pushed(kit);
    lane_leave(kit->lane);
}

static void settle_down(struct weir_kit *kit)
{
    /* A plugin that is always ready would keep us here: enough is enough. */
    for (int quiet = 0, n = 0; quiet < 2 && n < 10000; n++) {
        uint64_t before = kit->lane->turns;
        uv_run(&kit->lane->loop, kit->under->works ? UV_RUN_ONCE : UV_RUN_NOWAIT);
        quiet = kit->lane->turns == before && !kit->under->works ? quiet + 1 : 0;
        if (kit->lane->phase == LANE_CLOSING) break;
    }
}

void weir_kit_run(struct weir_kit *kit)
{
    turn(kit);
    settle_down(kit);
    kit_check_rules(kit);
}

void weir_kit_advance(struct weir_kit *kit, uint64_t ns)
{
    struct lane *lane = kit->lane;
    if (!lane->fake_clock) fail_msg("weir_kit_advance: the kit was opened with WEIR_KIT_REAL_CLOCK");
    uint64_t until = lane->fake_now + ns;
    weir_kit_run(kit);
    for (uint64_t due; (due = timers_next(&lane->timers)) <= until;) {
        if (due > lane->fake_now) lane->fake_now = due;
        lane_fire_timers(lane);
        weir_kit_run(kit);
    }
    lane->fake_now = until;
    weir_kit_run(kit);
}

static void woken(uv_timer_t *timer)
{
    (void)timer;
}

static uint64_t real_ms(void)
{
    return uv_hrtime() / 1000000;
}

bool weir_kit_wait(struct weir_kit *kit, bool (*cond)(void *), void *arg, unsigned timeout_ms)
{
    uint64_t until = real_ms() + timeout_ms;
    bool met;
    uv_timer_t look; /* the condition may depend on things outside the loop */
    uv_timer_init(&kit->lane->loop, &look);
    uv_timer_start(&look, woken, 5, 5);
    turn(kit);
    while (!(met = cond(arg)) && real_ms() < until && !*kit->broken && kit->lane->phase != LANE_CLOSING)
        uv_run(&kit->lane->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&look, NULL);
    settle_down(kit); /* lets the handle close before it goes out of scope */
    kit_check_rules(kit);
    return met;
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

void weir_kit_flow(struct weir_kit *kit, bool open)
{
    kit->lane->flow_pinned_shut = !open;
    weir_kit_run(kit);
}
