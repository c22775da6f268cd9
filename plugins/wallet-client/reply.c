/* reply.c - what the wallet answered: upstream is told at once, the event of an accepted bet goes on.
 * A reply whose debit timed out meanwhile still has its event sent on: the money has moved. */
#include "client.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir_failpoint.h>

static const char *text_of(struct weir_slice s, char text[160])
{
    snprintf(text, 160, "%.*s", s.n < 150 ? (int)s.n : 150, s.n ? (const char *)s.p : "");
    return text;
}

static void answer_accepted(struct client *c, struct debit *d, const struct reply *r)
{
    struct buf body = {NULL, 0, 0, false};
    struct timing timing;
    timing_of(c, d->started, &timing);
    body_put(&body, r->event);
    struct weir_result result = {.status = WEIR_OK,
                                 .outcome = (uint32_t)r->outcome,
                                 .schema = c->body->id,
                                 .n_headers = 1,
                                 .headers = &timing.header,
                                 .reply = {body.p, body.n}};
    if (body.failed) result = perhaps_done("accepted, but out of memory for the answer");
    debit_answer(c, d, &result);
    free(body.p);
}

/* A replayed bet's event went out, or was left to the relay, when it was accepted. Only where no relay repairs is it
 * sent again: whoever got the first answer may have died with it, and a copy is harmless. */
static bool goes_on(const struct client *c, const struct reply *r)
{
    return r->outcome == ACCEPTED || !c->cfg->relay;
}

static void on_accepted(struct client *c, struct debit *d, struct reply *r)
{
    if (!reply_event(r)) {
        weir_log(c->ctx, WEIR_ERROR, "a reply's event is not a bets.v1.BetPlaced with an identity; left to the relay");
        if (d) debit_fail(c, d, "the wallet's event cannot be read");
        return;
    }
    char copy[64]; /* the answer may release the batch that the header is in */
    struct weir_slice trace = d ? header_of(d->ev, "traceparent") : (struct weir_slice){NULL, 0};
    trace.n = trace.n < sizeof copy ? trace.n : 0;
    if (trace.n) memcpy(copy, trace.p, trace.n);
    trace.p = (const uint8_t *)copy;
    if (WEIR_FAILPOINT("client.before-answer") && d) { /* error: the player is told that nobody knows */
        debit_fail(c, d, "a failpoint");
        d = NULL;
    }
    if (d)
        answer_accepted(c, d, r);
    else
        c->ctx->host->metric(c->ctx, METRIC_LATE, NULL, 1);
    (void)WEIR_FAILPOINT("client.answered");
    if (goes_on(c, r)) publish(c, r, trace);
}

static void on_refused(struct client *c, struct debit *d, const struct reply *r)
{
    char text[160];
    struct timing timing;
    if (!d) return;
    timing_of(c, d->started, &timing);
    struct weir_result result;
    if (r->outcome >= INSUFFICIENT_FUNDS && r->outcome <= INVALID)
        result = refusal((enum outcome)r->outcome, text_of(r->why, text));
    else if (r->outcome == NOT_EXECUTED)
        result = nothing_done(text_of(r->why, text));
    else
        result = perhaps_done(text_of(r->why, text));
    result.headers = &timing.header;
    result.n_headers = 1;
    debit_answer(c, d, &result);
}

void replies_read(struct link *l, struct weir_slice message)
{
    struct client *c = l->c;
    struct reply r;
    size_t at = 0;
    int rc;
    link_heard(l);
    while ((rc = reply_next(message, &at, &r)) > 0) {
        struct debit *d = debit_by_id(c, r.id);
        if (r.outcome == ACCEPTED || r.outcome == REPLAYED)
            on_accepted(c, d, &r);
        else
            on_refused(c, d, &r);
    }
    if (rc < 0) { /* who knows what else it says: a new stream, and what is open may have been executed */
        weir_log(c->ctx, WEIR_ERROR, "%s sent what is not a wallet.v1.DebitReplies", l->target);
        grpc_call_cancel(l->call, NULL);
    }
}
