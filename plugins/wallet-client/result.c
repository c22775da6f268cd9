/* result.c - what upstream is told: outcomes, statuses, the time it took. One place settles, so one place counts. */
#include "client.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct weir_outcome outcomes[] = {
    [OUTCOME_NONE] = WEIR_OUTCOME_NONE,
    [ACCEPTED] = {"accepted", "done, for the first time"},
    [REPLAYED] = {"replayed", "the same request was accepted before; this is the first answer again"},
    [INSUFFICIENT_FUNDS] = {"insufficient-funds", "the stake is above the balance"},
    [UNKNOWN_ACCOUNT] = {"unknown-account", "there is no such account"},
    [KEY_REUSED] = {"key-reused", "the key was used before with another content"},
    [CURRENCY_MISMATCH] = {"currency-mismatch", "the account is in another currency"},
    [INVALID] = {"invalid", "a field is missing or out of bounds; `why` names it"},
    [NOT_EXECUTED] = {"not-executed", "nothing happened; send it again"},
    [UNKNOWN] = {"unknown", "may have happened; send it again with the same key"},
    [N_OUTCOMES] = WEIR_OUTCOME_END,
};

struct weir_result refusal(enum outcome outcome, const char *why)
{
    return (struct weir_result){.status = WEIR_OK, .outcome = outcome, .why = why};
}

struct weir_result nothing_done(const char *why)
{
    return (struct weir_result){.status = WEIR_RETRY, .outcome = NOT_EXECUTED, .why = why};
}

struct weir_result perhaps_done(const char *why)
{
    return (struct weir_result){.status = WEIR_UNKNOWN, .outcome = UNKNOWN, .why = why};
}

bool outcome_by_slug(struct weir_slice slug, enum outcome *out)
{
    for (int i = 1; i < N_OUTCOMES; i++)
        if (strlen(outcomes[i].name) == slug.n && !memcmp(outcomes[i].name, slug.p, slug.n)) {
            *out = (enum outcome)i;
            return true;
        }
    return false;
}

void held_put(struct client *c, struct held *held)
{
    if (--held->open) return;
    c->ctx->host->release(c->ctx, held->batch);
    free(held);
}

void result_settle(struct client *c, struct weir_event *ev, struct held *held, const struct weir_result *r)
{
    const char *slug = r->outcome ? outcomes[r->outcome].name : "none", *labels[] = {slug};
    c->ctx->host->metric(c->ctx, METRIC_RESULTS, labels, 1);
    c->ctx->host->settle(c->ctx, ev, r);
    held_put(c, held);
}

void count_call(struct client *c, uint32_t method, uint64_t started)
{
    const char *labels[] = {method_labels[method]};
    c->ctx->host->metric(c->ctx, METRIC_CALL_SECONDS, labels, (double)(c->ctx->host->now(c->ctx) - started) / 1e9);
}

void timing_of(struct client *c, uint64_t started, struct timing *t)
{
    int n = snprintf(t->text, sizeof t->text, "wallet;dur=%.3f", (double)(c->ctx->host->now(c->ctx) - started) / 1e6);
    t->header.name = (struct weir_slice){(const uint8_t *)"Server-Timing", strlen("Server-Timing")};
    t->header.value = (struct weir_slice){(const uint8_t *)t->text, (size_t)n};
}

struct weir_slice header_of(const struct weir_event *ev, const char *name)
{
    for (uint32_t i = 0; i < ev->n_headers; i++)
        if (ev->headers[i].name.n == strlen(name) && !memcmp(ev->headers[i].name.p, name, strlen(name)))
            return ev->headers[i].value;
    return (struct weir_slice){NULL, 0};
}
