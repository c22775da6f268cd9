/* emit.c - rows of the ledger become events, the very bytes the wallet stored, and their tickets come back. */
#include "relay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/schema.h>
#include <weir_failpoint.h>

static const uint64_t first_wait_ns = 100000000, longest_wait_ns = 5000000000;

enum { COL_SHARD, COL_SEQ, COL_EPOCH, COL_ACCOUNT, COL_EVENT, COL_AT, COL_PUBLISHED, COL_IS_DUE };

struct shard *relay_shard(struct relay *relay, uint32_t number)
{
    if (number % relay->ctx->n_lanes != relay->ctx->lane || number >= relay->all_shards) return NULL;
    return &relay->shards[number / relay->ctx->n_lanes];
}

static struct item *item_new(struct relay *relay, struct shard *shard, int64_t seq)
{
    struct item *item = (struct item *)malloc(sizeof *item);
    if (!item) return NULL;
    *item = (struct item){.next = relay->items, .back = &relay->items, .relay = relay};
    item->shard = (uint32_t)(shard - relay->shards);
    item->life = relay->life;
    item->seq = seq;
    if (item->next) item->next->back = &item->next;
    relay->items = item;
    return item;
}

static void item_free(struct item *item)
{
    *item->back = item->next;
    if (item->next) item->next->back = item->back;
    free(item);
}

void emit_forget(struct relay *relay)
{
    while (relay->items) item_free(relay->items);
}

/* ---- making one event */

static bool copy(struct relay *relay, struct weir_batch *batch, struct weir_slice from, struct weir_slice *to)
{
    uint8_t *bytes = (uint8_t *)relay->ctx->host->batch_alloc(batch, from.n + 1);
    if (!bytes) return false;
    memcpy(bytes, from.p, from.n);
    *to = (struct weir_slice){bytes, from.n};
    return true;
}

static struct weir_pair pair(const char *name, const char *value)
{
    struct weir_pair p = {{(const uint8_t *)name, strlen(name)}, {(const uint8_t *)value, strlen(value)}};
    return p;
}

static bool set_headers(struct relay *relay, struct weir_batch *batch, struct weir_event *ev, int64_t epoch,
                        uint32_t shard, int64_t seq)
{
    struct room {
        struct weir_pair pairs[4];
        char epoch[24], shard[16], seq[24];
    } *room = (struct room *)relay->ctx->host->batch_alloc(batch, sizeof *room);
    if (!room) return false;
    snprintf(room->epoch, sizeof room->epoch, "%lld", (long long)epoch);
    snprintf(room->shard, sizeof room->shard, "%u", shard);
    snprintf(room->seq, sizeof room->seq, "%lld", (long long)seq);
    room->pairs[0] = pair("epoch", room->epoch);
    room->pairs[1] = pair("shard", room->shard);
    room->pairs[2] = pair("seq", room->seq);
    room->pairs[3] = pair("schema", "bets.v1.BetPlaced");
    ev->headers = room->pairs;
    ev->n_headers = 4;
    return true;
}

static bool add_event(struct relay *relay, struct weir_batch *batch, struct shard *shard, const PGresult *r, int row)
{
    int64_t seq = weir_pg_cell_i64(r, row, COL_SEQ);
    struct weir_event *ev = &batch->ev[batch->n];
    *ev = (struct weir_event){
        .schema = relay->schema, .position = (uint64_t)seq, .partition = shard->number, .attempt = shard->attempt};
    ev->ts_ns = (uint64_t)(weir_pg_cell_i64(r, row, COL_AT) + WEIR_PG_EPOCH_US) * 1000;
    if (!copy(relay, batch, weir_pg_cell(r, row, COL_ACCOUNT), &ev->key) ||
        !copy(relay, batch, weir_pg_cell(r, row, COL_EVENT), &ev->value) ||
        !set_headers(relay, batch, ev, weir_pg_cell_i64(r, row, COL_EPOCH), shard->number, seq))
        return false;
    struct item *item = item_new(relay, shard, seq);
    if (!item) return false;
    ev->ticket = relay->ctx->host->ticket_new(relay->ctx, item, 1);
    if (!ev->ticket) {
        item_free(item);
        return false;
    }
    batch->n++;
    shard_sent(shard, seq);
    return true;
}

/* ---- rows of one reading: by shard, ascending, each shard without gaps unless the ledger has one */

static void say_gap(struct relay *relay, const struct shard *shard, int64_t seq)
{
    char why[160];
    snprintf(why, sizeof why,
             "shard %u: the ledger lacks the entries from seq %lld to %lld; nothing behind them is relayed",
             shard->number, (long long)shard->sent + 1, (long long)seq - 1);
    if (!relay->trouble) relay_trouble(relay, why);
    relay->gap = true;
}

