/* life.h - a plugin in the test kit, fed with events from the seed: what most cases are made of. */
#ifndef WEIR_CONFORM_LIFE_H
#define WEIR_CONFORM_LIFE_H
#include "conform.h"

struct life {
    const struct conform *conform;
    const struct weir_plugin *plugin;
    struct weir_kit *kit;
    struct rng rng;
    uint64_t pushed, taken; /* events into it, and out of it on its right */
    bool *alloc_failed;     /* NULL, or set when it is closed: did the allocation that was to fail? */
};

/* Opens it. Fails the case when that is refused. `salt` makes lives of one seed differ. */
void life_open(struct life *, const struct conform *, uint64_t salt);
/* The same, but the n-th allocation fails (0: none); false when it is refused, with why (malloc'ed). */
bool life_try(struct life *, const struct conform *, uint64_t salt, uint64_t fail_alloc, char **error);
/* Pushes n events and runs; nothing for a source. */
void life_push(struct life *, uint32_t n);
/* The next event on the right, waited for; NULL when none comes. The caller settles it. */
struct weir_event *life_next(struct life *, uint64_t ms);
/* What is on the right now is settled so. Returns how many that were. */
uint32_t life_settle(struct life *, enum weir_status);
/* Lets time go by, real and the kit's, with everything on the right settled OK, until cond is true. */
bool life_until(struct life *, bool (*cond)(struct life *), uint64_t ms);
bool life_all_settled(struct life *);
/* Work for every kind of plugin: pushes n events, or waits for a source to emit some. */
void life_work(struct life *, uint32_t n);
/* Drains and closes it with every check of the kit. A plugin that waits for a server may hold what it has, as
 * until a drain_timeout; any other has to say DRAINED in time. */
void life_close(struct life *);
#endif
