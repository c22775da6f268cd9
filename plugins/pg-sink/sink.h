/* sink.h - what the parts of pg-sink share: events wait in one queue (sink.c), are made into a batch of rows (batch.c),
 * and a session carries one batch at a time through one transaction (session.c). */
#ifndef PG_SINK_SINK_H
#define PG_SINK_SINK_H
#include "pending.h"
#include "pg_conn.h"
#include "table.h"
#include <weir/schema.h>

struct cfg {
    struct weir_slice database, table, staging;
    const struct weir_schema *event;
    struct weir_list columns, key;
    int unmapped; /* 0 ignore, 1 refuse */
    int64_t max_rows, connections;
    uint64_t max_bytes, linger;
};

enum { METRIC_TRANSACTIONS, METRIC_ROWS, METRIC_REPEATS, METRIC_BYTES, METRIC_SECONDS, METRIC_RETRIES, METRIC_STAGED };

enum { MALFORMED = 1, WRONG_MESSAGE, REFUSED, CONFLICT }; /* outcomes */

struct batch { /* rows of one transaction */
    struct batch *next;
    struct weir_entry *entries;
    uint8_t *differs; /* one an entry: its key is taken by another row. NULL: none does */
    uint32_t n;
    uint32_t tries;
    bool staged; /* goes by the staging table */
};

/* Where a session is; each step but IDLE waits for the server. */
enum step { DOWN, ASK, STAGE, IDLE, COPY, INSERT, COMPARE, COMMIT, ROLLBACK };
struct session {
    struct weir_pg pg;
    struct sink *sink;
    uint32_t index;
    enum step step;
    struct pg_table *table;
    char *staging; /* quoted name, or NULL */
    bool refused;  /* this connection may not COPY into the table itself */
    struct batch *batch;
    uint64_t began_ns;
    /* the statement under way */
    bool direct; /* the COPY goes into the table itself */
    bool failed, vanished, committed;
    enum weir_pg_class class;
    char error[352];
    uint64_t inserted;
    /* the COPY */
    struct weir_buf rows, sorted;
    struct weir_slice out;
    size_t out_at;
    bool ended;
};

struct sink {
    struct weir_ctx *ctx;
    const struct cfg *cfg;
    char *key; /* as text[] */
    struct session *sessions;
    uint32_t n_sessions;
    struct weir_queue queue;
    struct batch *ready; /* split or failed batches; they go before new ones */
    uint64_t waiting;    /* events not settled */
    uint64_t oldest_ns;  /* when the first of the queue came */
    uint64_t not_before;
    struct weir_timer timer;
    uint64_t random;
    bool draining;
    bool repeating;              /* the last batch met rows that were there already: the next goes by staging */
    char why[512], trouble[200]; /* why a session is down; what the last transaction complained of */
    enum weir_state said;
    char said_why[200];
};

/* sink.c */
void sink_pump(struct sink *);
void sink_settle(struct sink *, struct weir_entry, enum weir_status, const char *why);
void sink_reject(struct sink *, struct weir_entry, uint32_t outcome, const char *why);
void sink_back_off(struct sink *, uint32_t tries);
void sink_put_first(struct sink *, struct batch *);
void sink_say(struct sink *);

/* batch.c */
struct batch *batch_take(struct sink *); /* NULL: nothing there, or no memory */
void batch_settle(struct sink *, struct batch *, enum weir_status, const char *why); /* and free */
/* The whole COPY stream, sorted by key, in s->out. Rows that cannot be made are rejected and leave the batch.
 * False: nothing is left, or no memory; the batch is gone. */
bool batch_encode(struct session *, struct batch *);
struct batch *batch_split(struct batch *); /* its second half; NULL: no memory */

/* session.c */
int session_open(struct session *, struct sink *, uint32_t index, struct weir_err *);
void session_close(struct session *);
void session_start(struct session *, struct batch *); /* in step IDLE */
#endif
