/* admin_pages.h - what the admin listener answers, made from a copy of the status board. */
#ifndef WEIR_ADMIN_PAGES_H
#define WEIR_ADMIN_PAGES_H
#include "metrics.h"
#include "status.h"

struct weir_snapshot {
    struct weir_stage_status *stages;
    size_t n_stages;
    struct weir_snapshot_pipeline {
        const char *name;
        enum weir_phase phase;
    } * pipelines;
    size_t n_pipelines;
    struct weir_snapshot_lane {
        const char *pipeline;
        uint32_t lane;
        uint64_t busy_since_ns;
    } * lanes;
    size_t n_lanes;
};
int weir_snapshot_take(struct weir_snapshot *, struct weir_status_board *); /* -1: no memory */
void weir_snapshot_free(struct weir_snapshot *);

/* Each writes a body and returns the HTTP status. */
unsigned weir_page_livez(const struct weir_snapshot *, uint64_t now_ns, FILE *);
unsigned weir_page_readyz(const struct weir_snapshot *, FILE *);
unsigned weir_page_status(const struct weir_snapshot *, FILE *);
unsigned weir_page_front(const struct weir_snapshot *, FILE *);
#endif
