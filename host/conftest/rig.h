/* rig.h - the pipelines of one test while they run: the real host, one lane each, all on the caller's thread, under a
 * clock that only the test moves. */
#ifndef WEIR_CONFTEST_RIG_H
#define WEIR_CONFTEST_RIG_H
#include "lane.h"
#include "plan.h"

struct push { /* an event that a fake sent, or will when its flow is open */
    struct push *next;
    const struct step *step;
    struct fake *fake;
    uint64_t number;
    bool sent, settled, asked; /* asked: `settled` has looked at it */
    struct facts result;
};
struct held { /* a batch that a fake got */
    struct weir_batch *batch;
    uint32_t left; /* its events that are not settled or passed on */
};
struct arrival { /* an event of it */
    struct arrival *next;
    struct fake *fake;
    struct held *held;
    struct weir_event *ev;
    const char *name;
    bool expected, gone; /* gone: settled or passed on; it was expected then */
};
struct request { /* an HTTP request on a connection of its own */
    struct request *next;
    const struct step *step;
    const char *name;
    int fd; /* -1: closed */
    char *send, *got;
    size_t n_send, sent, n_got;
    bool over, asked; /* over: the server has closed */
};
struct call { /* a request that a kept sink sent to 127.0.0.1:${TEST_PORT}; one a connection */
    struct call *next;
    const char *name;
    int fd; /* -1: closed */
    char *got, *send;
    size_t n_got, head, n_send, sent; /* head: where the body begins */
    bool whole, asked, replied;
};
struct rig {
    struct test *test;
    FILE *out;             /* what is wrong */
    bool failed;           /* something is: nothing more is looked at */
    bool failure_expected; /* of a pipeline */
    struct weir_metrics *metrics;
    struct pipeline **pipelines;
    size_t n, n_open; /* n_open: whose lane is open */
    struct lane_hooks hooks;
    char broken[512]; /* the first rule that a plugin broke */
    struct push *pushes, **push_tail;
    struct arrival *arrivals, **arrival_tail;
    struct request *requests, **request_tail;
    struct call *calls, **call_tail;
    int server; /* listens on 127.0.0.1 */
    int prints; /* what is written to stdout lands in this file */
    off_t printed;
};

/* Opens every pipeline of the test; false after a failure. Close it in any case. */
bool rig_open(struct rig *, struct test *, FILE *out, int prints, int server);
/* Settles what the fakes hold, drains, closes; what plugins leave behind is a failure. */
void rig_close(struct rig *);
/* Runs every lane until nothing is ready. */
void rig_run(struct rig *);
void rig_advance(struct rig *, uint64_t ns);
/* Runs until cond() or until nothing can come any more: at once when no stage has a socket or a thread, else after
 * some seconds of real time. Returns cond's last answer. */
bool rig_wait(struct rig *, bool (*cond)(struct rig *, void *), void *arg);
void rig_drain(struct rig *);
bool rig_drained(struct rig *, void *);
struct lane *rig_lane(const struct rig *, const struct weir_conf_pipeline *);
/* "    file:line: ..." and the end of the test. */
void rig_fail(struct rig *, struct weir_place, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* fake.c */
void fake_install(struct rig *, struct fake *); /* before the stage is made */
void fake_send(struct rig *, struct fake *);    /* what waits for its flow */
void fake_settle(struct rig *, struct arrival *, const struct weir_result *);
bool fake_pass(struct rig *, struct arrival *, uint32_t output); /* false: no memory */
bool fake_settle_rest(struct rig *);                             /* as ok; true when there was any */
void fake_free(struct rig *);

/* http.c */
void request_start(struct rig *, const struct step *);
bool request_move(struct rig *, struct request *); /* sends and reads what can be; true when something moved */
void request_hang_up(struct request *);
/* Status, headers and body as facts; false: there is no whole answer (yet). */
bool request_answer(const struct request *, struct facts *);
void request_free(struct rig *);
void http_add_headers(struct facts *, const char *message); /* in small letters */

/* server.c */
int server_listen(unsigned *port); /* on a free port of 127.0.0.1; -1: errno says why */
bool server_accept(struct rig *);
bool call_move(struct rig *, struct call *); /* reads and sends what can be; true when something moved */
void call_facts(const struct call *, struct facts *);
bool call_reply(struct call *, const struct step *); /* false: no memory */
void server_close(struct rig *);

/* steps.c, expect*.c */
/* Says what differs, and frees both. */
void expect_compare(struct rig *, const struct step *, struct facts *expected, struct facts *seen, bool whole,
                    const char *what, const char *where);
void expect_headers(struct facts *, const struct weir_pair *, uint32_t n, bool lower); /* lower: in small letters */
void step_reply(struct rig *, const struct step *);
void step_run(struct rig *, const struct step *);
void expect_arrives(struct rig *, const struct step *);
void expect_settled(struct rig *, const struct step *);
void expect_asked(struct rig *, const struct step *);
void expect_answer(struct rig *, const struct step *);
void expect_state(struct rig *, const struct step *);
void expect_metrics(struct rig *, const struct step *);
void expect_prints(struct rig *, const struct step *);
/* What came and was never expected. */
void expect_nothing_else(struct rig *);
void show_rest(struct rig *);
#endif
