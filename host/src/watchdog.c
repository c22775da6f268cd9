/* watchdog.c - how long each call into a plugin held its lane: counted for its stage and callback; too long is logged.
 */
#include "lane.h"
#include <stdio.h>

const char *const callback_names[N_CALLBACKS] = {
    [CALL_PUSH] = "push",   [CALL_DONE] = "done",          [CALL_FLOW] = "flow", [CALL_TIMER] = "timer",
    [CALL_WATCH] = "watch", [CALL_TASK] = "a posted task", [CALL_OPEN] = "open", [CALL_WORK] = "done of a work item",
    [CALL_DRAIN] = "drain", [CALL_CLOSE] = "close"};

#define SAY_EVERY_NS 10000000000u /* a line a stage, lane and callback; the metric has them all */

static void stalled(struct stage *s, enum callback callback, uint64_t took, uint64_t now)
{
    char more[64] = "";
    stage_count_stall(s);
    if (s->stalls[callback].said_ns && now - s->stalls[callback].said_ns < SAY_EVERY_NS) {
        s->stalls[callback].unsaid++;
        return;
    }
    if (s->stalls[callback].unsaid)
        snprintf(more, sizeof more, "; %u more since this was said last", s->stalls[callback].unsaid);
    s->stalls[callback].said_ns = now;
    s->stalls[callback].unsaid = 0;
    s->ctx.host->log(&s->ctx, WEIR_WARN, "held its lane for %llu ms in %s; nothing in a callback may block%s",
                     (unsigned long long)(took / 1000000), callback_names[callback], more);
}

uint64_t stage_returned(struct stage *s)
{
    struct lane *lane = s->lane;
    uint64_t now = lane_clock(lane), took = now - lane->called_ns;
    lane->called_ns = now;
    weir_blame.callback = NULL;
    stage_count_busy(s, lane->calling, (double)took / 1e9);
    if (took >= lane->pipeline->watchdog_ns) stalled(s, lane->calling, took, now);
    return took;
}
