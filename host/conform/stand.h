/* stand.h - a plugin in a real pipeline: lanes with threads, the machine's clock, a source and a sink of ours. */
#ifndef WEIR_CONFORM_STAND_H
#define WEIR_CONFORM_STAND_H
#include "conform.h"

struct stand_order {
    uint32_t lanes, window; /* events of a lane's window */
    uint32_t events;        /* a lane, that our source gives; of a source under test: that are enough */
    uint64_t run_ms;        /* a source is stopped then */
    bool hold;              /* our sink settles only once nothing more comes */
};
struct stand_result {
    uint64_t given, resolved; /* of our source */
    uint64_t arrived;         /* at our sink */
    char overrun[160];        /* "" or how a window was overrun */
    char *log;                /* what the host and the plugin logged; malloc'ed */
};
/* From open to close. Fails the case when a rule is broken. */
void stand_run(const struct conform *, const struct stand_order *, struct stand_result *);
#endif
