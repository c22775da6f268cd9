/* request.c - from the bytes of a wallet.v1 request to a struct, without trusting one of them.
 * Read by hand: protobuf-c's strings end at a NUL, so that "a\0b" would pass as "a" and book on another account. */
#include "request.h"
#include <stdio.h>
#include <string.h>
#include <weir_failpoint.h>

static const char *const outcomes[N_OUTCOMES] = {
    "",           "accepted",          "replayed", "insufficient-funds", "unknown-account",
    "key-reused", "currency-mismatch", "invalid",  "not-executed",       "unknown"};

const char *outcome_name(enum outcome o)
{
    return outcomes[o];
}

enum outcome outcome_of(struct weir_slice name)
{
    for (int i = ACCEPTED; i < N_OUTCOMES; i++)
        if (strlen(outcomes[i]) == name.n && memcmp(outcomes[i], name.p, name.n) == 0) return (enum outcome)i;
    return OUTCOME_NONE;
}

const char *kind_name(enum kind kind)
{
    static const char *const names[] = {"open", "credit", "debit", "balance"};
    return names[kind];
}

/* ---- the wire */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
struct field {
    uint32_t number, type;
    uint64_t number_value;
    struct weir_slice bytes;
};

static bool read_varint(struct weir_slice *in, uint64_t *out)
{
    *out = 0;
    for (uint32_t shift = 0; shift < 70 && in->n; shift += 7) {
        uint8_t byte = *in->p++;
        in->n--;
        if (shift < 64) *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

static bool skip(struct weir_slice *in, uint64_t n)
{
    if (n > in->n) return false;
    in->p += n;
    in->n -= (size_t)n;
    return true;
}

/* 1: a field; 0: the end; -1: not protobuf. */
static int read_field(struct weir_slice *in, struct field *f)
{
    uint64_t tag, n;
    if (!in->n) return 0;
    if (!read_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return -1;
    f->number = (uint32_t)(tag >> 3);
    f->type = (uint32_t)(tag & 7);
    f->number_value = 0;
    f->bytes = (struct weir_slice){NULL, 0};
    switch (f->type) {
    case VARINT: return read_varint(in, &f->number_value) ? 1 : -1;
    case FIXED64: return skip(in, 8) ? 1 : -1;
    case FIXED32: return skip(in, 4) ? 1 : -1;
    case BYTES:
        if (!read_varint(in, &n)) return -1;
        f->bytes = (struct weir_slice){in->p, (size_t)n};
        return skip(in, n) ? 1 : -1;
    default: return -1;
    }
}

/* Where a field of each message goes. A wrong wire type is taken for an unknown field, as protobuf wants it. */
enum goal { TO_ACCOUNT, TO_KEY, TO_CURRENCY, TO_SELECTION, TO_AMOUNT, TO_ODDS, TO_ID, TO_BET };
struct place {
    uint32_t number, type;
    enum goal goal;
};
static const struct place open_places[] = {{1, BYTES, TO_ACCOUNT}, {2, BYTES, TO_CURRENCY}, {0}};
static const struct place credit_places[] = {
    {1, BYTES, TO_ACCOUNT}, {2, BYTES, TO_KEY}, {3, VARINT, TO_AMOUNT}, {4, BYTES, TO_CURRENCY}, {0}};
static const struct place balance_places[] = {{1, BYTES, TO_ACCOUNT}, {0}};
static const struct place debit_places[] = {{1, VARINT, TO_ID}, {3, BYTES, TO_BET}, {0}};
static const struct place bet_places[] = {{1, BYTES, TO_KEY},
                                          {2, BYTES, TO_ACCOUNT},
                                          {3, VARINT, TO_AMOUNT},
                                          {4, BYTES, TO_CURRENCY},
                                          {5, BYTES, TO_SELECTION},
                                          {6, VARINT, TO_ODDS},
                                          {0}};

static int read_message(struct request *r, struct weir_slice in, const struct place *places)
{
    struct field f;
    int rc;
    while ((rc = read_field(&in, &f)) == 1) {
        const struct place *p = places;
        while (p->number && (p->number != f.number || p->type != f.type)) p++;
        if (!p->number) continue;
        switch (p->goal) {
        case TO_ACCOUNT: r->account = f.bytes; break;
        case TO_KEY: r->key = f.bytes; break;
        case TO_CURRENCY: r->currency = f.bytes; break;
        case TO_SELECTION: r->selection = f.bytes; break;
        case TO_AMOUNT: r->amount = (int64_t)f.number_value; break;
        case TO_ODDS: r->odds = (int32_t)f.number_value; break;
        case TO_ID: r->id = f.number_value; break;
        case TO_BET: /* given twice, a nested message merges */
            if (read_message(r, f.bytes, bet_places) != 0) return -1;
            break;
        }
    }
    return rc;
}

static bool own(struct weir_slice *s, struct arena *arena)
{
    char *copy = (char *)arena->alloc(arena->of, s->n + 1);
    if (!copy) return false;
    if (s->n) memcpy(copy, s->p, s->n);
    copy[s->n] = 0;
    s->p = (const uint8_t *)copy;
    return true;
}

/* Compiled in for tests alone: each try of a bet becomes a bet of its own. */
static void spoil_key(struct request *r, char *out, size_t size)
{
    int n = snprintf(out, size, "%.*s#%p", r->key.n < 200 ? (int)r->key.n : 200, (const char *)r->key.p,
                     (const void *)r->ev->ticket);
    if (n > 0) r->key = (struct weir_slice){(const uint8_t *)out, (size_t)n};
}

int request_read(struct request *r, struct weir_slice wire, struct arena *arena)
{
    static const struct place *const places[] = {open_places, credit_places, debit_places, balance_places};
    char spoilt[300];
    if (read_message(r, wire, places[r->kind]) != 0) {
        r->answer.why = "the message is not valid protobuf";
        return -1;
    }
    if (r->kind == KIND_DEBIT && WEIR_FAILPOINT("sabotage.skip-key")) spoil_key(r, spoilt, sizeof spoilt);
    if (own(&r->account, arena) && own(&r->key, arena) && own(&r->currency, arena) && own(&r->selection, arena))
        return 0;
    r->answer.why = "out of memory";
    return -1;
}

int confirmed_read(struct confirmed *c, struct weir_slice in)
{
    struct field f;
    int rc;
    memset(c, 0, sizeof *c);
    while ((rc = read_field(&in, &f)) == 1) {
        if (f.type != VARINT) continue;
        if (f.number == 1) c->epoch = (int64_t)f.number_value;
        if (f.number == 2) c->shard = (uint32_t)f.number_value;
        if (f.number == 3) c->first = (int64_t)f.number_value;
        if (f.number == 4) c->last = (int64_t)f.number_value;
    }
    return rc;
}
