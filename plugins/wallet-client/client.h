/* client.h - the parts of wallet-client: the stage (wallet_client.c), debits in flight (debit.c) and how many
 * (limit.c), one stream to one address (link.c, reply.c), which links there are (links.c) and how names become
 * addresses (names.c), unary calls (unary.c), events sent on and confirmed back (publish.c), results (result.c), the
 * wire form of the messages (messages.c). */
#ifndef WALLET_CLIENT_H
#define WALLET_CLIENT_H
#include "grpc_lane.h"
#include "shard.h"
#include <weir/schema.h>

struct cfg {
    struct weir_slice target, tls_name;
    uint64_t timeout, resolve;
    int64_t unconfirmed_max, shards;
    bool relay;
    struct weir_grpc_tls tls;
};

/* The stage's outcomes are the numbers of wallet.v1.Outcome. */
enum outcome {
    OUTCOME_NONE,
    ACCEPTED,
    REPLAYED,
    INSUFFICIENT_FUNDS,
    UNKNOWN_ACCOUNT,
    KEY_REUSED,
    CURRENCY_MISMATCH,
    INVALID,
    NOT_EXECUTED,
    UNKNOWN,
    N_OUTCOMES
};
extern const struct weir_outcome outcomes[];

enum {
    METRIC_CALL_SECONDS,
    METRIC_RESULTS,
    METRIC_BATCH,
    METRIC_UNCONFIRMED,
    METRIC_RECONNECTS,
    METRIC_NOT_PUBLISHED,
    METRIC_LEFT_TO_RELAY,
    METRIC_LATE,
    METRIC_LIMIT,
    METRIC_STREAMS
};

struct node { /* of a ring with a head */
    struct node *prev, *next;
};
static inline void ring_init(struct node *head)
{
    head->prev = head->next = head;
}
static inline bool ring_empty(const struct node *head)
{
    return head->next == head;
}
static inline void ring_append(struct node *head, struct node *n)
{
    n->prev = head->prev;
    n->next = head;
    head->prev->next = n;
    head->prev = n;
}
static inline void ring_remove(struct node *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    n->prev = n->next = n;
}

struct buf { /* grows; once memory was gone `failed` stays */
    uint8_t *p;
    size_t n, cap;
    bool failed;
};

/* A batch from upstream stays until each of its events is answered. */
struct held {
    struct weir_batch *batch;
    uint32_t open;
};

struct client;
struct link;
struct debit {
    struct node in_time;  /* of client.by_time: all have the same timeout, so the oldest is the first */
    struct node in_queue; /* of its link, until it is sent */
    struct held *held;
    struct weir_event *ev;
    struct link *link;
    bool sent; /* the message was given to gRPC: from now on it may be executed */
    uint64_t started, due, sent_ns;
    uint32_t slot, generation, shard;
};

enum { N_METHODS = 4, METHOD_STREAM = 3 };
struct link { /* one address: a channel and a stream */
    struct link *next;
    struct client *c;
    char target[144]; /* as gRPC wants it */
    uint64_t hash;
    uint32_t name; /* of client.names */
    grpc_channel *channel;
    void *methods[N_METHODS]; /* registered calls */
    grpc_call *call;
    struct weir_grpc_tag hello, send, recv, status;
    uint32_t tags; /* of this stream that will still come */
    grpc_metadata_array initial, trailing;
    grpc_status_code code;
    grpc_slice details;
    grpc_byte_buffer *inbound, *outbound;
    struct node queue; /* debits to send */
    struct weir_timer retry;
    uint32_t failures;
    uint64_t silent_since; /* when the first debit was sent after the last reply; 0: none was */
    bool silent;           /* for so long that its shards go to others, if there are any */
    bool ready, sending, half_closed, over;
    bool gone;    /* no name has this address any more: kept until another link is ready */
    bool leaving; /* takes no more debits, ends when its answers are in */
};

struct name { /* one entry of `target` */
    char host[200], port[8];
    bool fixed; /* a socket path or a numeric address: nothing to look up twice */
};
struct address {
    char target[144];
    uint32_t name;
};
enum { NAMES_MAX = 16, ADDRESSES_MAX = 64 };
struct names {
    struct name v[NAMES_MAX];
    uint32_t n;
    struct weir_work work;
    struct weir_timer again;
    bool looking;
    /* the worker thread's, while looking */
    struct address found[ADDRESSES_MAX];
    uint32_t n_found;
    bool ok[NAMES_MAX];
    char why[120];
};

struct confirmed { /* durable downstream; the wallet does not know yet */
    int64_t epoch, seq;
    uint32_t shard;
};
struct forwarded { /* the cookie of an event's ticket */
    struct node node;
    struct confirmed mark;
};

enum { LIMIT_MOST = 1 << 20 };
struct limit {
    double most;   /* debits that were sent and are not answered */
    uint32_t sent; /* so many are */
    uint64_t cut_ns;
};

