/* test_pg_direct.c - which way the rows take: by COPY into the table itself, or by the staging table; and that what
 * becomes of them does not hang on it. */
#include "pg_bench.h"
#include <stdio.h>
#include <string.h>

#define T "table = \"t\"\nkey = [ \"id\" ]\n"

static double metric(struct bench *b, const char *name)
{
    char whole[80];
    snprintf(whole, sizeof(whole), "weir_pg_sink_%s", name);
    return weir_kit_metric(b->kit, whole);
}

/* Transactions: those ok by staging, and all, with those that were refused. */
static void went(struct bench *b, int staged, int all)
{
    if ((int)metric(b, "staged_total") == staged && (int)metric(b, "transactions_total") == all) return;
    fail_msg("%d of %d transactions by staging, expected %d of %d", (int)metric(b, "staged_total"),
             (int)metric(b, "transactions_total"), staged, all);
}

/* One transaction with these rows. */
static uint64_t rows(struct bench *b, int from, int n, const char *note, enum weir_status status)
{
    uint64_t first = 0;
    for (int i = 0; i < n; i++) {
        uint64_t number = push_note(b, from + i, note);
        if (!i) first = number;
    }
    for (int i = 0; i < n; i++) settles(b, first + (uint64_t)i, status);
    return first;
}

#define TEN T "max_rows = 10\nlinger = \"10s\""

static void new_rows_go_directly_and_known_ones_by_staging(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, TEN);
    for (int i = 0; i < 3; i++) (void)rows(b, 10 * i, 10, "a", WEIR_OK);
    went(b, 0, 3);
    (void)rows(b, 0, 10, "a", WEIR_OK); /* refused, then by staging */
    went(b, 1, 5);
    uint64_t n = rows(b, 10, 10, "b", WEIR_REJECT); /* by staging at once */
    weir_kit_assert_settled(b->kit, n + 9, WEIR_REJECT, "conflict");
    went(b, 2, 6);
    (void)rows(b, 25, 10, "a", WEIR_OK); /* half of them are new */
    went(b, 3, 7);
    (void)rows(b, 40, 10, "a", WEIR_OK); /* all: from here on directly again */
    went(b, 4, 8);
    (void)rows(b, 50, 10, "a", WEIR_OK);
    went(b, 4, 9);
    assert_true(metric(b, "rows_total") == 55 && metric(b, "repeats_total") == 25);
    assert_true(metric(b, "retries_total") == 0);
    answers(b, "select count(*), count(*) filter (where note = 'a') from t", "55|55");
    weir_kit_close(b->kit);
}

static void the_same_key_twice_in_one_transaction(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T "max_rows = 4\nlinger = \"10s\"");
    uint64_t a = push_note(b, 1, "x"), copy = push_note(b, 1, "x"), other = push_note(b, 1, "y");
    settles(b, push_note(b, 2, "z"), WEIR_OK);
    settles(b, a, WEIR_OK);
    settles(b, copy, WEIR_OK);
    settles(b, other, WEIR_REJECT);
    went(b, 1, 2);
    answers(b, "select id, note from t order by id", "1|x\n2|z");
    weir_kit_close(b->kit);
}

