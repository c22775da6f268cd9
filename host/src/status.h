/* status.h - what the admin listener shows: one record a stage and lane, written by lanes, read by the admin thread. */
#ifndef WEIR_STATUS_H
#define WEIR_STATUS_H
#include <pthread.h>
#include <weir/plugin.h>

enum weir_phase { WEIR_PHASE_STARTING, WEIR_PHASE_RUNNING, WEIR_PHASE_DRAINING, WEIR_PHASE_STOPPED, WEIR_PHASE_FAILED };

struct weir_stage_status {
    const char *pipeline, *stage, *plugin;
    uint32_t lane;
    bool is_source;
    enum weir_state state;
    bool was_ready;     /* READY or DEGRADED-after-READY at least once */
    bool cannot_accept; /* source whose flow is closed for longer than 1 s, or that is not listening */
    uint64_t since_ns;  /* wall clock */
    char why[200];
};
struct weir_status_board { /* one a process */
    pthread_mutex_t lock;  /* guards everything below; writers hold it for nanoseconds, on state changes only */
    struct weir_stage_status *stages;
    size_t n;
    struct {
        const char *pipeline;
        enum weir_phase phase;
    } * pipelines;
    size_t n_pipelines;
    /* heartbeat of each lane: monotonic ns of its last turn, atomic; 0 = asleep in poll, which is healthy */
    struct {
        _Atomic uint64_t busy_since_ns;
        const char *pipeline;
        uint32_t lane;
    } * lanes;
    size_t n_lanes;
};
#endif
