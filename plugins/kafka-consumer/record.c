/* record.c - messages to slots: one allocation a take, one copy a message. */
#include "record.h"
#include <stdlib.h>
#include <string.h>

enum { VARINT_MAX = 10, HEADERS_MAX = 100000 };

/* ---- headers in a record's own form: zigzag varints for number and lengths, -1 for a NULL value */

static const uint8_t *read_varint(const uint8_t *p, const uint8_t *end, int64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
        uint8_t b = *p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *out = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
            return p;
        }
    }
    return NULL;
}

static const uint8_t *read_slice(const uint8_t *p, const uint8_t *end, struct weir_slice *out)
{
    int64_t n;
    p = read_varint(p, end, &n);
    if (!p || n < -1 || n > end - p) return NULL;
    *out = (struct weir_slice){n < 0 ? NULL : p, n < 0 ? 0 : (size_t)n};
    return p + out->n;
}

struct headers headers_begin(const uint8_t *bytes, size_t n)
{
    int64_t count = 0;
    struct headers h = {bytes, bytes + n, 0};
    const uint8_t *p = n ? read_varint(bytes, h.end, &count) : NULL;
    if (!p || count <= 0 || count > HEADERS_MAX) return h;
    h.p = p;
    h.left = (uint32_t)count;
    return h;
}

bool headers_next(struct headers *h, struct weir_pair *out)
{
    if (h->left == 0) return false;
    const uint8_t *p = read_slice(h->p, h->end, &out->name);
    if (p && out->name.p) p = read_slice(p, h->end, &out->value);
    h->left = p && out->name.p ? h->left - 1 : 0;
    h->p = p;
    return p && out->name.p;
}

#ifdef WEIR_RDKAFKA_RAW_HEADERS
static size_t headers_size(const rd_kafka_message_t *m)
{
    const void *raw;
    size_t n;
    weir_rd_kafka_message_raw_headers(m, &raw, &n);
    return n;
}

static size_t headers_put(const rd_kafka_message_t *m, uint8_t *to, size_t size)
{
    const void *raw;
    size_t n;
    (void)size;
    weir_rd_kafka_message_raw_headers(m, &raw, &n);
    if (n) memcpy(to, raw, n);
    return n;
}
#else /* another librdkafka than ours: it parses them, we write them down again */
static uint8_t *put_varint(uint8_t *to, int64_t n)
{
    uint64_t v = (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
    for (; v > 0x7f; v >>= 7) *to++ = (uint8_t)(v | 0x80);
    *to++ = (uint8_t)v;
    return to;
}

static uint8_t *put_slice(uint8_t *to, const void *p, size_t n)
{
    to = put_varint(to, p ? (int64_t)n : -1);
    if (p && n) memcpy(to, p, n);
    return p ? to + n : to;
}

static size_t headers_size(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size, n = VARINT_MAX;
    if (rd_kafka_message_headers(m, &headers)) return 0;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++)
        n += 2 * VARINT_MAX + strlen(name) + size;
    return n;
}

static size_t headers_put(const rd_kafka_message_t *m, uint8_t *to, size_t size)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t n;
    if (!size || rd_kafka_message_headers(m, &headers)) return 0;
    uint8_t *at = put_varint(to, (int64_t)rd_kafka_header_cnt(headers));
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &n); i++) {
        at = put_slice(at, name, strlen(name));
        at = put_slice(at, value, n);
    }
    return (size_t)(at - to);
}
#endif

/* ---- records */

static uint8_t *put(uint8_t *to, const void *p, size_t n)
{
    if (p && n) memcpy(to, p, n);
    return p ? to + n : to;
}

static uint8_t *keep(struct slot *s, const rd_kafka_message_t *m, uint8_t *to)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(m, &type);
    size_t headers = headers_put(m, to, headers_size(m));
    *s = (struct slot){.wm = {.offset = m->offset, .epoch = rd_kafka_message_leader_epoch(m)},
                       .take = s->take,
                       .ts_ns = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? 0 : (uint64_t)ms * 1000000u,
                       .bytes = to,
                       .n_headers = (uint32_t)headers,
                       .n_key = m->key ? (uint32_t)m->key_len : 0,
                       .n_value = m->payload ? (uint32_t)m->len : 0,
                       .has_key = m->key != NULL,
                       .has_value = m->payload != NULL};
    return put(put(to + headers, m->key, m->key_len), m->payload, m->len);
}

struct slot *records_keep(rd_kafka_message_t *const *messages, uint32_t n)
{
    size_t bytes = 0, head = (sizeof(struct take) + 15) & ~(size_t)15;
    for (uint32_t i = 0; i < n; i++) bytes += headers_size(messages[i]) + messages[i]->key_len + messages[i]->len;
    struct take *take = malloc(head + n * sizeof(struct slot) + bytes);
    if (!take) return NULL;
    take->left = n;
    struct slot *slots = (struct slot *)(void *)((uint8_t *)take + head);
    uint8_t *to = (uint8_t *)(slots + n);
    for (uint32_t i = 0; i < n; i++) {
        slots[i].take = take;
        to = keep(&slots[i], messages[i], to);
    }
    return slots;
}

void record_free(struct slot *s)
{
    if (--s->take->left == 0) free(s->take);
}
