/* messages.c - the messages of wallet.v1 and bets.v1 in wire form. Written and read field by field, without unpacking:
 * at 256 debits a message protobuf-c's objects were two thirds of the CPU. The numbers are those of the .proto files.
 */
#include "client.h"
#include "columns_wire.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PLACE_BET_ID = 1, PLACE_ACCOUNT = 2, PLACE_STAKE = 3, PLACE_CURRENCY = 4 };
enum { DEBIT_ID = 1, DEBIT_BUDGET = 2, DEBIT_BET = 3 };
enum { BATCH_DEBITS = 1, BATCH_CONFIRMED = 2 };
enum { CONFIRMED_EPOCH = 1, CONFIRMED_SHARD = 2, CONFIRMED_FIRST = 3, CONFIRMED_LAST = 4 };
enum { REPLIES_REPLIES = 1 };
enum {
    REPLY_ID = 1,
    REPLY_OUTCOME = 2,
    REPLY_EPOCH = 3,
    REPLY_SHARD = 4,
    REPLY_SEQ = 5,
    REPLY_EVENT = 6,
    REPLY_WHY = 8
};
enum { PLACED_ACCOUNT = 5, PLACED_ACCEPTED_AT = 11, TIME_SECONDS = 1, TIME_NANOS = 2 };
enum { ACCOUNT_REPLY_OUTCOME = 1, ACCOUNT_REPLY_ACCOUNT = 2, ACCOUNT_REPLY_WHY = 3 };

/* bets.v1.BetAccepted is some of BetPlaced's fields under other numbers. */
static const struct {
    uint32_t placed, body;
} body_fields[] = {{4, 1}, {5, 2}, {6, 3}, {7, 4}, {10, 5}, {11, 6}};

/* ---- reading */
struct field {
    uint32_t id;
    unsigned type;
    uint64_t number;         /* varints */
    struct weir_slice bytes; /* of length-delimited fields */
};

/* 1, 0 at the end, -1 malformed. */
static int next_field(struct weir_slice all, size_t *at, struct field *f)
{
    const uint8_t *p = all.p + *at, *end = all.p + all.n;
    if (p == end) return 0;
    *f = (struct field){.id = 0};
    if (!(p = wire_tag(p, end, &f->id, &f->type))) return -1;
    if (f->type == WIRE_VARINT)
        p = wire_varint(p, end, &f->number);
    else if (f->type == WIRE_LENGTH)
        p = wire_bytes(p, end, &f->bytes);
    else
        p = wire_skip(p, end, f->type);
    if (!p) return -1;
    *at = (size_t)(p - all.p);
    return 1;
}

static bool is_currency(struct weir_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z') return false;
    return s.n == 3;
}

const char *place_check(struct weir_slice place, struct weir_slice *account, char text[128])
{
    struct weir_slice bet_id = {NULL, 0}, currency = {NULL, 0};
    int64_t stake = 0;
    struct field f;
    size_t at = 0;
    int rc;
    *account = bet_id;
    while ((rc = next_field(place, &at, &f)) > 0) {
        if (f.id == PLACE_BET_ID) bet_id = f.bytes;
        if (f.id == PLACE_ACCOUNT) *account = f.bytes;
        if (f.id == PLACE_STAKE) stake = (int64_t)f.number;
        if (f.id == PLACE_CURRENCY) currency = f.bytes;
    }
    if (rc < 0) return "the bytes are not a bets.v1.PlaceBet";
    if (!bet_id.n || bet_id.n > 64)
        snprintf(text, 128, "bet_id: found %zu bytes, expected 1 to 64", bet_id.n);
    else if (!account->n || account->n > 64)
        snprintf(text, 128, "account_id: found %zu bytes, expected 1 to 64", account->n);
    else if (stake <= 0)
        snprintf(text, 128, "stake_minor: found %" PRId64 ", expected more than 0", stake);
    else if (!is_currency(currency))
        snprintf(text, 128, "currency: expected three capital letters (ISO 4217)");
    else
        return NULL;
    return text;
}

struct weir_slice account_of(struct weir_slice request)
{
    struct weir_slice account = {NULL, 0};
    struct field f;
    for (size_t at = 0; next_field(request, &at, &f) > 0;)
        if (f.id == 1) account = f.bytes;
    return account;
}

static bool reply_read(struct weir_slice message, struct reply *r)
{
    struct field f;
    size_t at = 0;
    int rc;
    *r = (struct reply){.id = 0};
    while ((rc = next_field(message, &at, &f)) > 0) {
        switch (f.id) {
        case REPLY_ID: r->id = f.number; break;
        case REPLY_OUTCOME: r->outcome = f.number; break;
        case REPLY_EPOCH: r->epoch = (int64_t)f.number; break;
        case REPLY_SHARD: r->shard = (uint32_t)f.number; break;
        case REPLY_SEQ: r->seq = (int64_t)f.number; break;
        case REPLY_EVENT: r->event = f.bytes; break;
        case REPLY_WHY: r->why = f.bytes; break;
        default: break;
        }
    }
    return rc == 0;
}

