/* state.c - the server as seen from here: asked for the table at start and again after each loss, with back-off;
 * nothing is sent in between. Tells people which of the things that "once" and "durable" need is missing. */
#include "sink.h"
#include <stdio.h>

static void ask(struct sink *s);

uint64_t state_backoff(struct sink *s, uint32_t tries)
{
    const uint64_t ms = 1000000, longest = 5000 * ms;
    uint64_t wait = (100 * ms) << (tries < 6 ? tries : 6);
    if (wait > longest) wait = longest;
    s->random ^= s->random << 13; /* lanes that lost the same server must not come back in step */
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return wait / 2 + s->random % (wait / 2 + 1);
}

bool url_add(char **url, const char *name, const char *value, size_t n)
{
    char *more = NULL, *escaped = curl_easy_escape(NULL, value, (int)n);
    bool ok = escaped && asprintf(&more, "%s%s=%s&", *url, name, escaped) >= 0;
    curl_free(escaped);
    if (!ok) return false;
    free(*url);
    *url = more;
    return true;
}

static void say(struct sink *s, enum weir_state state, const char *why)
{
    if (s->said == state && strcmp(s->said_why, why) == 0) return;
    s->said = state;
    snprintf(s->said_why, sizeof(s->said_why), "%s", why);
    s->ctx->host->state(s->ctx, state, *why ? why : NULL);
}

void state_say(struct sink *s)
{
    if (s->draining && s->waiting == 0)
        say(s, WEIR_DRAINED, "");
    else if (!s->ready)
        say(s, s->was_ready || *s->why ? WEIR_DEGRADED : WEIR_STARTING, s->why);
    else if (*s->trouble)
        say(s, WEIR_DEGRADED, s->trouble);
    else if (*s->table.lacks)
        say(s, WEIR_DEGRADED, s->table.lacks);
    else
        say(s, WEIR_READY, "");
}

/* A table that fits: from here on its layout makes the blocks. */
static bool learn(struct sink *s, const struct weir_buf *answer)
{
    char err[WEIR_COLUMNS_ERR];
    struct ch_table table;
    const struct ch_table_wish wish = {&s->cfg->key, s->cfg->fsync, s->name};
    struct weir_columns *plan = NULL;
    struct ch_layout *layout = NULL;
    if (ch_table_read(&table, answer, &wish, err) == 0) {
        plan = weir_columns_plan(s->cfg->event->descriptor, table.columns, table.n, &s->cfg->columns,
                                 s->cfg->unmapped ? WEIR_COLUMNS_EVERY_FIELD : 0, err);
        layout = plan ? ch_layout_new(plan, err) : NULL;
        if (!layout) ch_table_free(&table);
    }
    if (!layout) {
        snprintf(s->why, sizeof(s->why), "%.200s: %s", s->name, err);
        return false;
    }
    ch_layout_free(s->layout);
    ch_table_free(&s->table);
    s->layout = layout;
    s->table = table;
    if (conflict_learn(s, err)) return true;
    snprintf(s->why, sizeof(s->why), "%.200s: %s", s->name, err);
    return false;
}

static void try_later(struct sink *s)
{
    s->ctx->host->timer_arm(s->ctx, &s->probe_timer, state_backoff(s, s->tries++));
}

static void on_described(struct http_call *call)
{
    struct sink *s = weir_container(call, struct sink, probe);
    s->probing = false;
    if (call->code != CURLE_OK)
        snprintf(s->why, sizeof(s->why), "%s", call->error);
    else if (call->status != 200 || call->exception)
        snprintf(s->why, sizeof(s->why), "HTTP %ld: %.*s", call->status,
                 (int)(call->reply.n < 150 ? call->reply.n : 150), call->reply.n ? (const char *)call->reply.p : "");
    else if (learn(s, &call->reply))
        s->ready = s->was_ready = true;
    for (char *c = s->why; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
    weir_buf_free(&call->reply);
    if (s->ready)
        s->tries = 0;
    else
        try_later(s);
    insert_pump(s);
}

static void ask(struct sink *s)
{
    s->probe.done = on_described;
    s->probing = http_post(&s->http, &s->probe, s->probe_url, ch_table_query, strlen(ch_table_query));
    if (!s->probing) try_later(s);
}

static void on_probe_timer(struct weir_timer *t)
{
    ask(weir_container(t, struct sink, probe_timer));
}

void state_probe(struct sink *s, const char *why)
{
    if (!s->ready) return; /* it is being asked already */
    s->ready = false;
    snprintf(s->why, sizeof(s->why), "%s", why);
    ask(s);
}

static char *text(struct weir_slice s)
{
    return s.p && s.n ? strndup((const char *)s.p, s.n) : NULL;
}

static const char *given(struct weir_slice s)
{
    return s.p && s.n ? (const char *)s.p : NULL; /* options end with NUL */
}

int state_open(struct sink *s, struct weir_err *err)
{
    const struct cfg *cfg = s->cfg;
    const struct http_setup setup = {.boundary = s->boundary,
                                     .user = given(cfg->username),
                                     .password = given(cfg->password),
                                     .ca = given(cfg->tls.ca),
                                     .cert = given(cfg->tls.cert),
                                     .key = given(cfg->tls.key),
                                     .connect_timeout_ns = cfg->connect_timeout,
                                     .timeout_ns = cfg->timeout};
    char *url = text(cfg->url);
    bool slash = url && strchr(url + strcspn(url, ":") + 3, '/');
    bool ok = url && asprintf(&s->base, "%s%s?", url, slash ? "" : "/") >= 0;
    free(url);
    ok = ok && conflict_boundary(s) && (s->probe_url = strdup(s->base));
    ok = ok && url_add(&s->probe_url, "param_db", (const char *)cfg->database.p, cfg->database.n);
    ok = ok && url_add(&s->probe_url, "param_table", (const char *)cfg->table.p, cfg->table.n);
    ok = ok && asprintf(&s->name, "%s.%s", (const char *)cfg->database.p, (const char *)cfg->table.p) >= 0;
    if (!ok) {
        snprintf(err->msg, sizeof(err->msg), "no memory");
        return -1;
    }
    if (http_open(&s->http, s->ctx, &setup, err)) return -1;
    s->random = (s->ctx->host->wall(s->ctx) ^ (uint64_t)(uintptr_t)s) | 1;
    s->probe_timer.fn = on_probe_timer;
    s->said = WEIR_STARTING;
    ask(s);
    return 0;
}

void state_close(struct sink *s)
{
    http_close(&s->http);
    if (s->ctx) s->ctx->host->timer_stop(s->ctx, &s->probe_timer);
    weir_buf_free(&s->probe.reply);
    ch_layout_free(s->layout);
    ch_table_free(&s->table);
    free(s->base);
    free(s->name);
    free(s->probe_url);
    free(s->conflict_url);
}
