/* validate.c - what a request must be like before the ledger looks at it, and the hash that tells a repeat from a
 * reused key. Pure. The names in the texts are the fields of the .proto: they reach the player. */
#include "request.h"
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* Valid UTF-8 (no overlong form, no surrogate, nothing above U+10FFFF) without NUL: PostgreSQL stores no other text. */
bool utf8_without_nul(struct weir_slice s)
{
    for (size_t i = 0; i < s.n;) {
        uint8_t c = s.p[i++];
        if (c == 0) return false;
        if (c < 0x80) continue;
        uint32_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || s.n - i < more) return false;
        uint8_t low = 0x80, high = 0xbf; /* of the second byte */
        if (c == 0xe0) low = 0xa0;
        if (c == 0xed) high = 0x9f;
        if (c == 0xf0) low = 0x90;
        if (c == 0xf4) high = 0x8f;
        for (uint32_t k = 0; k < more; k++, i++, low = 0x80, high = 0xbf)
            if (s.p[i] < low || s.p[i] > high) return false;
    }
    return true;
}

static bool is_id(struct weir_slice s)
{
    return s.n >= 1 && s.n <= 64 && utf8_without_nul(s);
}

static bool is_currency(struct weir_slice s)
{
    if (s.n != 3) return false;
    for (size_t i = 0; i < 3; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z') return false;
    return true;
}

const char *request_check(const struct request *r)
{
    if (!is_id(r->account)) return "account_id: expected 1 to 64 bytes of UTF-8 without NUL";
    if (r->kind == KIND_BALANCE) return NULL;
    if (!is_currency(r->currency)) return "currency: expected three letters A to Z (ISO 4217)";
    if (r->kind == KIND_OPEN) return NULL;
    if (r->kind == KIND_CREDIT) {
        if (!is_id(r->key)) return "idempotency_key: expected 1 to 64 bytes of UTF-8 without NUL";
        return r->amount > 0 ? NULL : "amount_minor: expected more than 0";
    }
    if (!is_id(r->key)) return "bet_id: expected 1 to 64 bytes of UTF-8 without NUL";
    if (r->amount <= 0) return "stake_minor: expected more than 0";
    if (r->odds < 0) return "odds_milli: expected 0 or more";
    return utf8_without_nul(r->selection) ? NULL : "selection: expected UTF-8 without NUL";
}

static void add(XXH3_state_t *state, struct weir_slice s)
{
    uint64_t n = s.n; /* length first: ("ab", "c") is not ("a", "bc") */
    XXH3_128bits_update(state, &n, sizeof n);
    XXH3_128bits_update(state, s.p, s.n);
}

/* Stored for ever: a change here makes every repeat of an old request look like a reused key. Little-endian hosts only,
 * as everywhere in weir. Account and key are the row's primary key and need no hash. */
void request_hash(struct request *r)
{
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    uint64_t head[3] = {(uint64_t)r->kind, (uint64_t)r->amount, (uint64_t)(int64_t)r->odds};
    XXH3_128bits_update(&state, head, sizeof head);
    add(&state, r->currency);
    add(&state, r->selection);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
    memcpy(r->hash, canonical.digest, sizeof r->hash);
}
