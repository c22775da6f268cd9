/* conform.h - `weir test-plugin`: one case a process, so that a crash or a hang of the plugin is a finding like others.
 */
#ifndef WEIR_CONFORM_H
#define WEIR_CONFORM_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <weir/testkit.h>

enum { CONFORM_MESSAGES = 32, CONFORM_OUTPUTS = 8 };

struct conform {  /* what the command line said */
    char *plugin; /* absolute path, or a name */
    char *conf;   /* text of the stage's group; "" for none */
    struct {
        const char *message, *fields;
    } messages[CONFORM_MESSAGES]; /* to push instead of random ones */
    uint32_t n_messages;
    uint64_t seed;
    uint32_t lanes;
    uint64_t patience_ms; /* how long the plugin may take to drain or settle, in real time */
    const char *names[CONFORM_OUTPUTS + 1];
    const char *const *outputs; /* names of branches behind it, ends with NULL; NULL: a plain line */
    bool last;                  /* a filter that is a sink, too, as the last stage */
    bool library_inside;        /* see WEIR_KIT_LIBRARY_INSIDE */
    const char *only;
    const char *feed; /* command that runs beside each case: who calls a source that waits for callers */
    bool verbose;
};

struct conform_case {
    const char *name, *what;
    uint32_t roles; /* that it applies to */
    void (*run)(const struct conform *);
    bool gate; /* without it the cases after it make no sense */
};
extern const struct conform_case conform_cases[]; /* cases.c; ends with name NULL; the first one is "load" */

/* ---- the process of one case */
enum { CONFORM_REPORT_FD = 3, CONFORM_LOG_FD = 4 };
/* Runs it and never returns. stdout, stderr, report and log are files that the parent reads. */
_Noreturn void conform_case_main(const struct conform *, const char *name);
/* Ends the case: FAILED, with what rule was broken, by what, what was expected. */
_Noreturn void conform_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void conform_skip(const char *why);
void conform_note(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* after the case's ok */
void conform_say_roles(uint32_t roles);                                        /* of "load", for the parent */

/* ---- the process of the command */
enum conform_end { CONFORM_OK, CONFORM_SKIPPED, CONFORM_FAILED };
struct conform_verdict {
    enum conform_end end;
    char why[1024], note[256];
    uint32_t roles;
    unsigned ms;
};
/* Starts this executable again for one case and waits for it. -1: it could not be started (why has the reason). */
int conform_run_case(const struct conform *, char **argv, const char *name, struct conform_verdict *);

/* ---- what the plugin is */
/* Loaded and looked at; fails the case when it cannot be. Its code has not run but for its constructors. */
const struct weir_plugin *conform_descriptor(const struct conform *, char path[4096]);

/* Names of defined symbols that a shared object gives to others (elf.c), but for those of the linker and the
 * sanitizers. -1 with why: not an ELF file that can be read. */
int conform_exports(const char *path, void (*each)(void *arg, const char *name), void *arg, char *why, size_t size);

/* ---- random (random.c): the same seed, the same sequence */
struct rng {
    uint64_t state;
};
uint64_t rng_next(struct rng *);
uint32_t rng_below(struct rng *, uint32_t n);
/* Wire bytes of a message with random fields; malloc'ed, never NULL. */
uint8_t *random_message(struct rng *, const ProtobufCMessageDescriptor *, size_t *n);

/* An event as users may send it and as they should not: odd keys, headers and values, cut and unknown messages, past
 * deadlines. Or one of those that the command line names. */
struct random_event {
    struct weir_kit_event event;
    struct weir_pair headers[4];
    uint8_t key[300];
    uint8_t *value; /* malloc'ed */
};
void random_event(struct random_event *, struct rng *, const struct conform *, struct weir_ctx *);
void random_event_free(struct random_event *);

/* ---- the cases, by file */
void case_load(const struct conform *);
void case_conf(const struct conform *);
void case_descriptor(const struct conform *);
void case_metrics(const struct conform *);
void case_outcomes(const struct conform *);
void case_exports(const struct conform *);
void case_options(const struct conform *);
void case_open(const struct conform *);
void case_again(const struct conform *);
void case_two(const struct conform *);
void case_drain(const struct conform *);
void case_settles(const struct conform *);
void case_statuses(const struct conform *);
void case_random(const struct conform *);
void case_silent(const struct conform *);
void case_leaves(const struct conform *);
void case_flow(const struct conform *);
void case_window(const struct conform *);
void case_lanes(const struct conform *);
void case_blocking(const struct conform *);
void case_allocations(const struct conform *);
#endif
