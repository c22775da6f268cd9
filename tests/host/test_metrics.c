/* test_metrics.c - the registry: what it exports, to the byte, and that lanes and the exporter do not disturb each
 * other. */
#include "log.h"
#include "metrics.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *export_all(struct weir_metrics *m)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    weir_metrics_write(m, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void exports(struct weir_metrics *m, const char *expected)
{
    char *text = export_all(m);
    assert_string_equal(text, expected);
    free(text);
}

static void counters_and_gauges(void **state)
{
    (void)state;
    struct weir_metrics *m = weir_metrics_new();
    exports(m, "");
    const struct weir_label a[] = {{"stage", "a"}, {"path", "q\"\\\n\xff\xc3\xa9"}};
    struct weir_series *c1 = weir_metrics_series(m, "t_total", WEIR_COUNTER, "Back\\slash\nline.", NULL, a, 2);
    struct weir_series *g = weir_metrics_series(m, "t_now", WEIR_GAUGE, "Now.", NULL, NULL, 0);
    struct weir_series *c2 = weir_metrics_series(m, "t_total", WEIR_COUNTER, "Back\\slash\nline.", NULL, a, 2);
    static const char zero[] = "# HELP t_total Back\\\\slash\\nline.\n# TYPE t_total counter\n"
                               "t_total{stage=\"a\",path=\"q\\\"\\\\\\n\xef\xbf\xbd\xc3\xa9\"} 0\n"
                               "# HELP t_now Now.\n# TYPE t_now gauge\nt_now 0\n";
    exports(m, zero);
    weir_series_put(c1, 2);
    weir_series_put(c2, 0.5);
    weir_series_put(c2, -7); /* counters never fall */
    weir_series_put(g, 3);
    weir_series_put(g, -0.1);
    assert_true(weir_series_value(c1) == 2);
    char *text = export_all(m);
    assert_non_null(strstr(text, "} 2.5\n"));
    assert_non_null(strstr(text, "\nt_now -0.1\n"));
    free(text);
    weir_metrics_drop(m, c1); /* counters keep what they had, gauges go */
    weir_metrics_drop(m, g);
    text = export_all(m);
    assert_non_null(strstr(text, "} 2.5\n"));
    assert_null(strstr(text, "t_now"));
    free(text);
    weir_metrics_free(m);
}

static void histograms(void **state)
{
    (void)state;
    struct weir_metrics *m = weir_metrics_new();
    static const double buckets[] = {0.1, 1, 0};
    const struct weir_label l = {"s", "x"};
    struct weir_series *one = weir_metrics_series(m, "t_seconds", WEIR_HISTOGRAM, "T.", buckets, &l, 1);
    struct weir_series *two = weir_metrics_series(m, "t_seconds", WEIR_HISTOGRAM, "T.", buckets, &l, 1);
    weir_series_put(one, 0.1); /* bounds are inclusive */
    weir_series_put(one, 0.5);
    weir_series_observe_n(two, 2, 3);
    static const char expected[] = "# HELP t_seconds T.\n# TYPE t_seconds histogram\n"
                                   "t_seconds_bucket{s=\"x\",le=\"0.1\"} 1\n"
                                   "t_seconds_bucket{s=\"x\",le=\"1\"} 2\n"
                                   "t_seconds_bucket{s=\"x\",le=\"+Inf\"} 5\n"
                                   "t_seconds_sum{s=\"x\"} 6.6\n"
                                   "t_seconds_count{s=\"x\"} 5\n";
    exports(m, expected);
    assert_true(weir_series_value(two) == 3);
    weir_metrics_drop(m, one);
    weir_metrics_drop(m, two);
    exports(m, expected);
    struct weir_series *plain = weir_metrics_series(m, "u_seconds", WEIR_HISTOGRAM, "U.", NULL, NULL, 0);
    weir_series_put(plain, 100);
    char *text = export_all(m);
    assert_non_null(strstr(text, "u_seconds_bucket{le=\"0.0001\"} 0\n"));
    assert_non_null(strstr(text, "u_seconds_bucket{le=\"10\"} 0\nu_seconds_bucket{le=\"+Inf\"} 1\n"));
    assert_non_null(strstr(text, "u_seconds_count 1\n"));
    free(text);
    weir_metrics_free(m);
}

