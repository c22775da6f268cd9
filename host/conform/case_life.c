/* case_life.c - cases about a life: open, work, drain, close; once, again, and two at a time. */
#include "lane.h"
#include "life.h"
#include <string.h>
#include <sys/stat.h>

enum { A_FEW = 12, MANY = 60 };

void case_open(const struct conform *c)
{
    struct life l;
    life_open(&l, c, 0);
    life_close(&l);
}

static void note_of(const struct life *l)
{
    if (l->plugin->roles == WEIR_SOURCE && !l->taken) conform_note("it emitted no event; --feed can call it");
}

/* In flight: pushed and not settled, or emitted and not settled, when drain() comes. */
void case_drain(const struct conform *c)
{
    struct life l;
    life_open(&l, c, 1);
    life_push(&l, A_FEW);
    struct weir_event *ev = l.plugin->roles == WEIR_SOURCE ? life_next(&l, 300) : NULL;
    weir_kit_drain(l.kit);
    if (ev && weir_kit_drained(l.kit))
        conform_fail("drain: it was drained while the event at position %llu that it emitted was not settled",
                     (unsigned long long)ev->position);
    if (ev) weir_kit_settle(l.kit, ev, WEIR_OK, NULL);
    life_close(&l);
    note_of(&l);
}

void case_again(const struct conform *c)
{
    struct life l;
    for (unsigned i = 0; i < 3; i++) {
        life_open(&l, c, 2 + i);
        life_work(&l, A_FEW);
        life_close(&l);
    }
    note_of(&l);
}

static void expect_settled(struct life *l)
{
    if (life_until(l, life_all_settled, l->conform->patience_ms)) return;
    enum weir_state state = weir_kit_state(l->kit, NULL);
    if (state == WEIR_STARTING || state == WEIR_DEGRADED || state == WEIR_FAILED) return; /* close() gives them back */
    for (uint64_t i = 1; i <= l->pushed; i++)
        if (!weir_kit_settled(l->kit, i))
            conform_fail("settle: event %llu was neither settled nor forwarded within %llu ms", (unsigned long long)i,
                         (unsigned long long)l->conform->patience_ms);
}

/* What the first one does must not show in the second, nor its end end the other. */
void case_two(const struct conform *c)
{
    struct life one, two;
    life_open(&one, c, 5);
    life_open(&two, c, 6);
    life_work(&one, A_FEW);
    life_work(&two, A_FEW);
    life_push(&one, A_FEW);
    life_push(&two, A_FEW);
    life_close(&one);
    life_work(&two, A_FEW);
    expect_settled(&two);
    life_close(&two);
    note_of(&two);
}

void case_settles(const struct conform *c)
{
    struct life l;
    life_open(&l, c, 7);
    for (unsigned i = 0; i < 5; i++) {
        life_push(&l, A_FEW);
        if (i % 2) life_settle(&l, WEIR_OK);
        if (i % 2) expect_settled(&l);
    }
    expect_settled(&l);
    life_close(&l);
}

/* ---- statuses */
static bool one_is_settled(struct life *l)
{
    return weir_kit_settled(l->kit, l->pushed) != NULL;
}

/* A stage that answers early has said its own; one that tries again may have the OK of a later time. */
static void filter_says(struct life *l, enum weir_status status, bool early)
{
    static const char *const names[] = {"OK", "REJECT", "RETRY", "UNKNOWN", "FATAL"};
    uint32_t settled = 0;
    life_push(l, 1);
    for (unsigned i = 0; i < 50 && (!i || !one_is_settled(l)); i++) settled += life_settle(l, status);
    const struct weir_result *r = weir_kit_settled(l->kit, l->pushed);
    if (!early && settled && status != WEIR_OK && r && r->status == WEIR_OK)
        conform_fail(
            "settle: event %llu was settled as OK, but everything that it became further down was settled as %s",
            (unsigned long long)l->pushed, names[status]);
    life_until(l, one_is_settled, l->conform->patience_ms);
}

static void source_hears(struct life *l, enum weir_status status)
{
    struct weir_event *ev = life_next(l, 300);
    if (ev) weir_kit_settle(l->kit, ev, status, "the case says so");
    weir_kit_run(l->kit);
    life_settle(l, WEIR_OK);
}

static uint32_t promises(const struct life *l)
{
    struct weir_promise p = {.size = sizeof p};
    if (l->plugin->promise) l->plugin->promise(weir_kit_ctx(l->kit)->cfg, &p);
    return p.flags;
}

