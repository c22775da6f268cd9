/* shard.h - which shard an account belongs to: the same answer in every process, for ever.
 * FNV-1a of 64 bits over the account's bytes, modulo the fixed number of shards. Changing either renames every shard.
 */
#ifndef WEIR_LIB_SHARD_H
#define WEIR_LIB_SHARD_H
#include <weir/plugin.h>

static inline uint64_t weir_fnv1a(struct weir_slice bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes.n; i++) hash = (hash ^ bytes.p[i]) * 0x100000001b3u;
    return hash;
}

static inline uint32_t weir_shard_of(struct weir_slice account, uint32_t shards)
{
    return (uint32_t)(weir_fnv1a(account) % shards);
}
#endif
