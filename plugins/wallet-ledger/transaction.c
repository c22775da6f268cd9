/* transaction.c - when the ledger asks its database what: one transaction of two pipelined round trips at a time on
 * each connection, and what is done when one fails.
 *
 * A failure is definite when the pipeline's end (the sync) came back: the transaction is over, nothing is booked. It is
 * open when the line was lost after COMMIT was sent: then the requests that wrote rows are their authors until a later
 * look-up, under the shard's lock, has shown whether the rows are there. */
#include "ledger.h"
#include <stdio.h>
#include <string.h>
#include <weir_failpoint.h>

static const uint64_t setup_pause_ns = 500000000;
enum { LOOK_UPS = 64 }; /* so a repeat costs at most one transaction of so many */

/* ---- pipelines */

static void script_start(struct link *link, enum step step)
{
    link->n_script = link->at = 0;
    link->error = link->committed = false;
    link->step = step;
}

static bool script_add(struct link *link, enum statement s, bool sent)
{
    link->script[link->n_script++] = (uint8_t)s;
    return sent;
}

static bool script_send(struct link *link, enum statement s)
{
    return script_add(link, s, statement_send(link, s));
}

static void script_end(struct link *link, bool ok)
{
    weir_pg_flush(&link->pg, ok && PQpipelineSync(weir_pg_raw(&link->pg)) == 1);
}

void transaction_prepare(struct link *link)
{
    script_start(link, STEP_PREPARING);
    bool ok = script_add(link, ST_META, statement_ask_meta(link));
    for (int s = 0; s < N_PREPARED && ok; s++) ok = statement_prepare(link, (enum statement)s);
    script_end(link, ok);
}

/* ---- one round */

static void lock_pending(struct link *link)
{
    struct ledger *l = link->ledger;
    link->publish_due = false;
    for (uint32_t s = link->index; s < (uint32_t)l->cfg->shards; s += l->n_links)
        if (published_pending(&l->published[s])) round_lock(&link->round, s);
}

/* Nearly every request is a new one, so nobody asks first: the INSERT fails when one is not. Then, and for some time as
 * one repeat seldom comes alone, transactions look. One that may have been written by us always looks. */
static bool goes_blind(struct link *link)
{
    const struct round *round = &link->round;
    if (link->look_up) {
        link->look_up--;
        return false;
    }
    for (uint32_t i = 0; i < round->n; i++)
        if (round->requests[i]->author) return false;
    return true;
}

void transaction_next(struct link *link)
{
    if (link->step != STEP_IDLE || link->paused || !weir_pg_is_ready(&link->pg)) return;
    struct round *round = &link->round;
    uint32_t limit = link->one_by_one ? 1 : round->cap;
    round_clear(round);
    while (round->n < limit && link->waiting) round_add(round, queue_take(link));
    if (link->publish_due) lock_pending(link);
    if (!round->n && !round->n_shards) return;
    if (link->one_by_one) link->one_by_one--;
    round_sort_shards(round);
    round->blind = goes_blind(link);
    link->started_ns = ctx_of(link)->host->now(ctx_of(link));
    script_start(link, STEP_READING);
    bool ok = true;
    if (round->n_shards) ok = script_send(link, ST_BEGIN) && script_send(link, ST_LOCK) && script_send(link, ST_STATE);
    if (ok && round->n_entries && !round->blind) ok = script_send(link, ST_ENTRIES);
    if (ok && round->n_accounts) ok = script_send(link, ST_ACCOUNTS);
    script_end(link, ok);
}

static void reply_all(struct link *link)
{
    struct round *round = &link->round;
    for (uint32_t i = 0; i < round->n; i++)
        if (!round->requests[i]->settled) reply_settle(link->ledger, round->requests[i]);
}

/* This connection is not to be trusted: a new one, and what was on it again. */
static void lose(struct link *link)
{
    weir_pg_again(&link->pg);
    transaction_lost(link);
}

