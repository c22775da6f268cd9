/* test_route.c - which branch an event goes into, and what becomes of one that goes into none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <weir/testkit.h>

static const char *const three[] = {"euro", "dollar", "rest", NULL};
#define BY_CURRENCY "field = \"currency\"; to = { EUR = \"euro\" USD = \"dollar\" }; "

static struct weir_kit *open_kit(const char *conf, const char *const *outputs)
{
    const struct weir_kit_setup setup = {.plugin = "route", .conf = conf, .outputs = outputs};
    char *error;
    struct weir_kit *kit = weir_kit_try_open(&setup, &error);
    if (!kit) fail_msg("%s", error);
    return kit;
}

static void refused(const char *conf, const char *const *outputs, const char *why)
{
    const struct weir_kit_setup setup = {.plugin = "route", .conf = conf, .outputs = outputs};
    char *error;
    assert_null(weir_kit_try_open(&setup, &error));
    if (!strstr(error, why)) fail_msg("\"%s\" is not in: %s", why, error);
    free(error);
}

/* Takes what came out, in the order of the branches, and settles it as OK. */
static void came_out(struct weir_kit *kit, const char *output, uint64_t position)
{
    struct weir_event *ev = weir_kit_assert_forwarded(kit);
    assert_string_equal(weir_kit_output(kit, ev), output);
    assert_int_equal(ev->position, position);
    weir_kit_settle(kit, ev, WEIR_OK, NULL);
}

static uint64_t bet(struct weir_kit *kit, const char *currency)
{
    char fields[64];
    snprintf(fields, sizeof fields, "currency: %s", currency);
    return weir_kit_push_text(kit, "bets.v1.PlaceBet", fields);
}

static void a_batch_is_parted_in_order(void **state)
{
    (void)state;
    struct weir_kit *kit = open_kit(BY_CURRENCY "default = \"rest\"", three);
    uint64_t n[8];
    static const char *const given[] = {"USD", "EUR", "GBP", "EUR", "USD", "SEK", "EUR", "USD"};
    for (int i = 0; i < 8; i++) n[i] = bet(kit, given[i]);
    weir_kit_run(kit);
    came_out(kit, "dollar", n[0]);
    came_out(kit, "dollar", n[4]);
    came_out(kit, "dollar", n[7]);
    came_out(kit, "euro", n[1]);
    came_out(kit, "euro", n[3]);
    came_out(kit, "euro", n[6]);
    came_out(kit, "rest", n[2]);
    came_out(kit, "rest", n[5]);
    weir_kit_run(kit);
    for (int i = 0; i < 8; i++) weir_kit_assert_settled(kit, n[i], WEIR_OK, NULL);
    assert_true(weir_kit_metric(kit, "weir_route_events_total") == 8.0);
    weir_kit_close(kit);
}

static void what_matches_nothing_is_rejected(void **state)
{
    (void)state;
    static const char *const two[] = {"euro", "dollar", NULL};
    struct weir_kit *kit = open_kit(BY_CURRENCY, two);
    uint64_t bad = bet(kit, "GBP"), good = bet(kit, "USD"), none = weir_kit_push_text(kit, "bets.v1.PlaceBet", "");
    weir_kit_run(kit);
    weir_kit_assert_settled(kit, bad, WEIR_REJECT, "no-route");
    weir_kit_assert_settled(kit, none, WEIR_REJECT, "no-route");
    came_out(kit, "dollar", good);
    bad = bet(kit, "GBP"); /* a batch of which nothing is left */
    weir_kit_run(kit);
    weir_kit_assert_settled(kit, bad, WEIR_REJECT, "no-route");
    weir_kit_assert_nothing_forwarded(kit);
    weir_kit_close(kit);
}

