/* lane.h - the inside of a running pipeline: lanes, their stages, batches, tickets, timers.
 *
 * How a turn goes: something outside calls in (a watch, a timer, a post, a finished work item). lane_enter() reads the
 * clock; the stage's callback runs; its host calls only put pushes and resolved tickets on the lane's queue.
 * lane_leave() then empties that queue, tells the source whether its flow is open, and moves a drain on. So no stage
 * is ever entered from inside one of its own host calls, and the C stack stays flat however long the pipeline is.
 */
#ifndef WEIR_LANE_H
#define WEIR_LANE_H
#include "conf.h"
#include "crash.h"
#include "metrics.h"
#include "pool.h"
#include "status.h"
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>
#include <weir/plugin.h>

struct lane;
struct stage;
struct pipeline;

/* ---- the lane's queue: what is to be called once the present callback has returned */
enum item_kind { ITEM_PUSH, ITEM_DONE };
struct item {
    struct item *next;
    enum item_kind kind;
};

/* ---- batch.c */
struct batch;
struct chunk { /* of the arena */
    struct chunk *next;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};
struct keep { /* a batch whose bytes another one's events point into */
    struct keep *next;
    struct batch *batch;
};
struct batch {
    struct weir_batch pub; /* first: the plugin's view */
    struct item item;
    struct stage *holder; /* who must forward or release it */
    struct stage *to;     /* on the queue: whom it is pushed to */
    struct pool *pool;    /* whose memory it is */
    size_t size;          /* and how much, events included */
    uint32_t refs;        /* 1 + batches that hold events moved out of this one */
    struct chunk *chunks; /* the arena */
    struct keep *kept;    /* batches whose bytes our events point into */
    size_t used, room;    /* of the newest chunk */
    void *grave;          /* the test kit's, once it was released */
};
struct batch *batch_create(struct stage *holder, uint32_t cap);
void *batch_bytes(struct batch *, size_t n);
struct weir_event *batch_move(struct batch *to, struct batch *from, struct weir_event *ev);
/* A batch of the same unsettled events over the same bytes; their tickets are not counted up. NULL: no memory. */
struct batch *batch_share(struct batch *from, struct stage *holder);
void batch_unref(struct batch *);
static inline struct batch *batch_of(struct weir_batch *b)
{
    return weir_container(b, struct batch, pub);
}

/* ---- ticket.c */
struct weir_ticket {
    struct item item;
    struct stage *owner; /* who made it and hears done() */
    void *cookie;
    uint32_t refs;
    bool some_ok;            /* one of its events was settled as OK */
    uint32_t charged_events; /* of the lane's window */
    uint64_t charged_bytes;
    struct weir_result worst;
    struct stage *by; /* who gave it; NULL while nobody has settled anything */
    void *copy;       /* one block with what worst points to */
};
struct weir_ticket *ticket_create(struct stage *owner, void *cookie, uint32_t refs);
/* Merges one event's result; true when it was the last one. */
bool ticket_settle(struct weir_ticket *, struct stage *by, const struct weir_result *, const char *outcome_name);
const char *ticket_settled_by(struct weir_ctx *, const char **plugin); /* the host call */
void ticket_destroy(struct weir_ticket *);

/* ---- timers.c: a binary heap by due time */
struct timers {
    struct weir_timer **v;
    uint32_t n, cap;
};
int timers_arm(struct timers *, struct weir_timer *, struct stage *, uint64_t due_ns); /* -1: no memory */
bool timers_stop(struct timers *, struct weir_timer *);                                /* was it armed? */
struct weir_timer *timers_due(struct timers *, uint64_t now_ns); /* takes the earliest one that is due, or NULL */
uint64_t timers_next(const struct timers *);                     /* UINT64_MAX: none */
struct stage *timer_stage(const struct weir_timer *);

