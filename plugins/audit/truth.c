/* truth.c - the index of accepted bets, and what was found to differ from it. */
#include "audit.h"
#include "bets/v1/bets.pb-c.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const column_names[N_COLUMNS] = {"bet_id",    "account_id", "stake_minor",         "currency",
                                             "selection", "odds_milli", "balance_after_minor", "accepted_at"};

static const struct finding kinds[N_KINDS] = {
    [LOST_TOPIC] = {.name = "lost_topic", .text = "accepted, but not in the topic"},
    [LOST_RECORD] = {.name = "lost_record", .text = "accepted, but neither in PostgreSQL nor a dead letter"},
    [LOST_ANALYSIS] = {.name = "lost_analysis", .text = "accepted, but neither in ClickHouse nor a dead letter"},
    [DOUBLED_RECORD] = {.name = "doubled_record", .text = "more than once in PostgreSQL"},
    [DOUBLED_ANALYSIS] = {.name = "doubled_analysis", .text = "more than once in ClickHouse"},
    [STRAY_TOPIC] = {.name = "stray_topic",
                     .text = "in the topic, but no accepted bet of the ledger, and not a dead letter of both readers"},
    [STRAY_RECORD] = {.name = "stray_record", .text = "in PostgreSQL, but no accepted bet of the ledger"},
    [STRAY_ANALYSIS] = {.name = "stray_analysis", .text = "in ClickHouse, but no accepted bet of the ledger"},
    [DIFFERS_TOPIC] = {.name = "differs_topic", .text = "other bytes in the topic than in the ledger"},
    [DIFFERS_RECORD] = {.name = "differs_record", .text = "other values in PostgreSQL than in the ledger"},
    [DIFFERS_ANALYSIS] = {.name = "differs_analysis", .text = "other values in ClickHouse than in the ledger"},
    [GAP] = {.name = "gap", .text = "seq missing or doubled in the ledger"},
    [UNREADABLE] = {.name = "unreadable",
                    .text = "an accepted row of the ledger whose event does not say what the row says"},
    [MONEY] = {.name = "money", .text = "balance differs from credits minus accepted debits"},
};

void audit_init(struct audit *a, const struct options *opt)
{
    *a = (struct audit){.opt = opt};
    memcpy(a->found, kinds, sizeof kinds);
}

void audit_free(struct audit *a)
{
    for (size_t i = 0; i < a->n; i++) free(a->events[i].bytes);
    for (int k = 0; k < N_KINDS; k++)
        for (int i = 0; i < FINDINGS_SHOWN; i++) free(a->found[k].first[i]);
    free(a->events);
    free(a->letters);
}

int audit_cannot(struct audit *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(a->error, sizeof a->error, fmt, args);
    va_end(args);
    a->error[strcspn(a->error, "\n")] = 0;
    return -1;
}

int audit_add(struct audit *a, struct identity id, const uint8_t *bytes, size_t n, bool trimmed)
{
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 4096;
        struct event *events = realloc(a->events, cap * sizeof *events);
        if (!events) return audit_cannot(a, "out of memory");
        a->events = events;
        a->cap = cap;
    }
    struct event *e = &a->events[a->n];
    *e = (struct event){.id = id, .bytes = malloc(n + 1), .n = (uint32_t)n, .trimmed = trimmed};
    if (!e->bytes) return audit_cannot(a, "out of memory");
    memcpy(e->bytes, bytes, n);
    a->n++;
    return 0;
}

static int by_identity(const void *x, const void *y)
{
    const struct identity *a = &((const struct event *)x)->id, *b = &((const struct event *)y)->id;
    if (a->epoch != b->epoch) return a->epoch < b->epoch ? -1 : 1;
    if (a->shard != b->shard) return a->shard < b->shard ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* The ledger is read by (epoch, shard, seq): the array is sorted as it comes. */
struct event *audit_find(struct audit *a, struct identity id)
{
    const struct event key = {.id = id};
    return bsearch(&key, a->events, a->n, sizeof *a->events, by_identity);
}

void audit_found(struct audit *a, enum kind kind, const char *fmt, ...)
{
    struct finding *f = &a->found[kind];
    if (f->n++ >= FINDINGS_SHOWN) return;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    f->first[f->n - 1] = strdup(text);
}

void audit_compare(struct audit *a, struct event *e, const char *const columns[N_COLUMNS], enum kind differs)
{
    Bets__V1__BetPlaced *b = bets__v1__bet_placed__unpack(NULL, e->n, e->bytes);
    char stake[24], odds[16], balance[24], at[24];
    if (!b) return; /* reported as UNREADABLE when the ledger was read */
    snprintf(stake, sizeof stake, "%" PRId64, b->stake_minor);
    snprintf(odds, sizeof odds, "%" PRId32, b->odds_milli);
    snprintf(balance, sizeof balance, "%" PRId64, b->balance_after_minor);
    snprintf(at, sizeof at, "%" PRId64,
             b->accepted_at ? b->accepted_at->seconds * 1000000 + b->accepted_at->nanos / 1000 : 0);
    const char *const truth[N_COLUMNS] = {b->bet_id,    b->account_id, stake,   b->currency,
                                          b->selection, odds,          balance, at};
    for (int i = 0; i < N_COLUMNS; i++)
        if (!(e->trimmed && (i == SELECTION || i == ODDS)) && strcmp(truth[i], columns[i]))
            audit_found(a, differs,
                        "bet %s (epoch %" PRId64 ", shard %d, seq %" PRId64 "): %s is \"%s\", the ledger has \"%s\"",
                        b->bet_id, e->id.epoch, e->id.shard, e->id.seq, column_names[i], columns[i], truth[i]);
    bets__v1__bet_placed__free_unpacked(b, NULL);
}

static void missing(struct audit *a, enum kind kind, const struct event *e)
{
    Bets__V1__BetPlaced *b = bets__v1__bet_placed__unpack(NULL, e->n, e->bytes);
    audit_found(a, kind, "bet %s of account %s (epoch %" PRId64 ", shard %d, seq %" PRId64 ")", b ? b->bet_id : "?",
                b ? b->account_id : "?", e->id.epoch, e->id.shard, e->id.seq);
    if (b) bets__v1__bet_placed__free_unpacked(b, NULL);
}

void audit_count_missing(struct audit *a)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct event *e = &a->events[i];
        bool no_record = !e->in_record, no_analysis = !e->in_analysis;
        a->dead_record += no_record && e->dead & RECORD;
        a->dead_analysis += no_analysis && e->dead & ANALYSIS;
        if (!e->in_topic && !e->trimmed) missing(a, LOST_TOPIC, e); /* trimmed: the topic has a retention, too */
        if (no_record && !(e->dead & RECORD)) missing(a, LOST_RECORD, e);
        if (no_analysis && !(e->dead & ANALYSIS)) missing(a, LOST_ANALYSIS, e);
        if (e->in_record > 1) missing(a, DOUBLED_RECORD, e);
        if (e->in_analysis > 1) missing(a, DOUBLED_ANALYSIS, e);
    }
}

bool audit_read_file(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    bool ok = f && fgets(out, (int)size, f);
    if (f) fclose(f);
    if (ok) out[strcspn(out, "\r\n")] = 0;
    return ok;
}
