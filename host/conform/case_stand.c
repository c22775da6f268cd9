/* case_stand.c - cases with the host's own threads and clock. */
#include "stand.h"
#include <stdlib.h>
#include <string.h>

static void note_of(const struct conform *c, const struct stand_result *r)
{
    char path[4096];
    if (conform_descriptor(c, path)->roles == WEIR_SOURCE && !r->arrived)
        conform_note("it emitted no event; --feed can call it");
}

void case_lanes(const struct conform *c)
{
    const struct stand_order order = {.lanes = c->lanes, .window = 64, .events = 300, .run_ms = 300};
    struct stand_result r;
    stand_run(c, &order, &r);
    note_of(c, &r);
    free(r.log);
}

void case_window(const struct conform *c)
{
    const struct stand_order order = {.lanes = 1, .window = 4, .run_ms = 500, .hold = true};
    struct stand_result r;
    stand_run(c, &order, &r);
    if (*r.overrun) conform_fail("window: %s", r.overrun);
    note_of(c, &r);
    free(r.log);
}

/* A machine that is busy may stop any thread for 50 ms now and then, but not each time. */
enum { TRIES = 5 };

static const char *stall(const char *log)
{
    static const char mark[] = "held its lane for ";
    const char *at = log;
    for (; (at = strstr(at, mark)); at++) {
        const char *line = at;
        while (line > log && line[-1] != '\n') line--;
        const char *ours = strstr(line, "stage=conform-");
        if (!ours || ours > at) return at;
    }
    return NULL;
}

void case_blocking(const struct conform *c)
{
    const struct stand_order order = {.lanes = 1, .window = 64, .events = 20, .run_ms = 200};
    struct stand_result r = {.given = 0};
    size_t before = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        stand_run(c, &order, &r);
        const char *at = stall(r.log + before);
        if (at && i + 1 == TRIES) conform_fail("blocking: it %.*s", (int)strcspn(at, ";\n"), at);
        before = strlen(r.log);
        free(r.log);
        if (!at) return;
    }
}
