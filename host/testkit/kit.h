/* kit.h - the inside of the test kit: the real host with one lane, and two ends that the test holds. */
#ifndef WEIR_KIT_H
#define WEIR_KIT_H
#include "lane.h"
#include <weir/testkit.h>

struct pushed { /* what the test pushed on the left */
    struct weir_kit *kit;
    struct weir_event ev; /* bytes are in the kit's own copy until it is in a batch */
    void *copy;
    struct weir_result result;
    void *result_copy;
    bool queued, settled;
};
struct held { /* a batch that came out on the right */
    struct held *next;
    struct weir_batch *batch;
    uint32_t taken; /* events before this one the test has had */
};
struct weir_kit {
    struct weir_conf *conf;
    struct weir_metrics *metrics;
    struct pipeline *pipeline;
    struct lane *lane;
    struct stage *left, *under, *right; /* left, right: NULL when the plugin has no such side */
    struct lane_hooks hooks;
    struct pushed **pushed; /* by number - 1 */
    uint64_t n_pushed, n_sent;
    struct held *held, **held_tail;
    char broken[512]; /* the first rule that was broken */
    bool drained;
};

extern const struct weir_plugin kit_left, kit_right; /* ends.c */
void kit_send_pushed(struct weir_kit *);
void kit_settle_rest(struct weir_kit *); /* what came out and the test did not care about: OK */

/* text.c: appends one scalar field to bytes that have room for its text and 32 more. False: the text is no such value. */
struct kit_wire {
    uint8_t *p;
    size_t n;
};
void kit_put_varint(struct kit_wire *, uint64_t);
bool kit_put_scalar(struct kit_wire *, const ProtobufCFieldDescriptor *, const char *text);
/* "field: value; field: value" into wire bytes (malloc'ed). NULL: *why says what is wrong. */
uint8_t *kit_encode(const struct weir_schema *, const char *fields, size_t *n, char *why, size_t why_size);
#endif