/* Younger than the grace: whoever took the debit is about to publish it, and what is behind it is younger still. */
static bool is_due(const PGresult *r, int row)
{
    struct weir_slice cell = weir_pg_cell(r, row, COL_IS_DUE);
    return cell.n == 1 && cell.p[0];
}

uint32_t emit_rows(struct relay *relay, const PGresult *r)
{
    const struct weir_host *host = relay->ctx->host;
    uint32_t room = relay->open && !relay->draining ? host->room(relay->ctx) : 0, rows = (uint32_t)PQntuples(r);
    if (room < rows) relay->more = true; /* what is left out is read again */
    if (room > rows) room = rows;
    struct weir_batch *batch = room ? host->batch_new(relay->ctx, room) : NULL;
    if (!batch) return 0;
    const struct shard *stuck = NULL; /* at a gap, young, out of room: nothing more of it */
    for (int row = 0; row < (int)rows && batch->n < room; row++) {
        struct shard *shard = relay_shard(relay, (uint32_t)weir_pg_cell_i32(r, row, COL_SHARD));
        int64_t seq = weir_pg_cell_i64(r, row, COL_SEQ);
        if (!shard || shard == stuck) continue;
        shard_seen(shard, weir_pg_cell_i64(r, row, COL_PUBLISHED));
        enum row what = shard_row(shard, seq);
        if (what == ROW_GAP) say_gap(relay, shard, seq);
        if (what == ROW_STALE) relay->more = true;
        if (what == ROW_DELIVERED) shard_skip(shard, seq);
        if (what > ROW_DELIVERED || !is_due(r, row))
            stuck = shard;
        else if (what == ROW_EMIT && !add_event(relay, batch, shard, r, row))
            break; /* no memory: read again */
    }
    uint32_t n = batch->n;
    if (n)
        host->forward(relay->ctx, batch);
    else
        host->release(relay->ctx, batch);
    host->metric(relay->ctx, METRIC_EMITTED, NULL, n);
    return n;
}

/* ---- what became of it */

static uint64_t wait_of(struct relay *relay, uint16_t attempt)
{
    uint64_t wait = first_wait_ns << (attempt < 6 ? attempt : 6);
    if (wait > longest_wait_ns) wait = longest_wait_ns;
    relay->random = relay->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return wait / 2 + (relay->random >> 33) % (wait / 2);
}

/* The event cannot be left out, and nobody but us says so: it is tried for ever, at the longest pace, and the others of
 * its shard pass it meanwhile. */
static void say_refused(struct relay *relay, const struct item *item, const struct weir_result *result)
{
    char why[300];
    snprintf(why, sizeof why, "event of shard %u, seq %lld is refused: %s%s%s%s", relay->shards[item->shard].number,
             (long long)item->seq, result->outcome_name, *result->outcome_name ? ": " : "",
             result->why ? result->why : "", result->status == WEIR_FATAL ? "" : "; it is tried again within 5 s");
    if (result->status == WEIR_FATAL)
        relay_fail(relay, why);
    else
        relay_trouble(relay, why);
}

static void not_delivered(struct relay *relay, const struct item *item, const struct weir_result *result)
{
    struct weir_ctx *ctx = relay->ctx;
    struct shard *shard = &relay->shards[item->shard];
    uint64_t now = ctx->host->now(ctx);
    ctx->host->metric(ctx, METRIC_AGAIN, NULL, 1);
    if (result->status == WEIR_REJECT || result->status == WEIR_FATAL) {
        shard_refused(shard, now, wait_of(relay, UINT16_MAX));
        say_refused(relay, item, result);
        relay_look_at(relay, shard->again_ns);
    } else {
        shard_failed(shard, now, wait_of(relay, shard->attempt));
        relay_look_at(relay, shard->retry_ns);
    }
}

void emit_done(struct weir_ctx *ctx, void *cookie, const struct weir_result *result)
{
    struct item *item = (struct item *)cookie;
    struct relay *relay = item->relay;
    (void)ctx;
    static const struct weir_result unsaid = {.status = WEIR_UNKNOWN};
    if (WEIR_FAILPOINT("relay.delivered")) result = &unsaid; /* error: it is there, and nobody says so */
    if (item->life == relay->life) {
        struct shard *shard = &relay->shards[item->shard];
        if (result->status == WEIR_OK || item->seq <= shard->prefix) /* others may have delivered it meanwhile */
            shard_delivered(shard, item->seq);
        else
            not_delivered(relay, item, result);
        relay->due = relay->due || relay->more;
    }
    item_free(item);
    relay_next(relay);
}