static void finish(struct link *link)
{
    struct ledger *l = link->ledger;
    struct round *round = &link->round;
    const struct weir_host *host = l->ctx->host;
    if (round->n_shards) link->commit_ns += (host->now(l->ctx) - round->now_ns) / 8 - link->commit_ns / 8;
    reply_all(link);
    for (uint32_t i = 0; i < round->n; i++) request_done(l, round->requests[i]);
    for (uint32_t i = 0; i < round->n_shards; i++) {
        struct published *p = &l->published[round->shards[i].number];
        if (round->shards[i].published > p->written) p->written = round->shards[i].published;
    }
    host->metric(l->ctx, METRIC_TRANSACTIONS, NULL, 1);
    host->metric(l->ctx, METRIC_BATCH, NULL, round->n);
    host->metric(l->ctx, METRIC_SECONDS, NULL, (double)(host->now(l->ctx) - link->started_ns) / 1e9);
    round_clear(round);
    link->step = STEP_IDLE;
    if (*link->why) {
        *link->why = 0;
        ledger_report(l);
    }
    transaction_next(link);
    ledger_check_drained(l);
}

static bool gives_numbers_back(const struct round *round)
{
    for (uint32_t i = 0; i < round->n_shards; i++)
        if (round->shards[i].last_seq != round->shards[i].taken) return true;
    return false;
}

static void write_and_commit(struct link *link)
{
    struct round *round = &link->round;
    script_start(link, STEP_WRITING);
    bool ok = true;
    if (round->fresh) ok = script_send(link, ST_INSERT);
    if (ok && round->created) ok = script_send(link, ST_OPEN);
    if (ok && round->changed) ok = script_send(link, ST_BALANCES);
    if (ok && gives_numbers_back(round)) ok = script_send(link, ST_SHARDS);
    if (ok && round->debits && link->ledger->cfg->notify) ok = script_send(link, ST_NOTIFY);
    if (WEIR_FAILPOINT("sabotage.reply-before-commit")) reply_all(link);
    ok = ok && !WEIR_FAILPOINT("ledger.before-commit") && script_send(link, ST_COMMIT); /* error: the line is lost */
    /* A look-up under the lock has told which earlier rows exist, if there could be any of ours; from here on only this
     * COMMIT is open. */
    for (uint32_t i = 0; i < round->n; i++) round->requests[i]->author = false;
    for (uint32_t i = 0; i < round->n_entries; i++)
        if (round->entries[i].fresh) round->entries[i].first->author = true;
    script_end(link, ok);
    if (WEIR_FAILPOINT("ledger.commit-sent")) lose(link); /* error: its answer never comes */
}

static void roll_back(struct link *link)
{
    script_start(link, STEP_ROLLING_BACK);
    script_end(link, script_send(link, ST_ROLLBACK));
}

static void look_from_now_on(struct link *link)
{
    link->look_up = LOOK_UPS;
    ctx_of(link)->host->metric(ctx_of(link), METRIC_RERUNS, NULL, 1);
}

static void again_later(struct link *link)
{
    queue_again(link);
    link->step = STEP_IDLE;
    transaction_next(link);
    ledger_check_drained(link->ledger);
}

/* The epoch was renewed under us, or the connections reach two ledgers: nothing remembered holds any more. */
static void start_afresh(struct ledger *l)
{
    l->epoch = 0;
    for (uint32_t i = 0; i < l->n_links; i++) {
        struct link *link = &l->links[i];
        if (link->step == STEP_DOWN) continue;
        snprintf(link->why, sizeof link->why, "%s: the ledger's epoch changed; connecting again", link->pg.where);
        lose(link);
    }
    ledger_report(l);
}

static void decide_and_write(struct link *link)
{
    struct ledger *l = link->ledger;
    struct round *round = &link->round;
    if (round->n_shards && round->epoch != l->epoch) {
        start_afresh(l);
        return;
    }
    round->now_ns = l->ctx->host->now(l->ctx);
    round->commit_ns = link->commit_ns;
    decide(round, ledger_batch_alloc);
    if (!round->n_shards) { /* queries only: no transaction was begun */
        finish(link);
        return;
    }
    if (round->blind && round->fresh < round->n_entries) { /* refused without a row, which a repeat may have */
        look_from_now_on(link);
        roll_back(link);
        return;
    }
    if (reply_reserve(l, round)) {
        write_and_commit(link);
        return;
    }
    snprintf(link->error_text, sizeof link->error_text, "out of memory");
    link_pause(link, setup_pause_ns);
    roll_back(link);
}