static struct weir_slice slice(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static void by_a_header(void **state)
{
    (void)state;
    static const char *const two[] = {"a", "b", NULL};
    struct weir_kit *kit = open_kit("header = \"kind\"; to = [ \"x.y=a\" ]; default = \"b\"", two);
    const struct weir_pair match[] = {{slice("other"), slice("-")}, {slice("kind"), slice("x.y")}};
    const struct weir_pair longer[] = {{slice("kind"), slice("x.yz")}, {slice("kinds"), slice("x.y")}};
    struct weir_kit_event ev = {.headers = match, .n_headers = 2};
    uint64_t first = weir_kit_push(kit, &ev);
    ev.headers = longer;
    uint64_t second = weir_kit_push(kit, &ev);
    ev.n_headers = 0;
    uint64_t third = weir_kit_push(kit, &ev);
    weir_kit_run(kit);
    came_out(kit, "a", first);
    came_out(kit, "b", second);
    came_out(kit, "b", third);
    weir_kit_close(kit);
}

/* The value of the event, in wire form, is one varint field. */
static void by_field(const char *conf, const char *message, const char *wire, const char *output)
{
    static const char *const two[] = {"yes", "no", NULL};
    struct weir_kit *kit = open_kit(conf, two);
    const struct weir_kit_event ev = {.message = message, .value = slice(wire)};
    uint64_t n = weir_kit_push(kit, &ev);
    weir_kit_run(kit);
    came_out(kit, output, n);
    weir_kit_close(kit);
}

static void numbers_and_enums_are_compared_as_text(void **state)
{
    (void)state;
    static const char odds[] = "field = \"odds_milli\"; to = [ \"-5=yes\" ]; default = \"no\"";
    by_field(odds, "bets.v1.PlaceBet", "\x30\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01", "yes");
    by_field(odds, "bets.v1.PlaceBet", "\x30\x05", "no");
    static const char shard[] = "field = \"shard\"; to = [ \"4000000000=yes\" ]; default = \"no\"";
    by_field(shard, "bets.v1.BetPlaced", "\x10\x80\xd0\xac\xf3\x0e", "yes");
    by_field(shard, "bets.v1.BetPlaced", "\x10\x05", "no");
    static const char outcome[] = "field = \"outcome\"; to = { ACCEPTED = \"yes\" }; default = \"no\"";
    by_field(outcome, "wallet.v1.AccountReply", "\x08\x01", "yes");
    by_field(outcome, "wallet.v1.AccountReply", "\x08\x02", "no");
    by_field(outcome, "wallet.v1.AccountReply", "\x08\x4d", "no");
    by_field("field = \"outcome\"; to = [ \"77=yes\" ]; default = \"no\"", "wallet.v1.AccountReply", "\x08\x4d", "yes");
}

static void without_memory_it_is_for_later(void **state)
{
    (void)state;
    for (uint64_t n = 1, more = 1, seen = 0; more; n++) {
        const struct weir_kit_setup setup = {
            .plugin = "route", .conf = BY_CURRENCY "default = \"rest\"", .outputs = three, .fail_alloc = n};
        char *error;
        struct weir_kit *kit = weir_kit_try_open(&setup, &error);
        if (!kit) {
            assert_non_null(strstr(error, "out of memory"));
            free(error);
            continue;
        }
        uint64_t euro = bet(kit, "EUR"), dollar = bet(kit, "USD");
        weir_kit_run(kit);
        struct weir_event *ev;
        while ((ev = weir_kit_forwarded(kit))) weir_kit_settle(kit, ev, WEIR_OK, NULL);
        weir_kit_run(kit);
        weir_kit_assert_settled(kit, euro, WEIR_OK, NULL);
        assert_non_null(weir_kit_settled(kit, dollar));
        enum weir_status status = weir_kit_settled(kit, dollar)->status;
        more = weir_kit_alloc_failed(kit);
        assert_true(status == WEIR_OK || (status == WEIR_RETRY && more));
        seen += status == WEIR_RETRY;
        if (!more) assert_true(seen > 0);
        weir_kit_close(kit);
    }
}

static void a_conf_that_is_wrong(void **state)
{
    (void)state;
    static const char *const two[] = {"euro", "dollar", NULL};
    refused("to = { a = \"euro\" b = \"dollar\" }", two, "neither `field` nor `header`");
    refused("field = \"currency\"; header = \"x\"; to = { a = \"euro\" b = \"dollar\" }", two, "given beside `field`");
    refused("field = \"currency\"; to = [ \"a=euro\", \"a=dollar\" ]", two, "\"a\" is given twice");
    refused("field = \"currency\"; to = { a = \"eruo\" b = \"dollar\" }", two, "route.to: no branch \"eruo\"");
    refused(BY_CURRENCY "default = \"rest\"", two, "route.default: no branch \"rest\"");
    refused("field = \"currency\"; to = { a = \"euro\" }", two, "nothing goes into the branch \"dollar\"");
    refused(BY_CURRENCY, NULL, "chooses among branches, but none begin behind it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_parted_in_order),
        cmocka_unit_test(what_matches_nothing_is_rejected),
        cmocka_unit_test(by_a_header),
        cmocka_unit_test(numbers_and_enums_are_compared_as_text),
        cmocka_unit_test(without_memory_it_is_for_later),
        cmocka_unit_test(a_conf_that_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
