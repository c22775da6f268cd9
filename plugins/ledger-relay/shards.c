/* shards.c - a window of events behind a contiguous prefix, and the way back when one of them was not delivered. */
#include "shards.h"

static uint64_t *word(struct shard *s, int64_t seq)
{
    return &s->done[(uint64_t)seq % SHARD_WINDOW / 64];
}

static bool is_done(const struct shard *s, int64_t seq)
{
    return s->done[(uint64_t)seq % SHARD_WINDOW / 64] >> ((uint64_t)seq % 64) & 1;
}

static void pass(struct shard *s, int64_t seq)
{
    *word(s, seq) &= ~(UINT64_C(1) << ((uint64_t)seq % 64));
}

static void prefix_moved(struct shard *s)
{
    s->attempt = 0;
    s->refused = false;
}

static void fold(struct shard *s)
{
    while (s->prefix < s->sent && is_done(s, s->prefix + 1)) {
        pass(s, ++s->prefix);
        prefix_moved(s);
    }
}

/* Nothing is in flight and something failed: the way back. What was delivered beyond it keeps its mark. */
static void rewind_when_empty(struct shard *s)
{
    if (!s->rewind || s->in_flight) return;
    s->rewind = false;
    s->sent = s->prefix;
}

void shard_seen(struct shard *s, int64_t published)
{
    if (published > s->written) s->written = published;
    /* Marks live in a ring: all that the prefix passes must go, or they would speak of later events. */
    for (int64_t seq = s->prefix + 1; seq <= published && seq <= s->prefix + SHARD_WINDOW; seq++) pass(s, seq);
    if (s->prefix < published) {
        s->prefix = published;
        prefix_moved(s);
    }
    if (s->sent < s->prefix) s->sent = s->prefix;
    fold(s);
}

int64_t shard_ask(struct shard *s)
{
    while (s->sent < s->prefix + SHARD_WINDOW && is_done(s, s->sent + 1)) s->sent++;
    return s->asked = s->sent;
}

enum row shard_row(const struct shard *s, int64_t seq)
{
    if (s->rewind || s->sent < s->asked) return ROW_STALE;
    if (seq <= s->sent) return ROW_DELIVERED;
    if (seq > s->sent + 1) return ROW_GAP;
    if (seq > s->prefix + SHARD_WINDOW) return ROW_LATER;
    return is_done(s, seq) ? ROW_DELIVERED : ROW_EMIT;
}

void shard_sent(struct shard *s, int64_t seq)
{
    s->sent = seq;
    s->in_flight++;
}

void shard_skip(struct shard *s, int64_t seq)
{
    if (seq > s->sent) s->sent = seq;
    fold(s);
}

void shard_delivered(struct shard *s, int64_t seq)
{
    s->in_flight--;
    if (seq > s->prefix) *word(s, seq) |= UINT64_C(1) << ((uint64_t)seq % 64);
    fold(s);
    rewind_when_empty(s);
}

void shard_failed(struct shard *s, uint64_t now_ns, uint64_t wait_ns)
{
    s->in_flight--;
    if (!s->rewind && s->attempt < UINT16_MAX) s->attempt++;
    s->rewind = true;
    s->retry_ns = now_ns + wait_ns;
    rewind_when_empty(s);
}

void shard_refused(struct shard *s, uint64_t now_ns, uint64_t wait_ns)
{
    s->in_flight--;
    s->refused = true;
    if (!s->again_ns) s->again_ns = now_ns + wait_ns;
    rewind_when_empty(s);
}

bool shard_may_emit(struct shard *s, uint64_t now_ns)
{
    if (s->again_ns && now_ns >= s->again_ns) {
        s->again_ns = 0;
        s->rewind = true;
        rewind_when_empty(s);
    }
    return !s->rewind && now_ns >= s->retry_ns && shard_room(s) > 0;
}
