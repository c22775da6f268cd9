/* watchdog.c - how long each call into a plugin held its lane; too long is counted for its stage and logged. */
#include "lane.h"
#include <stdio.h>
#include <string.h>

#define SAY_EVERY_NS 10000000000u /* a line a stage, lane and callback; the metric has them all */
enum { CALLBACKS = sizeof((struct stage *)0)->stalls / sizeof((struct stage *)0)->stalls[0] };

static void stalled(struct stage *s, const char *callback, uint64_t took, uint64_t now)
{
    char more[64] = "";
    unsigned i = 0;
    stage_count_stall(s);
    while (i + 1 < CALLBACKS && s->stalls[i].callback && strcmp(s->stalls[i].callback, callback) != 0) i++;
    if (s->stalls[i].callback && now - s->stalls[i].said_ns < SAY_EVERY_NS) {
        s->stalls[i].unsaid++;
        return;
    }
    if (s->stalls[i].unsaid) snprintf(more, sizeof more, "; %u more since this was said last", s->stalls[i].unsaid);
    s->stalls[i].callback = callback;
    s->stalls[i].said_ns = now;
    s->stalls[i].unsaid = 0;
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