/* ---- stages and lanes */
struct stage_series; /* series.c */
/* What a plugin is called for; callback_names says it to people, series.c has a counter of each. */
enum callback {
    CALL_PUSH,
    CALL_DONE,
    CALL_FLOW,
    CALL_TIMER,
    CALL_WATCH,
    CALL_TASK,
    CALL_WORK,
    CALL_OPEN,
    CALL_DRAIN,
    CALL_CLOSE,
    N_CALLBACKS
};
extern const char *const callback_names[N_CALLBACKS]; /* watchdog.c */

struct stage {
    struct weir_ctx ctx; /* first: the plugin's view */
    struct lane *lane;
    uint32_t index;
    const struct weir_plugin *plugin;
    struct stage **next; /* the stages that follow: one, or the first of each branch; none after a last stage */
    uint32_t n_next;
    enum weir_state state;
    char why[200];
    bool opened, draining, drained, busy;
    bool durable; /* promised DURABLE_ON_OK: the age of what it settles is worth a metric */
    /* what it holds; all 0 after close, or it leaked */
    uint32_t batches, tickets, timers, watches, works;
    _Atomic(struct weir_task *) posted; /* newest first */
    struct {                            /* watchdog.c, by callback */
        uint64_t said_ns;               /* when its stall was last logged; 0: never */
        uint32_t unsaid;                /* and how many were only counted since */
    } stalls[N_CALLBACKS];
    struct stage_series *series;
    struct weir_stage_status *board; /* NULL in the test kit */
};

/* The test kit's way in: called instead of a log line when a plugin breaks a rule. */
struct lane_hooks {
    void (*broken)(void *arg, struct stage *, const char *rule);
    void *arg;
};

enum lane_phase { LANE_NEW, LANE_RUNNING, LANE_DRAINING, LANE_CLOSING, LANE_CLOSED };
struct lane {
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t tick; /* armed for the earliest timer */
    struct pipeline *pipeline;
    uint32_t index;
    struct stage *stages;
    uint32_t n_stages;
    pthread_t thread;
    bool alive; /* its thread runs its loop; guarded by the pipeline's lock */
    enum lane_phase phase;

    struct item *head, **tail;
    struct pool *pool; /* of its batches and tickets; NULL in the test kit, which looks at each of them after its end */
    struct timers timers;
    uint64_t now;
    uint64_t turns;
    uint32_t depth; /* > 0 inside lane_enter .. lane_leave */

    uint32_t window_events;
    uint64_t window_bytes;
    uint32_t used_events;
    uint64_t used_bytes;
    uint32_t busy; /* stages that asked for a pause */
    bool flow_told, flow_pinned_shut;
    bool starved; /* room() said 0: the source is owed a flow(true) even if none was closed in between */

    uint32_t drain_at; /* stage that drains now */
    uint64_t drain_deadline;
    bool timed_out, failed; /* failed: it drains because its pipeline failed */
    char left[256];         /* what was left at the time-out */
    atomic_bool stop;       /* set by the main thread, then wake */

    bool fake_clock;
    uint64_t fake_now;
    const struct lane_hooks *hooks;
    struct weir_series *window_series, *window_bytes_series, *in_series, *out_series[WEIR_FATAL + 1];
    uint32_t in_events, out_events[WEIR_FATAL + 1]; /* in this turn; told with the window, so that they add up */
    _Atomic uint64_t *heartbeat;                    /* NULL in the test kit */
    uint64_t called_ns;                             /* when the present callback began */
    enum callback calling;                          /* until it returns */
    struct weir_ticket *hears;                      /* whose result the present done() gets; NULL outside of done() */
};

