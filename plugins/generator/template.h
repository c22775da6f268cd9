/* template.h - text with places in it: "hello {seq}". */
#ifndef GENERATOR_TEMPLATE_H
#define GENERATOR_TEMPLATE_H
#include "json_pb.h"
#include <weir/plugin.h>

struct template_values {
    uint64_t seq; /* from 1 */
    uint64_t wall_ns;
    uint32_t lane;
};

/* {seq} the event's number; {seq%N} from 0 to N-1; {lane}; {time} RFC 3339; {uuid} a random one of version 4; {{ and }}
 * stand for themselves. Returns 0, or -1 with msg saying what is wrong where. */
int template_check(struct weir_slice text, char *msg, size_t size);
/* Appends the text with its places filled; it was checked before. False: out of memory. */
bool template_put(struct weir_slice text, const struct template_values *, uint64_t *random, struct weir_json_buf *out);
#endif
