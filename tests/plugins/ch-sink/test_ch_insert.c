/* test_ch_insert.c - what ch-sink sends, and what it makes of answers that are lost, refuse or lie. */
#include "ch_bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is sent */

static void a_block_has_all_it_needs(void **state)
{
    struct bench *b = *state;
    open_sink(b, "username = \"u\"\npassword = \"secret\"\nsettings = [ \"optimize_on_insert=0\" ]");
    reaches(b, WEIR_READY);
    uint64_t first = push_note(b, 5, "hi", 7), second = push_note(b, -1, NULL, 7);
    settles(b, first, WEIR_OK);
    settles(b, second, WEIR_OK);
    assert_int_equal(fake_inserts(&b->fake), 1);
    const struct fake_request *r = insert(b, 0);
    static const char *const parts[] = {
        "POST /?query=INSERT%20INTO%20%60shop%60.%60par%5C%60cels%60%20%28%60id%60%2C%20"
        "%60note%60%29%20FORMAT%20Native&",
        "optimize_on_insert=0&",
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
    uint64_t last = push_note(b, 1, "p1", 1);
    wait_inserts(b, 1);
    for (int i = 0; i < 20; i++) { /* batches of their own */
        last = push_note(b, 10 + i, "p1", 1);
        weir_kit_run(b->kit);
    }
    fake_hold(&b->fake, false);
    settles(b, last, WEIR_OK);
    assert_int_equal(fake_inserts(&b->fake), 2);
    assert_int_equal(insert(b, 1)->body[1], 20);
    for (uint32_t p = 2; p < 5; p++) last = push_note(b, p, "mixed", p);
    settles(b, last, WEIR_OK);
    wait_inserts(b, 5);
    for (size_t i = 2; i < 5; i++) assert_int_equal(insert(b, i)->body[1], 1);
    weir_kit_close(b->kit);
}

/* More cannot come: none of them has to linger, but small ones had better grow. */
static void with_the_window_spent_the_largest_goes_alone(void **state)
{
    struct bench *b = *state;
    uint64_t last = 0;
    open_sink(b, "inflight = 4  linger = \"1min\"");
    reaches(b, WEIR_READY);
    weir_kit_flow(b->kit, false);
    fake_hold(&b->fake, true);
    push_note(b, 1, "x", 1);
    wait_inserts(b, 1);
    for (int i = 0; i < 5; i++) last = push_note(b, i, "x", i < 2 ? 2 : 3);
    weir_kit_run(b->kit);
    assert_true(weir_kit_metric(b->kit, "weir_ch_sink_inserts_total") == 0);
    fake_hold(&b->fake, false);
    settles(b, last, WEIR_OK);
    wait_inserts(b, 3);
    assert_int_equal(insert(b, 1)->body[1], 3);
    assert_int_equal(insert(b, 2)->body[1], 2);
    weir_kit_close(b->kit);
}

static void a_block_ends_at_max_rows_and_at_max_bytes(void **state)
{
    struct bench *b = *state;
    open_sink(b, "max_rows = 4");
    uint64_t last = 0;
    for (int i = 0; i < 10; i++) last = push_note(b, i, "x", 0);
    settles(b, last, WEIR_OK);
    assert_int_equal(fake_inserts(&b->fake), 3);
    assert_int_equal(insert(b, 0)->body[1], 4);
    assert_int_equal(insert(b, 2)->body[1], 2);
    weir_kit_close(b->kit);
    char note[200];
    memset(note, 'n', sizeof(note) - 1);
    note[sizeof(note) - 1] = '\0';
    open_sink(b, "max_bytes = 1024");
    for (int i = 0; i < 10; i++) last = push_note(b, i, note, 0);
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
        settles(b, push_note(b, 1, i ? "other" : "one", 0), WEIR_OK);
        const char *at = strstr(insert(b, (size_t)i)->head, "token=");
        snprintf(tokens[i], sizeof(tokens[i]), "%.*s", (int)strcspn(at, "& "), at);
        weir_kit_close(b->kit);
    }
    assert_string_not_equal(tokens[0], tokens[1]); /* the same position, other rows */
}

/* ---- answers that are not one */

static void sent_again_unchanged(struct bench *b, struct fake_answer bad)
{
    b->fake.decide = first_fails;
    b->fake.arg = &bad;
    open_sink(b, "");
    uint64_t n = push_note(b, 1, "x", 3);
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
    uint64_t n = push_note(b, 1, "x", 0);
    wait_inserts(b, 1);
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
        uint64_t n = push_note(b, i, i == 617 ? "bad" : "good", 0);
        if (i == 0) first = n;
    }
    for (uint64_t i = 0; i < 1000; i++) settles(b, first + i, i == 617 ? WEIR_REJECT : WEIR_OK);
    assert_string_equal(weir_kit_settled(b->kit, first + 617)->why, "HTTP 400: Code: 6. DB::Exception: Cannot parse");
    weir_kit_assert_settled(b->kit, first + 617, WEIR_REJECT, "refused");
    weir_kit_close(b->kit);
}

