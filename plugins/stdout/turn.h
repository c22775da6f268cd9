/* turn.h - one stdout for all lanes: a lane writes when it is its turn and hands it on between lines. */
#ifndef STDOUT_TURN_H
#define STDOUT_TURN_H
#include <pthread.h>
#include <weir/plugin.h>

struct turn_taker { /* one a lane */
    struct weir_ctx *ctx;
    struct weir_task task; /* its fn is called on the lane when the turn comes */
    struct turn_taker *next;
    bool waiting;
};
struct turn {
    pthread_mutex_t lock;
    struct turn_taker *owner, *first; /* first: of those who wait */
};

/* True: the turn is ours now. False: task.fn will be called when it is. */
bool turn_take(struct turn *, struct turn_taker *);
/* Hands it to the next one, when it is ours; forgets that we wait, when we do. */
void turn_leave(struct turn *, struct turn_taker *);
#endif
