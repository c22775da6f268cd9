/* test_generator.c - how fast, how many, what; and that it keeps still when it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <weir/testkit.h>

#define SECOND 1000000000ull

static struct weir_event *next(struct weir_kit *kit, const char *key, const char *value)
{
    struct weir_event *ev = weir_kit_forwarded(kit);
    assert_non_null(ev);
    assert_int_equal(ev->key.n, strlen(key));
    assert_memory_equal(ev->key.p, key, ev->key.n);
    if (value) {
        assert_int_equal(ev->value.n, strlen(value));
        assert_memory_equal(ev->value.p, value, ev->value.n);
    }
    return ev;
}

/* Settles what came out since; returns how many that were. */
static int settle_all(struct weir_kit *kit)
{
    int n = 0;
    for (struct weir_event *ev; (ev = weir_kit_forwarded(kit)); n++) weir_kit_settle(kit, ev, WEIR_OK, NULL);
    weir_kit_run(kit);
    return n;
}

static void keeps_its_rate(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("generator", "rate = 10 \n value = \"hello {seq}\" key = \"k{seq%2}\"");
    weir_kit_settle(kit, next(kit, "k1", "hello 1"), WEIR_OK, NULL); /* the first one at once */
    assert_null(weir_kit_forwarded(kit));
    weir_kit_advance(kit, SECOND / 10);
    weir_kit_settle(kit, next(kit, "k0", "hello 2"), WEIR_OK, NULL);
    assert_null(weir_kit_forwarded(kit));
    for (int i = 0; i < 10; i++) {
        weir_kit_advance(kit, SECOND);
        assert_int_equal(settle_all(kit), 10);
    }
    weir_kit_close(kit);
}

static void batches_what_is_due(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("generator", "rate = 100000 \n value = \"x\"");
    settle_all(kit);
    weir_kit_advance(kit, SECOND / 100);
    assert_int_equal(settle_all(kit), 1000);
    weir_kit_advance(kit, SECOND / 10);
    assert_int_equal(settle_all(kit), 8192); /* a window full; the rest is not made up for */
    weir_kit_close(kit);
}

static void ends_after_count(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("generator", "rate = 1000 \n count = 25 \n value = \"x\"");
    weir_kit_advance(kit, SECOND);
    assert_int_equal(settle_all(kit), 25);
    weir_kit_advance(kit, SECOND);
    assert_int_equal(settle_all(kit), 0);
    weir_kit_close(kit);
}

static void as_fast_as_it_is_taken(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("generator", "rate = 0 \n count = 20000 \n value = \"x\"");
    int total = 0;
    for (int n; (n = settle_all(kit)) > 0;) total += n;
    assert_int_equal(total, 20000);
    weir_kit_close(kit);
}

static void stops_while_flow_is_closed(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("generator", "rate = 10 \n value = \"x\"");
    settle_all(kit);
    weir_kit_flow(kit, false);
    weir_kit_advance(kit, 5 * SECOND);
    assert_int_equal(settle_all(kit), 0);
    weir_kit_flow(kit, true);
    assert_int_equal(settle_all(kit), 0);
    weir_kit_advance(kit, SECOND); /* what it missed stays missed */
    assert_int_equal(settle_all(kit), 10);
    weir_kit_close(kit);
}

static void drains(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("generator", "rate = 10 \n value = \"x\"");
    weir_kit_advance(kit, SECOND / 10);
    struct weir_event *a = weir_kit_forwarded(kit), *b = weir_kit_forwarded(kit);
    assert_true(a && b);
    weir_kit_drain(kit);
    assert_false(weir_kit_drained(kit));
    weir_kit_settle(kit, a, WEIR_OK, NULL);
    weir_kit_settle(kit, b, WEIR_UNKNOWN, "lost on the way");
    weir_kit_run(kit);
    assert_true(weir_kit_drained(kit));
    weir_kit_advance(kit, SECOND);
    assert_null(weir_kit_forwarded(kit));
    weir_kit_close(kit);
}