static void what_cannot_be_decoded_is_rejected_alone(void **state)
{
    struct bench *b = *state;
    open_sink(b, "");
    uint64_t good = push_note(b, 1, "x", 0);
    const struct weir_kit_event cut = {.message = EVENT, .value = {(const uint8_t *)"\x08", 1}};
    const struct weir_kit_event other = {.message = "parcels.v1.Label", .value = {(const uint8_t *)"", 0}};
    uint64_t bad = weir_kit_push(b->kit, &cut), wrong = weir_kit_push(b->kit, &other), also = push_note(b, 2, "y", 0);
    settles(b, bad, WEIR_REJECT);
    settles(b, wrong, WEIR_REJECT);
    settles(b, good, WEIR_OK);
    settles(b, also, WEIR_OK);
    assert_string_equal(weir_kit_settled(b->kit, bad)->why,
                        "as parcels.v1.Parcel: field id, byte 1: a number is cut off or too long");
    weir_kit_assert_settled(b->kit, bad, WEIR_REJECT, "malformed");
    weir_kit_assert_settled(b->kit, wrong, WEIR_REJECT, "wrong-message");
    assert_string_equal(weir_kit_settled(b->kit, wrong)->why,
                        "the event is a parcels.v1.Label, the table takes parcels.v1.Parcel");
    assert_int_equal(fake_inserts(&b->fake), 1);
    weir_kit_close(b->kit);
}

/* Asked before each INSERT; the first answer names a row, the second none. */
static struct fake_answer knows_one(void *arg, const struct fake_request *r, size_t nth)
{
    (void)arg;
    bool asks = strstr(r->head, "_weir_rows_structure") != NULL;
    return (struct fake_answer){200, NULL, asks && nth == 1 ? "1\n" : ""};
}

static void a_conflict_is_rejected_when_asked_for(void **state)
{
    struct bench *b = *state;
    b->fake.decide = knows_one;
    open_sink(b, "conflicts = \"reject\"");
    uint64_t first = push_note(b, 1, "x", 0), other = push_note(b, 2, "y", 0), last = push_note(b, 3, "z", 0);
    settles(b, first, WEIR_OK);
    settles(b, other, WEIR_REJECT);
    settles(b, last, WEIR_OK);
    weir_kit_assert_settled(b->kit, other, WEIR_REJECT, "conflict");
    assert_int_equal(fake_inserts(&b->fake), 3);
    assert_non_null(strstr(insert(b, 0)->head, "multipart/form-data; boundary="));
    assert_non_null(strstr(insert(b, 0)->body, "name=\"_weir_rows\"; filename"));
    assert_non_null(strstr(insert(b, 2)->head, "INSERT%20INTO"));
    weir_kit_close(b->kit);
}

/* Nonsense or an error: the question comes again, and nothing is inserted before it was answered. */
static struct fake_answer thrice_unsure(void *arg, const struct fake_request *r, size_t nth)
{
    static const struct fake_answer bad[] = {
        {200, NULL, "9\n"}, {200, NULL, "perhaps"}, {500, NULL, "Code: 241. DB::Exception: Memory limit"}};
    (void)arg;
    (void)r;
    return nth <= 3 ? bad[nth - 1] : (struct fake_answer){200, NULL, ""};
}

static void no_insert_before_the_answer(void **state)
{
    struct bench *b = *state;
    b->fake.decide = thrice_unsure;
    open_sink(b, "conflicts = \"reject\"");
    settles(b, push_note(b, 1, "x", 0), WEIR_OK);
    assert_int_equal(fake_inserts(&b->fake), 5);
    for (size_t i = 0; i < 5; i++) assert_true(!strstr(insert(b, i)->head, "_weir_rows_structure") == (i == 4));
    weir_kit_close(b->kit);
}

static void conflicts_need_the_whole_key(void **state)
{
    struct bench *b = *state;
    const char *why;
    fake_forget(&b->fake);
    fake_row(&b->fake, "column", "id", "Int64", "0000000001 DEFAULT");
    fake_row(&b->fake, "column", "note", "String", "0000000002 ");
    fake_row(&b->fake, "engine", "ReplacingMergeTree", "id", "non_replicated_deduplication_window = 1000");
    open_sink(b, "conflicts = \"reject\"\ncolumns = [ \"id=\" ]");
    reaches(b, WEIR_DEGRADED);
    weir_kit_state(b->kit, &why);
    if (!strstr(why, "conflicts: a column of `key` gets no value from the event")) fail_msg("%s", why);
    weir_kit_close(b->kit);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_block_has_all_it_needs),
        TEST(a_block_is_of_one_partition_and_gathers_while_another_is_out),
        TEST(with_the_window_spent_the_largest_goes_alone),
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
        TEST(a_conflict_is_rejected_when_asked_for),
        TEST(no_insert_before_the_answer),
        TEST(conflicts_need_the_whole_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
