/* test_pg_rows.c - pg-sink and its rows: types, repeats, conflicts, rows at fault, names. */
#include "pg_bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T "table = \"t\"\nkey = [ \"id\" ]\n"

static void every_type_arrives(void **state)
{
    struct bench *b = bench(state);
    run_sql(
        b,
        "create type size as enum ('SMALL', 'LARGE', 'RETURNED'); create domain grams as integer check (value < 1000)");
    run_sql(b,
            "create table t (id bigint primary key, weight_g grams, balance numeric(20,2), pieces smallint, "
            "barcode numeric, crc bigint, \"offset\" bigint, fragile boolean, slope real, latitude double precision, "
            "note varchar(8), signature bytea, size size, sent_at timestamptz, stops integer[] not null, "
            "legs double precision[], tags text[], scans timestamp[], sizes size[], sender uuid, account bigint, "
            "street char(5), zip bigint, day date, extra jsonb, made timestamptz default now(), "
            "twice bigint generated always as (id * 2) stored, n integer generated always as identity)");
    open_sink(b, 0,
              T "columns = [ \"street=label.to.street\", \"zip=label.to.zip\", \"day=label.printed_at\", "
                "\"extra=label.text\" ]");
    int32_t stops[] = {1, -2};
    double legs[] = {0.5};
    char *tags[] = {"a", "\xe2\x82\xac", "a\"b"};
    Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT, old = t, *scans[] = {&t, &old};
    Parcels__V1__Size sizes[] = {PARCELS__V1__SIZE__RETURNED, PARCELS__V1__SIZE__LARGE};
    Parcels__V1__Address to = PARCELS__V1__ADDRESS__INIT;
    Parcels__V1__Label label = PARCELS__V1__LABEL__INIT;
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT, empty = PARCELS__V1__PARCEL__INIT;
    t.seconds = 1700000000, t.nanos = 123456789, old.seconds = -1;
    to.street = "Elm", label.to = &to, label.printed_at = &old, label.text = "{\"k\":  1}";
    p.id = 1, p.has_weight_g = 1, p.weight_g = -7, p.has_balance = 1, p.balance = -105, p.has_pieces = 1,
    p.pieces = 200;
    p.has_barcode = 1, p.barcode = UINT64_MAX, p.has_crc = 1, p.crc = 4000000000u, p.has_offset = 1, p.offset = -3;
    p.has_fragile = 1, p.fragile = 1, p.has_slope = 1, p.slope = 0.25f, p.has_latitude = 1, p.latitude = 51.5;
    p.note = "gr\xc3\xbc\xc3\x9f", p.has_signature = 1, p.signature.data = (uint8_t *)"\0\xff", p.signature.len = 2;
    p.has_size = 1, p.size = PARCELS__V1__SIZE__LARGE, p.sent_at = &t, p.label = &label;
    p.n_stops = 2, p.stops = stops, p.n_legs = 1, p.legs = legs, p.n_tags = 3, p.tags = tags, p.n_scans = 2;
    p.scans = scans, p.n_sizes = 2, p.sizes = sizes;
    p.payer_case = PARCELS__V1__PARCEL__PAYER_SENDER, p.sender = "61f0c404-5cb3-11e7-907b-a6006ad3dba0";
    empty.id = 2;
    (void)push_parcel(b, &p);
    settles(b, push_parcel(b, &empty), WEIR_OK);
    reaches(b, WEIR_READY, NULL);
    run_sql(b, "set timezone = 'UTC'");
    answers(
        b,
        "select id, weight_g, balance, pieces, barcode, crc, \"offset\", fragile, slope, latitude, note, signature, "
        "size, sent_at, stops, legs, tags, scans, sizes, sender, account, street, zip, day, extra, twice from t "
        "order by id",
        "1|-7|-105.00|200|18446744073709551615|4000000000|-3|t|0.25|51.5|gr\xc3\xbc\xc3\x9f|\\x00ff|LARGE|"
        "2023-11-14 22:13:20.123456+00|{1,-2}|{0.5}|{a,\xe2\x82\xac,\"a\\\"b\"}|"
        "{\"2023-11-14 22:13:20.123456\",\"1969-12-31 23:59:59\"}|{RETURNED,LARGE}|"
        "61f0c404-5cb3-11e7-907b-a6006ad3dba0|NULL|Elm  |0|1969-12-31|{\"k\": 1}|2\n"
        "2|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|{}|{}|{}|{}|{}|NULL|NULL|NULL|NULL|NULL|"
        "NULL|4");
    /* the same again: every type compares equal to itself */
    (void)push_parcel(b, &empty);
    settles(b, push_parcel(b, &p), WEIR_OK);
    answers(b, "select count(*) from t", "2");
    label.text = "{\"k\": 2}";
    settles(b, push_parcel(b, &p), WEIR_REJECT);
    weir_kit_close(b->kit);
}

