/* test_ch_table.c - ch-sink when the server is away, or the table is other than expected. */
#include "ch_bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a server that is away or other than expected */

static void away_at_start_and_later_it_waits_and_loses_nothing(void **state)
{
    struct bench *b = *state;
    fake_down(&b->fake, true);
    open_sink(b, "");
    uint64_t n = push_note(b, 1, "x", 0);
    reaches(b, WEIR_DEGRADED);
    fake_down(&b->fake, false);
    settles(b, n, WEIR_OK);
    reaches(b, WEIR_READY);
    fake_down(&b->fake, true);
    n = push_note(b, 2, "y", 0);
    reaches(b, WEIR_DEGRADED);
    size_t described = fake_described(&b->fake);
    fake_down(&b->fake, false);
    settles(b, n, WEIR_OK);
    assert_true(fake_described(&b->fake) > described); /* it may be another server now */
    reaches(b, WEIR_READY);
    weir_kit_close(b->kit);
}

static struct fake_answer moved_on(void *arg, const struct fake_request *r, size_t nth)
{
    struct fake *f = arg;
    (void)r;
    if (nth > 1) return (struct fake_answer){200, NULL, ""};
    f->n_table = 0; /* decide() runs under the lock */
    static const char rows[] = "\6column\2id\5Int64\13"
                               "0000000001 \6column\4size\6String\13"
                               "0000000002 "
                               "\6engine\x12ReplacingMergeTree\2id\0";
    memcpy(f->table, rows, sizeof(rows) - 1);
    f->n_table = sizeof(rows) - 1;
    return (struct fake_answer){404, "X-ClickHouse-Exception-Code: 16\r\n", "Code: 16. DB::Exception: No such column"};
}

static void a_changed_table_is_read_again(void **state)
{
    struct bench *b = *state;
    b->fake.decide = moved_on;
    b->fake.arg = &b->fake;
    open_sink(b, "unmapped = \"ignore\"");
    reaches(b, WEIR_READY);
    uint8_t wire[64];
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    p.id = 3, p.has_size = 1, p.size = PARCELS__V1__SIZE__LARGE;
    const struct weir_kit_event e = {.message = EVENT, .value = {wire, parcels__v1__parcel__pack(&p, wire)}};
    settles(b, weir_kit_push(b->kit, &e), WEIR_OK);
    assert_non_null(memmem(insert(b, 1)->body, insert(b, 1)->n, "\4size\6String\5LARGE", 18));
    assert_non_null(strstr(insert(b, 1)->head, "size"));
    weir_kit_close(b->kit);
}

static void degraded_by(struct bench *b, const char *engine, const char *order, const char *settings, const char *why)
{
    const char *is;
    char full[300];
    snprintf(full, sizeof(full), "%s ORDER BY %s SETTINGS %s", engine, order, settings);
    describe(&b->fake, engine, order, full);
    open_sink(b, "");
    reaches(b, why ? WEIR_DEGRADED : WEIR_READY);
    weir_kit_state(b->kit, &is);
    assert_string_equal(is, why ? why : "");
    settles(b, push_note(b, 1, "x", 0), WEIR_OK); /* it works all the same */
    weir_kit_close(b->kit);
}

static void what_the_table_lacks_is_named(void **state)
{
    struct bench *b = *state;
    const char *all = "non_replicated_deduplication_window = 1, fsync_after_insert = 1";
    degraded_by(b, "MergeTree", "id", all,
                "table shop.par`cels: its engine is MergeTree: an event that comes twice stays twice; use "
                "ReplacingMergeTree");
    degraded_by(b, "ReplacingMergeTree", "note", all,
                "table shop.par`cels: ORDER BY (note) lacks the key's id: different events would replace each other");
    degraded_by(
        b, "ReplacingMergeTree", "id", "fsync_after_insert = 1",
        "table shop.par`cels: non_replicated_deduplication_window is 0, repeated blocks are stored again: ALTER "
        "TABLE shop.par`cels MODIFY SETTING non_replicated_deduplication_window = 1000");
    degraded_by(
        b, "ReplacingMergeTree", "note, `id`", "non_replicated_deduplication_window = 1",
        "table shop.par`cels: fsync_after_insert is 0, power loss may lose rows: ALTER TABLE shop.par`cels MODIFY "
        "SETTING fsync_after_insert = 1 (or fsync = false here)");
    degraded_by(b, "ReplacingMergeTree", "note, id", all, NULL);
    degraded_by(b, "Memory", "", all,
                "table shop.par`cels: its engine is Memory: whether rows are durable or once is unknown");
}

