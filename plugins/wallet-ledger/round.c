/* round.c - which accounts, rows and shards the requests of one transaction touch: each found once, by hash. */
#include "round.h"
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

int round_init(struct round *round, uint32_t cap, uint32_t all_shards)
{
    memset(round, 0, sizeof *round);
    round->cap = cap;
    round->all_shards = all_shards;
    round->shards_cap = all_shards;
    for (round->n_slots = 8; round->n_slots < 4 * cap; round->n_slots *= 2) {
    }
    round->requests = (struct request **)calloc(cap, sizeof *round->requests);
    round->accounts = (struct account *)calloc(cap, sizeof *round->accounts);
    round->entries = (struct entry *)calloc(cap, sizeof *round->entries);
    round->shards = (struct shard *)calloc(all_shards, sizeof *round->shards);
    round->shard_index = (uint32_t *)calloc(all_shards, sizeof *round->shard_index);
    round->slots = (uint32_t *)calloc(round->n_slots, sizeof *round->slots);
    if (round->requests && round->accounts && round->entries && round->shards && round->shard_index && round->slots)
        return 0;
    round_free(round);
    return -1;
}

void round_free(struct round *round)
{
    free(round->requests);
    free(round->accounts);
    free(round->entries);
    free(round->shards);
    free(round->shard_index);
    free(round->slots);
    memset(round, 0, sizeof *round);
}

void round_clear(struct round *round)
{
    for (uint32_t i = 0; i < round->n_shards; i++) round->shard_index[round->shards[i].number] = 0;
    memset(round->slots, 0, round->n_slots * sizeof *round->slots);
    round->blind = false;
    round->n = round->n_accounts = round->n_entries = round->n_shards = 0;
    round->fresh = round->created = round->changed = round->debits = 0;
}

static bool same(struct weir_slice a, struct weir_slice b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static uint64_t hash(struct weir_slice account, struct weir_slice key, uint64_t seed)
{
    return XXH3_64bits_withSeed(key.p, key.n, XXH3_64bits_withSeed(account.p, account.n, seed));
}

/* Accounts are stored in the table as 2i+1, entries as 2i+2. */
static uint32_t find_account(struct round *round, struct weir_slice id)
{
    uint64_t at = XXH3_64bits(id.p, id.n);
    uint32_t slot;
    for (; (slot = round->slots[at & (round->n_slots - 1)]) != 0; at++)
        if (slot & 1 && same(round->accounts[slot / 2].id, id)) return slot / 2;
    uint32_t i = round->n_accounts++;
    round->accounts[i] = (struct account){.id = id};
    round->slots[at & (round->n_slots - 1)] = 2 * i + 1;
    return i;
}

static uint32_t find_entry(struct round *round, struct request *r)
{
    uint64_t at = hash(r->account, r->key, 1 + (uint64_t)r->kind);
    uint32_t slot;
    for (; (slot = round->slots[at & (round->n_slots - 1)]) != 0; at++) {
        if (slot & 1) continue;
        const struct request *first = round->entries[slot / 2 - 1].first;
        if (first->kind == r->kind && same(first->key, r->key) && same(first->account, r->account)) return slot / 2 - 1;
    }
    uint32_t i = round->n_entries++;
    round->entries[i] = (struct entry){.first = r};
    round->slots[at & (round->n_slots - 1)] = 2 * i + 2;
    return i;
}

struct shard *round_lock(struct round *round, uint32_t number)
{
    uint32_t at = round->shard_index[number];
    if (!at) {
        at = round->shard_index[number] = ++round->n_shards;
        round->shards[at - 1] = (struct shard){.number = number};
    }
    return &round->shards[at - 1];
}

void round_add(struct round *round, struct request *r)
{
    r->answer = (struct answer){.outcome = OUTCOME_NONE};
    r->account_at = find_account(round, r->account);
    if (r->kind != KIND_BALANCE) { /* a query takes no lock */
        r->entry_at = find_entry(round, r);
        struct shard *shard = round_lock(round, r->shard);
        if (r->kind == KIND_DEBIT) shard->asked++;
    }
    round->requests[round->n++] = r;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct shard *)a)->number, y = ((const struct shard *)b)->number;
    return x < y ? -1 : x > y;
}

void round_sort_shards(struct round *round)
{
    qsort(round->shards, round->n_shards, sizeof *round->shards, by_number);
    for (uint32_t i = 0; i < round->n_shards; i++) round->shard_index[round->shards[i].number] = i + 1;
    for (uint32_t i = 0; i < round->n; i++)
        if (round->requests[i]->kind != KIND_BALANCE)
            round->requests[i]->shard_at = round->shard_index[round->requests[i]->shard] - 1;
}
