/* players.h - the parts of bench-players: what it was asked to do, the plan of bets, connections, and what it counts.
 */
#ifndef WEIR_BENCH_PLAYERS_H
#define WEIR_BENCH_PLAYERS_H
#include "histogram.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { STEPS_MAX = 16, SECONDS_MAX = 3600, KINDS_MAX = 32, NAME_BYTES = 40, ANSWER_BYTES = 4096 };

enum phase { BET, OPEN, FUND };
struct options {
    struct sockaddr_in to;
    enum phase phase;
    unsigned connections, n_steps;
    uint64_t accounts, body_bytes, timeout_ns;
    struct step {
        uint64_t rate, seconds; /* rate 0: as fast as the connections answer */
    } steps[STEPS_MAX];
    char run[24];       /* what makes the bet_ids of this run differ from all others */
    const char *series; /* file for a line a second, or NULL */
};
/* Ends the program with one line and exit code 2 when an argument is wrong. */
void options_read(struct options *, int argc, char **argv);

/* ---- what is counted, in the second in which a bet was due; `came` in the second in which it was answered */
struct tally {
    struct histogram all;      /* from due, every bet, those that were never sent or answered with what they waited */
    struct histogram accepted; /* from due, 2xx only */
    struct histogram served;   /* from sent, 2xx only */
    struct histogram wallet;   /* what the answer's Server-Timing says of the wallet call */
    uint64_t due, late, unsent, kinds[KINDS_MAX];
    uint64_t came, came_accepted;
};
struct answer {
    unsigned status; /* 0: there was none, and outcome says why */
    const char *outcome;
    size_t outcome_n;
    bool retry_after;
    double wallet_ms; /* below 0: not said */
};
struct tallies {
    uint64_t began_ns, seconds; /* of the plan; what comes later is not `came` */
    struct tally *of[SECONDS_MAX + 1];
    char kinds[KINDS_MAX][NAME_BYTES];
    uint64_t no_retry_after; /* 503 without Retry-After: an error of the server */
    uint64_t bytes_out, bytes_in;
};
/* The second of a moment; made when it is the first of it. */
struct tally *tally_at(struct tallies *, uint64_t ns);
void tally_answer(struct tallies *, const struct answer *, uint64_t due_ns, uint64_t sent_ns, uint64_t now_ns);
void tally_unsent(struct tallies *, uint64_t due_ns, uint64_t waited_ns);
void tallies_print(struct tallies *, const struct options *);

/* ---- answers as they come: 0: more is needed, -1: not HTTP as expected, else the bytes of the whole answer */
struct head {
    struct answer answer;
    bool close;
};
long answer_read(const char *in, size_t n, struct head *);
/* Writes a request; `out` has REQUEST_BYTES. Returns where it begins, its length in *n. */
enum { REQUEST_BYTES = 66 * 1024 };
char *request_write(char *out, const struct options *, uint64_t account, uint64_t number, size_t *n);

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);
#endif