/* What COPY makes of the bytes is what the INSERT makes of them, also where the column rounds or cuts. */
static void values_are_the_same_by_both_ways(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create type size as enum ('SMALL', 'LARGE', 'RETURNED'); create domain grams as integer check (value < "
               "1000); create domain word as varchar(8)");
    run_sql(b, "create table t (note word, id bigint primary key, weight_g grams, pieces smallint, crc bigint, fragile "
               "boolean, slope real, latitude double precision, signature bytea, size size, sent_at timestamptz(0), "
               "stops integer[] not null, legs double precision[], tags text[], scans timestamp[], sender uuid, "
               "street char(5), day date, made timestamptz default now(), "
               "twice bigint generated always as (id * 2) stored, n integer generated always as identity)");
    Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT, *scans[] = {&t, &t};
    Parcels__V1__Address to = PARCELS__V1__ADDRESS__INIT;
    Parcels__V1__Label label = PARCELS__V1__LABEL__INIT;
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    int32_t stops[] = {1, -2};
    char *tags[] = {"a", "\xe2\x82\xac"};
    t.seconds = 1700000000, t.nanos = 500000000, to.street = "Elm", label.to = &to, label.printed_at = &t;
    p.id = 1, p.has_weight_g = 1, p.weight_g = -7, p.has_pieces = 1, p.pieces = 200, p.has_crc = 1, p.crc = 4000000000u;
    p.has_fragile = 1, p.fragile = 1, p.has_slope = 1, p.slope = 0.25f, p.has_latitude = 1, p.latitude = 51.5;
    p.note = "gr\xc3\xbcn      ", p.has_signature = 1, p.signature.data = (uint8_t *)"\0\xff", p.signature.len = 2;
    p.has_size = 1, p.size = PARCELS__V1__SIZE__LARGE, p.sent_at = &t, p.label = &label;
    p.n_stops = 2, p.stops = stops, p.n_tags = 2, p.tags = tags, p.n_scans = 2, p.scans = scans;
    p.payer_case = PARCELS__V1__PARCEL__PAYER_SENDER, p.sender = "61f0c404-5cb3-11e7-907b-a6006ad3dba0";
    open_sink(b, 0, T "max_rows = 1\ncolumns = [ \"street=label.to.street\", \"day=label.printed_at\" ]");
    settles(b, push_parcel(b, &p), WEIR_OK);
    went(b, 0, 1);
    for (int i = 0; i < 2; i++) settles(b, push_note(b, 2, "again"), WEIR_OK);
    p.id = 3;
    settles(b, push_parcel(b, &p), WEIR_OK); /* by staging */
    went(b, 2, 5);
    run_sql(b, "set timezone = 'UTC'");
    answers(b,
            "select count(distinct (to_jsonb(t) - '{id,twice,n,made}'::text[])::text) from t where made is not null "
            "and id <> 2",
            "1");
    answers(b, "select note || '.', sent_at, street, size, weight_g, scans, twice from t where id = 1",
            "gr\xc3\xbcn    .|2023-11-14 22:13:21+00|Elm  |LARGE|-7|"
            "{\"2023-11-14 22:13:20.5\",\"2023-11-14 22:13:20.5\"}|2");
    weir_kit_close(b->kit);
}

/* Another unique index, one that is looked at when the transaction ends, and an exclusion that is looked at first. */
static void other_constraints_decide_as_ever(void **state)
{
    struct bench *b = bench(state);
    static const char *const tables[] = {
        "create table t (id bigint primary key, note text unique)",
        "create table t (id bigint primary key, note text unique deferrable initially deferred)",
        "create table t (id bigint, note text, exclude using btree (note with =), primary key (id))"};
    for (int i = 0; i < 3; i++) {
        run_sql(b, "drop table if exists t; %s", tables[i]);
        run_sql(b, "insert into t values (0, 'taken')");
        open_sink(b, 0, T "max_rows = 3\nlinger = \"10s\"");
        uint64_t good = push_note(b, 1, "a"), bad = push_note(b, 2, "taken"), too = push_note(b, 3, "c");
        settles(b, good, WEIR_OK);
        settles(b, too, WEIR_OK);
        settles(b, bad, WEIR_REJECT);
        weir_kit_assert_settled(b->kit, bad, WEIR_REJECT, "refused");
        assert_non_null(strstr(weir_kit_settled(b->kit, bad)->why, i == 2 ? "23P01" : "23505"));
        good = push_note(b, 0, "taken"), bad = push_note(b, 1, "b"), too = push_note(b, 3, "c"); /* again */
        settles(b, good, WEIR_OK);
        settles(b, too, WEIR_OK);
        weir_kit_assert_settled(b->kit, bad, WEIR_REJECT, "conflict");
        answers(b, "select id, note from t order by id", "0|taken\n1|a\n3|c");
        weir_kit_close(b->kit);
    }
}

/* Rules, a trigger before each row, a view: known when the table is read. */
static void a_target_that_copy_would_treat_otherwise_is_left_to_staging(void **state)
{
    struct bench *b = bench(state);
    static const char *const targets[] = {"create rule r as on insert to t do also insert into seen values (new.id)",
                                          "create trigger r before insert on t for each row execute function see()",
                                          "alter table t rename to hidden; create view t as select * from hidden; "
                                          "create trigger r instead of insert on t "
                                          "for each row execute function see()"};
    run_sql(b, "create table seen (id bigint); create function see() returns trigger language plpgsql as $$ begin "
               "insert into seen values (new.id); return new; end $$");
    for (int i = 0; i < 3; i++) {
        run_sql(b, "create table t (id bigint, note text); truncate seen; %s", targets[i]);
        open_sink(b, 0, "table = \"t\"\nmax_rows = 10\nlinger = \"10s\"");
        (void)rows(b, 0, 10, "a", WEIR_OK);
        went(b, 1, 1);
        answers(b, "select count(*) from seen", "10");
        weir_kit_close(b->kit);
        run_sql(b, "drop %s t", i == 2 ? "view" : "table");
    }
}

