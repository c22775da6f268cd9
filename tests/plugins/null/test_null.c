/* test_null.c - everything pushed into it is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/testkit.h>

static void settles_everything(void **state)
{
    (void)state;
    struct weir_kit *kit = weir_kit_open("null", "");
    const struct weir_kit_event ev = {.value = {(const uint8_t *)"x", 1}};
    uint64_t first = weir_kit_push(kit, &ev), last = first;
    for (int i = 0; i < 1000; i++) last = weir_kit_push(kit, &ev);
    weir_kit_run(kit);
    for (uint64_t n = first; n <= last; n++) {
        const struct weir_result *r = weir_kit_settled(kit, n);
        assert_non_null(r);
        assert_int_equal(r->status, WEIR_OK);
    }
    assert_int_equal(weir_kit_state(kit, NULL), WEIR_READY);
    weir_kit_drain(kit);
    assert_true(weir_kit_drained(kit));
    weir_kit_close(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(settles_everything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
