/* record.h - what is kept of the messages that were taken: their bytes, copied once, so that the library's messages and
 * the buffers under them go at once. The slots of one take are one block, which goes with the last of them. */
#ifndef WEIR_KAFKA_RECORD_H
#define WEIR_KAFKA_RECORD_H
#include "watermark.h"
#include <librdkafka/rdkafka.h>
#include <weir/plugin.h>

struct part;
struct letter;
struct take { /* slots and bytes of messages that were taken together */
    uint32_t left;
};
struct slot { /* one message that was taken, until the watermark passes it */
    struct wm_entry wm;
    struct part *part;
    struct slot *next;     /* in part->ready */
    struct take *take;     /* whose memory this is */
    struct letter *letter; /* rejected: its dead letter is on its way */
    uint64_t ts_ns;        /* 0: the record has no time */
    const uint8_t *bytes;  /* headers, key, value: kept, because a RETRY emits them again */
    uint32_t n_headers;    /* bytes, as they stand in a record: see headers_next */
    uint32_t n_key, n_value;
    uint16_t attempt;
    bool has_key, has_value; /* a NULL value is a tombstone and stays NULL */
};

static inline struct weir_slice record_key(const struct slot *s)
{
    return (struct weir_slice){s->has_key ? s->bytes + s->n_headers : NULL, s->n_key};
}
static inline struct weir_slice record_value(const struct slot *s)
{
    return (struct weir_slice){s->has_value ? s->bytes + s->n_headers + s->n_key : NULL, s->n_value};
}

/* Copies n messages, all of one partition and none of them an error; the messages stay the caller's. Slot i of the
 * result is of message i. NULL: no memory. */
struct slot *records_keep(rd_kafka_message_t *const *messages, uint32_t n);
void record_free(struct slot *);

/* Headers of a record: their number, then name and value of each behind its length. */
struct headers {
    const uint8_t *p, *end;
    uint32_t left;
};
struct headers headers_begin(const uint8_t *bytes, size_t n);
/* False: there is none left, or what follows is malformed. */
bool headers_next(struct headers *, struct weir_pair *);
#endif