int reply_next(struct weir_slice message, size_t *at, struct reply *r)
{
    struct field f;
    int rc;
    while ((rc = next_field(message, at, &f)) > 0)
        if (f.id == REPLIES_REPLIES && f.type == WIRE_LENGTH) return reply_read(f.bytes, r) ? 1 : -1;
    return rc;
}

static bool time_read(struct weir_slice message, uint64_t *ns)
{
    uint64_t seconds = 0, nanos = 0;
    struct field f;
    size_t at = 0;
    int rc;
    while ((rc = next_field(message, &at, &f)) > 0) {
        if (f.id == TIME_SECONDS) seconds = f.number;
        if (f.id == TIME_NANOS) nanos = f.number;
    }
    *ns = seconds * 1000000000u + nanos;
    return rc == 0 && nanos < 1000000000u && seconds < UINT64_MAX / 1000000000u - 1;
}

bool reply_event(struct reply *r)
{
    struct field f;
    size_t at = 0;
    int rc;
    while ((rc = next_field(r->event, &at, &f)) > 0) {
        if (f.id == PLACED_ACCOUNT) r->account = f.bytes;
        if (f.id == PLACED_ACCEPTED_AT && !time_read(f.bytes, &r->accepted_ns)) return false;
    }
    return rc == 0 && r->account.n && r->epoch > 0 && r->seq > 0;
}

bool account_reply_read(struct weir_slice message, struct account_reply *r)
{
    struct field f;
    size_t at = 0;
    int rc;
    *r = (struct account_reply){.outcome = 0};
    while ((rc = next_field(message, &at, &f)) > 0) {
        if (f.id == ACCOUNT_REPLY_OUTCOME) r->outcome = f.number;
        if (f.id == ACCOUNT_REPLY_ACCOUNT) r->account = f.bytes;
        if (f.id == ACCOUNT_REPLY_WHY) r->why = f.bytes;
    }
    return rc == 0;
}

/* ---- writing */
bool buf_room(struct buf *b, size_t more)
{
    if (b->failed || b->cap - b->n >= more) return !b->failed;
    size_t cap = b->cap ? b->cap : 512;
    while (cap - b->n < more) cap *= 2;
    uint8_t *grown = realloc(b->p, cap);
    b->failed = !grown;
    if (!grown) return false;
    b->p = grown;
    b->cap = cap;
    return true;
}

static void put_varint(struct buf *b, uint64_t v)
{
    if (!buf_room(b, 10)) return;
    for (; v >= 0x80; v >>= 7) b->p[b->n++] = (uint8_t)(v | 0x80);
    b->p[b->n++] = (uint8_t)v;
}

static void put_number(struct buf *b, uint32_t field, uint64_t v)
{
    if (!v) return; /* proto3 leaves zeros out */
    put_varint(b, (uint64_t)field << 3 | WIRE_VARINT);
    put_varint(b, v);
}

static void put_bytes(struct buf *b, uint32_t field, struct weir_slice s)
{
    put_varint(b, (uint64_t)field << 3 | WIRE_LENGTH);
    put_varint(b, s.n);
    if (!s.n || !buf_room(b, s.n)) return;
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) n++;
    return n;
}

static size_t number_size(uint64_t v)
{
    return v ? 1 + varint_size(v) : 0; /* all field numbers here are below 16: a tag is one byte */
}

void debit_put(struct buf *b, uint64_t id, uint64_t budget_ms, struct weir_slice place)
{
    put_varint(b, (uint64_t)BATCH_DEBITS << 3 | WIRE_LENGTH);
    put_varint(b, number_size(id) + number_size(budget_ms) + 1 + varint_size(place.n) + place.n);
    put_number(b, DEBIT_ID, id);
    put_number(b, DEBIT_BUDGET, budget_ms);
    put_bytes(b, DEBIT_BET, place);
}

void confirmed_put_range(struct buf *b, const struct confirmed *first, int64_t last_seq)
{
    put_varint(b, (uint64_t)BATCH_CONFIRMED << 3 | WIRE_LENGTH);
    put_varint(b, number_size((uint64_t)first->epoch) + number_size(first->shard) + number_size((uint64_t)first->seq) +
                      number_size((uint64_t)last_seq));
    put_number(b, CONFIRMED_EPOCH, (uint64_t)first->epoch);
    put_number(b, CONFIRMED_SHARD, first->shard);
    put_number(b, CONFIRMED_FIRST, (uint64_t)first->seq);
    put_number(b, CONFIRMED_LAST, (uint64_t)last_seq);
}

void body_put(struct buf *b, struct weir_slice event)
{
    struct field f;
    for (size_t at = 0; next_field(event, &at, &f) > 0;)
        for (size_t i = 0; i < sizeof body_fields / sizeof *body_fields; i++) {
            if (body_fields[i].placed != f.id) continue;
            if (f.type == WIRE_VARINT)
                put_number(b, body_fields[i].body, f.number);
            else if (f.type == WIRE_LENGTH)
                put_bytes(b, body_fields[i].body, f.bytes);
        }
}
