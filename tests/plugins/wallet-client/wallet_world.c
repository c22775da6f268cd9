/* wallet_world.c - see wallet_world.h. */
#include "wallet_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char WALLET_CONF[] =
    "listen = \"%s\"\n"
    "methods = {\n"
    "  open    = { on = \"/wallet.v1.Wallet/Open\", event = \"wallet.v1.OpenRequest\", answer = "
    "\"wallet.v1.AccountReply\" }\n"
    "  credit  = { on = \"/wallet.v1.Wallet/Credit\", event = \"wallet.v1.CreditRequest\", answer = "
    "\"wallet.v1.AccountReply\" }\n"
    "  balance = { on = \"/wallet.v1.Wallet/GetBalance\", event = \"wallet.v1.GetBalanceRequest\", answer = "
    "\"wallet.v1.AccountReply\" }\n"
    "  stream  = { on = \"/wallet.v1.Wallet/DebitStream\", event = \"wallet.v1.DebitBatch\", answer = "
    "\"wallet.v1.DebitReplies\", stream = true, budget = \"budget_ms\" }\n"
    "}\n"
    "answers = [ \"unknown-account=NOT_FOUND\", \"key-reused=ALREADY_EXISTS\", \"invalid=INVALID_ARGUMENT\" ]\n";

void wallet_start(struct world *w, unsigned i)
{
    char conf[sizeof WALLET_CONF + sizeof w->address[0] + sizeof w->wallet_conf];
    snprintf(conf, sizeof conf, WALLET_CONF, w->address[i]);
    strcat(conf, w->wallet_conf);
    w->wallet[i] = weir_kit_open_with("grpc-ingress", conf, WEIR_KIT_REAL_CLOCK | WEIR_KIT_NOT_ALONE);
}

void wallet_stop(struct world *w, unsigned i)
{
    weir_kit_close(w->wallet[i]);
    w->wallet[i] = NULL;
}

void world_open(struct world *w, unsigned n_wallets, const char *more_conf)
{
    char conf[1024], target[200] = "";
    *w = (struct world){.client = NULL};
    for (unsigned i = 0; i < WALLETS; i++)
        snprintf(w->address[i], sizeof w->address[i], "unix:/tmp/weir-wallet-%d-%u.sock", (int)getpid(), i);
    for (unsigned i = 0; i < n_wallets; i++) {
        wallet_start(w, i);
        strcat(strcat(target, i ? "," : ""), w->address[i]);
    }
    snprintf(conf, sizeof conf, "target = \"%s\"\n%s", n_wallets ? target : w->address[0], more_conf ? more_conf : "");
    w->client = weir_kit_open_with("wallet-client", conf, WEIR_KIT_NOT_ALONE);
    if (n_wallets) assert_true(wait_state(w, WEIR_READY));
}

void world_close(struct world *w)
{
    if (w->client) weir_kit_close(w->client);
    for (unsigned i = 0; i < WALLETS; i++) {
        if (w->wallet[i]) wallet_stop(w, i);
        unlink(w->address[i] + strlen("unix:"));
    }
}

void world_run(struct world *w)
{
    for (unsigned i = 0; i < WALLETS; i++)
        if (w->wallet[i]) weir_kit_run(w->wallet[i]);
    if (w->client) weir_kit_run(w->client);
}

struct wish {
    struct world *w;
    bool (*cond)(void *);
    void *arg;
    uint64_t number;
    unsigned wallet;
    struct weir_event *ev;
    enum weir_state state;
};

static bool look(void *arg)
{
    struct wish *wish = arg;
    for (unsigned i = 0; i < WALLETS; i++)
        if (wish->w->wallet[i]) weir_kit_run(wish->w->wallet[i]);
    return wish->cond(wish->arg);
}

bool world_wait(struct world *w, bool (*cond)(void *), void *arg)
{
    struct wish wish = {.w = w, .cond = cond, .arg = arg};
    return weir_kit_wait(w->client, look, &wish, WAIT_MS);
}

static bool has_state(void *arg)
{
    struct wish *wish = arg;
    return weir_kit_state(wish->w->client, NULL) == wish->state;
}

bool wait_state(struct world *w, enum weir_state state)
{
    struct wish wish = {.w = w, .state = state};
    return world_wait(w, has_state, &wish);
}

static bool has_event(void *arg)
{
    struct wish *wish = arg;
    if (!wish->ev) wish->ev = weir_kit_forwarded(wish->w->wallet[wish->wallet]);
    return wish->ev != NULL;
}

struct weir_event *wallet_event(struct world *w, unsigned i)
{
    struct wish wish = {.w = w, .wallet = i};
    world_wait(w, has_event, &wish);
    assert_non_null(wish.ev);
    return wish.ev;
}

