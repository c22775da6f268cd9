/* test_columns.c - reading events: every type, presence, oneofs, merging; then bytes cut off, changed and made up. */
#include "columns.h"
#include "columns_wire.h"
#include "parcels/v1/parcel.pb-c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One nullable column a field of Parcel, and some inside its label. */
static const char *const names[] = {
    "id",      "weight_g",  "balance", "pieces",  "barcode", "crc",  "offset",  "fragile", "slope",    "latitude",
    "note",    "signature", "size",    "sent_at", "stops",   "legs", "tags",    "scans",   "sizes",    "sender",
    "account", "delta",     "low",     "high",    "street",  "zip",  "printed", "codes",   "billed_to"};
enum {
    ID,
    WEIGHT,
    BALANCE,
    PIECES,
    BARCODE,
    CRC,
    OFFSET,
    FRAGILE,
    SLOPE,
    LATITUDE,
    NOTE,
    SIGNATURE,
    SIZE,
    SENT_AT,
    STOPS,
    LEGS,
    TAGS,
    SCANS,
    SIZES,
    SENDER,
    ACCOUNT,
    DELTA,
    LOW,
    HIGH,
    STREET,
    ZIP,
    PRINTED,
    CODES,
    BILLED_TO,
    N_COLUMNS
};

struct fixture {
    struct weir_columns *plan;
    struct weir_row row;
    char err[WEIR_COLUMNS_ERR];
};

