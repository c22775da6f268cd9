/* wallet_world.h - wallet-client in one kit, and its wallets: grpc-ingress in other kits, answered by the test.
 * The client's clock is the test's, so that no time-out depends on the machine. */
#ifndef WALLET_WORLD_H
#define WALLET_WORLD_H
#include "cmocka_for_grpc.h"
#include <bets/v1/bets.pb-c.h>
#include <wallet/v1/wallet.pb-c.h>
#include <weir/testkit.h>

enum { WAIT_MS = 20000, WALLETS = 2, EPOCH = 77 };

struct world {
    struct weir_kit *client;
    struct weir_kit *wallet[WALLETS]; /* NULL: not there */
    char address[WALLETS][80];        /* "unix:/..." */
    char wallet_conf[512];            /* more of each wallet's conf */
};

void world_open(struct world *, unsigned n_wallets, const char *more_conf); /* and waits until the client is ready */
void world_close(struct world *);
void wallet_start(struct world *, unsigned i);
void wallet_stop(struct world *, unsigned i);

bool world_wait(struct world *, bool (*cond)(void *), void *arg);
bool wait_state(struct world *, enum weir_state);
/* The next event at wallet i. Fails the test when none comes. */
struct weir_event *wallet_event(struct world *, unsigned i);
/* The next event at any wallet; says which. */
struct weir_event *any_wallet_event(struct world *, unsigned *i);
const struct weir_result *wait_settled(struct world *, uint64_t number);
struct weir_event *wait_forwarded(struct world *);
void world_run(struct world *);

uint64_t push_bet(struct world *, const char *bet_id, const char *account);
/* Answers a debit; ACCEPTED and REPLAYED carry a BetPlaced of shard 5. */
void answer(struct world *, unsigned i, struct weir_event *, Wallet__V1__Outcome, int64_t seq, const char *why);
Wallet__V1__DebitRequest *debit_of(const struct weir_event *); /* free it */
const char *header(const struct weir_event *, const char *name, char text[80]);
#endif
