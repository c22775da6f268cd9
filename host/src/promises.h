/* promises.h - what every stage of a conf promises, asked once, and how stages find each other by what they read and
 * write. */
#ifndef WEIR_PROMISES_H
#define WEIR_PROMISES_H
#include "conf.h"

struct weir_promised_stage {
    const struct weir_conf_stage *conf;
    const char *plugin;
    bool known;  /* false: no promise(), or not loaded */
    bool last;   /* no stage comes behind it */
    bool routes; /* an event goes into one of the branches behind it; else into each */
    struct weir_promise promise;
};
struct weir_promised {
    const struct weir_conf_pipeline *conf;
    struct weir_promised_stage *stages;
    uint32_t n;
};
struct weir_promises {
    struct weir_promised *pipelines;
    uint32_t n;
};

int weir_promises_ask(struct weir_promises *, const struct weir_conf *); /* -1: no memory */
void weir_promises_free(struct weir_promises *);
static inline bool weir_promises_has(const struct weir_promised_stage *s, uint32_t flag)
{
    return s->known && (s->promise.flags & flag);
}
/* Calls: "call:x" is what a stage writes, or reads without being the source; a source that reads it serves it. */
bool weir_promised_is_call(const char *stream);
bool weir_promised_calls_by_read(const struct weir_promised *, uint32_t stage);
/* The stage, or some stage, writes the stream, or calls it. */
bool weir_promised_stage_feeds(const struct weir_promised *, uint32_t stage, const char *stream);
bool weir_promised_feeds(const struct weir_promised *, const char *stream);
/* The stage before it; -1 for the source. */
int weir_promised_before(const struct weir_promised *, int stage);
/* Some stage that is `flag` comes before it. */
bool weir_promised_is_behind(const struct weir_promised *, int stage, uint32_t flag);
/* "a ▸ b ▸ c", "a ▸ { x: b ▸ c | y: d }" */
void weir_promised_chain(const struct weir_promised *, FILE *);
#endif
