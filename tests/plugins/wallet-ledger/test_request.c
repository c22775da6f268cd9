/* test_request.c - bytes of strangers: what is read, what is refused, and which requests count as the same. Pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"
#include "wallet/v1/wallet.pb-c.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static char memory[65536];
static size_t used;
static void *alloc(void *of, size_t n)
{
    (void)of;
    if (used + n > sizeof memory) return NULL;
    used += n;
    return memory + used - n;
}
static struct arena arena = {alloc, NULL};

static int read_as(struct request *r, enum kind kind, const void *wire, size_t n)
{
    used = 0;
    *r = (struct request){.kind = kind};
    return request_read(r, (struct weir_slice){(const uint8_t *)wire, n}, &arena);
}

static size_t pack_debit(uint8_t *out, const char *account, const char *key, int64_t stake, int32_t odds)
{
    Bets__V1__PlaceBet bet = BETS__V1__PLACE_BET__INIT;
    Wallet__V1__DebitRequest m = WALLET__V1__DEBIT_REQUEST__INIT;
    bet.account_id = (char *)(uintptr_t)account;
    bet.bet_id = (char *)(uintptr_t)key;
    bet.stake_minor = stake;
    bet.odds_milli = odds;
    bet.currency = (char *)(uintptr_t) "EUR";
    bet.selection = (char *)(uintptr_t) "home";
    m.id = UINT64_MAX;
    m.budget_ms = 80;
    m.bet = &bet;
    return wallet__v1__debit_request__pack(&m, out);
}

static void reads_a_debit(void **state)
{
    (void)state;
    uint8_t wire[512];
    struct request r;
    assert_int_equal(read_as(&r, KIND_DEBIT, wire, pack_debit(wire, "ada", "b1", 500, -7)), 0);
    assert_string_equal(r.account.p, "ada");
    assert_string_equal(r.key.p, "b1");
    assert_string_equal(r.currency.p, "EUR");
    assert_string_equal(r.selection.p, "home");
    assert_int_equal(r.amount, 500);
    assert_int_equal(r.odds, -7);
    assert_true(r.id == UINT64_MAX);
    assert_non_null(strstr(request_check(&r), "odds_milli"));
    r.odds = 0;
    assert_null(request_check(&r));
    assert_int_equal(read_as(&r, KIND_DEBIT, "", 0), 0);
    assert_non_null(strstr(request_check(&r), "account_id"));
}

static void every_cut_and_every_flipped_byte_is_survived(void **state)
{
    (void)state;
    uint8_t wire[512], copy[512];
    struct request r;
    size_t n = pack_debit(wire, "ada", "b1", 500, 1850);
    for (size_t cut = 0; cut <= n; cut++) {
        uint8_t *exact = (uint8_t *)malloc(cut ? cut : 1); /* so that a sanitizer sees a read beyond */
        assert_non_null(exact);
        memcpy(exact, wire, cut);
        if (read_as(&r, KIND_DEBIT, exact, cut) == 0) request_check(&r);
        free(exact);
    }
    for (size_t at = 0; at < n; at++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, wire, n);
            copy[at] = (uint8_t)(copy[at] ^ 1 << bit);
            for (int kind = KIND_OPEN; kind <= KIND_BALANCE; kind++)
                if (read_as(&r, (enum kind)kind, copy, n) == 0) request_check(&r);
        }
    static const uint8_t endless[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    assert_int_equal(read_as(&r, KIND_DEBIT, endless, sizeof endless), -1);
    static const uint8_t long_length[] = {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 'a'};
    assert_int_equal(read_as(&r, KIND_OPEN, long_length, sizeof long_length), -1);
    static const uint8_t group[] = {0x0b, 0x0c};
    assert_int_equal(read_as(&r, KIND_OPEN, group, sizeof group), -1);
}

static void a_nul_in_an_id_is_refused_and_not_cut(void **state)
{
    (void)state;
    static const uint8_t wire[] = {0x0a, 3, 'a', 0, 'b', 0x12, 3, 'E', 'U', 'R'};
    struct request r;
    assert_int_equal(read_as(&r, KIND_OPEN, wire, sizeof wire), 0);
    assert_int_equal(r.account.n, 3);
    assert_non_null(strstr(request_check(&r), "account_id"));
}

