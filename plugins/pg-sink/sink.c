/* sink.c - whose turn it is: idle sessions take what has gathered. While a transaction is out, the next batch grows by
 * itself; with `linger` it may grow for longer, which costs the server fewer transactions. */
#include "sink.h"
#include <stdio.h>
#include <string.h>

void sink_settle(struct sink *s, struct weir_entry e, enum weir_status status, const char *why)
{
    weir_entry_settle(s->ctx, e, status, why);
    s->waiting--;
}

void sink_reject(struct sink *s, struct weir_entry e, uint32_t outcome, const char *why)
{
    weir_entry_reject(s->ctx, e, outcome, why);
    s->waiting--;
}

void sink_put_first(struct sink *s, struct batch *b)
{
    b->next = s->ready;
    s->ready = b;
}

void sink_back_off(struct sink *s, uint32_t tries)
{
    const uint64_t ms = 1000000, longest = 5000 * ms;
    uint64_t wait = (100 * ms) << (tries < 6 ? tries : 6);
    if (wait > longest) wait = longest;
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    s->not_before = s->ctx->host->now(s->ctx) + wait / 2 + s->random % (wait / 2 + 1);
}

static void say(struct sink *s, enum weir_state state, const char *why)
{
    if (s->said == state && strncmp(s->said_why, why, sizeof(s->said_why) - 1) == 0) return;
    s->said = state;
    snprintf(s->said_why, sizeof(s->said_why), "%.199s", why);
    s->ctx->host->state(s->ctx, state, *why ? s->said_why : NULL);
}

void sink_say(struct sink *s)
{
    bool up = true;
    for (uint32_t i = 0; i < s->n_sessions; i++) up = up && s->sessions[i].step >= IDLE;
    if (s->draining && s->waiting == 0)
        say(s, WEIR_DRAINED, "");
    else if (!up && s->said != WEIR_STARTING)
        say(s, WEIR_DEGRADED, *s->why ? s->why : "connecting");
    else if (!up)
        say(s, *s->why ? WEIR_DEGRADED : WEIR_STARTING, s->why);
    else if (*s->trouble)
        say(s, WEIR_DEGRADED, s->trouble);
    else
        say(s, WEIR_READY, "");
}

static struct session *idle_session(struct sink *s)
{
    for (uint32_t i = 0; i < s->n_sessions; i++)
        if (s->sessions[i].step == IDLE && weir_pg_is_ready(&s->sessions[i].pg)) return &s->sessions[i];
    return NULL;
}

/* When the next batch may go; UINT64_MAX: there is none. */
static uint64_t due(const struct sink *s)
{
    if (!s->ready && s->queue.n == 0) return UINT64_MAX;
    /* With the window spent nothing more will come until something is settled: lingering would only stall. */
    bool go = s->ready || s->draining || s->queue.n >= (uint64_t)s->cfg->max_rows ||
              s->queue.bytes >= s->cfg->max_bytes || s->ctx->host->room(s->ctx) == 0;
    uint64_t linger = go ? 0 : s->oldest_ns + s->cfg->linger;
    return linger > s->not_before ? linger : s->not_before;
}

void sink_pump(struct sink *s)
{
    uint64_t now = s->ctx->host->now(s->ctx), when;
    for (struct session *to; (when = due(s)) <= now && (to = idle_session(s));) {
        struct batch *b = batch_take(s);
        if (b)
            session_start(to, b);
        else
            sink_back_off(s, 0);
    }
    if (when > now && when != UINT64_MAX)
        s->ctx->host->timer_arm(s->ctx, &s->timer, when - now);
    else
        s->ctx->host->timer_stop(s->ctx, &s->timer);
    sink_say(s);
}
