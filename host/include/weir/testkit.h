/* weir/testkit.h - a plugin under test, between two ends that the test holds.
 *
 *      weir_kit_push() ──▶ ┌────────────┐ ──▶ weir_kit_forwarded()
 *                          │ your .so   │
 *   weir_kit_settled() ◀── └────────────┘ ◀── weir_kit_settle()
 *                            clock: weir_kit_advance()
 *
 * It is the real host with one lane: real loader, conf parser, batches, tickets and loop; only the clock is the test's.
 * A source has no left side, a sink no right side. Made for cmocka: what must not happen fails the running test with a
 * message that names plugin, event and rule.
 *
 * The smallest complete test:
 *
 *     static void refuses_a_large_stake(void **state)
 *     {
 *         (void)state;
 *         struct weir_kit *kit = weir_kit_open("stake-limit", "max = 100");
 *         uint64_t small = weir_kit_push_text(kit, "bets.v1.PlaceBet", "stake_minor: 100");
 *         uint64_t large = weir_kit_push_text(kit, "bets.v1.PlaceBet", "stake_minor: 101");
 *         weir_kit_run(kit);
 *         assert_string_equal(weir_kit_settled(kit, large)->outcome_name, "stake-too-large");
 *         struct weir_event *ev = weir_kit_forwarded(kit);
 *         assert_int_equal(ev->position, small);
 *         weir_kit_settle(kit, ev, WEIR_OK, NULL);
 *         weir_kit_close(kit); // fails on a leaked event or batch, a double settle, an armed timer, an open watch
 *     }
 *
 * Threads: one; every call from the test's thread.
 */
#ifndef WEIR_TESTKIT_H
#define WEIR_TESTKIT_H
#include <weir/plugin.h>
#include <weir/schema.h>
#ifdef __cplusplus
extern "C" {
#endif

struct weir_kit;
enum {
    WEIR_KIT_REAL_CLOCK = 1, /* now() and timers follow the machine: for plugins that talk to real servers */
    WEIR_KIT_LAST = 2        /* a filter that is a sink, too, as the last stage: without a right side */
};

/* Opens plugin `name` (found as the host finds it: WEIR_PLUGIN_PATH, or an absolute path) with the text that would stand
 * in its stage's group. Fails the test when anything is refused. */
struct weir_kit *weir_kit_open(const char *name, const char *conf);
struct weir_kit *weir_kit_open_with(const char *name, const char *conf, unsigned flags);
/* The same, but returns the errors as one text ("conf:3: ...\n", malloc'ed, the caller frees) instead of failing; NULL
 * when it would open. Runs check() but not open(). */
char *weir_kit_refuses(const char *name, const char *conf);
/* Drains, closes, checks, frees. */
void weir_kit_close(struct weir_kit *);
/* Drains only: true when the plugin said DRAINED after the work in flight was settled. The clock may be advanced while
 * it has not. */
void weir_kit_drain(struct weir_kit *);
bool weir_kit_drained(struct weir_kit *);

/* ---- left side (filters, sinks): push events, see how they settled */
struct weir_kit_event { /* all optional; everything is copied */
    const char *message;      /* full name of the value's message */
    struct weir_slice key, value;
    const struct weir_pair *headers;
    uint32_t n_headers;
    uint64_t deadline_ns, position, ts_ns;
    uint32_t partition;
    uint16_t attempt;
};
/* Queues one event; events queued together arrive as one batch at the next run. Returns its number, from 1; it is also
 * the event's position when none is given. */
uint64_t weir_kit_push(struct weir_kit *, const struct weir_kit_event *);
/* value from lines or ";"-separated "field: value" of scalars: the plugin's own message in one line. Strings unquoted. */
uint64_t weir_kit_push_text(struct weir_kit *, const char *message, const char *fields);
/* What became of it; NULL while open. Lives until close. */
const struct weir_result *weir_kit_settled(struct weir_kit *, uint64_t number);

/* ---- right side (sources, filters): see what comes out, say what became of it */
/* The oldest event that came out and was not taken yet, or NULL. Its bytes live until it is settled. */
struct weir_event *weir_kit_forwarded(struct weir_kit *);
void weir_kit_settle(struct weir_kit *, struct weir_event *, enum weir_status, const char *why);
/* With outcome and reply; outcome_name is given by name here. */
void weir_kit_settle_with(struct weir_kit *, struct weir_event *, const struct weir_result *);
void weir_kit_flow(struct weir_kit *, bool open); /* closes or opens the source's flow, as a full window does */

/* ---- time and the loop */
void weir_kit_run(struct weir_kit *);                   /* until nothing is ready, posted or queued */
void weir_kit_advance(struct weir_kit *, uint64_t ns);  /* fake clock: on by ns, timers in order, run after each */
/* Runs the loop in real time until cond(arg) or the time is over; returns cond's last answer. Works with both clocks. */
bool weir_kit_wait(struct weir_kit *, bool (*cond)(void *arg), void *arg, unsigned timeout_ms);
bool weir_kit_wait_settled(struct weir_kit *, uint64_t number, unsigned timeout_ms);
struct weir_event *weir_kit_wait_forwarded(struct weir_kit *, unsigned timeout_ms);
enum weir_state weir_kit_state(struct weir_kit *, const char **why); /* what the plugin last said of itself */
bool weir_kit_wait_state(struct weir_kit *, enum weir_state, unsigned timeout_ms);
/* A metric of the plugin by its whole exported name, all label values summed. */
double weir_kit_metric(struct weir_kit *, const char *name);
struct weir_ctx *weir_kit_ctx(struct weir_kit *); /* the stage's ctx, for host calls from the test */
const struct weir_schema *weir_kit_schema(struct weir_kit *, const char *full_name);

#ifdef __cplusplus
}
#endif
#endif
