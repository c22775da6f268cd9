/* ledger.h - what the commands of weir-ledger share. */
#ifndef LEDGER_H
#define LEDGER_H
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *command, *url;
    int64_t keep_s, most, pause_ms;
    bool yes;
};

/* command_line.c. 0; -1 after it has said on stderr what is wrong. */
int options_read(int argc, char **argv, struct options *);

/* ledger.c: the answer, or NULL after it was said on stderr why not; the caller clears it. */
PGresult *ledger_ask(PGconn *, const char *sql, int n, const char *const *values);

/* trim.c, epoch.c: exit codes */
int trim(PGconn *, const struct options *);
int new_epoch(PGconn *, const struct options *);
#endif