/* lane_life.c, the rest lane.c: 0, or -1 with err filled (and *at = the stage at fault) */
int lane_init(struct lane *, struct pipeline *, uint32_t index);
int lane_open(struct lane *, struct weir_err *, struct stage **at);
void lane_run(struct lane *);         /* until closed */
void lane_start_drain(struct lane *); /* on the lane's thread */
void lane_close(struct lane *);       /* closes every stage that is open, frees the loop */
void lane_enter(struct lane *);
void lane_leave(struct lane *);
void lane_enqueue(struct lane *, struct item *);
struct item *lane_dequeue(struct lane *); /* NULL: empty */
void lane_on_wake(uv_async_t *);
void lane_fire_timers(struct lane *);
void lane_rearm(struct lane *);
void lane_advance(struct lane *); /* flow, drain */
uint64_t lane_clock(struct lane *);
bool lane_flow_open(const struct lane *);
/* Around each call into a plugin: who is to blame for what happens in it, and for how long it held the lane. */
static inline void stage_calls(struct stage *s, enum callback callback)
{
    weir_blame.stage = s;
    weir_blame.callback = callback_names[callback];
    s->lane->calling = callback;
}
uint64_t stage_returned(struct stage *); /* watchdog.c; nanoseconds that it took */
/* A plugin broke the contract: test kit fails, host logs and counts. */
void stage_broke(struct stage *, const char *rule);
void stage_set_state(struct stage *, enum weir_state, const char *why);
static inline struct stage *stage_of(struct weir_ctx *c)
{
    return weir_container(c, struct stage, ctx);
}

extern const struct weir_host host_calls; /* host_calls.c */
/* forward.c */
void call_forward(struct weir_ctx *, struct weir_batch *);
void call_forward_to(struct weir_ctx *, struct weir_batch *, uint32_t output);

/* series.c: the fixed metrics of DESIGN's table */
int stage_series_open(struct stage *);
void stage_series_close(struct stage *);
extern const char *const weir_status_names[WEIR_FATAL + 1];
void stage_count_forwarded(struct stage *, uint32_t n);
void stage_count_in(struct stage *, uint32_t n);
void stage_count_settled(struct stage *, enum weir_status, const char *outcome);
void stage_count_seconds(struct stage *, double);                     /* of one push */
void stage_count_busy(struct stage *, enum callback, double seconds); /* of any call */
void stage_count_stall(struct stage *);
void stage_count_age(struct stage *, uint64_t ts_ns);
void stage_count_state(struct stage *, enum weir_state before, enum weir_state now);
void stage_metric(struct stage *, uint32_t index, const char *const *labels, double v);
double stage_metric_sum(struct stage *, const char *exported_name); /* test kit */

/* listen.c */
struct listeners;
int listen_on(struct pipeline *, const char *address, struct weir_err *);
void listeners_close(struct pipeline *);

/* ---- pipeline.c */
struct pipeline {
    const struct weir_conf_pipeline *conf;
    struct weir_schemas *schemas;
    struct weir_metrics *metrics;
    struct weir_status_board *board; /* NULL in the test kit */
    size_t board_at, board_lane;     /* where our stages and lanes begin in the board */
    uint64_t watchdog_ns;
    const struct weir_host *calls; /* what plugins call: host_calls, or the test kit's layer over it */
    void **shared;                 /* one a stage */
    struct lane *lanes;
    uint32_t n_lanes, n_open, n_running;
    pthread_mutex_t lock; /* guards listeners, n_running, alive, failed */
    struct listeners *listeners;
    bool failed;
    char failure[512];
    int finished_fd; /* eventfd of the process: something stopped */
};
struct pipeline *pipeline_create(const struct weir_conf *, const struct weir_conf_pipeline *, struct weir_metrics *,
                                 struct weir_status_board *, int finished_fd);
int pipeline_open(struct pipeline *, struct weir_loader *, struct weir_errors *); /* init, share, open; on the caller */
void pipeline_abandon(struct pipeline *);                    /* closes what pipeline_open opened; never started */
int pipeline_start(struct pipeline *, struct weir_errors *); /* a thread a lane */
void pipeline_stop(struct pipeline *);                       /* asks every lane to drain; returns at once */
bool pipeline_done(struct pipeline *);                       /* every lane has ended */
bool pipeline_join(struct pipeline *, FILE *left);           /* false: something was left */
void pipeline_fail(struct pipeline *, const char *stage, const char *why); /* ANY THREAD: log, mark, stop */
void pipeline_destroy(struct pipeline *);
/* share() of every stage, on the main thread; errors carry the stage's place in the conf. */
int pipeline_share(struct pipeline *, struct weir_errors *);
void pipeline_unshare(struct pipeline *);
#endif
