/* reply.c - answers: the reply message with the request's id, the outcome, and the status that tells a source what to
 * do. Memory for them is there before a COMMIT is sent: what was done must not fail to be said. */
#include "ledger.h"
#include "wallet/v1/wallet.pb-c.h"
#include <stdlib.h>
#include <string.h>

static size_t pack_account(const struct request *r, uint8_t *out)
{
    const struct answer *a = &r->answer;
    Wallet__V1__Account account = WALLET__V1__ACCOUNT__INIT;
    Wallet__V1__AccountReply reply = WALLET__V1__ACCOUNT_REPLY__INIT;
    reply.outcome = (Wallet__V1__Outcome)a->outcome;
    if (a->why) reply.why = (char *)(uintptr_t)a->why;
    if (a->has_account) {
        account.account_id = (char *)(uintptr_t)r->account.p;
        account.currency = (char *)(uintptr_t)a->currency;
        account.balance_minor = a->balance;
        reply.account = &account;
    }
    return out ? wallet__v1__account_reply__pack(&reply, out) : wallet__v1__account_reply__get_packed_size(&reply);
}

static size_t pack_debit(const struct request *r, uint8_t *out)
{
    const struct answer *a = &r->answer;
    Wallet__V1__DebitReply reply = WALLET__V1__DEBIT_REPLY__INIT;
    reply.id = r->id;
    reply.outcome = (Wallet__V1__Outcome)a->outcome;
    if (a->why) reply.why = (char *)(uintptr_t)a->why;
    if (a->seq) {
        reply.epoch = a->epoch;
        reply.shard = a->shard;
        reply.seq = a->seq;
        reply.event.data = (uint8_t *)(uintptr_t)a->event.p;
        reply.event.len = a->event.n;
    } else if (a->outcome == INSUFFICIENT_FUNDS) {
        reply.balance_minor = a->balance;
    }
    return out ? wallet__v1__debit_reply__pack(&reply, out) : wallet__v1__debit_reply__get_packed_size(&reply);
}

static size_t pack(const struct request *r, uint8_t *out)
{
    return r->kind == KIND_DEBIT ? pack_debit(r, out) : pack_account(r, out);
}

static bool reserve(struct ledger *l, size_t n)
{
    if (n <= l->reply_room) return true;
    uint8_t *grown = (uint8_t *)realloc(l->reply, n);
    if (!grown) return false;
    l->reply = grown;
    l->reply_room = n;
    return true;
}

bool reply_reserve(struct ledger *l, const struct round *round)
{
    size_t most = 512; /* refusals and their reasons fit */
    for (uint32_t i = 0; i < round->n; i++) {
        size_t n = pack(round->requests[i], NULL) + 32;
        if (n > most) most = n;
    }
    return reserve(l, most);
}

static enum weir_status status_of(enum outcome outcome)
{
    if (outcome == NOT_EXECUTED) return WEIR_RETRY;
    return outcome == UNKNOWN ? WEIR_UNKNOWN : WEIR_OK;
}

void reply_settle(struct ledger *l, struct request *r)
{
    struct weir_result result = {.status = status_of(r->answer.outcome), .outcome = r->answer.outcome};
    result.why = r->answer.why;
    result.schema = r->kind == KIND_DEBIT ? l->debit_reply : l->account_reply;
    if (reserve(l, pack(r, NULL))) result.reply = (struct weir_slice){l->reply, pack(r, l->reply)};
    if (result.status == WEIR_RETRY) result.retry_after_ns = 1000000000;
    r->settled = true;
    l->ctx->host->settle(l->ctx, r->ev, &result);
}

void request_done(struct ledger *l, struct request *r)
{
    struct batch_held *held = r->held;
    if (--held->open == 0) l->ctx->host->release(l->ctx, held->batch);
}

void reply_give_up(struct ledger *l, struct request *r, const char *why)
{
    r->answer = (struct answer){.outcome = r->author ? UNKNOWN : NOT_EXECUTED, .why = why};
    reply_settle(l, r);
}
