/* request.h - one thing a client asks of the ledger: read from the event's bytes, checked, hashed.
 * All its bytes live with the batch that brought it; strings have a NUL after their end. */
#ifndef WALLET_LEDGER_REQUEST_H
#define WALLET_LEDGER_REQUEST_H
#include <weir/plugin.h>

enum kind { KIND_OPEN, KIND_CREDIT, KIND_DEBIT, KIND_BALANCE };

/* Index into the plugin's outcomes and number of wallet.v1.Outcome. */
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
const char *outcome_name(enum outcome);
enum outcome outcome_of(struct weir_slice name); /* OUTCOME_NONE: no such name */
const char *kind_name(enum kind);                /* as in ledger.entries */

struct answer {
    enum outcome outcome;
    bool has_account; /* currency and balance are those of the account after the request */
    const char *currency;
    int64_t balance;
    int64_t epoch, seq; /* debits: identity and bytes of the event */
    uint32_t shard;
    struct weir_slice event;
    const char *why;
};

struct batch_held; /* wallet_ledger.c: the batch that the bytes live in */
struct request {
    struct request *next;
    struct weir_event *ev;
    struct batch_held *held;
    enum kind kind;
    struct weir_slice account, key, currency, selection;
    int64_t amount;
    int32_t odds;
    uint64_t id, arrived_ns, deadline_ns;
    uint32_t shard;
    uint8_t hash[16]; /* of what the client sent apart from account and key */
    bool settled;     /* answered while its transaction was under way: its deadline had passed */
    bool author;      /* a COMMIT with a row of its own was sent and not yet answered */
    uint8_t *event;   /* room for the event's bytes, kept over reruns */
    size_t event_room;
    struct answer answer;
    uint32_t account_at, entry_at, shard_at; /* in the round */
};

/* Where the copies go; NULL when memory is gone. */
struct arena {
    void *(*alloc)(void *of, size_t n);
    void *of;
};

/* Reads the wire form. 0; -1: not this message, or no memory (r->answer.why says). r->kind is set by the caller. */
int request_read(struct request *, struct weir_slice wire, struct arena *);
/* NULL when good, else what is wrong with which field. */
const char *request_check(const struct request *);
void request_hash(struct request *);
bool utf8_without_nul(struct weir_slice);

struct confirmed {
    int64_t epoch, first, last;
    uint32_t shard;
};
int confirmed_read(struct confirmed *, struct weir_slice wire);
#endif
