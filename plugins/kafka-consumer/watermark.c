/* watermark.c - a queue of offsets in reading order, from whose head the finished ones leave.
 * Every entry is added once and leaves once: constant time an event, however far apart they finish. */
#include "watermark.h"
#include <stddef.h>

void watermark_init(struct watermark *w)
{
    *w = (struct watermark){.next = -1, .epoch = -1};
}

void watermark_add(struct watermark *w, struct wm_entry *e)
{
    e->next = NULL;
    e->done = false;
    if (w->tail)
        w->tail->next = e;
    else
        w->head = e;
    w->tail = e;
}

struct wm_entry *watermark_done(struct watermark *w, struct wm_entry *e)
{
    struct wm_entry *passed = w->head, *last = NULL;
    e->done = true;
    while (w->head && w->head->done) {
        last = w->head;
        w->head = last->next;
    }
    if (!last) return NULL;
    if (!w->head) w->tail = NULL;
    w->next = last->offset + 1;
    w->epoch = last->epoch;
    last->next = NULL;
    return passed;
}
