#include <weir/testkit.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void refuses_above_the_limit(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("large-orders", "max_cents = 500");
    uint64_t large = weir_kit_push_text(kit, "shop.v1.Order", "id: a; total_cents: 501");
    uint64_t good = weir_kit_push_text(kit, "shop.v1.Order", "id: b; total_cents: 500");
    const struct weir_kit_event broken = {.value = {(const uint8_t *)"\x0a", 1}};
    uint64_t bad = weir_kit_push(kit, &broken);
    weir_kit_run(kit);
    assert_string_equal(weir_kit_settled(kit, large)->outcome_name, "order-too-large");
    assert_int_equal(weir_kit_settled(kit, bad)->status, WEIR_REJECT);
    assert_int_equal(weir_kit_forwarded(kit)->position, good);
    assert_null(weir_kit_forwarded(kit));
    weir_kit_close(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(refuses_above_the_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
