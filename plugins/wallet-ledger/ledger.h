/* ledger.h - the stage: its options, its connections, and who waits for what.
 *
 *   push ──▶ link->waiting ──▶ link->round: READING ──decide──▶ WRITING ──▶ answers
 *   (wallet_ledger.c)              (transaction.c)                          (reply.c)
 */
#ifndef WALLET_LEDGER_LEDGER_H
#define WALLET_LEDGER_LEDGER_H
#include "pg_array.h"
#include "pg_conn.h"
#include "published.h"
#include "round.h"

struct cfg {
    struct weir_slice database, ledger;
    int64_t connections, shards, max_backlog, max_batch;
    uint64_t max_event, patience;
    bool notify;
};

enum metric { METRIC_TRANSACTIONS, METRIC_BATCH, METRIC_SECONDS, METRIC_BACKLOG, METRIC_RERUNS, METRIC_CONFIRMED };

/* DOWN: not connected, or connected and not yet prepared. */
enum step { STEP_DOWN, STEP_PREPARING, STEP_IDLE, STEP_READING, STEP_WRITING, STEP_ROLLING_BACK };
enum { MOST_STATEMENTS = 16, MOST_PARAMS = 13 };

struct ledger;
struct batch_held { /* lives in the batch that it counts for */
    struct ledger *ledger;
    struct weir_batch *batch;
    uint32_t open; /* requests of it whose bytes are still needed */
};

struct link { /* one connection and the shards whose number is `index` modulo the number of connections */
    struct weir_pg pg;
    struct ledger *ledger;
    uint32_t index;
    enum step step;
    struct request *waiting, **waiting_end;
    struct round round;
    struct weir_pg_array params[MOST_PARAMS];
    /* the statements of the pipeline in flight */
    uint8_t script[MOST_STATEMENTS];
    uint32_t n_script, at;
    enum weir_pg_class error_class; /* of the first statement that failed */
    bool error, committed;
    char error_text[200];
    char why[448];           /* not ready: for the stage's state */
    uint32_t look_up;        /* so many transactions look for existing rows before they insert theirs */
    uint32_t one_by_one;     /* after a data error: so many transactions of one request each, to find the culprit */
    struct weir_timer pause; /* after an error that a rerun at once would only repeat */
    bool paused, publish_due;
    int64_t epoch;
    uint64_t commit_ns; /* a moving mean of round.h's */
    uint64_t started_ns;
};

struct ledger {
    struct weir_ctx *ctx;
    const struct cfg *cfg;
    struct link *links;
    uint32_t n_links;
    struct published *published;       /* [shards] */
    struct weir_timer write_published; /* idle: nobody's transaction carries it */
    struct weir_timer sweep;           /* deadlines */
    uint64_t sweep_due;
    int64_t epoch; /* of the first connection; the others must agree. 0: none yet */
    bool draining, drained, failed;
    enum weir_state said;
    char said_why[448];
    uint32_t schemas[5]; /* ids: by enum kind, then Confirmed */
    uint32_t account_reply, debit_reply;
    uint8_t *reply; /* room for one reply, sized before COMMIT is sent */
    size_t reply_room;
};

/* wallet_ledger.c */
void ledger_check_drained(struct ledger *);
void ledger_report(struct ledger *); /* the stage's state from its links' */
void ledger_fail(struct ledger *, const char *why);
void ledger_want_published_written(struct ledger *);
void *ledger_batch_alloc(struct request *, size_t); /* memory as long-lived as the request */

/* link.c: the life of a connection */
extern const struct weir_pg_hooks link_hooks;
int link_open(struct link *, struct ledger *, uint32_t index, const char *conninfo, struct weir_err *);
void link_close(struct link *);
void link_result(struct link *, PGresult *);
void link_pause(struct link *, uint64_t ns);

/* queue.c: waiting and its end */
void queue_add(struct link *, struct request *);
struct request *queue_take(struct link *);
void queue_again(struct link *); /* the round's requests go back to the front */
void queue_watch_deadline(struct ledger *, uint64_t deadline_ns);
void queue_sweep(struct weir_timer *); /* answers what is past its deadline */

/* transaction.c: what is asked of the database, and when */
void transaction_next(struct link *); /* starts one when there is something to do and the link is free */
void transaction_prepare(struct link *);
void transaction_done(struct link *); /* a pipeline's answers are complete */
void transaction_lost(struct link *);
/* statements.c: the SQL, its parameters, its answers */
enum statement {
    ST_BEGIN,
    ST_LOCK,
    ST_STATE,
    ST_ENTRIES,
    ST_ACCOUNTS,
    ST_INSERT,
    ST_OPEN,
    ST_BALANCES,
    ST_SHARDS,
    ST_NOTIFY,
    ST_COMMIT,
    ST_ROLLBACK,
    N_PREPARED,
    ST_PREPARE = N_PREPARED,
    ST_META
};
bool statement_prepare(struct link *, enum statement);
bool statement_send(struct link *, enum statement); /* false: no memory or the line is broken */
bool statement_ask_meta(struct link *);
const char *statement_answer(struct link *, enum statement, const PGresult *); /* NULL, or what is wrong with it */

/* reply.c */
void reply_settle(struct ledger *, struct request *);                   /* from r->answer */
void request_done(struct ledger *, struct request *);                   /* its bytes are not needed any more */
void reply_give_up(struct ledger *, struct request *, const char *why); /* not executed, or unknown */
bool reply_reserve(struct ledger *, const struct round *);

static inline struct weir_ctx *ctx_of(const struct link *link)
{
    return link->ledger->ctx;
}
#endif
