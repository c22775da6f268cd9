/* round.h - one transaction's worth of requests and what the database says about them.
 * round_add() gathers them and finds which accounts, rows and shards they touch, each once; the database fills those
 * in; decide() answers in arrival order. No I/O here, so all of it can be tested alone. */
#ifndef WALLET_LEDGER_ROUND_H
#define WALLET_LEDGER_ROUND_H
#include "request.h"

struct account {
    struct weir_slice id;
    char currency[4];
    int64_t balance;
    bool exists, created, changed;
};
struct entry {             /* a row of ledger.entries: found there, or to be inserted */
    struct request *first; /* of this round: owner of memory */
    bool exists, fresh;
    enum outcome outcome;
    uint8_t hash[16];
    char currency[4];
    int64_t amount, balance, epoch, seq, clock_us;
    uint32_t shard;
    struct weir_slice event;
};
struct shard {
    uint32_t number;
    uint32_t asked; /* debits: as many numbers are taken with the lock, those that were not needed are given back */
    int64_t taken;  /* last_seq of the row with them */
    int64_t last_seq, published;
};

struct round {
    uint32_t cap; /* requests; as many accounts and entries at most */
    struct request **requests;
    uint32_t n;
    struct account *accounts;
    uint32_t n_accounts;
    struct entry *entries;
    uint32_t n_entries;
    struct shard *shards; /* only those that must be locked */
    uint32_t n_shards, shards_cap, all_shards;
    uint32_t *shard_index; /* [all_shards], place + 1 */
    uint32_t *slots;       /* hash table over accounts and entries */
    uint32_t n_slots;
    bool blind; /* nobody looked which rows exist: all are taken for new, and the database objects when one is not */
    /* from the database */
    int64_t epoch, backlog, clock_us; /* clock: µs since 1970, the database's */
    /* from the conf and the lane */
    uint64_t now_ns, commit_ns, max_event; /* commit_ns: from decide until its rows are booked, as it took lately */
    int64_t max_backlog;
    /* counted by decide */
    uint32_t fresh, created, changed, debits;
};

int round_init(struct round *, uint32_t cap, uint32_t all_shards); /* -1: no memory */
void round_free(struct round *);
void round_clear(struct round *);
void round_add(struct round *, struct request *);         /* the caller keeps n < cap */
struct shard *round_lock(struct round *, uint32_t shard); /* adds it when it is not there */
void round_sort_shards(struct round *);                   /* ascending: the order of locking */

/* Memory for a request's event, or NULL. */
typedef void *(*round_alloc)(struct request *, size_t);
void decide(struct round *, round_alloc);

/* event.c: the one author of bets.v1.BetPlaced: what the request says and what became of it. */
struct placed {
    int64_t epoch, seq, balance, clock_us;
    uint32_t shard;
};
size_t event_size(const struct request *, const struct placed *);
/* Into memory of the request; n is 0 when there is none. */
struct weir_slice event_write(struct request *, const struct placed *, round_alloc);
#endif
