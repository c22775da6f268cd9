/* quarantine.c - a batch that was released is kept until close, its events and its arena made unusable: under
 * AddressSanitizer a touch ends the test where it happens; otherwise a pattern shows at close that somebody wrote, and
 * an event that is used by a host call is recognized by it. */
#include "kit.h"
#include <stdlib.h>
#include <string.h>

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define POISONS
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined POISONS
#undef POISONS
#include <sanitizer/asan_interface.h>
enum { POISONS = 1 };
#else
enum { POISONS = 0 };
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define __asan_address_is_poisoned(p) ((void)(p), 0)
#endif

enum { PATTERN = 0xdb, ROOM = 32 << 20 };

struct kit_grave {
    struct kit_grave *next;
    struct batch *batch;
    struct weir_kit *kit;
    const struct weir_plugin *by; /* who is to blame for a touch */
    uint64_t position;            /* of its first event */
    size_t bytes;
    bool arena_dead;
};

static void kill_bytes(void *p, size_t n)
{
    if (!POISONS) memset(p, PATTERN, n);
    ASAN_POISON_MEMORY_REGION(p, n);
}

/* Is the pattern whole? Makes the bytes usable again. */
static bool untouched(void *p, size_t n)
{
    const uint8_t *at = p;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    if (POISONS || !n) return true;
    return at[0] == PATTERN && !memcmp(at, at + 1, n - 1);
}

/* Nobody else points into the arena any more, so nor may its own events into others'. */
static void kill_arena(struct kit_quarantine *q, struct kit_grave *g)
{
    struct keep *kept = g->batch->kept;
    g->batch->kept = NULL;
    for (struct keep *k = kept; k; k = k->next) {
        struct kit_grave *other = k->batch->grave;
        bool last = other && k->batch->refs == 2; /* it and its grave's */
        batch_unref(k->batch);
        if (last) kill_arena(q, other);
    }
    for (struct chunk *c = g->batch->chunks; c; c = c->next) {
        kill_bytes(c->bytes, c->size);
        g->bytes += c->size;
        q->bytes += c->size;
    }
    g->arena_dead = true;
}

static void exhume_oldest(struct kit_open *o)
{
    struct kit_quarantine *q = &o->quarantine;
    struct kit_grave *g = q->oldest;
    struct batch *b = g->batch;
    ASAN_UNPOISON_MEMORY_REGION(&b->pub, sizeof b->pub);
    bool intact = untouched(b->pub.ev, b->pub.cap * sizeof *b->pub.ev);
    for (struct chunk *c = g->arena_dead ? b->chunks : NULL; c; c = c->next) intact &= untouched(c->bytes, c->size);
    if (!intact)
        kit_broke(g->kit, g->by->name,
                  "a batch was written to after it was released (the one that began with the event at position %llu)",
                  (unsigned long long)g->position);
    q->bytes -= g->bytes;
    q->oldest = g->next;
    if (!q->oldest) q->newest = &q->oldest;
    b->grave = NULL;
    batch_unref(b);
    free(g);
}

void kit_bury(struct weir_kit *kit, struct stage *by, struct batch *b)
{
    struct kit_quarantine *q = &kit->open->quarantine;
    struct kit_grave *g = calloc(1, sizeof *g);
    if (!g) abort(); /* of a test */
    /* what the kit's own end releases, the plugin has forwarded */
    *g = (struct kit_grave){.batch = b,
                            .kit = kit,
                            .by = kit_is_end(kit, by) ? kit->under->plugin : by->plugin,
                            .bytes = sizeof *b + b->pub.cap * sizeof *b->pub.ev};
    if (b->pub.n) g->position = b->pub.ev[0].position;
    b->grave = g;
    b->to = by; /* for those who still use it */
    *q->newest = g;
    q->newest = &g->next;
    q->bytes += g->bytes;
    kill_bytes(b->pub.ev, b->pub.cap * sizeof *b->pub.ev);
    ASAN_POISON_MEMORY_REGION(&b->pub, sizeof b->pub);
    if (b->refs == 1) kill_arena(q, g);
    while (q->bytes > ROOM && q->oldest != g) exhume_oldest(kit->open);
}

bool kit_buried(const struct weir_event *ev)
{
    if (POISONS) return __asan_address_is_poisoned(ev);
    uintptr_t pattern;
    memset(&pattern, PATTERN, sizeof pattern);
    return (uintptr_t)ev->ticket == pattern;
}

void kit_exhume(struct kit_open *o)
{
    while (o->quarantine.oldest) exhume_oldest(o);
}
