/* test_ch_faults.c - ch-sink against a server that loses answers, refuses, lies, goes away and changes its table. */
#include "fake.h"
#include "parcels/v1/parcel.pb-c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/testkit.h>

#include <cmocka.h>

#define EVENT "parcels.v1.Parcel"
enum { WAIT = 20000 };

struct bench {
    struct fake fake;
    struct weir_kit *kit;
};

static void describe(struct fake *f, const char *engine, const char *order, const char *full)
{
    fake_forget(f);
    fake_row(f, "column", "note", "Nullable(String)", "0000000002 ");
    fake_row(f, "column", "id", "Int64", "0000000001 ");
    fake_row(f, "column", "seen", "DateTime", "0000000003 DEFAULT");
    fake_row(f, "column", "twice", "Int64", "0000000004 MATERIALIZED");
    fake_row(f, "engine", engine, order, full);
    fake_row(f, "setting", "async_insert", "1", "");
    fake_row(f, "setting", "deduplicate_insert", "enable", "");
    fake_row(f, "setting", "insert_deduplication_token", "", "");
    fake_row(f, "merge_tree", "non_replicated_deduplication_window", "0", "");
    fake_row(f, "merge_tree", "fsync_after_insert", "0", "");
}

static void describe_good(struct fake *f)
{
    describe(
        f, "ReplacingMergeTree", "id",
        "ReplacingMergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, "
        "index_granularity = 8192");
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    fake_start(&b->fake);
    describe_good(&b->fake);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    fake_stop(&b->fake);
    free(b);
    return 0;
}

static void open_sink(struct bench *b, const char *more)
{
    char conf[1024];
    snprintf(conf, sizeof(conf),
             "url = \"http://127.0.0.1:%u\"\ndatabase = \"shop\"\ntable = \"par`cels\"\nevent = \"" EVENT "\"\n"
             "key = [ \"id\" ]\nlinger = \"0ms\"\n%s",
             b->fake.port, more);
    b->kit = weir_kit_open_with("ch-sink", conf, WEIR_KIT_REAL_CLOCK);
}

static uint64_t push(struct bench *b, int64_t id, const char *note, uint32_t partition)
{
    uint8_t wire[256];
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    p.id = id;
    p.note = (char *)(uintptr_t)note;
    const struct weir_kit_event e = {
        .message = EVENT, .value = {wire, parcels__v1__parcel__pack(&p, wire)}, .partition = partition};
    return weir_kit_push(b->kit, &e);
}

static void settles(struct bench *b, uint64_t number, enum weir_status status)
{
    if (!weir_kit_wait_settled(b->kit, number, WAIT)) fail_msg("event %d was not settled", (int)number);
    const struct weir_result *r = weir_kit_settled(b->kit, number);
    if (r->status != status) fail_msg("event %d: status %d, %s", (int)number, r->status, r->why ? r->why : "");
}

static void reaches(struct bench *b, enum weir_state state)
{
    const char *why;
    if (weir_kit_wait_state(b->kit, state, WAIT)) return;
    enum weir_state is = weir_kit_state(b->kit, &why);
    fail_msg("state %d (%s), expected %d", is, why, state);
}

static const struct fake_request *insert(struct bench *b, size_t i)
{
    assert_true(i < fake_inserts(&b->fake));
    return &b->fake.inserts[i];
}

struct count {
    struct bench *b;
    size_t n;
};
static bool has_inserts(void *arg)
{
    struct count *c = arg;
    return fake_inserts(&c->b->fake) >= c->n;
}

/* ---- what is sent */