struct client {
    struct weir_ctx *ctx;
    const struct cfg *cfg;
    struct weir_grpc_lane lane;
    grpc_channel_credentials *creds;
    const struct weir_schema *place, *requests[N_METHODS - 1], *placed, *body, *account;
    /* debits in flight */
    struct debit **slabs;
    uint32_t n_slabs, n_debits;
    struct node free_debits, by_time;
    struct weir_timer timeouts;
    struct limit limit;
    /* where they go */
    struct names names;
    struct link *links;
    struct link **owner; /* a shard; NULL: no link is ready */
    uint64_t random;
    /* events sent on */
    struct weir_batch *out; /* gathered in this turn */
    struct node forwarded;
    uint32_t n_unconfirmed;
    struct confirmed *confirmed;
    uint32_t n_confirmed, cap_confirmed;
    struct weir_timer gather, drain_limit;
    /* unary calls in flight */
    struct node calls;
    uint32_t n_calls;
    struct weir_task turn;
    bool turn_posted, confirm_now, draining, leaving, closing, was_up;
    bool busy;          /* no more bets for now: */
    bool full, crowded; /* too many events are not yet durable; too many debits wait unsent */
};

/* wallet_client.c */
void client_wake(struct client *); /* links are flushed at the end of this turn */
void client_busy(struct client *); /* after a change of what it hangs on */
void client_state(struct client *, const char *why);
void client_drain_step(struct client *);

/* debit.c */
void debit_open(struct client *, struct weir_event *, struct held *);
struct debit *debit_by_id(struct client *, uint64_t id);
uint64_t debit_id(const struct debit *);
void debit_answer(struct client *, struct debit *, const struct weir_result *);
void debit_fail(struct client *, struct debit *, const char *why); /* UNKNOWN when sent, else RETRY */
void debit_queue(struct client *, struct debit *);                 /* at the owner of its shard, or fails it */
void debits_close(struct client *);
void on_timeouts(struct weir_timer *);

/* limit.c */
void limit_init(struct client *);
uint32_t limit_room(const struct client *);
bool limit_too_old(const struct client *, const struct debit *, uint64_t now);
void limit_sent(struct client *, struct debit *, uint64_t now);
void limit_done(struct client *, const struct debit *); /* of one that was sent */
void limit_waiting(struct client *);                    /* their number has changed */

/* link.c */
void link_start(struct link *);
void link_flush(struct link *);
void link_leave(struct link *);
void link_end_call(struct link *);
void link_late(struct link *);  /* a debit that it was sent is past its time */
void link_heard(struct link *); /* a reply came */
void on_link_retry(struct weir_timer *);

/* reply.c */
void replies_read(struct link *, struct weir_slice message);

/* links.c */
void links_update(struct client *, const struct names *found);
void links_own(struct client *);    /* which link gets which shard */
void links_let_go(struct client *); /* those that are gone, once they are not needed */
void link_free(struct link *);
bool links_ready(const struct client *);
void links_cancel(struct client *);
void links_close(struct client *);

/* names.c */
int names_parse(struct weir_slice target, struct names *, struct weir_err *);
void names_start(struct client *);
void names_stop(struct client *);

/* unary.c */
void call_open(struct client *, struct weir_event *, struct held *, uint32_t method);
extern const char *const method_paths[N_METHODS], *const method_labels[N_METHODS];
void calls_cancel(struct client *);

/* publish.c */
struct reply;
void publish(struct client *, const struct reply *, struct weir_slice traceparent);
void publish_flush(struct client *);
void publish_done(struct client *, void *cookie, const struct weir_result *);
bool confirmed_put(struct link *, struct buf *); /* those of its shards; false: none */
void on_gathered(struct weir_timer *);
void publish_close(struct client *);

/* result.c */
struct weir_result refusal(enum outcome, const char *why);
struct weir_result nothing_done(const char *why);
struct weir_result perhaps_done(const char *why);
bool outcome_by_slug(struct weir_slice, enum outcome *out);
void result_settle(struct client *, struct weir_event *, struct held *, const struct weir_result *);
void count_call(struct client *, uint32_t method, uint64_t started);
struct timing { /* "Server-Timing: wallet;dur=0.812" */
    char text[48];
    struct weir_pair header;
};
void timing_of(struct client *, uint64_t started, struct timing *);
void held_put(struct client *, struct held *);
struct weir_slice header_of(const struct weir_event *, const char *name);

/* messages.c */
struct reply { /* wallet.v1.DebitReply, and what of its event matters here */
    uint64_t id;
    uint64_t outcome;
    int64_t epoch, seq;
    uint32_t shard;
    struct weir_slice event, why;
    struct weir_slice account; /* the event's */
    uint64_t accepted_ns;
};
struct account_reply { /* wallet.v1.AccountReply */
    uint64_t outcome;
    struct weir_slice account, why;
};
/* What is wrong with a bets.v1.PlaceBet, or NULL; its account. */
const char *place_check(struct weir_slice place, struct weir_slice *account, char text[128]);
struct weir_slice account_of(struct weir_slice request); /* field 1 of the wallet's requests */
void debit_put(struct buf *, uint64_t id, uint64_t budget_ms, struct weir_slice place);
void confirmed_put_range(struct buf *, const struct confirmed *first, int64_t last_seq);
/* The next reply of a DebitReplies; 1, 0 at the end, -1 malformed. */
int reply_next(struct weir_slice message, size_t *at, struct reply *);
bool reply_event(struct reply *); /* looks into the event; false: it is not a BetPlaced */
bool account_reply_read(struct weir_slice message, struct account_reply *);
/* The body of the answer, from the event's bytes: the same for ever. */
void body_put(struct buf *, struct weir_slice event);
bool buf_room(struct buf *, size_t more);
#endif
