/* test_wallet_links.c - several wallets, wallets that come and go by name, and the unary calls.
 * The names are the test's own: this program's getaddrinfo stands in for the system's. */
#include "wallet_world.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <shard.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- names */
static atomic_uint wallets_named; /* "wallets.test" has the addresses 127.a.b.1 .. of this many bits */
static struct in_addr loopback(unsigned i)
{
    unsigned pid = (unsigned)getpid();
    return (struct in_addr){htonl(0x7f000000u | (pid & 0x7f) << 16 | (pid >> 7 & 0xff) << 8 | (i + 1))};
}

__attribute__((visibility("default"))) int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                                                       struct addrinfo **out)
{
    (void)hints;
    *out = NULL;
    struct in_addr literal;
    bool named = host && !strcmp(host, "wallets.test");
    if (!named && (!host || inet_pton(AF_INET, host, &literal) != 1)) return EAI_NONAME;
    for (unsigned i = 0; i < (named ? WALLETS : 1); i++) {
        if (named && !(wallets_named & 1u << i)) continue;
        struct {
            struct addrinfo info;
            struct sockaddr_in address;
        } *one = calloc(1, sizeof *one);
        if (!one) return EAI_MEMORY;
        one->address.sin_family = AF_INET;
        one->address.sin_port = htons((uint16_t)(port ? atoi(port) : 0));
        one->address.sin_addr = named ? loopback(i) : literal;
        one->info = (struct addrinfo){.ai_family = AF_INET,
                                      .ai_socktype = SOCK_STREAM,
                                      .ai_addrlen = sizeof one->address,
                                      .ai_next = *out,
                                      .ai_addr = (struct sockaddr *)&one->address};
        *out = &one->info;
    }
    return *out ? 0 : EAI_NONAME;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

/* ---- several wallets */
static uint32_t shard(const char *account)
{
    return weir_shard_of((struct weir_slice){(const uint8_t *)account, strlen(account)}, 64);
}

enum { ACCOUNTS = 64 };
/* Pushes a bet for each of many accounts; says at which wallet each arrived. */
static void spread(struct world *w, unsigned at[ACCOUNTS])
{
    for (int i = 0; i < ACCOUNTS; i++) {
        char account[24];
        snprintf(account, sizeof account, "account-%d", i);
        uint64_t number = push_bet(w, "b", account);
        struct weir_event *ev = any_wallet_event(w, &at[i]);
        answer(w, at[i], ev, WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
        wait_settled(w, number);
    }
}

static bool both_ready(void *arg)
{
    struct world *w = arg;
    return weir_kit_metric(w->client, "weir_wallet_client_ready_streams") == 2;
}

static void a_shard_goes_to_one_wallet_and_both_get_some(void **state)
{
    (void)state;
    struct world w;
    unsigned at[ACCOUNTS], again[ACCOUNTS], n[WALLETS] = {0, 0};
    world_open(&w, 2, NULL);
    assert_true(world_wait(&w, both_ready, &w));
    spread(&w, at);
    spread(&w, again);
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        char a[24], b[24];
        n[at[i]]++;
        assert_int_equal(at[i], again[i]);
        snprintf(a, sizeof a, "account-%u", i);
        for (unsigned j = 0; j < i; j++) {
            snprintf(b, sizeof b, "account-%u", j);
            if (shard(a) == shard(b)) assert_int_equal(at[i], at[j]);
        }
    }
    assert_true(n[0] > 0 && n[1] > 0);
    world_close(&w);
}

static void one_shard_has_one_wallet(void **state)
{
    (void)state;
    struct world w;
    unsigned at[ACCOUNTS];
    world_open(&w, 2, "shards = 1");
    assert_true(world_wait(&w, both_ready, &w));
    spread(&w, at);
    for (unsigned i = 1; i < ACCOUNTS; i++) assert_int_equal(at[i], at[0]);
    world_close(&w);
}

static void a_silent_wallet_gives_its_shards_away_until_it_replies(void **state)
{
    (void)state;
    struct world w;
    unsigned at[ACCOUNTS], to, mine = 0, sent = 0;
    char account[24];
    world_open(&w, 2, NULL);
    assert_true(world_wait(&w, both_ready, &w));
    spread(&w, at);
    while (at[mine]) mine++; /* an account of wallet 0 */
    snprintf(account, sizeof account, "account-%u", mine);
    struct weir_event *first = NULL;
    for (;; sent++) {
        uint64_t number = push_bet(&w, "b", account);
        struct weir_event *debit = any_wallet_event(&w, &to);
        if (to) { /* moved: the other wallet answers */
            answer(&w, to, debit, WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
            assert_string_equal(wait_settled(&w, number)->outcome_name, "insufficient-funds");
            break;
        }
        if (!first) first = debit;
        weir_kit_advance(w.client, 80000000);
        weir_kit_assert_settled(w.client, number, WEIR_UNKNOWN, "unknown");
    }
    assert_int_equal(sent, 13); /* of 80 ms: more than a second */
    /* it wakes, with what it was sent long ago */
    answer(&w, 0, first, WALLET__V1__OUTCOME__NOT_EXECUTED, 0, NULL);
    for (to = 1; to;) {
        uint64_t number = push_bet(&w, "b", account);
        struct weir_event *debit = any_wallet_event(&w, &to);
        answer(&w, to, debit, WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
        wait_settled(&w, number);
    }
    world_close(&w);
}

static void alone_a_silent_wallet_keeps_its_shards(void **state)
{
    (void)state;
    struct world w;
    unsigned to;
    world_open(&w, 1, NULL);
    for (int i = 0; i < 20; i++) {
        uint64_t number = push_bet(&w, "b", "anna");
        assert_non_null(any_wallet_event(&w, &to));
        weir_kit_advance(w.client, 80000000);
        weir_kit_assert_settled(w.client, number, WEIR_UNKNOWN, "unknown");
    }
    world_close(&w);
}

/* The next debit; confirmations come along and are of no interest here. */
static struct weir_event *any_debit(struct world *w, unsigned *at)
{
    for (;;) {
        struct weir_event *ev = any_wallet_event(w, at);
        if (ev->schema == weir_kit_schema(w->wallet[*at], "wallet.v1.DebitRequest")->id) return ev;
        weir_kit_settle(w->wallet[*at], ev, WEIR_OK, NULL);
    }
}

static bool one_stream_less(void *arg)
{
    struct world *w = arg;
    return weir_kit_metric(w->wallet[0], "weir_grpc_ingress_open_streams") == 0;
}

static void addresses_come_and_go_without_an_error(void **state)
{
    (void)state;
    struct world w = {.client = NULL};
    unsigned at;
    int port = 20000 + getpid() % 10000;
    char text[INET_ADDRSTRLEN], conf[128];
    for (unsigned i = 0; i < WALLETS; i++) {
        struct in_addr a = loopback(i);
        snprintf(w.address[i], sizeof w.address[i], "%s:%d", inet_ntop(AF_INET, &a, text, sizeof text), port);
        wallet_start(&w, i);
    }
    wallets_named = 1;
    snprintf(conf, sizeof conf, "target = \"wallets.test:%d\"\nresolve = \"5s\"", port);
    w.client = weir_kit_open_with("wallet-client", conf, WEIR_KIT_NOT_ALONE);
    assert_true(wait_state(&w, WEIR_READY));
    uint64_t number = push_bet(&w, "b1", "anna");
    struct weir_event *in_flight = wallet_event(&w, 0);

    wallets_named = 2; /* the first is replaced: it goes when the second is ready, and still answers what it has */
    weir_kit_advance(w.client, 5000000000u);
    assert_string_equal(wait_settled(&w, number)->outcome_name, "unknown");
    answer(&w, 0, in_flight, WALLET__V1__OUTCOME__ACCEPTED, 1, NULL);
    struct weir_event *late = wait_forwarded(&w);
    weir_kit_settle(w.client, late, WEIR_OK, NULL);
    assert_true(world_wait(&w, one_stream_less, &w));
    assert_true(wait_state(&w, WEIR_READY));
    number = push_bet(&w, "b2", "anna");
    struct weir_event *ev = any_debit(&w, &at);
    assert_int_equal(at, 1);
    answer(&w, 1, ev, WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
    assert_string_equal(wait_settled(&w, number)->outcome_name, "insufficient-funds");

    wallets_named = 0; /* the name server has a bad day: keep what there is */
    weir_kit_advance(w.client, 5000000000u);
    number = push_bet(&w, "b3", "anna");
    answer(&w, 1, any_debit(&w, &at), WALLET__V1__OUTCOME__INSUFFICIENT_FUNDS, 0, NULL);
    assert_string_equal(wait_settled(&w, number)->outcome_name, "insufficient-funds");
    weir_kit_close(w.client);
    for (unsigned i = 0; i < WALLETS; i++) wallet_stop(&w, i);
}

/* ---- unary calls */
static void answer_account(struct world *w, struct weir_event *ev, Wallet__V1__Outcome outcome, enum weir_status status,
                           const char *slug)
{
    Wallet__V1__AccountReply m = WALLET__V1__ACCOUNT_REPLY__INIT;
    Wallet__V1__Account account = WALLET__V1__ACCOUNT__INIT;
    char id[] = "anna";
    uint8_t bytes[128];
    account.account_id = id;
    account.balance_minor = 100;
    m.outcome = outcome;
    m.account = &account;
    const struct weir_result r = {.status = status,
                                  .outcome_name = slug,
                                  .why = "because",
                                  .reply = {bytes, wallet__v1__account_reply__pack(&m, bytes)},
                                  .schema = weir_kit_schema(w->wallet[0], "wallet.v1.AccountReply")->id};
    weir_kit_settle_with(w->wallet[0], ev, &r);
}

static const struct {
    const char *message, *fields;
    Wallet__V1__Outcome outcome;
    enum weir_status served;
    const char *slug;
    enum weir_status status;
    const char *outcome_name;
    bool reply;
} calls[] = {
    {"wallet.v1.OpenRequest", "account_id: anna; currency: EUR", WALLET__V1__OUTCOME__ACCEPTED, WEIR_OK, "accepted",
     WEIR_OK, "accepted", true},
    {"wallet.v1.OpenRequest", "account_id: anna; currency: EUR", WALLET__V1__OUTCOME__REPLAYED, WEIR_OK, "replayed",
     WEIR_OK, "replayed", true},
    {"wallet.v1.CreditRequest", "account_id: anna; idempotency_key: k; amount_minor: 5; currency: EUR",
     WALLET__V1__OUTCOME__ACCEPTED, WEIR_OK, "accepted", WEIR_OK, "accepted", true},
    {"wallet.v1.GetBalanceRequest", "account_id: anna", WALLET__V1__OUTCOME__ACCEPTED, WEIR_OK, "", WEIR_OK, "", true},
    {"wallet.v1.GetBalanceRequest", "account_id: anna", WALLET__V1__OUTCOME__UNKNOWN_ACCOUNT, WEIR_OK,
     "unknown-account", WEIR_OK, "unknown-account", false},
    {"wallet.v1.CreditRequest", "account_id: anna", WALLET__V1__OUTCOME__KEY_REUSED, WEIR_OK, "key-reused", WEIR_OK,
     "key-reused", false},
    {"wallet.v1.CreditRequest", "account_id: anna", WALLET__V1__OUTCOME__INVALID, WEIR_OK, "invalid", WEIR_OK,
     "invalid", false},
    /* a server whose `answers` does not list it: the message says it */
    {"wallet.v1.CreditRequest", "account_id: anna", WALLET__V1__OUTCOME__CURRENCY_MISMATCH, WEIR_OK,
     "currency-mismatch", WEIR_OK, "currency-mismatch", false},
    {"wallet.v1.CreditRequest", "account_id: anna", WALLET__V1__OUTCOME__NOT_EXECUTED, WEIR_RETRY, "not-executed",
     WEIR_RETRY, "not-executed", false},
    {"wallet.v1.CreditRequest", "account_id: anna", WALLET__V1__OUTCOME__UNKNOWN, WEIR_UNKNOWN, "unknown", WEIR_UNKNOWN,
     "unknown", false},
    {"wallet.v1.GetBalanceRequest", "account_id: anna", WALLET__V1__OUTCOME__UNKNOWN, WEIR_UNKNOWN, "unknown",
     WEIR_RETRY, "not-executed", false}, /* a query changes nothing */
};

static void unary_calls_have_the_same_outcomes(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1, "timeout = \"30s\"");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        uint64_t number = weir_kit_push_text(w.client, calls[i].message, calls[i].fields);
        struct weir_event *ev = wallet_event(&w, 0);
        assert_int_equal(ev->schema, weir_kit_schema(w.wallet[0], calls[i].message)->id);
        answer_account(&w, ev, calls[i].outcome, calls[i].served, calls[i].slug);
        const struct weir_result *r = wait_settled(&w, number);
        assert_int_equal(r->status, calls[i].status);
        assert_string_equal(r->outcome_name, calls[i].outcome_name);
        assert_int_equal(r->n_headers, 1);
        assert_int_equal(r->reply.n > 0, calls[i].reply);
        if (calls[i].reply) assert_int_equal(r->schema, weir_kit_schema(w.client, "wallet.v1.Account")->id);
        assert_null(weir_kit_forwarded(w.client));
    }
    world_close(&w);
}

static void a_call_that_gets_no_answer_may_have_been_executed(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1, "timeout = \"30s\"");
    uint64_t credit = weir_kit_push_text(w.client, "wallet.v1.CreditRequest", "account_id: anna");
    uint64_t query = weir_kit_push_text(w.client, "wallet.v1.GetBalanceRequest", "account_id: anna");
    for (int i = 0; i < 2; i++) {
        const struct weir_result r = {.status = WEIR_UNKNOWN};
        weir_kit_settle_with(w.wallet[0], wallet_event(&w, 0), &r);
    }
    assert_int_equal(wait_settled(&w, credit)->status, WEIR_UNKNOWN);
    assert_int_equal(wait_settled(&w, query)->status, WEIR_RETRY);
    world_close(&w);
}

static void a_full_wallet_has_executed_nothing(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1, "timeout = \"30s\"");
    weir_kit_flow(w.wallet[0], false);
    uint64_t credit = weir_kit_push_text(w.client, "wallet.v1.CreditRequest", "account_id: anna");
    const struct weir_result *r = wait_settled(&w, credit);
    assert_int_equal(r->status, WEIR_RETRY);
    assert_string_equal(r->outcome_name, "not-executed");
    weir_kit_flow(w.wallet[0], true);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shard_goes_to_one_wallet_and_both_get_some),
        cmocka_unit_test(one_shard_has_one_wallet),
        cmocka_unit_test(a_silent_wallet_gives_its_shards_away_until_it_replies),
        cmocka_unit_test(alone_a_silent_wallet_keeps_its_shards),
        cmocka_unit_test(addresses_come_and_go_without_an_error),
        cmocka_unit_test(unary_calls_have_the_same_outcomes),
        cmocka_unit_test(a_call_that_gets_no_answer_may_have_been_executed),
        cmocka_unit_test(a_full_wallet_has_executed_nothing),
    };
    return cmocka_run_group_tests_name("wallet-client: wallets", tests, NULL, NULL);
}