static struct weir_slice text(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct weir_table_column cols[N_COLUMNS];
    for (size_t i = 0; i < N_COLUMNS; i++) cols[i] = (struct weir_table_column){names[i], "any", true, false};
    struct weir_pair map[] = {{text("street"), text("label.to.street")},
                              {text("zip"), text("label.to.zip")},
                              {text("printed"), text("label.printed_at")},
                              {text("codes"), text("label.codes")},
                              {text("billed_to"), text("invoice.text")}};
    struct weir_list list = {map, 5, sizeof(map[0])};
    f->plan = weir_columns_plan(&parcels__v1__parcel__descriptor, cols, N_COLUMNS, &list, 0, f->err);
    if (!f->plan) fail_msg("%s", f->err);
    assert_int_equal(weir_row_init(&f->row, f->plan), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    weir_row_free(&f->row);
    weir_columns_free(f->plan);
    free(f);
    return 0;
}

static const struct weir_cell *cell(const struct fixture *f, int column)
{
    return &f->row.cells[f->plan->v[column].slot];
}

static const union weir_cell_value *item(const struct fixture *f, int column, uint32_t index)
{
    const struct weir_cell *c = cell(f, column);
    assert_true(index < c->v.list.n);
    uint32_t at = c->v.list.first;
    while (index--) at = f->row.items[at].next;
    return &f->row.items[at].v;
}

/* Packed into exactly its size on the heap, so that a byte read too far is seen by ASan. */
static struct weir_slice pack(const Parcels__V1__Parcel *p)
{
    size_t n = parcels__v1__parcel__get_packed_size(p);
    uint8_t *out = malloc(n ? n : 1);
    parcels__v1__parcel__pack(p, out);
    return (struct weir_slice){out, n};
}

static enum weir_read read_bytes(struct fixture *f, const void *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    enum weir_read r = weir_columns_read(f->plan, (struct weir_slice){copy, n}, &f->row, f->err);
    free(copy);
    return r;
}

static void malformed(struct fixture *f, const char *bytes, size_t n, const char *why)
{
    assert_int_equal(read_bytes(f, bytes, n), WEIR_READ_MALFORMED);
    assert_string_equal(f->err, why);
}
#define MALFORMED(f, bytes, why) malformed(f, bytes, sizeof(bytes) - 1, why)

static struct weir_slice full_parcel(void)
{
    int32_t stops[] = {1, -2, 3};
    double legs[] = {0.5, -1e300};
    char *tags[] = {"a", "", "\xe2\x82\xac"};
    Google__Protobuf__Timestamp t1 = GOOGLE__PROTOBUF__TIMESTAMP__INIT, t2 = t1, *scans[] = {&t1, &t2};
    t1.seconds = 1700000000, t1.nanos = 5, t2.seconds = -1;
    Parcels__V1__Size sizes[] = {PARCELS__V1__SIZE__LARGE, PARCELS__V1__SIZE__RETURNED};
    int64_t codes[] = {9, 8};
    Parcels__V1__Address to = PARCELS__V1__ADDRESS__INIT;
    to.street = "Elm", to.zip = 12345;
    Parcels__V1__Label label = PARCELS__V1__LABEL__INIT;
    label.to = &to, label.printed_at = &t2, label.n_codes = 2, label.codes = codes, label.text = "unused";
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT, inner = PARCELS__V1__PARCEL__INIT, *inside[] = {&inner};
    inner.id = 99;
    p.id = INT64_MIN, p.has_weight_g = 1, p.weight_g = -7, p.has_balance = 1, p.balance = INT64_MIN, p.has_pieces = 1;
    p.pieces = UINT32_MAX, p.has_barcode = 1, p.barcode = UINT64_MAX, p.has_crc = 1, p.crc = 0xfffffff0u;
    p.has_offset = 1, p.offset = -3, p.has_fragile = 1, p.fragile = 1, p.has_slope = 1, p.slope = 0.25f;
    p.has_latitude = 1, p.latitude = 51.5, p.note = "gr\xc3\xbc\xc3\x9f", p.has_signature = 1;
    p.signature.data = (uint8_t *)"\0\xff", p.signature.len = 2, p.has_size = 1, p.size = PARCELS__V1__SIZE__RETURNED;
    p.sent_at = &t1, p.label = &label, p.n_stops = 3, p.stops = stops, p.n_legs = 2, p.legs = legs, p.n_tags = 3;
    p.tags = tags, p.n_scans = 2, p.scans = scans, p.n_sizes = 2, p.sizes = sizes, p.n_inside = 1, p.inside = inside;
    p.payer_case = PARCELS__V1__PARCEL__PAYER_ACCOUNT, p.account = 77, p.has_delta = 1, p.delta = -500;
    p.has_low = 1, p.low = -9, p.has_high = 1, p.high = UINT64_MAX;
    return pack(&p);
}

static void every_type_is_read(void **state)
{
    struct fixture *f = *state;
    struct weir_slice w = full_parcel();
    enum weir_read r = weir_columns_read(f->plan, w, &f->row, f->err);
    if (r != WEIR_READ_OK) fail_msg("%s", f->err);
    assert_true(cell(f, ID)->v.i64 == INT64_MIN);
    assert_true(cell(f, WEIGHT)->v.i64 == -7);
    assert_true(cell(f, BALANCE)->v.i64 == INT64_MIN);
    assert_true(cell(f, PIECES)->v.u64 == UINT32_MAX);
    assert_true(cell(f, BARCODE)->v.u64 == UINT64_MAX);
    assert_true(cell(f, CRC)->v.u64 == 0xfffffff0u);
    assert_true(cell(f, OFFSET)->v.i64 == -3);
    assert_true(cell(f, FRAGILE)->v.i64 == 1);
    assert_true(cell(f, SLOPE)->v.f64 == 0.25);
    assert_true(cell(f, LATITUDE)->v.f64 == 51.5);
    assert_int_equal(cell(f, NOTE)->v.bytes.n, 6);
    assert_memory_equal(cell(f, SIGNATURE)->v.bytes.p, "\0\xff", 2);
    assert_true(cell(f, SIZE)->v.i64 == -1);
    assert_true(cell(f, SENT_AT)->v.time.sec == 1700000000 && cell(f, SENT_AT)->v.time.nanos == 5);
    assert_true(cell(f, DELTA)->v.i64 == -500 && cell(f, LOW)->v.i64 == -9 && cell(f, HIGH)->v.u64 == UINT64_MAX);
    assert_int_equal(cell(f, STOPS)->v.list.n, 3);
    assert_true(item(f, STOPS, 1)->i64 == -2);
    assert_true(item(f, LEGS, 1)->f64 == -1e300);
    assert_memory_equal(item(f, TAGS, 2)->bytes.p, "\xe2\x82\xac", 3);
    assert_int_equal(item(f, TAGS, 1)->bytes.n, 0);
    assert_true(item(f, SCANS, 0)->time.nanos == 5 && item(f, SCANS, 1)->time.sec == -1);
    assert_true(item(f, SIZES, 1)->i64 == -1);
    assert_false(cell(f, SENDER)->set);
    assert_true(cell(f, ACCOUNT)->set && cell(f, ACCOUNT)->v.i64 == 77);
    assert_memory_equal(cell(f, STREET)->v.bytes.p, "Elm", 3);
    assert_true(cell(f, ZIP)->v.i64 == 12345 && cell(f, PRINTED)->v.time.sec == -1);
    assert_true(item(f, CODES, 0)->i64 == 9 && item(f, CODES, 1)->i64 == 8);
    assert_false(cell(f, BILLED_TO)->set);
    free((void *)w.p);
}

static void absent_is_null_unless_the_field_has_no_presence(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_bytes(f, "\x08\x05", 2), WEIR_READ_OK);
    assert_true(cell(f, ID)->set);
    for (int i = WEIGHT; i < N_COLUMNS; i++) {
        if (f->plan->v[i].repeated) /* a list is never NULL */
            assert_true(cell(f, i)->set && cell(f, i)->v.list.n == 0);
        else
            assert_false(cell(f, i)->set);
    }
    assert_int_equal(read_bytes(f, "\x7a\x02\x1a\x00", 4), WEIR_READ_OK); /* label { to {} } */
    assert_true(cell(f, STREET)->set && cell(f, STREET)->v.bytes.n == 0 && cell(f, STREET)->v.bytes.p);
    assert_true(cell(f, ZIP)->set && cell(f, ZIP)->v.i64 == 0);
    assert_false(cell(f, PRINTED)->set);
    assert_int_equal(read_bytes(f, "", 0), WEIR_READ_OK);
}

