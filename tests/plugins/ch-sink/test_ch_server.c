/* test_ch_server.c - ch-sink against a real ClickHouse (WEIR_TEST_CH = its HTTP URL): types, repeats, bad rows. */
#include "parcels/v1/parcel.pb-c.h"
#include <curl/curl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/testkit.h>

#include <cmocka.h>

#define EVENT "parcels.v1.Parcel"
#define ONCE "SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1"
enum { WAIT = 30000 };

struct bench {
    const char *url;
    char db[64];
    struct weir_kit *kit;
};

struct text {
    char *p;
    size_t n;
};

static size_t gather(char *p, size_t size, size_t n, void *arg)
{
    struct text *t = arg;
    t->p = realloc(t->p, t->n + size * n + 1);
    memcpy(t->p + t->n, p, size * n);
    t->n += size * n;
    t->p[t->n] = '\0';
    return size * n;
}

/* The server's answer without its last newline; the caller frees. Fails the test when the server does not like it. */
static char *ask(struct bench *b, const char *sql)
{
    struct text out = {calloc(1, 1), 0};
    long status = 0;
    CURL *c = curl_easy_init();
    curl_easy_setopt(c, CURLOPT_URL, b->url);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, sql);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, gather);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &out);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    if (rc != CURLE_OK || status != 200) fail_msg("%s: %s %s", sql, curl_easy_strerror(rc), out.p);
    if (out.n && out.p[out.n - 1] == '\n') out.p[out.n - 1] = '\0';
    return out.p;
}

__attribute__((format(printf, 2, 3))) static void run(struct bench *b, const char *fmt, ...)
{
    char sql[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sql, sizeof(sql), fmt, args);
    va_end(args);
    free(ask(b, sql));
}

static void answers(struct bench *b, const char *what, const char *expected)
{
    char sql[4096];
    snprintf(sql, sizeof(sql), "SELECT %s FORMAT TSV", what);
    char *is = ask(b, sql);
    assert_string_equal(is, expected);
    free(is);
}

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct timespec now;
    b->url = getenv("WEIR_TEST_CH");
    *state = b;
    if (!b->url) return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(b->db, sizeof(b->db), "weir_test_%d_%lld", (int)getpid(),
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    run(b, "CREATE DATABASE %s", b->db);
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    if (b->url) run(b, "DROP DATABASE %s SYNC", b->db);
    free(b);
    return 0;
}

static struct bench *need_server(void **state)
{
    struct bench *b = *state;
    if (!b->url) skip();
    return b;
}

static void open_sink(struct bench *b, const char *more)
{
    char conf[1024];
    snprintf(conf, sizeof(conf),
             "url = \"%s\"\ndatabase = \"%s\"\ntable = \"t\"\nevent = \"" EVENT "\"\nkey = [ \"id\" ]\n%s", b->url,
             b->db, more);
    b->kit = weir_kit_open_with("ch-sink", conf, WEIR_KIT_REAL_CLOCK);
}

static uint64_t push_at(struct bench *b, const Parcels__V1__Parcel *p, uint64_t position)
{
    size_t n = parcels__v1__parcel__get_packed_size(p);
    uint8_t *wire = malloc(n + 1);
    const struct weir_kit_event e = {
        .message = EVENT, .value = {wire, parcels__v1__parcel__pack(p, wire)}, .position = position};
    uint64_t number = weir_kit_push(b->kit, &e);
    free(wire);
    return number;
}

static void settles(struct bench *b, uint64_t number, enum weir_status status)
{
    const char *why;
    if (!weir_kit_wait_settled(b->kit, number, WAIT)) {
        weir_kit_state(b->kit, &why);
        fail_msg("event %d was not settled: %s", (int)number, why);
    }
    const struct weir_result *r = weir_kit_settled(b->kit, number);
    if (r->status != status) fail_msg("event %d: status %d, %s", (int)number, r->status, r->why ? r->why : "");
}

