/* histogram.h - times in nanoseconds, each exact to 1/128: slots of one width within a power of two, twice as wide in
 * the next, as HdrHistogram has them (Debian 12 has no package of its C library). Two are merged by adding slots. */
#ifndef WEIR_BENCH_HISTOGRAM_H
#define WEIR_BENCH_HISTOGRAM_H
#include <stdint.h>
#include <time.h>

enum { HISTOGRAM_HALF = 128, HISTOGRAM_POWERS = 34, HISTOGRAM_SLOTS = (HISTOGRAM_POWERS + 2) * HISTOGRAM_HALF };
struct histogram {
    uint64_t n, max;
    uint32_t slots[HISTOGRAM_SLOTS];
};

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    unsigned e = ns < 2 * HISTOGRAM_HALF ? 0 : 56u - (unsigned)__builtin_clzll(ns);
    if (e > HISTOGRAM_POWERS) e = HISTOGRAM_POWERS; /* 36 minutes: all that is longer falls into its last slot */
    uint64_t in = ns >> e;
    h->slots[e * HISTOGRAM_HALF + (in < 2 * HISTOGRAM_HALF ? in : 2 * HISTOGRAM_HALF - 1)]++;
    h->n++;
    if (ns > h->max) h->max = ns;
}

static inline void histogram_merge(struct histogram *to, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) to->slots[i] += from->slots[i];
    to->n += from->n;
    if (from->max > to->max) to->max = from->max;
}

/* The time that a share of `q` is not above, in milliseconds; 0 when there is none. */
static inline double histogram_ms(const struct histogram *h, double q)
{
    uint64_t need = (uint64_t)(q * (double)h->n + 0.999999), seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_SLOTS && h->n; i++) {
        seen += h->slots[i];
        if (seen < need || !seen) continue;
        unsigned e = i < 2 * HISTOGRAM_HALF ? 0 : i / HISTOGRAM_HALF - 1;
        uint64_t edge = ((uint64_t)(i - e * HISTOGRAM_HALF) + 1) << e;
        return (double)(edge < h->max ? edge : h->max) / 1e6;
    }
    return 0;
}

static inline uint64_t clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
#endif