static void a_column_without_null_needs_its_field(void **state)
{
    struct fixture *f = *state;
    const struct weir_table_column cols[] = {{"note", "text", false, false}, {"zip", "bigint", false, false}};
    struct weir_pair map = {text("zip"), text("label.to.zip")};
    struct weir_list list = {&map, 1, sizeof(map)};
    struct weir_columns *plan = weir_columns_plan(&parcels__v1__parcel__descriptor, cols, 2, &list, 0, f->err);
    struct weir_row row;
    assert_non_null(plan);
    assert_int_equal(weir_row_init(&row, plan), 0);
    assert_int_equal(weir_columns_read(plan, text("\x08\x01"), &row, f->err), WEIR_READ_MALFORMED);
    assert_string_equal(f->err, "field note is absent, but column note takes no NULL");
    assert_int_equal(weir_columns_read(plan, text("\x5a\x01x"), &row, f->err), WEIR_READ_OK);
    assert_true(row.cells[plan->v[1].slot].set && row.cells[plan->v[1].slot].v.i64 == 0);
    weir_row_free(&row);
    weir_columns_free(plan);
}

static void the_last_one_wins_and_messages_merge(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_bytes(f, "\x08\x05\x08\x06", 4), WEIR_READ_OK);
    assert_true(cell(f, ID)->v.i64 == 6);
    static const char merged[] = "\x7a\x05\x1a\x03\x0a\x01x\x7a\x04\x1a\x02\x10\x09"; /* to.street, then to.zip */
    assert_int_equal(read_bytes(f, merged, sizeof(merged) - 1), WEIR_READ_OK);
    assert_true(cell(f, ZIP)->v.i64 == 9 && cell(f, STREET)->v.bytes.n == 1);
    static const char time[] = "\x72\x02\x08\x05\x72\x02\x10\x06"; /* seconds, then nanos */
    assert_int_equal(read_bytes(f, time, sizeof(time) - 1), WEIR_READ_OK);
    assert_true(cell(f, SENT_AT)->v.time.sec == 5 && cell(f, SENT_AT)->v.time.nanos == 6);
    static const char both[] = "\x80\x01\x01\x82\x01\x02\x02\x03\x80\x01\x04"; /* stops: single, packed, single */
    assert_int_equal(read_bytes(f, both, sizeof(both) - 1), WEIR_READ_OK);
    assert_int_equal(cell(f, STOPS)->v.list.n, 4);
    assert_true(item(f, STOPS, 3)->i64 == 4);
}