/* ---- failures */

static const char *hint(const char *text)
{
    if (strncmp(text, "42P01", 5) == 0 || strncmp(text, "3F000", 5) == 0 || strncmp(text, "42703", 5) == 0)
        return "; run manifests/sql/apply on this database";
    if (strncmp(text, "42501", 5) == 0) return "; grant weir_wallet to this role";
    return "";
}

static void say_why(struct link *link)
{
    snprintf(link->why, sizeof link->why, "postgresql %s: %s%s", link->pg.where, link->error_text,
             hint(link->error_text));
    ledger_report(link->ledger);
}

/* Not booked, and not because of somebody else in the way. */
static void blame(struct link *link)
{
    struct round *round = &link->round;
    weir_log(ctx_of(link), WEIR_ERROR, "postgresql %s refused a transaction of %u requests: %s", link->pg.where,
             round->n, link->error_text);
    if (link->error_class == WEIR_PG_DATA && round->n > 1) {
        link->one_by_one = round->n; /* only the one at fault shall suffer */
    } else if (link->error_class == WEIR_PG_DATA && round->n == 1 && !round->requests[0]->settled) {
        round->requests[0]->answer = (struct answer){.outcome = INVALID, .why = link->error_text};
        reply_settle(link->ledger, round->requests[0]);
    } else {
        link_pause(link, setup_pause_ns);
        say_why(link);
    }
}

static void failed(struct link *link)
{
    struct round *round = &link->round;
    if (link->step == STEP_WRITING) /* while reading, an earlier COMMIT may still be open */
        for (uint32_t i = 0; i < round->n; i++) round->requests[i]->author = false;
    bool exists = strncmp(link->error_text, "23505", 5) == 0;
    if (exists)
        look_from_now_on(link);
    else if (link->error_class == WEIR_PG_CONFLICT)
        ctx_of(link)->host->metric(ctx_of(link), METRIC_RERUNS, NULL, 1);
    else
        blame(link);
    PGTransactionStatusType status = PQtransactionStatus(weir_pg_raw(&link->pg));
    if (status == PQTRANS_IDLE)
        again_later(link);
    else
        roll_back(link);
}

static void prepared(struct link *link)
{
    struct ledger *l = link->ledger;
    if (!link->error) {
        *link->why = 0;
        link->step = STEP_IDLE;
        weir_pg_works(&link->pg);
        ledger_report(l);
        transaction_next(link);
        return;
    }
    say_why(link);
    bool other_epoch = l->epoch && link->epoch && l->epoch != link->epoch;
    lose(link);
    if (other_epoch) start_afresh(l);
}

void transaction_done(struct link *link)
{
    switch (link->step) {
    case STEP_PREPARING: prepared(link); break;
    case STEP_READING:
        if (link->error)
            failed(link);
        else
            decide_and_write(link);
        break;
    case STEP_WRITING:
        if (!link->error && !link->committed) {
            link->error_class = WEIR_PG_CONFLICT;
            snprintf(link->error_text, sizeof link->error_text, "COMMIT rolled back");
        }
        if (link->error || !link->committed)
            failed(link);
        else if (WEIR_FAILPOINT("ledger.committed")) /* error: it was done, and the answer is lost */
            lose(link);
        else
            finish(link);
        break;
    case STEP_ROLLING_BACK: again_later(link); break;
    case STEP_IDLE:
    case STEP_DOWN: break;
    }
}

/* Compiled in for tests alone: answers what may not have been booked. */
static void take_for_booked(struct link *link)
{
    struct round *round = &link->round;
    reply_all(link);
    for (uint32_t i = 0; i < round->n; i++) request_done(link->ledger, round->requests[i]);
    round_clear(round);
}

void transaction_lost(struct link *link)
{
    if (link->step == STEP_WRITING && WEIR_FAILPOINT("sabotage.ignore-lost-commit")) take_for_booked(link);
    if (link->step != STEP_DOWN) queue_again(link);
    link->step = STEP_DOWN;
    ledger_check_drained(link->ledger);
}
