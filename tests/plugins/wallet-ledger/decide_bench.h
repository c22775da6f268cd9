/* decide_bench.h - a round without database and host: requests into it, and what decide() is to find. One program each.
 */
#ifndef DECIDE_BENCH_H
#define DECIDE_BENCH_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "bets/v1/bets.pb-c.h"
#include "round.h"
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 256, SHARDS = 4 };
static struct round round_;
static struct request requests[MOST];
static char texts[MOST][2][24];
static uint32_t n;

static void *give(struct request *r, size_t size)
{
    (void)r;
    return malloc(size); /* freed by clear() */
}

static void clear(void)
{
    for (uint32_t i = 0; i < n; i++) free(requests[i].event);
    memset(requests, 0, sizeof requests);
    n = 0;
    round_clear(&round_);
}

static int setup(void **state)
{
    (void)state;
    n = 0;
    if (round_init(&round_, MOST, SHARDS) != 0) return -1;
    round_.epoch = 77;
    round_.clock_us = INT64_C(1700000000123456);
    round_.max_event = 16384;
    round_.max_backlog = 1000000;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clear();
    round_free(&round_);
    return 0;
}

static struct weir_slice slice(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static struct account *has(struct request *r, int64_t balance)
{
    struct account *a = &round_.accounts[r->account_at];
    a->exists = true;
    a->balance = balance;
    memcpy(a->currency, "EUR", 4);
    return a;
}

static void expect(const struct request *r, enum outcome outcome)
{
    assert_string_equal(outcome_name(r->answer.outcome), outcome_name(outcome));
}
#endif