static void the_same_events_again_change_nothing(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    for (int round = 0; round < 2; round++) {
        uint64_t last = 0;
        open_sink(b, 0, T "max_rows = 30");
        for (int i = 0; i < 100; i++) last = push_note(b, i, i % 2 ? "same" : NULL);
        settles(b, last, WEIR_OK);
        answers(b, "select count(*) from t", "100");
        assert_true(weir_kit_metric(b->kit, "weir_pg_sink_rows_total") == (round ? 0 : 100));
        assert_true(weir_kit_metric(b->kit, "weir_pg_sink_repeats_total") == (round ? 100 : 0));
        assert_true(weir_kit_metric(b->kit, "weir_pg_sink_bytes_total") > 100 * sizeof(int64_t));
        assert_true(weir_kit_metric(b->kit, "weir_pg_sink_transaction_seconds") + round == /* one is refused */
                    weir_kit_metric(b->kit, "weir_pg_sink_transactions_total"));
        weir_kit_close(b->kit);
    }
}

static void a_conflict_with_other_values_is_rejected(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text); insert into t values (5, 'mine'), (6, null)");
    open_sink(b, 0, T);
    uint64_t first = 0;
    for (int i = 0; i < 10; i++) {
        uint64_t n = push_note(b, i, "theirs");
        if (!i) first = n;
    }
    for (uint64_t i = 0; i < 10; i++) settles(b, first + i, i == 5 || i == 6 ? WEIR_REJECT : WEIR_OK);
    assert_string_equal(weir_kit_settled(b->kit, first + 5)->why,
                        "its key {\"id\"} is taken by a row with other values");
    weir_kit_assert_settled(b->kit, first + 5, WEIR_REJECT, "conflict");
    answers(b, "select count(*), count(*) filter (where note = 'theirs') from t", "10|8");
    /* inside one batch: the copy is fine, the other one is not; which of the two was first is decided by their order */
    uint64_t a = push_note(b, 20, "x"), copy = push_note(b, 20, "x"), other = push_note(b, 20, "y");
    settles(b, a, WEIR_OK);
    settles(b, copy, WEIR_OK);
    settles(b, other, WEIR_REJECT);
    weir_kit_close(b->kit);
}

static void a_bad_row_among_a_thousand(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key check (id <> 700), note varchar(5), pieces smallint)");
    open_sink(b, 0, T);
    uint64_t first = 0;
    for (int i = 0; i < 1000; i++) {
        Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
        p.id = i, p.note = i == 333 ? "too long" : "ok", p.has_pieces = 1, p.pieces = i == 5 ? 40000 : 1;
        uint64_t n = push_parcel(b, &p);
        if (!i) first = n;
    }
    for (int i = 0; i < 1000; i++)
        settles(b, first + (uint64_t)i, i == 333 || i == 5 || i == 700 ? WEIR_REJECT : WEIR_OK);
    assert_string_equal(weir_kit_settled(b->kit, first + 333)->why,
                        "22001 value too long for type character varying(5), column note");
    assert_non_null(strstr(weir_kit_settled(b->kit, first + 700)->why, "23514"));
    assert_string_equal(
        weir_kit_settled(b->kit, first + 5)->why,
        "as parcels.v1.Parcel: field pieces: the number is out of range for column pieces, which is smallint");
    weir_kit_assert_settled(b->kit, first + 5, WEIR_REJECT, "malformed");
    weir_kit_assert_settled(b->kit, first + 333, WEIR_REJECT, "refused");
    weir_kit_assert_settled(b->kit, first + 700, WEIR_REJECT, "refused");
    answers(b, "select count(*) from t", "997");
    reaches(b, WEIR_READY, NULL);
    weir_kit_close(b->kit);
}

static void text_that_postgresql_cannot_hold_is_rejected(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T);
    const struct weir_kit_event nul = {.message = EVENT,
                                       .value = {(const uint8_t *)"\x08\x01\x5a\x03"
                                                                  "a\0b",
                                                 7}};
    const struct weir_kit_event cut = {.message = EVENT,
                                       .value = {(const uint8_t *)"\x08\x01\x5a\x03"
                                                                  "a",
                                                 5}};
    const struct weir_kit_event other = {.message = "parcels.v1.Label", .value = {(const uint8_t *)"", 0}};
    uint64_t a = weir_kit_push(b->kit, &nul), c = weir_kit_push(b->kit, &cut), d = weir_kit_push(b->kit, &other);
    uint64_t good = push_note(b, 2, "fine");
    settles(b, a, WEIR_REJECT);
    settles(b, c, WEIR_REJECT);
    settles(b, d, WEIR_REJECT);
    settles(b, good, WEIR_OK);
    assert_string_equal(weir_kit_settled(b->kit, a)->why,
                        "as parcels.v1.Parcel: field note: a NUL character for column note, which is text");
    weir_kit_assert_settled(b->kit, a, WEIR_REJECT, "malformed");
    weir_kit_assert_settled(b->kit, c, WEIR_REJECT, "malformed");
    weir_kit_assert_settled(b->kit, d, WEIR_REJECT, "wrong-message");
    weir_kit_close(b->kit);
}