static void every_type_arrives(void **state)
{
    struct bench *b = need_server(state);
    run(b,
        "CREATE TABLE %s.t (id Int64, weight_g Nullable(Int16), balance Nullable(Decimal(38, 2)), pieces "
        "Nullable(UInt8), "
        "barcode UInt64 DEFAULT 3, crc Nullable(UInt32), offset Nullable(Int128), fragile Nullable(Bool), "
        "slope Nullable(Float32), latitude Nullable(Float64), note LowCardinality(Nullable(String)), "
        "signature Nullable(FixedString(4)), size Nullable(Enum8('LARGE' = 1, 'SMALL' = 2)), "
        "sent_at Nullable(DateTime64(6, 'UTC')), stops Array(Int32), legs Array(Float64), "
        "tags Array(LowCardinality(String)), scans Array(DateTime64(3, 'UTC')), sizes Array(String), "
        "sender Nullable(UUID), account Nullable(Int64), street Nullable(String), zip Nullable(Int64), "
        "day Nullable(Date32), made DateTime DEFAULT now()) ENGINE = ReplacingMergeTree ORDER BY id " ONCE,
        b->db);
    open_sink(b,
              "columns = [ \"street=label.to.street\", \"zip=label.to.zip\", \"day=label.printed_at\", \"barcode=\" ]");
    int32_t stops[] = {1, -2};
    double legs[] = {0.5};
    char *tags[] = {"a", "\xe2\x82\xac", "a"};
    Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT, old = t, *scans[] = {&t, &old};
    Parcels__V1__Size sizes[] = {PARCELS__V1__SIZE__RETURNED, (Parcels__V1__Size)55};
    Parcels__V1__Address to = PARCELS__V1__ADDRESS__INIT;
    Parcels__V1__Label label = PARCELS__V1__LABEL__INIT;
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT, empty = PARCELS__V1__PARCEL__INIT;
    t.seconds = 1700000000, t.nanos = 123456789, old.seconds = -1;
    to.street = "Elm", label.to = &to, label.printed_at = &old;
    p.id = 1, p.has_weight_g = 1, p.weight_g = -7, p.has_balance = 1, p.balance = -105, p.has_pieces = 1,
    p.pieces = 200;
    p.has_crc = 1, p.crc = 4000000000u, p.has_offset = 1, p.offset = -3, p.has_fragile = 1, p.fragile = 1;
    p.has_slope = 1, p.slope = 0.25f, p.has_latitude = 1, p.latitude = 51.5, p.note = "gr\xc3\xbc\xc3\x9f";
    p.has_signature = 1, p.signature.data = (uint8_t *)"ab", p.signature.len = 2;
    p.has_size = 1, p.size = PARCELS__V1__SIZE__LARGE, p.sent_at = &t, p.label = &label;
    p.n_stops = 2, p.stops = stops, p.n_legs = 1, p.legs = legs, p.n_tags = 3, p.tags = tags, p.n_scans = 2;
    p.scans = scans, p.n_sizes = 2, p.sizes = sizes;
    p.payer_case = PARCELS__V1__PARCEL__PAYER_SENDER, p.sender = "61f0c404-5cb3-11e7-907b-a6006ad3dba0";
    empty.id = 2;
    (void)push_at(b, &p, 0);
    settles(b, push_at(b, &empty, 0), WEIR_OK);
    assert_true(weir_kit_wait_state(b->kit, WEIR_READY, WAIT));
    char from[128];
    snprintf(from, sizeof(from), "* EXCEPT made FROM %s.t ORDER BY id", b->db);
    answers(b, from,
            "1\t-7\t-105\t200\t3\t4000000000\t-3\ttrue\t0.25\t51.5\tgr\xc3\xbc\xc3\x9f\tab\\0\\0\tLARGE\t"
            "2023-11-14 22:13:20.123456\t[1,-2]\t[0.5]\t['a','\xe2\x82\xac','a']\t"
            "['2023-11-14 22:13:20.123','1969-12-31 23:59:59.000']\t['RETURNED','55']\t"
            "61f0c404-5cb3-11e7-907b-a6006ad3dba0\t\\N\tElm\t0\t1969-12-31\n"
            "2\t\\N\t\\N\t\\N\t3\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t[]\t[]\t[]\t[]\t[]"
            "\t\\N\t\\N\t\\N\t\\N\t\\N");
    weir_kit_close(b->kit);
}

/* A crash between the INSERT and the source's commit: a new process sends the same events again. */
static void the_same_events_again_change_nothing(void **state)
{
    struct bench *b = need_server(state);
    char all[128], distinct[128];
    run(b, "CREATE TABLE %s.t (id Int64, note Nullable(String)) ENGINE = ReplacingMergeTree ORDER BY id " ONCE, b->db);
    run(b, "SYSTEM STOP MERGES %s.t", b->db);
    snprintf(all, sizeof(all), "count() FROM %s.t", b->db);
    snprintf(distinct, sizeof(distinct), "count() FROM %s.t FINAL", b->db);
    for (int round = 0; round < 3; round++) {
        open_sink(b, "");
        uint64_t last = 0;
        for (int i = 0; i < 100; i++) {
            Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
            p.id = i, p.note = "same";
            last = push_at(b, &p,
                           (uint64_t)(round == 2 ? 1000 + i : 1 + i)); /* the third: other positions, another token */
        }
        settles(b, last, WEIR_OK);
        weir_kit_close(b->kit);
        answers(b, all, round < 2 ? "100" : "200");
        answers(b, distinct, "100");
    }
}

