/* wallet.h - a wallet-ledger in a kit, and short ways to ask it. */
#ifndef WALLET_H
#define WALLET_H
#include "ledger_db.h"
#include "wallet/v1/wallet.pb-c.h"
#include <weir/testkit.h>

enum { WALLET_WAIT_MS = 60000 }; /* only for a test that fails */

struct weir_kit *wallet_open(const struct ledger_db *, const char *more_conf);
uint64_t wallet_open_account(struct weir_kit *, const char *account, const char *currency);
uint64_t wallet_credit(struct weir_kit *, const char *account, const char *key, int64_t amount);
uint64_t wallet_debit(struct weir_kit *, const char *account, const char *key, int64_t amount);
uint64_t wallet_debit_within(struct weir_kit *, const char *account, const char *key, int64_t amount, uint64_t ms);
uint64_t wallet_balance(struct weir_kit *, const char *account);
uint64_t wallet_confirm(struct weir_kit *, int64_t epoch, uint32_t shard, int64_t first, int64_t last);

/* Waits; fails when another outcome came. */
void wallet_expect(struct weir_kit *, uint64_t number, const char *outcome);
/* The unpacked reply; free with the message's own function. */
Wallet__V1__DebitReply *wallet_debit_reply(struct weir_kit *, uint64_t number);
Wallet__V1__AccountReply *wallet_account_reply(struct weir_kit *, uint64_t number);
int64_t wallet_balance_now(struct weir_kit *, const char *account);
#endif