static int64_t field(struct weir_kit *kit, const struct weir_event *ev, const char *path)
{
    const struct weir_field f = {.path = path};
    int64_t v = 0;
    if (!weir_get_i64(weir_kit_ctx(kit), ev, &f, &v)) fail_msg("no field %s", path);
    return v;
}

static void makes_messages(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open(
        "generator", "event = \"bets.v1.BetPlaced\" \n key = \"a\" \n fields = [ \"seq={seq}\", \"shard={lane}\", "
                     "\"bet_id={uuid}\", \"accepted_at={time}\", \"currency={{EUR}}\" ]");
    struct weir_event *ev = next(kit, "a", NULL);
    struct weir_slice text = {NULL, 0};
    const struct weir_field id = {.path = "bet_id"}, currency = {.path = "currency"};
    assert_int_equal(ev->schema, weir_kit_schema(kit, "bets.v1.BetPlaced")->id);
    assert_int_equal(field(kit, ev, "seq"), 1);
    assert_int_equal(field(kit, ev, "shard"), 0);
    assert_true(field(kit, ev, "accepted_at.seconds") > 1600000000);
    assert_true(weir_get_bytes(weir_kit_ctx(kit), ev, &id, &text));
    assert_int_equal(text.n, 36);
    assert_int_equal(text.p[14], '4');
    assert_true(weir_get_bytes(weir_kit_ctx(kit), ev, &currency, &text));
    assert_true(text.n == 5 && memcmp(text.p, "{EUR}", 5) == 0);
    assert_true(ev->ts_ns > 0);
    weir_kit_settle(kit, ev, WEIR_OK, NULL);
    weir_kit_close(kit);
}

static void a_field_that_does_not_fit_stops_it(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("generator", "event = \"bets.v1.BetPlaced\" \n fields = [ \"seq=ten\" ]");
    const char *why;
    assert_int_equal(weir_kit_state(kit, &why), WEIR_FAILED);
    assert_non_null(strstr(why, "/seq"));
    weir_kit_close(kit);
}

static void refuses_nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *conf, *words;
    } wrong[] = {
        {"rate = 1", "generator.value: missing"},
        {"value = \"{sequence}\"", "\"{sequence}\" is no place; expected {seq}"},
        {"value = \"{seq\"", "is no place"},
        {"value = \"}\"", "is no place"},
        {"value = \"x\" \n key = \"{seq%0}\"", "generator.key: \"{seq%0}\" is no place"},
        {"value = \"x\" \n fields = [ \"a=b\" ]", "generator.fields: given without `event`"},
        {"value = \"x\" \n event = \"bets.v1.BetPlaced\"", "generator.value: given beside `event`"},
        {"event = \"bets.v1.BetPlaced\" \n fields = [ \"seqq=1\" ]", "\"seqq\" is no field of bets.v1.BetPlaced"},
        {"event = \"wallet.v1.DebitRequest\" \n fields = [ \"bet.stake_minor=1\" ]",
         "\"bet.stake_minor\" is no field of wallet.v1.DebitRequest that a text can fill"},
        {"event = \"wallet.v1.DebitRequest\" \n fields = [ \"bet=1\" ]",
         "\"bet\" is no field of wallet.v1.DebitRequest that a text can fill"},
        {"event = \"wallet.v1.DebitBatch\" \n fields = [ \"debits=1\" ]",
         "\"debits\" is no field of wallet.v1.DebitBatch that a text can fill"},
        {"value = \"x\" \n rate = -1", "generator.rate"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char *said = weir_kit_refuses("generator", wrong[i].conf);
        if (!said || !strstr(said, wrong[i].words))
            fail_msg("%s: \"%s\" is not in \"%s\"", wrong[i].conf, wrong[i].words, said ? said : "");
        free(said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_rate),
        cmocka_unit_test(batches_what_is_due),
        cmocka_unit_test(ends_after_count),
        cmocka_unit_test(as_fast_as_it_is_taken),
        cmocka_unit_test(stops_while_flow_is_closed),
        cmocka_unit_test(drains),
        cmocka_unit_test(makes_messages),
        cmocka_unit_test(a_field_that_does_not_fit_stops_it),
        cmocka_unit_test(refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
