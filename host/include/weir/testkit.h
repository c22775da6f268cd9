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
 *         weir_kit_close(kit); // and with it the checks below
 *     }
 *
 * CLOCK      It stands still until weir_kit_advance() moves it: a retry after an hour takes no time, and nothing of a
 *            test depends on how fast the machine is. weir_kit_wait*() run the loop in real time, for what comes from
 *            outside: sockets, threads, work items.
 * POWER      weir_kit_fail_alloc: the n-th allocation fails. weir_kit_hold: posted tasks and work items stay back until
 *            the test lets them go. weir_kit_lane: several lanes of one pipeline. weir_kit_peer: a server that the test
 *            plays, which accepts, stalls, cuts. Several kits may be open at once, of one plugin or of several.
 * RULES      A test fails, at the next kit call or at close, with plugin, event and rule, when the plugin
 *              - settles an event twice, or one whose batch it has released; releases a batch with unsettled events
 *              - gives away a batch that is not its own (any more)
 *              - touches a batch after it released it: seen at once under AddressSanitizer; else a write is seen at
 * close
 *              - makes a host call from a thread that is not the lane's (post and log may come from any)
 *              - posts a task that is posted already
 *              - emits after it has said that it is drained
 *              - leaves at close: an event unsettled, a batch, a ticket, an armed timer, a watch, an open descriptor, a
 *                thread. (A plugin in state FAILED may leave events, batches and tickets.)
 *            Of descriptors and threads those count that appeared inside of a call into the kit, and they have three
 *            seconds to go; WEIR_KIT_LIBRARY_KEEPS and WEIR_KIT_NOT_ALONE say when they cannot be told apart.
 *
 * Threads: one; every call from the thread that opened the kit.
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
    WEIR_KIT_LAST = 2,       /* a filter that is a sink, too, as the last stage: without a right side */
    /* The plugin's library keeps threads and descriptors for the process from its first use on, as gRPC does: what is
     * left at close is counted from the second open of this plugin in the process on. */
    WEIR_KIT_LIBRARY_KEEPS = 4,
    /* Threads of the test's own open descriptors or threads meanwhile, a server for instance: they are not counted. */
    WEIR_KIT_NOT_ALONE = 8,
    /* A library that is linked into the .so itself ends the process when memory is gone (librdkafka does): malloc, which
     * cannot tell whose code asks, never fails; host calls do. */
    WEIR_KIT_LIBRARY_INSIDE = 16
};

/* Opens plugin `name` (found as the host finds it: WEIR_PLUGIN_PATH, or an absolute path) with the text that would
 * stand in its stage's group. Fails the test when anything is refused. */
struct weir_kit *weir_kit_open(const char *name, const char *conf);
struct weir_kit *weir_kit_open_with(const char *name, const char *conf, unsigned flags);
/* The same, but returns the errors as one text ("conf:3: ...\n", malloc'ed, the caller frees) instead of failing; NULL
 * when it would open. Runs check() but not open(). */
char *weir_kit_refuses(const char *name, const char *conf);
/* All that can be said of an opening; what is 0 is as in weir_kit_open(). */
struct weir_kit_setup {
    const char *plugin, *conf;
    unsigned flags;
    uint32_t lanes;      /* 0: one */
    uint64_t fail_alloc; /* as weir_kit_fail_alloc(), counted from init() on */
    unsigned hold;       /* as weir_kit_hold(), of every lane */
    /* Names of branches that begin behind the plugin, ends with NULL; each is a right side. NULL: a plain line. */
    const char *const *outputs;
};
/* Opens, or returns NULL and the error as a text (malloc'ed, the caller frees) when the conf, init(), share() or open()
 * refuses. Then everything that was open is closed again, and a rule that was broken on the way fails the test. */
struct weir_kit *weir_kit_try_open(const struct weir_kit_setup *, char **error);
/* The kit of lane `index`, from 0; the one that was opened is lane 0's. Each drives its own lane: push, run, flow,
 * hold, drain; the clock moves for all. Closed with lane 0's. */
struct weir_kit *weir_kit_lane(struct weir_kit *, uint32_t index);
/* Drains, closes, checks, frees. */
void weir_kit_close(struct weir_kit *);
/* Drains only: true when the plugin said DRAINED after the work in flight was settled. The clock may be advanced while
 * it has not. */
