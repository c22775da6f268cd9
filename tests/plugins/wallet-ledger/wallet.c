/* wallet.c - packs requests, waits for answers. */
#include "wallet.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct weir_kit *wallet_open(const struct ledger_db *db, const char *more_conf)
{
    char conf[1024];
    snprintf(conf, sizeof conf, "database = \"%s\"\n%s", db->url, more_conf);
    return weir_kit_open_with("wallet-ledger", conf, WEIR_KIT_REAL_CLOCK);
}

static uint64_t push(struct weir_kit *kit, const char *message, const ProtobufCMessage *m, uint64_t deadline_ns)
{
    uint8_t wire[1024];
    assert_true(protobuf_c_message_get_packed_size(m) <= sizeof wire);
    struct weir_kit_event ev = {.message = message, .deadline_ns = deadline_ns};
    ev.value = (struct weir_slice){wire, protobuf_c_message_pack(m, wire)};
    return weir_kit_push(kit, &ev);
}

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

uint64_t wallet_open_account(struct weir_kit *kit, const char *account, const char *currency)
{
    Wallet__V1__OpenRequest m = WALLET__V1__OPEN_REQUEST__INIT;
    m.account_id = text(account);
    m.currency = text(currency);
    return push(kit, "wallet.v1.OpenRequest", &m.base, 0);
}

uint64_t wallet_credit(struct weir_kit *kit, const char *account, const char *key, int64_t amount)
{
    Wallet__V1__CreditRequest m = WALLET__V1__CREDIT_REQUEST__INIT;
    m.account_id = text(account);
    m.idempotency_key = text(key);
    m.amount_minor = amount;
    m.currency = text("EUR");
    return push(kit, "wallet.v1.CreditRequest", &m.base, 0);
}

uint64_t wallet_debit_within(struct weir_kit *kit, const char *account, const char *key, int64_t amount, uint64_t ms)
{
    Bets__V1__PlaceBet bet = BETS__V1__PLACE_BET__INIT;
    bet.bet_id = text(key);
    bet.account_id = text(account);
    bet.stake_minor = amount;
    bet.currency = text("EUR");
    bet.selection = text("home");
    bet.odds_milli = 1850;
    Wallet__V1__DebitRequest m = WALLET__V1__DEBIT_REQUEST__INIT;
    m.id = 7;
    m.bet = &bet;
    struct weir_ctx *ctx = weir_kit_ctx(kit);
    return push(kit, "wallet.v1.DebitRequest", &m.base, ms ? ctx->host->now(ctx) + ms * 1000000 : 0);
}

uint64_t wallet_debit(struct weir_kit *kit, const char *account, const char *key, int64_t amount)
{
    return wallet_debit_within(kit, account, key, amount, WALLET_WAIT_MS);
}

uint64_t wallet_balance(struct weir_kit *kit, const char *account)
{
    Wallet__V1__GetBalanceRequest m = WALLET__V1__GET_BALANCE_REQUEST__INIT;
    m.account_id = text(account);
    return push(kit, "wallet.v1.GetBalanceRequest", &m.base, 0);
}

uint64_t wallet_confirm(struct weir_kit *kit, int64_t epoch, uint32_t shard, int64_t first, int64_t last)
{
    Wallet__V1__Confirmed m = WALLET__V1__CONFIRMED__INIT;
    m.epoch = epoch;
    m.shard = shard;
    m.first_seq = first;
    m.last_seq = last;
    return push(kit, "wallet.v1.Confirmed", &m.base, 0);
}

void wallet_expect(struct weir_kit *kit, uint64_t number, const char *outcome)
{
    assert_true(weir_kit_wait_settled(kit, number, WALLET_WAIT_MS));
    const struct weir_result *got = weir_kit_settled(kit, number);
    const char *why = NULL;
    weir_kit_state(kit, &why);
    if (strcmp(got->outcome_name, outcome) != 0)
        fail_msg("request %d: %s (%s), expected %s; the stage says: %s", (int)number, got->outcome_name,
                 got->why ? got->why : "", outcome, why ? why : "");
}

Wallet__V1__DebitReply *wallet_debit_reply(struct weir_kit *kit, uint64_t number)
{
    assert_true(weir_kit_wait_settled(kit, number, WALLET_WAIT_MS));
    struct weir_slice wire = weir_kit_settled(kit, number)->reply;
    Wallet__V1__DebitReply *reply = wallet__v1__debit_reply__unpack(NULL, wire.n, wire.p);
    assert_non_null(reply);
    assert_int_equal(reply->id, 7);
    return reply;
}

Wallet__V1__AccountReply *wallet_account_reply(struct weir_kit *kit, uint64_t number)
{
    assert_true(weir_kit_wait_settled(kit, number, WALLET_WAIT_MS));
    struct weir_slice wire = weir_kit_settled(kit, number)->reply;
    Wallet__V1__AccountReply *reply = wallet__v1__account_reply__unpack(NULL, wire.n, wire.p);
    assert_non_null(reply);
    return reply;
}

int64_t wallet_balance_now(struct weir_kit *kit, const char *account)
{
    Wallet__V1__AccountReply *reply = wallet_account_reply(kit, wallet_balance(kit, account));
    assert_non_null(reply->account);
    int64_t balance = reply->account->balance_minor;
    wallet__v1__account_reply__free_unpacked(reply, NULL);
    return balance;
}
