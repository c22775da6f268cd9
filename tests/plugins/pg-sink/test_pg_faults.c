/* test_pg_faults.c - pg-sink when the server is away, loses answers, ends sessions, or gives no right to temporary
 * tables; and many connections on the same keys. */
#include "pg_bench.h"
#include "proxy.h"
#include <stdio.h>
#include <string.h>

#define T "table = \"t\"\nkey = [ \"id\" ]\n"

static void away_at_start_and_later_it_waits_and_loses_nothing(void **state)
{
    struct bench *b = bench(state);
    struct proxy p = {0};
    proxy_start(&p, b->host, b->port);
    proxy_down(&p, true);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, p.port, T);
    uint64_t n = push_note(b, 1, "a");
    reaches(b, WEIR_DEGRADED, NULL);
    proxy_down(&p, false);
    settles(b, n, WEIR_OK);
    reaches(b, WEIR_READY, NULL);
    proxy_down(&p, true);
    reaches(b, WEIR_DEGRADED, NULL);
    n = push_note(b, 2, "b");
    proxy_down(&p, false);
    settles(b, n, WEIR_OK);
    reaches(b, WEIR_READY, NULL);
    answers(b, "select id, note from t order by id", "1|a\n2|b");
    weir_kit_close(b->kit);
    proxy_stop(&p);
}

static void a_lost_answer_leaves_each_row_once(void **state)
{
    struct bench *b = bench(state);
    /* twice directly; then, as a row has come again, by staging */
    static const char *const after[] = {"begin; copy", "commit", "begin; copy", "insert into", "commit"};
    run_sql(b, "create table t (id bigint primary key, note text)");
    for (int i = 0; i < 5; i++) {
        struct proxy p = {0};
        uint64_t last = 0;
        proxy_start(&p, b->host, b->port);
        open_sink(b, p.port, T);
        reaches(b, WEIR_READY, NULL);
        if (i >= 2) settles(b, push_note(b, 0, "x"), WEIR_OK);
        double repeats = weir_kit_metric(b->kit, "weir_pg_sink_repeats_total");
        assert_true(weir_kit_metric(b->kit, "weir_pg_sink_staged_total") == (i >= 2));
        proxy_lose(&p, after[i]);
        for (int k = 0; k < 50; k++) last = push_note(b, 100 * i + k, "x");
        settles(b, last, WEIR_OK);
        assert_int_equal(proxy_lost(&p), 1);
        assert_true(weir_kit_metric(b->kit, "weir_pg_sink_retries_total") == 1);
        repeats = weir_kit_metric(b->kit, "weir_pg_sink_repeats_total") - repeats;
        assert_true(repeats == (i % 3 == 1 ? 50 : 0));
        weir_kit_close(b->kit);
        proxy_stop(&p);
    }
    answers(b, "select count(*), count(distinct id) from t", "250|250");
}

static void a_session_that_the_server_ends_is_made_again(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T);
    reaches(b, WEIR_READY, NULL);
    for (int i = 0; i < 3; i++) {
        run_sql(b, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir pg-sink' and "
                   "datname = current_database()");
        settles(b, push_note(b, i, "a"), WEIR_OK);
    }
    answers(b, "select count(*) from t", "3");
    weir_kit_close(b->kit);
}

static void a_table_that_is_replaced_is_read_again(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T);
    settles(b, push_note(b, 1, "a"), WEIR_OK);
    run_sql(b, "drop table t");
    uint64_t n = push_note(b, 2, "b");
    reaches(b, WEIR_DEGRADED, "no such table");
    run_sql(b, "create table t (note varchar(10), id bigint primary key)");
    settles(b, n, WEIR_OK);
    reaches(b, WEIR_READY, NULL);
    answers(b, "select id, note from t", "2|b");
    weir_kit_close(b->kit);
}

/* Sorted by key, batches of the same keys never wait for each other in a circle. */
static void many_connections_on_the_same_keys(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T "connections = 4\nmax_rows = 200");
    uint64_t first = 0, n = 0;
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 200; i++) {
            n = push_note(b, round % 2 ? i : 199 - i, "x");
            if (!first) first = n;
        }
    for (uint64_t i = first; i <= n; i++) settles(b, i, WEIR_OK);
    answers(b, "select count(*) from t", "200");
    assert_true(weir_kit_metric(b->kit, "weir_pg_sink_retries_total") == 0);
    weir_kit_close(b->kit);
}

/* A role with no more rights than it needs; it may not make temporary tables. */
static void without_the_right_to_temporary_tables(void **state)
{
    struct bench *b = bench(state);
    char role[80], conf[1024];
    snprintf(role, sizeof(role), "%s_writer", b->db);
    run_sql(b, "create table t (id bigint primary key, note text); create schema stage");
    run_sql(b, "create role %s login password 'secret'; revoke temporary on database %s from public", role, b->db);
    run_sql(b, "grant insert, select on t to %s", role);
    snprintf(conf, sizeof(conf), "host=%s port=%s user=%s password=secret dbname=%s sslmode=disable", b->host, b->port,
             role, b->db);
    char text[2048];
    snprintf(text, sizeof(text), "database = \"%s\"\nevent = \"" EVENT "\"\n" T, conf);
    b->kit = weir_kit_open_with("pg-sink", text, WEIR_KIT_REAL_CLOCK);
    reaches(b, WEIR_DEGRADED, "42501");
    weir_kit_close(b->kit);
    run_sql(b, "grant usage, create on schema stage to %s", role);
    snprintf(text, sizeof(text), "database = \"%s\"\nevent = \"" EVENT "\"\nstaging = \"stage.rows\"\n" T, conf);
    b->kit = weir_kit_open_with("pg-sink", text, WEIR_KIT_REAL_CLOCK);
    for (int i = 0; i < 3; i++) settles(b, push_note(b, i % 2, i % 2 ? "a" : "b"), WEIR_OK);
    settles(b, push_note(b, 1, "other"), WEIR_REJECT);
    answers(b, "select id, note from t order by id", "0|b\n1|a");
    answers(b,
            "select relpersistence, relname like 'rows\\_0\\_0\\_%' from pg_class where relnamespace = "
            "'stage'::regnamespace",
            "u|t");
    weir_kit_close(b->kit);
    run_sql(b, "drop owned by %s; drop role %s", role, role);
}

static void a_large_batch_goes_through_a_small_socket_buffer(void **state)
{
    struct bench *b = bench(state);
    static char note[60001];
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T "max_bytes = \"8MiB\"");
    memset(note, 'n', sizeof(note) - 1);
    uint64_t last = 0;
    for (int i = 0; i < 500; i++) last = push_note(b, i, note);
    settles(b, last, WEIR_OK);
    answers(b, "select count(*), sum(length(note)) from t", "500|30000000");
    weir_kit_close(b->kit);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(away_at_start_and_later_it_waits_and_loses_nothing),
        TEST(a_lost_answer_leaves_each_row_once),
        TEST(a_session_that_the_server_ends_is_made_again),
        TEST(a_table_that_is_replaced_is_read_again),
        TEST(many_connections_on_the_same_keys),
        TEST(without_the_right_to_temporary_tables),
        TEST(a_large_batch_goes_through_a_small_socket_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