static void a_block_has_all_it_needs(void **state)
{
    struct bench *b = *state;
    open_sink(b, "username = \"u\"\npassword = \"secret\"");
    reaches(b, WEIR_READY);
    uint64_t first = push(b, 5, "hi", 7), second = push(b, -1, NULL, 7);
    settles(b, first, WEIR_OK);
    settles(b, second, WEIR_OK);
    assert_int_equal(fake_inserts(&b->fake), 1);
    const struct fake_request *r = insert(b, 0);
    static const char *const parts[] = {
        "POST /?query=INSERT%20INTO%20%60shop%60.%60par%5C%60cels%60%20%28%60id%60%2C%20"
        "%60note%60%29%20FORMAT%20Native&",
        "async_insert=0&",
        "deduplicate_insert=enable&",
        "insert_deduplication_token=kit%2Fch-sink%3Ashop.par%60cels%3A7%3A1-2%3A",
        "X-ClickHouse-User: u\r\n",
        "X-ClickHouse-Key: secret\r\n"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (!strstr(r->head, parts[i])) fail_msg("no %s in:\n%s", parts[i], r->head);
    assert_null(strcasestr(r->head, "chunked"));
    assert_null(strcasestr(r->head, "expect"));
    static const char body[] = "\x02\x02"
                               "\x02id\x05Int64\x05\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
                               "\x04note\x10Nullable(String)\0\x01\x02hi";
    assert_int_equal(r->n, sizeof(body)); /* the NUL is the empty string under the NULL */
    assert_memory_equal(r->body, body, r->n);
    assert_true(weir_kit_metric(b->kit, "weir_ch_sink_rows_total") == 2);
    assert_true(weir_kit_metric(b->kit, "weir_ch_sink_retries_total") == 0);
    weir_kit_close(b->kit);
}

static void a_block_is_of_one_partition_and_gathers_while_another_is_out(void **state)
{
    struct bench *b = *state;
    open_sink(b, "inflight = 2");
    reaches(b, WEIR_READY);
    fake_hold(&b->fake, true);
    uint64_t last = push(b, 1, "p1", 1);
    struct count one = {b, 1};
    assert_true(weir_kit_wait(b->kit, has_inserts, &one, WAIT));
    for (int i = 0; i < 20; i++) { /* batches of their own */
        last = push(b, 10 + i, "p1", 1);
        weir_kit_run(b->kit);
    }
    fake_hold(&b->fake, false);
    settles(b, last, WEIR_OK);
    assert_int_equal(fake_inserts(&b->fake), 2);
    assert_int_equal(insert(b, 1)->body[1], 20);
    for (uint32_t p = 2; p < 5; p++) last = push(b, p, "mixed", p);
    settles(b, last, WEIR_OK);
    struct count five = {b, 5};
    assert_true(weir_kit_wait(b->kit, has_inserts, &five, WAIT));
    for (size_t i = 2; i < 5; i++) assert_int_equal(insert(b, i)->body[1], 1);
    weir_kit_close(b->kit);
}

static void a_block_ends_at_max_rows_and_at_max_bytes(void **state)
{
    struct bench *b = *state;
    open_sink(b, "max_rows = 4");
    uint64_t last = 0;
    for (int i = 0; i < 10; i++) last = push(b, i, "x", 0);
    settles(b, last, WEIR_OK);
    assert_int_equal(fake_inserts(&b->fake), 3);
    assert_int_equal(insert(b, 0)->body[1], 4);
    assert_int_equal(insert(b, 2)->body[1], 2);
    weir_kit_close(b->kit);
    char note[200];
    memset(note, 'n', sizeof(note) - 1);
    note[sizeof(note) - 1] = '\0';
    open_sink(b, "max_bytes = 1024");
    for (int i = 0; i < 10; i++) last = push(b, i, note, 0);
    settles(b, last, WEIR_OK);
    assert_int_equal(insert(b, 3)->body[1], 5);
    weir_kit_close(b->kit);
}

static void the_token_follows_the_rows(void **state)
{
    struct bench *b = *state;
    char tokens[2][600];
    for (int i = 0; i < 2; i++) {
        open_sink(b, "");
        settles(b, push(b, 1, i ? "other" : "one", 0), WEIR_OK);
        const char *at = strstr(insert(b, (size_t)i)->head, "token=");
        snprintf(tokens[i], sizeof(tokens[i]), "%.*s", (int)strcspn(at, "& "), at);
        weir_kit_close(b->kit);
    }
    assert_string_not_equal(tokens[0], tokens[1]); /* the same position, other rows */
}

/* ---- answers that are not one */

static struct fake_answer first_fails(void *arg, const struct fake_request *r, size_t nth)
{
    (void)r;
    return nth == 1 ? *(struct fake_answer *)arg : (struct fake_answer){200, NULL, ""};
}

static void sent_again_unchanged(struct bench *b, struct fake_answer bad)
{
    b->fake.decide = first_fails;
    b->fake.arg = &bad;
    open_sink(b, "");
    uint64_t n = push(b, 1, "x", 3);
    settles(b, n, WEIR_OK);
    assert_int_equal(fake_inserts(&b->fake), 2);
    assert_string_equal(insert(b, 0)->head, insert(b, 1)->head);
    assert_int_equal(insert(b, 0)->n, insert(b, 1)->n);
    assert_memory_equal(insert(b, 0)->body, insert(b, 1)->body, insert(b, 0)->n);
    assert_true(weir_kit_metric(b->kit, "weir_ch_sink_retries_total") == 1);
    reaches(b, WEIR_READY);
    weir_kit_close(b->kit);
}

static void a_lost_answer_is_asked_for_with_the_same_bytes(void **state)
{
    sent_again_unchanged(*state, (struct fake_answer){0, NULL, NULL});
}

static void ok_with_an_exception_header_is_no_success(void **state)
{
    sent_again_unchanged(*state, (struct fake_answer){200, "X-ClickHouse-Exception-Code: 241\r\n", ""});
}

static void ok_with_an_exception_in_the_body_is_no_success(void **state)
{
    sent_again_unchanged(*state, (struct fake_answer){200, NULL, "Code: 241. DB::Exception: Memory limit exceeded"});
}

static void ok_from_something_else_is_no_success(void **state)
{
    sent_again_unchanged(*state, (struct fake_answer){200, NULL, "<html>Welcome</html>"});
}

static void a_gateway_error_is_retried(void **state)
{
    sent_again_unchanged(*state, (struct fake_answer){502, NULL, "Bad Gateway"});
}

static void too_many_parts_is_back_pressure(void **state)
{
    sent_again_unchanged(*state, (struct fake_answer){500, "X-ClickHouse-Exception-Code: 252\r\n",
                                                      "Code: 252. DB::Exception: Too many parts (3000)\nmore"});
}

static void trouble_shows_in_the_state(void **state)
{
    struct bench *b = *state;
    struct fake_answer full = {500, "X-ClickHouse-Exception-Code: 252\r\n", "Code: 252. DB::Exception: Too many\nmore"};
    b->fake.decide = first_fails;
    b->fake.arg = &full;
    open_sink(b, "");
    reaches(b, WEIR_READY);
    fake_hold(&b->fake, true);
    uint64_t n = push(b, 1, "x", 0);
    struct count one = {b, 1};
    assert_true(weir_kit_wait(b->kit, has_inserts, &one, WAIT));
    fake_hold(&b->fake, false);
    reaches(b, WEIR_DEGRADED);
    const char *why;
    weir_kit_state(b->kit, &why);
    assert_string_equal(why, "HTTP 500: Code: 252. DB::Exception: Too many");
    settles(b, n, WEIR_OK);
    reaches(b, WEIR_READY);
    weir_kit_close(b->kit);
}

/* ---- rows at fault */

static struct fake_answer hates_bad(void *arg, const struct fake_request *r, size_t nth)
{
    (void)arg;
    (void)nth;
    if (!memmem(r->body, r->n, "bad", 3)) return (struct fake_answer){200, NULL, ""};
    return (struct fake_answer){400, "X-ClickHouse-Exception-Code: 6\r\n", "Code: 6. DB::Exception: Cannot parse"};
}

static void the_row_at_fault_is_found(void **state)
{
    struct bench *b = *state;
    b->fake.decide = hates_bad;
    open_sink(b, "");
    uint64_t first = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t n = push(b, i, i == 617 ? "bad" : "good", 0);
        if (i == 0) first = n;
    }
    for (uint64_t i = 0; i < 1000; i++) settles(b, first + i, i == 617 ? WEIR_REJECT : WEIR_OK);
    assert_string_equal(weir_kit_settled(b->kit, first + 617)->why, "HTTP 400: Code: 6. DB::Exception: Cannot parse");
    weir_kit_close(b->kit);
}

