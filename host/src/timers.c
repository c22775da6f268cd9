/* timers.c - a binary heap of the plugins' own timer structs. The host allocates nothing but the array of pointers.
 * priv[0] holds the place in the heap + 1 (0: not armed), priv[1] the stage. */
#include "lane.h"
#include <stdlib.h>

static void place(struct timers *t, uint32_t at, struct weir_timer *timer)
{
    t->v[at] = timer;
    timer->priv[0] = (void *)(uintptr_t)(at + 1);
}

static void sift_up(struct timers *t, uint32_t at, struct weir_timer *timer)
{
    while (at && t->v[(at - 1) / 2]->due_ns > timer->due_ns) {
        place(t, at, t->v[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(t, at, timer);
}

static void sift_down(struct timers *t, uint32_t at, struct weir_timer *timer)
{
    for (uint32_t child; (child = 2 * at + 1) < t->n; at = child) {
        if (child + 1 < t->n && t->v[child + 1]->due_ns < t->v[child]->due_ns) child++;
        if (t->v[child]->due_ns >= timer->due_ns) break;
        place(t, at, t->v[child]);
    }
    place(t, at, timer);
}

struct stage *timer_stage(const struct weir_timer *timer)
{
    return timer->priv[1];
}

bool timers_stop(struct timers *t, struct weir_timer *timer)
{
    uintptr_t at = (uintptr_t)timer->priv[0];
    if (!at) return false;
    struct weir_timer *last = t->v[--t->n];
    timer->priv[0] = NULL;
    timer->due_ns = 0;
    if (last == timer) return true;
    uint32_t hole = (uint32_t)at - 1;
    if (hole && t->v[(hole - 1) / 2]->due_ns > last->due_ns)
        sift_up(t, hole, last);
    else
        sift_down(t, hole, last);
    return true;
}

int timers_arm(struct timers *t, struct weir_timer *timer, struct stage *stage, uint64_t due_ns)
{
    timers_stop(t, timer);
    if (t->n == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 16;
        struct weir_timer **v = realloc(t->v, cap * sizeof *v);
        if (!v) return -1;
        t->v = v;
        t->cap = cap;
    }
    timer->due_ns = due_ns ? due_ns : 1;
    timer->priv[1] = stage;
    sift_up(t, t->n++, timer);
    return 0;
}

struct weir_timer *timers_due(struct timers *t, uint64_t now_ns)
{
    if (!t->n || t->v[0]->due_ns > now_ns) return NULL;
    struct weir_timer *timer = t->v[0];
    timers_stop(t, timer);
    return timer;
}

uint64_t timers_next(const struct timers *t)
{
    return t->n ? t->v[0]->due_ns : UINT64_MAX;
}