/* The first one stays, whether it is in the table or before in the block; the same again is no conflict, NaN included.
 */
static void a_conflict_with_other_values_is_rejected(void **state)
{
    struct bench *b = need_server(state);
    char all[256];
    run(b,
        "CREATE TABLE %s.t (id Int64, note LowCardinality(Nullable(String)), latitude Float64, balance Decimal(10, 2), "
        "sent_at DateTime64(3, 'UTC'), tags Array(String)) ENGINE = ReplacingMergeTree ORDER BY id " ONCE,
        b->db);
    for (int round = 0; round < 2; round++) {
        open_sink(b, "conflicts = \"reject\"");
        Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
        Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
        char *tags[] = {(char *)(uintptr_t) "a", (char *)(uintptr_t) "b"};
        at.seconds = 1700000000;
        p.sent_at = &at, p.n_tags = 2, p.tags = tags, p.has_latitude = 1, p.latitude = NAN;
        p.has_balance = 1, p.balance = 5, p.note = (char *)(uintptr_t) "mine";
        uint64_t first = 0, n = 0;
        for (int i = 0; i < 100; i++) {
            p.id = i;
            n = push_at(b, &p, 0);
            if (!i) first = n;
        }
        p.note = (char *)(uintptr_t) "theirs";
        uint64_t other = push_at(b, &p, 0); /* of 99, in the same block or the next */
        p.id = 7, p.note = NULL;
        uint64_t absent = push_at(b, &p, 0);
        p.note = (char *)(uintptr_t) "mine";
        uint64_t copy = push_at(b, &p, 0);
        for (uint64_t i = first; i <= n; i++) settles(b, i, WEIR_OK);
        settles(b, other, WEIR_REJECT);
        settles(b, absent, WEIR_REJECT);
        settles(b, copy, WEIR_OK);
        weir_kit_assert_settled(b->kit, other, WEIR_REJECT, "conflict");
        weir_kit_close(b->kit);
        snprintf(all, sizeof(all), "uniqExact(id), countIf(note = 'mine') = count() FROM %s.t", b->db);
        answers(b, all, "100\t1");
    }
}

static void a_bad_row_among_a_thousand(void **state)
{
    struct bench *b = need_server(state);
    char count[128];
    run(b,
        "CREATE TABLE %s.t (id Int64, note IPv4, pieces UInt8, CONSTRAINT c CHECK id != 700) ENGINE = "
        "ReplacingMergeTree ORDER BY id " ONCE,
        b->db);
    open_sink(b, "");
    uint64_t first = 0;
    for (int i = 0; i < 1000; i++) {
        Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
        p.id = i, p.note = i == 333 ? "nowhere" : "10.1.2.3", p.has_pieces = 1, p.pieces = i == 5 ? 300 : 1;
        uint64_t n = push_at(b, &p, 0);
        if (!first) first = n;
    }
    for (int i = 0; i < 1000; i++)
        settles(b, first + (uint64_t)i, i == 333 || i == 5 || i == 700 ? WEIR_REJECT : WEIR_OK);
    assert_non_null(strstr(weir_kit_settled(b->kit, first + 333)->why, "IPv4"));
    assert_non_null(strstr(weir_kit_settled(b->kit, first + 700)->why, "onstraint"));
    assert_string_equal(
        weir_kit_settled(b->kit, first + 5)->why,
        "as parcels.v1.Parcel: field pieces: the number is out of range for column pieces, which is UInt8");
    snprintf(count, sizeof(count), "count(), uniqExact(id) FROM %s.t", b->db);
    answers(b, count, "997\t997");
    weir_kit_close(b->kit);
}

static void what_the_table_lacks_is_told(void **state)
{
    struct bench *b = need_server(state);
    const char *why;
    run(b, "CREATE TABLE %s.t (id Int64) ENGINE = ReplacingMergeTree ORDER BY id", b->db);
    open_sink(b, "");
    assert_true(weir_kit_wait_state(b->kit, WEIR_DEGRADED, WAIT));
    weir_kit_state(b->kit, &why);
    assert_non_null(strstr(why, "non_replicated_deduplication_window is 0"));
    weir_kit_close(b->kit);
    run(b, "ALTER TABLE %s.t MODIFY SETTING non_replicated_deduplication_window = 1000", b->db);
    open_sink(b, "fsync = false");
    assert_true(weir_kit_wait_state(b->kit, WEIR_READY, WAIT));
    weir_kit_close(b->kit);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_type_arrives),           TEST(the_same_events_again_change_nothing),
        TEST(a_bad_row_among_a_thousand),   TEST(a_conflict_with_other_values_is_rejected),
        TEST(what_the_table_lacks_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