static void what_cannot_be_decoded_is_rejected_alone(void **state)
{
    struct bench *b = *state;
    open_sink(b, "");
    uint64_t good = push(b, 1, "x", 0);
    const struct weir_kit_event cut = {.message = EVENT, .value = {(const uint8_t *)"\x08", 1}};
    const struct weir_kit_event other = {.message = "parcels.v1.Label", .value = {(const uint8_t *)"", 0}};
    uint64_t bad = weir_kit_push(b->kit, &cut), wrong = weir_kit_push(b->kit, &other), also = push(b, 2, "y", 0);
    settles(b, bad, WEIR_REJECT);
    settles(b, wrong, WEIR_REJECT);
    settles(b, good, WEIR_OK);
    settles(b, also, WEIR_OK);
    assert_string_equal(weir_kit_settled(b->kit, bad)->why, "field id, byte 1: a number is cut off or too long");
    assert_string_equal(weir_kit_settled(b->kit, wrong)->why,
                        "the event is a parcels.v1.Label, the table takes parcels.v1.Parcel");
    assert_int_equal(fake_inserts(&b->fake), 1);
    weir_kit_close(b->kit);
}

/* ---- a server that is away or other than expected */

static void away_at_start_and_later_it_waits_and_loses_nothing(void **state)
{
    struct bench *b = *state;
    fake_down(&b->fake, true);
    open_sink(b, "");
    uint64_t n = push(b, 1, "x", 0);
    reaches(b, WEIR_DEGRADED);
    fake_down(&b->fake, false);
    settles(b, n, WEIR_OK);
    reaches(b, WEIR_READY);
    fake_down(&b->fake, true);
    n = push(b, 2, "y", 0);
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
    settles(b, push(b, 1, "x", 0), WEIR_OK); /* it works all the same */
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
    uint64_t n = push(b, 1, "x", 0);
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
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_block_has_all_it_needs),
        TEST(a_block_is_of_one_partition_and_gathers_while_another_is_out),
        TEST(a_block_ends_at_max_rows_and_at_max_bytes),
        TEST(the_token_follows_the_rows),
        TEST(a_lost_answer_is_asked_for_with_the_same_bytes),
        TEST(ok_with_an_exception_header_is_no_success),
        TEST(ok_with_an_exception_in_the_body_is_no_success),
        TEST(ok_from_something_else_is_no_success),
        TEST(a_gateway_error_is_retried),
        TEST(too_many_parts_is_back_pressure),
        TEST(trouble_shows_in_the_state),
        TEST(the_row_at_fault_is_found),
        TEST(what_cannot_be_decoded_is_rejected_alone),
        TEST(away_at_start_and_later_it_waits_and_loses_nothing),
        TEST(a_changed_table_is_read_again),
        TEST(what_the_table_lacks_is_named),
        TEST(a_table_that_does_not_fit_is_waited_for),
        TEST(no_such_table_and_nonsense_are_told_apart),
        TEST(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