/* Row-level security comes while the sink is at work: one COPY is refused, then the connection does not try again. */
static void a_target_that_refuses_copy_goes_by_staging_for_good(void **state)
{
    struct bench *b = bench(state);
    char role[80], conf[1024];
    snprintf(role, sizeof(role), "%s_writer", b->db);
    run_sql(b, "create table t (id bigint primary key, note text)");
    run_sql(b, "create role %s login password 'secret'; grant insert, select on t to %s", role, role);
    snprintf(conf, sizeof(conf),
             "database = \"host=%s port=%s user=%s password=secret dbname=%s sslmode=disable\"\nevent = \"" EVENT
             "\"\n" TEN,
             b->host, b->port, role, b->db);
    b->kit = weir_kit_open_with("pg-sink", conf, WEIR_KIT_REAL_CLOCK);
    (void)rows(b, 0, 10, "a", WEIR_OK);
    went(b, 0, 1);
    run_sql(b, "alter table t enable row level security; create policy p on t using (true) with check (id < 55)");
    for (int i = 1; i < 4; i++) {
        const char *why;
        (void)rows(b, 10 * i, 10, "a", WEIR_OK);
        went(b, i, i + 2);
        assert_int_equal(weir_kit_state(b->kit, &why), WEIR_READY);
    }
    assert_true(metric(b, "retries_total") == 0);
    weir_kit_close(b->kit);
    b->kit = weir_kit_open_with("pg-sink", conf, WEIR_KIT_REAL_CLOCK);
    (void)rows(b, 40, 10, "a", WEIR_OK);
    went(b, 1, 1);
    weir_kit_close(b->kit);
    answers(b, "select count(*) from t", "50");
    run_sql(b, "drop owned by %s; drop role %s", role, role);
}

static bool has_retried(void *arg)
{
    struct bench *b = arg;
    return metric(b, "retries_total") >= 1;
}

/* A trigger that is made while the sink is at work swallows a row: nothing is said to be stored that is not. */
static void rows_that_a_trigger_leaves_out_are_not_lost(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text); create function skip() returns trigger language "
               "plpgsql as $$ begin if new.id = 15 then return null; end if; return new; end $$");
    open_sink(b, 0, TEN);
    (void)rows(b, 0, 10, "a", WEIR_OK);
    run_sql(b, "create trigger s before insert on t for each row execute function skip()");
    uint64_t last = 0;
    for (int i = 10; i < 20; i++) last = push_note(b, i, "a");
    assert_true(weir_kit_wait(b->kit, has_retried, b, WAIT));
    answers(b, "select count(*) from t", "10");
    run_sql(b, "drop trigger s on t");
    settles(b, last, WEIR_OK);
    answers(b, "select count(*) from t", "20");
    weir_kit_close(b->kit);
}

/* Each of two sessions waits for a row of the other: the one that is chosen does it again. The other is ours by hand,
 * as sinks sort their rows so that it does not come to that. */
static void a_deadlock_is_done_again(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T "max_rows = 2000\nlinger = \"10s\"");
    reaches(b, WEIR_READY, NULL);
    run_sql(b, "set deadlock_timeout = '100s'; begin; insert into t values (1999, 'other')");
    uint64_t first = push_note(b, 0, "a");
    for (int i = 1; i < 2000; i++) (void)push_note(b, i, "a");
    while (weir_kit_run(b->kit), true) { /* until the sink waits for us */
        PGresult *r = PQexec(b->admin, "select from pg_locks where not granted");
        int n = PQntuples(r);
        PQclear(r);
        if (n) break;
    }
    assert_int_equal(PQsendQuery(b->conn, "insert into t values (0, 'other')"), 1); /* and we for the sink */
    assert_true(weir_kit_wait(b->kit, has_retried, b, WAIT));
    for (PGresult *r; (r = PQgetResult(b->conn)); PQclear(r)) assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    run_sql(b, "rollback");
    for (uint64_t i = 0; i < 2000; i++) settles(b, first + i, WEIR_OK);
    assert_true(metric(b, "retries_total") == 1);
    answers(b, "select count(*), count(distinct note) from t", "2000|1");
    weir_kit_close(b->kit);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(new_rows_go_directly_and_known_ones_by_staging),
        TEST(the_same_key_twice_in_one_transaction),
        TEST(values_are_the_same_by_both_ways),
        TEST(other_constraints_decide_as_ever),
        TEST(a_target_that_copy_would_treat_otherwise_is_left_to_staging),
        TEST(a_target_that_refuses_copy_goes_by_staging_for_good),
        TEST(rows_that_a_trigger_leaves_out_are_not_lost),
        TEST(a_deadlock_is_done_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
