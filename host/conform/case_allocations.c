/* case_allocations.c - a life again and again, and each time another of the plugin's allocations fails. */
#include "life.h"
#include <stdlib.h>
#include <time.h>

enum { EVENTS = 10, BUDGET_S = 20 };

static void live(struct life *l)
{
    if (weir_kit_state(l->kit, NULL) != WEIR_FAILED) life_work(l, EVENTS);
    life_close(l);
}

static time_t seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

/* One life in which the n-th fails (0: none). False: it had fewer. A plugin may refuse to open without memory; what it
 * took in it gives back, and nothing may be left. */
static bool once(const struct conform *c, uint64_t n)
{
    struct life l;
    char *error = NULL;
    bool failed = true;
    if (n) conform_note("while allocation %llu of its life fails", (unsigned long long)n);
    if (!life_try(&l, c, 50, n, &error)) {
        if (!n) conform_fail("open: %s", error);
    } else {
        l.alloc_failed = &failed;
        live(&l);
    }
    free(error);
    return n ? failed : true;
}

void case_allocations(const struct conform *c)
{
    time_t until = seconds() + BUDGET_S;
    uint64_t n = 1;
    once(c, 0);
    while (once(c, n) && seconds() < until) n++;
    if (seconds() < until)
        conform_note("%llu allocations", (unsigned long long)n - 1);
    else
        conform_note("the first %llu allocations, there was no time for more", (unsigned long long)n);
}