static bool has_any_event(void *arg)
{
    struct wish *wish = arg;
    for (unsigned i = 0; i < WALLETS && !wish->ev; i++) {
        wish->wallet = i;
        if (wish->w->wallet[i]) wish->ev = weir_kit_forwarded(wish->w->wallet[i]);
    }
    return wish->ev != NULL;
}

struct weir_event *any_wallet_event(struct world *w, unsigned *i)
{
    struct wish wish = {.w = w};
    world_wait(w, has_any_event, &wish);
    assert_non_null(wish.ev);
    *i = wish.wallet;
    return wish.ev;
}

static bool is_settled(void *arg)
{
    struct wish *wish = arg;
    return weir_kit_settled(wish->w->client, wish->number) != NULL;
}

const struct weir_result *wait_settled(struct world *w, uint64_t number)
{
    struct wish wish = {.w = w, .number = number};
    assert_true(world_wait(w, is_settled, &wish));
    return weir_kit_settled(w->client, number);
}

static bool has_forwarded(void *arg)
{
    struct wish *wish = arg;
    if (!wish->ev) wish->ev = weir_kit_forwarded(wish->w->client);
    return wish->ev != NULL;
}

struct weir_event *wait_forwarded(struct world *w)
{
    struct wish wish = {.w = w};
    world_wait(w, has_forwarded, &wish);
    assert_non_null(wish.ev);
    return wish.ev;
}

uint64_t push_bet(struct world *w, const char *bet_id, const char *account)
{
    char text[256];
    snprintf(text, sizeof text,
             "bet_id: %s; account_id: %s; stake_minor: 250; currency: EUR; selection: home; "
             "odds_milli: 1850",
             bet_id, account);
    return weir_kit_push_text(w->client, "bets.v1.PlaceBet", text);
}

Wallet__V1__DebitRequest *debit_of(const struct weir_event *ev)
{
    Wallet__V1__DebitRequest *m = wallet__v1__debit_request__unpack(NULL, ev->value.n, ev->value.p);
    assert_non_null(m);
    return m;
}

static size_t event_bytes(const Bets__V1__PlaceBet *bet, int64_t seq, uint8_t out[512])
{
    Bets__V1__BetPlaced m = BETS__V1__BET_PLACED__INIT;
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    at.seconds = 1700000000;
    at.nanos = 123456789;
    m.epoch = EPOCH;
    m.shard = 5;
    m.seq = seq;
    m.bet_id = bet->bet_id;
    m.account_id = bet->account_id;
    m.stake_minor = bet->stake_minor;
    m.currency = bet->currency;
    m.selection = bet->selection;
    m.odds_milli = bet->odds_milli;
    m.balance_after_minor = 9750;
    m.accepted_at = &at;
    assert_true(bets__v1__bet_placed__get_packed_size(&m) <= 512);
    return bets__v1__bet_placed__pack(&m, out);
}

void answer(struct world *w, unsigned i, struct weir_event *ev, Wallet__V1__Outcome outcome, int64_t seq,
            const char *why)
{
    Wallet__V1__DebitRequest *debit = debit_of(ev);
    Wallet__V1__DebitReply m = WALLET__V1__DEBIT_REPLY__INIT;
    uint8_t event[512], reply[1024];
    char text[128];
    snprintf(text, sizeof text, "%s", why ? why : "");
    m.id = debit->id;
    m.outcome = outcome;
    m.why = text;
    if (outcome == WALLET__V1__OUTCOME__ACCEPTED || outcome == WALLET__V1__OUTCOME__REPLAYED) {
        m.epoch = EPOCH;
        m.shard = 5;
        m.seq = seq;
        m.event.len = event_bytes(debit->bet, seq, event);
        m.event.data = event;
    }
    const struct weir_result r = {.reply = {reply, wallet__v1__debit_reply__pack(&m, reply)},
                                  .schema = weir_kit_schema(w->wallet[i], "wallet.v1.DebitReply")->id};
    weir_kit_settle_with(w->wallet[i], ev, &r);
    wallet__v1__debit_request__free_unpacked(debit, NULL);
}

const char *header(const struct weir_event *ev, const char *name, char text[80])
{
    *text = 0;
    for (uint32_t i = 0; i < ev->n_headers; i++)
        if (ev->headers[i].name.n == strlen(name) && !memcmp(ev->headers[i].name.p, name, strlen(name)))
            snprintf(text, 80, "%.*s", (int)ev->headers[i].value.n, (const char *)ev->headers[i].value.p);
    return text;
}
