/* metrics_cell.h - the inside of the registry: families of groups (equal labels) of cells (one a lane). */
#ifndef WEIR_METRICS_CELL_H
#define WEIR_METRICS_CELL_H
#include "metrics.h"
#include <pthread.h>
#include <stdatomic.h>

struct group;
struct weir_series { /* one cell; only its lane writes, so a relaxed load and store do */
    struct group *group;
    struct weir_series *next;
    _Atomic double value;      /* counter, gauge, sum of a histogram */
    _Atomic uint64_t bucket[]; /* histogram: n_buckets + 1, the last one is what is above all */
};
struct group { /* the cells of equal labels */
    struct family *family;
    struct group *next;
    char *labels; /* as exported: a="x",b="y" */
    struct weir_series *cells;
    double kept_value; /* of cells that ended */
    uint64_t *kept_bucket;
};
struct family {
    struct family *next;
    char *name, *help;
    enum weir_metric_type type;
    double *buckets;
    size_t n_buckets, n_groups;
    struct group *groups, *last_group;
};
struct weir_metrics {
    pthread_mutex_t lock; /* the lists, not the cells' values */
    struct family *families, *last_family;
};
#endif
