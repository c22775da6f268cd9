/* link.c - the life of one connection: prepared when it is there, its answers handed on, its requests kept when it is
 * lost. Reconnecting is pg_conn.h's. */
#include "ledger.h"
#include <stdio.h>
#include <string.h>

static struct link *link_of(struct weir_pg *pg)
{
    return weir_container(pg, struct link, pg);
}

static void on_ready(struct weir_pg *pg)
{
    transaction_prepare(link_of(pg));
}

static void on_lost(struct weir_pg *pg, const char *why)
{
    struct link *link = link_of(pg);
    snprintf(link->why, sizeof link->why, "%s", why);
    ledger_report(link->ledger);
    transaction_lost(link);
}

static void note_error(struct link *link, enum weir_pg_class class, const char *text)
{
    if (link->error) return; /* the first one is the cause */
    link->error = true;
    link->error_class = class;
    snprintf(link->error_text, sizeof link->error_text, "%s", text);
}

static void on_result(struct weir_pg *pg, PGresult *result)
{
    struct link *link = link_of(pg);
    char text[200];
    if (!result) {
        link->at++;
        return;
    }
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_SYNC: transaction_done(link); break;
    case PGRES_PIPELINE_ABORTED: break; /* a statement before it failed */
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (link->at < link->n_script && !link->error) {
            const char *wrong = statement_answer(link, (enum statement)link->script[link->at], result);
            if (wrong) note_error(link, WEIR_PG_SETUP, wrong);
        }
        break;
    default: note_error(link, weir_pg_result_class(result), weir_pg_message(result, text, sizeof text)); break;
    }
}

const struct weir_pg_hooks link_hooks = {.ready = on_ready, .lost = on_lost, .result = on_result};

static void on_pause_over(struct weir_timer *timer)
{
    struct link *link = weir_container(timer, struct link, pause);
    link->paused = false;
    transaction_next(link);
}

void link_pause(struct link *link, uint64_t ns)
{
    link->paused = true;
    link->pause.fn = on_pause_over;
    ctx_of(link)->host->timer_arm(ctx_of(link), &link->pause, ns);
}

int link_open(struct link *link, struct ledger *l, uint32_t index, const char *conninfo, struct weir_err *err)
{
    /* A frozen wallet must not freeze its shards for long. All queries are look-ups by key: without the planner's
     * freedom an empty table at the start cannot lead to a plan that is slow once it has grown. */
    static const char *const settings[] = {"idle_in_transaction_session_timeout=2s",
                                           "lock_timeout=1s",
                                           "default_transaction_isolation=read committed",
                                           "plan_cache_mode=force_generic_plan",
                                           "enable_seqscan=off",
                                           "enable_hashjoin=off",
                                           "enable_mergejoin=off",
                                           "jit=off",
                                           NULL};
    struct weir_pg_setup setup = {
        .conninfo = conninfo, .application = "weir wallet-ledger", .settings = settings, .pipeline = true};
    link->ledger = l;
    link->index = index;
    link->waiting_end = &link->waiting;
    if (round_init(&link->round, (uint32_t)l->cfg->max_batch, (uint32_t)l->cfg->shards) != 0) {
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return -1;
    }
    link->round.max_event = l->cfg->max_event;
    link->round.max_backlog = l->cfg->max_backlog;
    return weir_pg_open(&link->pg, l->ctx, &link_hooks, &setup, err);
}

void link_close(struct link *link)
{
    if (!link->ledger) return; /* never opened */
    if (link->step != STEP_DOWN) queue_again(link);
    struct request *r;
    while ((r = queue_take(link)) != NULL) {
        reply_give_up(link->ledger, r, "the wallet is stopping");
        request_done(link->ledger, r);
    }
    ctx_of(link)->host->timer_stop(ctx_of(link), &link->pause);
    weir_pg_close(&link->pg);
    round_free(&link->round);
    for (int i = 0; i < MOST_PARAMS; i++) weir_pg_array_free(&link->params[i]);
}
