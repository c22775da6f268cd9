/* property.h - many random sequences against a naive model, each from a seed: the same seed, the same sequence.
 *
 *     static void any_order(struct dice *d) { ... assert_...(); }
 *     static void test(void **state) { (void)state; property_run(any_order, 300); }
 *     ... property_test(test) ...
 *
 * The seeds are 1 to `runs`, so that a run of the tests is the same everywhere; a failure names its seed.
 * WEIR_TEST_SEED=N runs that one alone, WEIR_TEST_RUNS=N so many instead. Include it after <cmocka.h>. */
#ifndef PROPERTY_H
#define PROPERTY_H
#include <stdlib.h>

struct dice {
    uint64_t state;
};
static uint64_t property_seed; /* of the sequence under way; 0: none */

/* 0 to sides - 1 (splitmix64). */
static inline uint32_t roll(struct dice *d, uint32_t sides)
{
    uint64_t x = d->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ x >> 31) >> 16) % sides;
}

static inline uint64_t property_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static inline void property_run(void (*sequence)(struct dice *), uint64_t runs)
{
    uint64_t first = property_number("WEIR_TEST_SEED", 0);
    uint64_t many = first ? 1 : property_number("WEIR_TEST_RUNS", runs);
    if (!first) first = 1;
    for (uint64_t seed = first; seed < first + many; seed++) {
        struct dice d = {seed};
        property_seed = seed;
        sequence(&d);
    }
    property_seed = 0;
}

static inline int property_say(void **state)
{
    (void)state;
    if (property_seed)
        print_error("random sequence: WEIR_TEST_SEED=%llu repeats it\n", (unsigned long long)property_seed);
    property_seed = 0;
    return 0;
}
#define property_test(test) cmocka_unit_test_teardown(test, property_say)
#endif
