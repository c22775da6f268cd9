/* metrics.h - counters, gauges and histograms of the process, in Prometheus text format.
 *
 * A series belongs to one lane, which alone writes it; the admin thread reads it (relaxed atomics, no locks on the hot
 * path). Lanes are summed on export: no lane label. */
#ifndef WEIR_METRICS_H
#define WEIR_METRICS_H
#include <stdio.h>
#include <weir/plugin.h>

struct weir_metrics; /* the registry of a process */
struct weir_series;  /* one cell of one lane */

struct weir_metrics *weir_metrics_new(void);
void weir_metrics_free(struct weir_metrics *);

#define WEIR_LABELS_MAX 8
struct weir_label {
    const char *name, *value;
};

/* A new cell of the family `name` (made on first use; type, help and bucket list must agree) with these labels; all
 * strings are copied. Cells of equal labels are summed on export (histograms by bucket). Exported as 0 from now on.
 * Thread-safe, not for the hot path: keep the pointer. buckets: seconds etc., ends with 0; NULL: the default ladder
 * from 100 us to 10 s, about 4 a decade... NULL: no memory or a clash, which is logged. */
struct weir_series *weir_metrics_series(struct weir_metrics *, const char *name, enum weir_metric_type,
                                        const char *help, const double *buckets, const struct weir_label *, size_t n);
/* Ends a cell: counters and histograms keep their sums, gauges go. */
void weir_metrics_drop(struct weir_metrics *, struct weir_series *);
/* COUNTER: adds; GAUGE: sets; HISTOGRAM: observes. One writer thread. */
void weir_series_put(struct weir_series *, double);
void weir_series_observe_n(struct weir_series *, double value, uint64_t times);
double weir_series_value(const struct weir_series *); /* counter or gauge; for tests and /status */
/* The whole registry as text; ANY THREAD. */
void weir_metrics_write(struct weir_metrics *, FILE *);
#endif