static void text_must_be_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"", "ada", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",     "\xc3",         "\xc0\x80",         "\xe0\x80\x80",     "\xed\xa0\x80",
        "\xe2\x82", "\xf5\x80\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\x80", "a\xff"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(utf8_without_nul((struct weir_slice){(const uint8_t *)good[i], strlen(good[i])}));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8_without_nul((struct weir_slice){(const uint8_t *)bad[i], strlen(bad[i])}));
    assert_false(utf8_without_nul((struct weir_slice){(const uint8_t *)"a\0", 2}));
}

static struct weir_slice text(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static void limits_are_checked_field_by_field(void **state)
{
    (void)state;
    struct request good = {.kind = KIND_CREDIT, .account = text("ada"), .key = text("k"), .currency = text("EUR")};
    char long_id[66];
    memset(long_id, 'x', 65);
    long_id[65] = 0;
    good.amount = 1;
    assert_null(request_check(&good));
    struct request r = good;
    r.account = text(long_id);
    assert_non_null(strstr(request_check(&r), "account_id"));
    r.account.n = 64;
    assert_null(request_check(&r));
    r = good, r.key = text("");
    assert_non_null(strstr(request_check(&r), "idempotency_key"));
    r = good, r.amount = 0;
    assert_non_null(strstr(request_check(&r), "amount_minor"));
    r = good, r.amount = INT64_MIN;
    assert_non_null(strstr(request_check(&r), "amount_minor"));
    static const char *const currencies[] = {"", "EU", "EURO", "eur", "E1R"};
    for (int i = 0; i < 5; i++) {
        r = good, r.currency = text(currencies[i]);
        assert_non_null(strstr(request_check(&r), "currency"));
    }
}

static bool same(const struct request *a, const struct request *b)
{
    struct request x = *a, y = *b;
    request_hash(&x);
    request_hash(&y);
    return memcmp(x.hash, y.hash, sizeof x.hash) == 0;
}

static void the_hash_covers_what_the_client_sent_and_no_more(void **state)
{
    (void)state;
    struct request a = {.kind = KIND_DEBIT, .account = text("ada"), .key = text("b1"), .currency = text("EUR")};
    a.selection = text("home");
    a.amount = 500;
    struct request b = a;
    b.id = 9;
    b.deadline_ns = 5;
    b.shard = 3;
    assert_true(same(&a, &b));
    b = a, b.amount = 501;
    assert_false(same(&a, &b));
    b = a, b.odds = 1;
    assert_false(same(&a, &b));
    b = a, b.selection = text("away");
    assert_false(same(&a, &b));
    b = a, b.currency = text("EURh"), b.selection = text("ome");
    assert_false(same(&a, &b));
    b = a, b.kind = KIND_CREDIT;
    assert_false(same(&a, &b));
    /* Stored in ledgers: must never change. */
    static const uint8_t fixed[16] = {0x7a, 0x15, 0x65, 0xfb, 0x2d, 0x3f, 0xe6, 0x69,
                                      0x72, 0xa0, 0x2b, 0x65, 0xb9, 0xd3, 0x6a, 0xa9};
    request_hash(&a);
    assert_memory_equal(a.hash, fixed, 16);
}

static void confirmations_are_read(void **state)
{
    (void)state;
    Wallet__V1__Confirmed m = WALLET__V1__CONFIRMED__INIT;
    uint8_t wire[64];
    struct confirmed c;
    m.epoch = INT64_MAX;
    m.shard = 63;
    m.first_seq = 5;
    m.last_seq = 9;
    size_t n = wallet__v1__confirmed__pack(&m, wire);
    assert_int_equal(confirmed_read(&c, (struct weir_slice){wire, n}), 0);
    assert_true(c.epoch == INT64_MAX && c.shard == 63 && c.first == 5 && c.last == 9);
    assert_int_equal(confirmed_read(&c, (struct weir_slice){wire, n - 1}), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_debit),
        cmocka_unit_test(every_cut_and_every_flipped_byte_is_survived),
        cmocka_unit_test(a_nul_in_an_id_is_refused_and_not_cut),
        cmocka_unit_test(text_must_be_utf8),
        cmocka_unit_test(limits_are_checked_field_by_field),
        cmocka_unit_test(the_hash_covers_what_the_client_sent_and_no_more),
        cmocka_unit_test(confirmations_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