static void a_oneof_keeps_its_last_member(void **state)
{
    struct fixture *f = *state;
    static const char sender_then_account[] = "\xaa\x01\x01s\xb0\x01\x07";
    assert_int_equal(read_bytes(f, sender_then_account, sizeof(sender_then_account) - 1), WEIR_READ_OK);
    assert_false(cell(f, SENDER)->set);
    assert_true(cell(f, ACCOUNT)->set);
    static const char invoice_then_sender[] = "\xba\x01\x03\x0a\x01x\xaa\x01\x01s";
    assert_int_equal(read_bytes(f, invoice_then_sender, sizeof(invoice_then_sender) - 1), WEIR_READ_OK);
    assert_false(cell(f, BILLED_TO)->set);
    assert_true(cell(f, SENDER)->set);
    static const char account_then_invoice[] = "\xb0\x01\x07\xba\x01\x00";
    assert_int_equal(read_bytes(f, account_then_invoice, sizeof(account_then_invoice) - 1), WEIR_READ_OK);
    assert_false(cell(f, ACCOUNT)->set);
    assert_true(cell(f, BILLED_TO)->set && cell(f, BILLED_TO)->v.bytes.n == 0);
}

/* Only `account` is mapped: the others must displace it all the same. */
static void an_unmapped_member_displaces_too(void **state)
{
    struct fixture *f = *state;
    const struct weir_table_column col = {"account", "bigint", true, false};
    struct weir_columns *plan = weir_columns_plan(&parcels__v1__parcel__descriptor, &col, 1, NULL, 0, f->err);
    struct weir_row row;
    assert_non_null(plan);
    assert_int_equal(weir_row_init(&row, plan), 0);
    assert_int_equal(weir_columns_read(plan, text("\xb0\x01\x07"), &row, f->err), WEIR_READ_OK);
    assert_true(row.cells[0].set);
    assert_int_equal(weir_columns_read(plan, text("\xb0\x01\x07\xaa\x01\x01s"), &row, f->err), WEIR_READ_OK);
    assert_false(row.cells[0].set);
    weir_row_free(&row);
    weir_columns_free(plan);
}

static void what_is_wrong_is_named_with_its_byte(void **state)
{
    struct fixture *f = *state;
    MALFORMED(f, "\x08", "field id, byte 1: a number is cut off or too long");
    MALFORMED(f, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "field id, byte 1: a number is cut off or too long");
    MALFORMED(f, "\x09\x01\x01\x01\x01\x01\x01\x01\x01", "field id, byte 1: another wire type than its .proto says");
    MALFORMED(f, "\x08\x01\x5a\x05hell", "field note, byte 3: its length goes past the end of the message");
    MALFORMED(f, "\x5a\x02\xc3\x28", "field note, byte 1: invalid UTF-8");
    MALFORMED(f, "\x5a\x03\xed\xa0\x80", "field note, byte 1: invalid UTF-8"); /* a surrogate */
    MALFORMED(f, "\x5a\x02\xc0\x80", "field note, byte 1: invalid UTF-8");     /* too long a form */
    MALFORMED(f,
              "\x5a\x09"
              "12345678\xff",
              "field note, byte 1: invalid UTF-8");
    MALFORMED(f, "\x35\x01\x02", "field crc, byte 1: 4 bytes expected, the message ends before");
    MALFORMED(f, "\x39\x01\x02", "field offset, byte 1: 8 bytes expected, the message ends before");
    MALFORMED(f, "\x00\x01", "byte 0: malformed or cut off tag");
    MALFORMED(f, "\xe3\x3f", "byte 0: a field that no column takes is malformed or cut off"); /* a group */
    MALFORMED(f, "\xfa\x3f\x05", "byte 0: a field that no column takes is malformed or cut off");
    MALFORMED(f, "\x72\x02\x0a\x00", "field sent_at, byte 2: malformed timestamp");
    MALFORMED(f, "\x72\x06\x10\x80\x94\xeb\xdc\x03",
              "field sent_at, byte 2: timestamp out of range (years 1 to 9999, nanos 0 to 999999999)");
    MALFORMED(f, "\x7a\x04\x1a\x02\x0a\x05", "field street, byte 5: its length goes past the end of the message");
    MALFORMED(f, "\x82\x01\x02\x01\x80", "field stops, byte 4: a number is cut off or too long");
}