static void clashes_are_refused(void **state)
{
    (void)state;
    struct weir_metrics *m = weir_metrics_new();
    static const double other[] = {1, 2, 0}, falling[] = {2, 1, 0};
    const struct weir_label bad = {"a-b", "x"};
    assert_non_null(weir_metrics_series(m, "t_total", WEIR_COUNTER, "T.", NULL, NULL, 0));
    assert_non_null(weir_metrics_series(m, "h", WEIR_HISTOGRAM, "H.", NULL, NULL, 0));
    assert_null(weir_metrics_series(m, "t_total", WEIR_GAUGE, "T.", NULL, NULL, 0));
    assert_null(weir_metrics_series(m, "t_total", WEIR_COUNTER, "Other.", NULL, NULL, 0));
    assert_null(weir_metrics_series(m, "h", WEIR_HISTOGRAM, "H.", other, NULL, 0));
    assert_null(weir_metrics_series(m, "h2", WEIR_HISTOGRAM, "H.", falling, NULL, 0));
    assert_null(weir_metrics_series(m, "not-a-name", WEIR_COUNTER, "T.", NULL, NULL, 0));
    assert_null(weir_metrics_series(m, "1x", WEIR_COUNTER, "T.", NULL, NULL, 0));
    assert_null(weir_metrics_series(m, "x", WEIR_COUNTER, "T.", NULL, &bad, 1));
    weir_series_put(NULL, 1); /* what was refused can be written without asking */
    weir_series_observe_n(NULL, 1, 1);
    weir_metrics_drop(m, NULL);
    assert_true(weir_series_value(NULL) == 0);
    weir_metrics_free(m);
}

static void label_values_are_bounded(void **state)
{
    (void)state;
    struct weir_metrics *m = weir_metrics_new();
    size_t made = 0;
    for (int i = 0; i < 5000; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        const struct weir_label l = {"path", value};
        struct weir_series *s = weir_metrics_series(m, "t_total", WEIR_COUNTER, "T.", NULL, &l, 1);
        made += s != NULL;
        weir_metrics_drop(m, s);
    }
    assert_int_equal(made, 2000);
    weir_metrics_free(m);
}

struct writer {
    struct weir_metrics *m;
    atomic_bool *stop;
};

static void *write_series(void *arg)
{
    struct writer *w = arg;
    const struct weir_label l = {"stage", "s"};
    for (int round = 0; round < 20; round++) {
        struct weir_series *c = weir_metrics_series(w->m, "t_total", WEIR_COUNTER, "T.", NULL, &l, 1);
        struct weir_series *h = weir_metrics_series(w->m, "t_seconds", WEIR_HISTOGRAM, "S.", NULL, &l, 1);
        for (int i = 0; i < 1000; i++) {
            weir_series_put(c, 1);
            weir_series_put(h, i / 1000.0);
        }
        weir_metrics_drop(w->m, c);
        weir_metrics_drop(w->m, h);
    }
    return NULL;
}

static void *export_series(void *arg)
{
    struct writer *w = arg;
    while (!atomic_load(w->stop)) free(export_all(w->m));
    return NULL;
}

static void lanes_and_exporter_at_once(void **state)
{
    (void)state;
    atomic_bool stop = false;
    struct writer w = {weir_metrics_new(), &stop};
    pthread_t lanes[2], exporter;
    assert_int_equal(pthread_create(&exporter, NULL, export_series, &w), 0);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&lanes[i], NULL, write_series, &w), 0);
    for (int i = 0; i < 2; i++) pthread_join(lanes[i], NULL);
    atomic_store(&stop, true);
    pthread_join(exporter, NULL);
    char *text = export_all(w.m);
    assert_non_null(strstr(text, "t_total{stage=\"s\"} 40000\n"));
    assert_non_null(strstr(text, "t_seconds_count{stage=\"s\"} 40000\n"));
    free(text);
    weir_metrics_free(w.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges),        cmocka_unit_test(histograms),
        cmocka_unit_test(clashes_are_refused),        cmocka_unit_test(label_values_are_bounded),
        cmocka_unit_test(lanes_and_exporter_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
