/* pairs.h - figures that were measured in turn with a reference, and the line of tests/bench/run's table they become.
 */
#ifndef WEIR_BENCH_PAIRS_H
#define WEIR_BENCH_PAIRS_H
#include "histogram.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS_MAX = 101 };
struct pairs {
    unsigned n;
    double figure[PAIRS_MAX], reference[PAIRS_MAX];
};

static inline int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The row as table.sh has it. */
static inline void pairs_print(struct pairs *p, const char *what, const char *unit, const char *target,
                               const char *reference)
{
    double ratio[PAIRS_MAX];
    for (unsigned i = 0; i < p->n; i++) ratio[i] = p->figure[i] / p->reference[i];
    qsort(p->figure, p->n, sizeof(double), by_value);
    qsort(p->reference, p->n, sizeof(double), by_value);
    qsort(ratio, p->n, sizeof(double), by_value);
    unsigned mid = p->n / 2, last = p->n - 1;
    printf("%s\t%.1f\t%s\t%s\t%.1f to %.1f\t%.1f\t%.1f to %.1f\t%s\t%.2f\t%.2f to %.2f\t%u\t\n", what, p->figure[mid],
           unit, target, p->figure[0], p->figure[last], p->reference[mid], p->reference[0], p->reference[last],
           reference, ratio[mid], ratio[0], ratio[last], p->n);
}
#endif
