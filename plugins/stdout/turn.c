/* turn.c - handing the turn on is a post to the lane that waits longest: no lane ever blocks on another. */
#include "turn.h"

bool turn_take(struct turn *t, struct turn_taker *me)
{
    pthread_mutex_lock(&t->lock);
    bool mine = !t->owner || t->owner == me;
    if (mine) {
        t->owner = me;
    } else if (!me->waiting) {
        struct turn_taker **at = &t->first;
        while (*at) at = &(*at)->next;
        *at = me;
        me->next = NULL;
        me->waiting = true;
    }
    pthread_mutex_unlock(&t->lock);
    return mine;
}

void turn_leave(struct turn *t, struct turn_taker *me)
{
    pthread_mutex_lock(&t->lock);
    for (struct turn_taker **at = &t->first; me->waiting && *at; at = &(*at)->next)
        if (*at == me) {
            *at = me->next;
            me->waiting = false;
            break;
        }
    if (t->owner == me) {
        struct turn_taker *next = t->first;
        t->owner = next;
        if (next) {
            t->first = next->next;
            next->waiting = false;
            /* under the lock: a lane that closes takes itself off the list first, so its task is never posted after */
            next->ctx->host->post(next->ctx, &next->task);
        }
    }
    pthread_mutex_unlock(&t->lock);
}