static void a_table_that_does_not_fit_is_waited_for(void **state)
{
    struct bench *b = *state;
    const char *why;
    fake_row(&b->fake, "column", "region", "String", "0000000009 ");
    open_sink(b, "");
    uint64_t n = push_note(b, 1, "x", 0);
    reaches(b, WEIR_DEGRADED);
    weir_kit_state(b->kit, &why);
    assert_string_equal(why, "shop.par`cels: column region is NOT NULL without a default and parcels.v1.Parcel has no "
                             "field region: map it, columns = [\"region=FIELD.PATH\"], or give it a default");
    describe_good(&b->fake);
    settles(b, n, WEIR_OK);
    reaches(b, WEIR_READY);
    weir_kit_close(b->kit);
}

static void no_such_table_and_nonsense_are_told_apart(void **state)
{
    struct bench *b = *state;
    const char *why;
    fake_forget(&b->fake);
    open_sink(b, "");
    reaches(b, WEIR_DEGRADED);
    weir_kit_state(b->kit, &why);
    assert_string_equal(why, "shop.par`cels: there is no table shop.par`cels, or this user may not see it");
    weir_kit_close(b->kit);
    fake_forget(&b->fake);
    fake_row(&b->fake, "<html>", "x", "y", "z");
    b->fake.n_table -= 2;
    open_sink(b, "");
    reaches(b, WEIR_DEGRADED);
    weir_kit_state(b->kit, &why);
    assert_string_equal(why,
                        "shop.par`cels: the answer about table shop.par`cels is not what a ClickHouse server says");
    weir_kit_close(b->kit);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    static const char *const confs[][2] = {
        {"url = \"127.0.0.1:8123\"\ntable = \"t\"", "expected http://host:8123 or https://host:8443"},
        {"url = \"http://u:p@h\"\ntable = \"t\"", "expected scheme, host and port alone"},
        {"url = \"http://h\"\ntable = \"t\"\nsettings = [ \"async_insert=1\" ]", "the sink sets it itself"},
        {"url = \"http://h\"\ntable = \"t\"\nsettings = [ \"a&b=1\" ]", "expected \"name=value\""},
        {"url = \"http://h\"\ntable = \"t\"\ndatabase = \"\"", "ch-sink.database: is empty; give the database's name"},
        {"url = \"https://h\"\ntable = \"t\"\ntls = { key = \"k.pem\" }",
         "ch-sink.tls.key: is of no use without tls.cert"},
    };
    for (size_t i = 0; i < sizeof(confs) / sizeof(*confs); i++) {
        char conf[256];
        snprintf(conf, sizeof(conf), "%s\nevent = \"" EVENT "\"", confs[i][0]);
        char *errors = weir_kit_refuses("ch-sink", conf);
        assert_non_null(errors);
        if (!strstr(errors, confs[i][1])) fail_msg("%s", errors);
        free(errors);
    }
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(away_at_start_and_later_it_waits_and_loses_nothing),
        TEST(a_changed_table_is_read_again),
        TEST(what_the_table_lacks_is_named),
        TEST(a_table_that_does_not_fit_is_waited_for),
        TEST(no_such_table_and_nonsense_are_told_apart),
        TEST(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
