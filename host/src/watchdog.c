/* watchdog.c - how long each call into a plugin held its lane; too long is counted for its stage and logged. */
#include "lane.h"
#include <stdio.h>

#define SAY_EVERY_NS 10000000000u /* a line a stage and lane; the metric has them all */

static void stalled(struct stage *s, const char *callback, uint64_t took, uint64_t now)
{
    char more[64] = "";
    stage_count_stall(s);
    if (s->stall_said_ns && now - s->stall_said_ns < SAY_EVERY_NS) {
        s->stalls_unsaid++;
        return;
    }
    if (s->stalls_unsaid) snprintf(more, sizeof more, "; %u more since this was said last", s->stalls_unsaid);
    s->stall_said_ns = now;
    s->stalls_unsaid = 0;
    s->ctx.host->log(&s->ctx, WEIR_WARN, "held its lane for %llu ms in %s; nothing in a callback may block%s",
                     (unsigned long long)(took / 1000000), callback, more);
}

uint64_t stage_returned(struct stage *s)
{
    struct lane *lane = s->lane;
    uint64_t now = lane_clock(lane), took = now - lane->called_ns;
    const char *callback = weir_blame.callback;
    lane->called_ns = now;
    weir_blame.callback = NULL;
    if (took >= lane->pipeline->watchdog_ns) stalled(s, callback, took, now);
    return took;
}