static void cut_off_anywhere_it_never_reads_on(void **state)
{
    struct fixture *f = *state;
    struct weir_slice w = full_parcel();
    size_t whole = 0;
    for (size_t n = 0; n < w.n; n++) {
        enum weir_read r = read_bytes(f, w.p, n);
        assert_true(r == WEIR_READ_OK || (r == WEIR_READ_MALFORMED && f->err[0]));
        whole += r == WEIR_READ_OK; /* between two fields */
    }
    assert_true(whole > 0 && whole < w.n / 2);
    free((void *)w.p);
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Touches everything that a sink would, for ASan and UBSan to see. */
static uint64_t sum_of(const struct fixture *f)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < f->plan->n; i++) {
        const struct weir_cell *c = cell(f, (int)i);
        bool bytes = f->plan->v[i].kind == WEIR_COLUMN_STRING || f->plan->v[i].kind == WEIR_COLUMN_BYTES;
        if (!c->set) continue;
        for (uint32_t k = 0; f->plan->v[i].repeated && k < c->v.list.n; k++) sum += item(f, (int)i, k)->u64 & 1;
        if (f->plan->v[i].repeated || !bytes) continue;
        for (size_t b = 0; b < c->v.bytes.n; b++) sum += c->v.bytes.p[b];
    }
    return sum;
}

static void changed_bytes_never_break_it(void **state)
{
    struct fixture *f = *state;
    struct weir_slice w = full_parcel();
    uint64_t seed = 88172645463325252ull, good = 0, sum = 0;
    for (int round = 0; round < 100000; round++) {
        size_t n = w.n - (next(&seed) & 7 ? 0 : next(&seed) % w.n);
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, w.p, n);
        for (uint64_t k = 0, changes = 1 + (next(&seed) & 3); n && k < changes; k++)
            copy[next(&seed) % n] = (uint8_t)next(&seed);
        f->err[0] = '\0';
        enum weir_read r = weir_columns_read(f->plan, (struct weir_slice){copy, n}, &f->row, f->err);
        assert_true(r == WEIR_READ_OK || f->err[0]);
        if (r == WEIR_READ_OK) sum += sum_of(f), good++;
        free(copy);
    }
    assert_true(good > 1000 && sum > 0);
    free((void *)w.p);
}

static void made_up_bytes_never_break_it(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 1442695040888963407ull;
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[40];
        size_t n = next(&seed) % sizeof(bytes);
        for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)next(&seed);
        if (read_bytes(f, bytes, n) == WEIR_READ_OK) continue;
        assert_true(f->err[0]);
    }
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_type_is_read),
        TEST(absent_is_null_unless_the_field_has_no_presence),
        TEST(a_column_without_null_needs_its_field),
        TEST(the_last_one_wins_and_messages_merge),
        TEST(a_oneof_keeps_its_last_member),
        TEST(an_unmapped_member_displaces_too),
        TEST(what_is_wrong_is_named_with_its_byte),
        TEST(cut_off_anywhere_it_never_reads_on),
        TEST(changed_bytes_never_break_it),
        TEST(made_up_bytes_never_break_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