void weir_kit_drain(struct weir_kit *);
bool weir_kit_drained(struct weir_kit *);
bool weir_kit_wait_drained(struct weir_kit *, unsigned timeout_ms);

/* ---- left side (filters, sinks): push events, see how they settled */
struct weir_kit_event {  /* all optional; everything is copied */
    const char *message; /* full name of the value's message */
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
/* value from lines or ";"-separated "field: value" of scalars: the plugin's own message in one line. Strings unquoted.
 */
uint64_t weir_kit_push_text(struct weir_kit *, const char *message, const char *fields);
/* What became of it; NULL while open. Lives until close. */
const struct weir_result *weir_kit_settled(struct weir_kit *, uint64_t number);

/* ---- right side (sources, filters): see what comes out, say what became of it */
/* The oldest event that came out and was not taken yet, or NULL. Its bytes live until it is settled. */
struct weir_event *weir_kit_forwarded(struct weir_kit *);
/* The branch that it came out of; "" when there are none. */
const char *weir_kit_output(struct weir_kit *, const struct weir_event *);
uint64_t weir_kit_emitted(struct weir_kit *); /* how many came out so far, taken or not */
void weir_kit_settle(struct weir_kit *, struct weir_event *, enum weir_status, const char *why);
/* With outcome and reply; outcome_name is given by name here. */
void weir_kit_settle_with(struct weir_kit *, struct weir_event *, const struct weir_result *);
void weir_kit_flow(struct weir_kit *, bool open); /* closes or opens the source's flow, as a full window does */

/* ---- time and the loop */
void weir_kit_run(struct weir_kit *);                  /* until nothing is ready, posted or queued */
void weir_kit_advance(struct weir_kit *, uint64_t ns); /* fake clock: on by ns, timers in order, run after each */
/* Runs the loop in real time until cond(arg) or the time is over; returns cond's last answer. Works with both clocks.
 */
bool weir_kit_wait(struct weir_kit *, bool (*cond)(void *arg), void *arg, unsigned timeout_ms);
bool weir_kit_wait_settled(struct weir_kit *, uint64_t number, unsigned timeout_ms);
struct weir_event *weir_kit_wait_forwarded(struct weir_kit *, unsigned timeout_ms);
enum weir_state weir_kit_state(struct weir_kit *, const char **why); /* what the plugin last said of itself */
bool weir_kit_wait_state(struct weir_kit *, enum weir_state, unsigned timeout_ms);
/* A metric of the plugin by its whole exported name, all label values summed. */
double weir_kit_metric(struct weir_kit *, const char *name);
struct weir_ctx *weir_kit_ctx(struct weir_kit *); /* the stage's ctx, for host calls from the test */
const struct weir_schema *weir_kit_schema(struct weir_kit *, const char *full_name);

/* ---- memory: the n-th allocation from now on fails, once; 0: none. Counted are the plugin's host calls that need
 * memory (batch_new, batch_alloc, move, ticket_new, timer_arm of a timer that is not armed, a new watch, work, listen)
 * and, in a build without AddressSanitizer or ThreadSanitizer, what its own code asks of malloc, calloc, realloc,
 * strdup, strndup, asprintf and their kin inside a callback. What its libraries ask for never fails. A test that goes
 * through them all:
 *
 *     for (uint64_t n = 1, more = 1; more; n++) {
 *         struct weir_kit_setup setup = {.plugin = "stake-limit", .fail_alloc = n};
 *         char *error;
 *         struct weir_kit *kit = weir_kit_try_open(&setup, &error);
 *         if (kit) {
 *             ...
 *             more = weir_kit_alloc_failed(kit);
 *             weir_kit_close(kit);
 *         }
 *         free(error);
 *     }
 */
void weir_kit_fail_alloc(struct weir_kit *, uint64_t n);
uint64_t weir_kit_allocs(struct weir_kit *);   /* how many there were since init() */
bool weir_kit_alloc_failed(struct weir_kit *); /* the one that was to fail has */

/* ---- posted tasks and work items under control */
enum { WEIR_KIT_POSTS = 1, WEIR_KIT_WORK = 2 };
/* From now on those of `what` stay where they are, work items before their run(); what was held and is no more goes. */
void weir_kit_hold(struct weir_kit *, unsigned what);
unsigned weir_kit_held(struct weir_kit *, unsigned what); /* how many wait */
/* Lets the oldest n go (0: all that wait), and runs. Returns how many went. */
unsigned weir_kit_let_go(struct weir_kit *, unsigned what, unsigned n);

/* ---- a server that the test plays. Made before open, so that its address can stand in the conf; freed after close.
 * Whatever waits here runs the kit's loop meanwhile. */
struct weir_kit_peer;
struct weir_kit_conn;
enum {
    WEIR_KIT_NARROW = 1,  /* takes in little: who writes more than some 64 KiB before it reads, sees short writes */
    WEIR_KIT_REFUSING = 2 /* refuses connections to begin with */
};
struct weir_kit_peer *weir_kit_peer(unsigned flags);             /* listens on the loopback, on a port that was free */
const char *weir_kit_peer_address(const struct weir_kit_peer *); /* "127.0.0.1:PORT" */
uint16_t weir_kit_peer_port(const struct weir_kit_peer *);
void weir_kit_peer_refuse(struct weir_kit_peer *, bool refuse); /* those who wait to be accepted are reset */
void weir_kit_peer_free(struct weir_kit_peer *);
/* The next connection; NULL when none comes in time. It is over before the kit is closed, or by then. */
struct weir_kit_conn *weir_kit_peer_accept(struct weir_kit *, struct weir_kit_peer *, unsigned timeout_ms);
/* Until n bytes came, the other side ended, or the time is over; returns how many. A peer that does not read stalls. */
size_t weir_kit_conn_read(struct weir_kit_conn *, void *buf, size_t n, unsigned timeout_ms);
/* Up to and with `end`, as a text (malloc'ed, the caller frees); NULL when the other side or the time ended first. */
char *weir_kit_conn_read_until(struct weir_kit_conn *, const char *end, unsigned timeout_ms);
bool weir_kit_conn_ended(struct weir_kit_conn *,
                         unsigned timeout_ms); /* the other side ended, and no byte came before */
/* False when the other side is gone or does not take it all in time. */
bool weir_kit_conn_write(struct weir_kit_conn *, const void *bytes, size_t n, unsigned timeout_ms);
bool weir_kit_conn_trickle(struct weir_kit_conn *, const void *bytes, size_t n); /* a byte, a run, a byte, ... */
void weir_kit_conn_shut(struct weir_kit_conn *);  /* no more bytes from here: the other side reads the end */
void weir_kit_conn_cut(struct weir_kit_conn *);   /* resets and frees it */
void weir_kit_conn_close(struct weir_kit_conn *); /* closes and frees it */

/* ---- in cmocka's style: the failure carries the test's own file and line */
/* outcome: NULL for none. */
#define weir_kit_assert_settled(kit, number, status, outcome) \
    weir_kit_assert_settled_at(kit, number, status, outcome, __FILE__, __LINE__)
#define weir_kit_assert_not_settled(kit, number) weir_kit_assert_not_settled_at(kit, number, __FILE__, __LINE__)
#define weir_kit_assert_forwarded(kit)                                            \
    weir_kit_assert_forwarded_at(kit, __FILE__, __LINE__) /* takes and returns it \
                                                           */
#define weir_kit_assert_nothing_forwarded(kit) weir_kit_assert_nothing_forwarded_at(kit, __FILE__, __LINE__)
#define weir_kit_assert_state(kit, state) weir_kit_assert_state_at(kit, state, __FILE__, __LINE__)
void weir_kit_assert_settled_at(struct weir_kit *, uint64_t number, enum weir_status, const char *outcome,
                                const char *file, int line);
void weir_kit_assert_not_settled_at(struct weir_kit *, uint64_t number, const char *file, int line);
struct weir_event *weir_kit_assert_forwarded_at(struct weir_kit *, const char *file, int line);
void weir_kit_assert_nothing_forwarded_at(struct weir_kit *, const char *file, int line);
void weir_kit_assert_state_at(struct weir_kit *, enum weir_state, const char *file, int line);

#ifdef __cplusplus
}
#endif
#endif