static void strange_names_are_only_names(void **state)
{
    struct bench *b = bench(state);
    run_sql(b,
            "create schema \"s\"\"x\"; create table \"s\"\"x\".\"Ta ble; drop\" (\"i'd\"\"; --\" bigint primary key, "
            "note text)");
    open_sink(b, 0,
              "table = \"\\\"s\\\"\\\"x\\\".\\\"Ta ble; drop\\\"\"\nkey = [ \"i'd\\\"; --\" ]\n"
              "columns = [ \"i'd\\\"; --=id\" ]");
    settles(b, push_note(b, 1, "a"), WEIR_OK);
    settles(b, push_note(b, 1, "a"), WEIR_OK);
    settles(b, push_note(b, 1, "b"), WEIR_REJECT);
    answers(b, "select * from \"s\"\"x\".\"Ta ble; drop\"", "1|a");
    weir_kit_close(b->kit);
}

static void without_a_key_each_event_is_a_row(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint, note text)");
    open_sink(b, 0, "table = \"t\"");
    settles(b, push_note(b, 1, "a"), WEIR_OK);
    settles(b, push_note(b, 1, "a"), WEIR_OK);
    answers(b, "select count(*) from t", "2");
    weir_kit_close(b->kit);
}

static void what_does_not_fit_is_named_and_waited_for(void **state)
{
    struct bench *b = bench(state);
    open_sink(b, 0, T);
    uint64_t n = push_note(b, 1, "a");
    reaches(b, WEIR_DEGRADED, "table t: there is no such table");
    run_sql(b, "create table t (id bigint not null, note timestamptz, region text not null)");
    reaches(b, WEIR_DEGRADED, "column region is NOT NULL without a default and parcels.v1.Parcel has no field region");
    run_sql(b, "alter table t drop column region, add column region text, alter column note type integer[] using null");
    reaches(b, WEIR_DEGRADED, "column note is integer[], field note is a string");
    run_sql(b, "alter table t alter column note type text");
    reaches(b, WEIR_DEGRADED, "there is no unique index over exactly the key {\"id\"}");
    run_sql(b, "create unique index on t (id, note)");
    reaches(b, WEIR_DEGRADED, "there is no unique index over exactly the key {\"id\"}");
    run_sql(b, "create unique index on t (id)");
    settles(b, n, WEIR_OK);
    reaches(b, WEIR_READY, NULL);
    weir_kit_close(b->kit);
}

static void a_field_without_a_column_may_be_refused(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T "unmapped = \"refuse\"");
    reaches(b, WEIR_DEGRADED, "no column");
    weir_kit_close(b->kit);
    open_sink(b, 0, T "unmapped = \"ignore\"");
    reaches(b, WEIR_READY, NULL);
    settles(b, push_note(b, 1, "x"), WEIR_OK);
    weir_kit_close(b->kit);
}

static void rows_that_linger_share_a_transaction(void **state)
{
    struct bench *b = bench(state);
    run_sql(b, "create table t (id bigint primary key, note text)");
    open_sink(b, 0, T "max_rows = 3\nlinger = \"3s\"");
    reaches(b, WEIR_READY, NULL);
    uint64_t n[5];
    for (int i = 0; i < 5; i++) {
        n[i] = push_note(b, i, "x");
        weir_kit_run(b->kit);
    }
    settles(b, n[2], WEIR_OK); /* a full transaction waits for nothing */
    assert_null(weir_kit_settled(b->kit, n[4]));
    settles(b, n[4], WEIR_OK);
    assert_true(weir_kit_metric(b->kit, "weir_pg_sink_transactions_total") == 2);
    answers(b, "select count(*) from t", "5");
    weir_kit_close(b->kit);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    char *errors = weir_kit_refuses("pg-sink", "database = \"postgresql://u:geheim@h:x/d\"\nevent = \"" EVENT "\"\n" T);
    assert_non_null(errors);
    assert_non_null(strstr(errors, "pg-sink.database"));
    assert_null(strstr(errors, "geheim"));
    free(errors);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_type_arrives),
        TEST(the_same_events_again_change_nothing),
        TEST(a_conflict_with_other_values_is_rejected),
        TEST(a_bad_row_among_a_thousand),
        TEST(text_that_postgresql_cannot_hold_is_rejected),
        TEST(strange_names_are_only_names),
        TEST(without_a_key_each_event_is_a_row),
        TEST(what_does_not_fit_is_named_and_waited_for),
        TEST(a_field_without_a_column_may_be_refused),
        TEST(rows_that_linger_share_a_transaction),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