void case_statuses(const struct conform *c)
{
    struct life l = {0};
    for (unsigned status = WEIR_OK; status <= WEIR_FATAL; status++) {
        life_open(&l, c, 10 + status);
        if (l.plugin->roles == WEIR_SOURCE)
            source_hears(&l, (enum weir_status)status);
        else
            filter_says(&l, (enum weir_status)status, promises(&l) & WEIR_ANSWERS_EARLY);
        life_close(&l);
    }
    note_of(&l);
}

/* ---- output */
static off_t size_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) ? 0 : st.st_size;
}

static bool may_print(struct life *l)
{
    struct weir_promise p = {.size = sizeof p};
    if (l->plugin->promise) l->plugin->promise(weir_kit_ctx(l->kit)->cfg, &p);
    return !strcmp(p.writes, "stdout");
}

static void expect_silence(int fd, const char *name, off_t before)
{
    char text[60] = "";
    off_t n = size_of(fd) - before;
    if (n <= 0) return;
    if (pread(fd, text, sizeof text - 1, before) < 0) *text = 0;
    text[strcspn(text, "\n")] = 0;
    conform_fail("output: it wrote %lld bytes to %s, beginning \"%s\"; log with weir_log()", (long long)n, name, text);
}

void case_silent(const struct conform *c)
{
    struct life l;
    fflush(NULL);
    off_t out = size_of(1), err = size_of(2);
    life_open(&l, c, 20);
    bool prints = may_print(&l);
    life_work(&l, A_FEW);
    life_close(&l);
    fflush(NULL);
    if (!prints) expect_silence(1, "stdout", out);
    expect_silence(2, "stderr", err);
    if (prints) conform_note("stdout is what it promises to write");
}

/* ---- random */
static void random_result(struct life *l, struct weir_event *ev)
{
    static const struct weir_pair header = {{(const uint8_t *)"x-reply", 7}, {(const uint8_t *)"1", 1}};
    static const char *const outcomes[] = {"", "accepted", "no-such-outcome"};
    struct rng *r = &l->rng;
    struct weir_result result = {.status = (enum weir_status)rng_below(r, WEIR_FATAL),
                                 .outcome_name = outcomes[rng_below(r, 3)],
                                 .retry_after_ns = rng_below(r, 3) ? 0 : 1000000,
                                 .why = rng_below(r, 2) ? "the case says so" : NULL};
    if (rng_below(r, 4) == 0) {
        result.headers = &header;
        result.n_headers = 1;
    }
    if (rng_below(r, 4) == 0) result.reply = (struct weir_slice){(const uint8_t *)"\x08\x01", 2};
    weir_kit_settle_with(l->kit, ev, &result);
}

static void random_step(struct life *l)
{
    struct rng *r = &l->rng;
    switch (rng_below(r, 6)) {
    case 0:
    case 1: life_push(l, 1 + rng_below(r, 5)); break;
    case 2:
        for (struct weir_event *ev; rng_below(r, 8) && (ev = weir_kit_forwarded(l->kit));) random_result(l, ev);
        weir_kit_run(l->kit);
        break;
    case 3: weir_kit_advance(l->kit, rng_next(r) >> (28 + rng_below(r, 30))); break; /* up to a minute */
    case 4: weir_kit_flow(l->kit, rng_below(r, 2)); break;
    default: weir_kit_run(l->kit);
    }
}

void case_random(const struct conform *c)
{
    struct life l;
    for (unsigned life = 0; life < 8; life++) {
        life_open(&l, c, 100 + life);
        uint32_t steps = 1 + rng_below(&l.rng, MANY);
        while (steps-- && !weir_kit_drained(l.kit)) random_step(&l);
        if (!weir_kit_drained(l.kit)) weir_kit_flow(l.kit, true);
        life_close(&l);
    }
}

/* ---- flow */
void case_flow(const struct conform *c)
{
    struct life l;
    life_open(&l, c, 30);
    life_work(&l, 0);
    weir_kit_flow(l.kit, false);
    life_settle(&l, WEIR_OK); /* what it had emitted before it was told */
    struct weir_event *ev = weir_kit_drained(l.kit) ? NULL : life_next(&l, 200);
    if (ev)
        conform_fail("flow: it emitted the event at position %llu after flow(false) had returned",
                     (unsigned long long)ev->position);
    weir_kit_flow(l.kit, true);
    bool goes_on =
        !l.taken || weir_kit_drained(l.kit) || (ev = life_next(&l, c->patience_ms)) || weir_kit_drained(l.kit);
    if (!goes_on)
        conform_fail("flow: it emitted events before, but none within %llu ms after flow(true)",
                     (unsigned long long)c->patience_ms);
    if (ev) weir_kit_settle(l.kit, ev, WEIR_OK, NULL);
    life_close(&l);
    note_of(&l);
}
