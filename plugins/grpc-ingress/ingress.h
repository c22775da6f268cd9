/* ingress.h - the parts of grpc-ingress: one gRPC server a stage (server.c), an instance a lane (grpc_ingress.c), calls
 * (call.c), streams of batches (stream.c), statuses (status.c), and protobuf's wire form by reflection (wire.c).
 *
 * Why one server for all lanes: a server a lane would need SO_REUSEPORT, and then a second process on the same port
 * would share it silently instead of failing. C core spreads the connections over the lanes' completion queues. */
#ifndef GRPC_INGRESS_H
#define GRPC_INGRESS_H
#include "grpc_lane.h"
#include <weir/schema.h>

struct method_cfg {
    struct weir_slice name, on;
    const struct weir_schema *event, *answer;
    bool stream;
    struct weir_field key, budget;
};
struct cfg {
    struct weir_slice listen, known_as;
    struct weir_list methods; /* of method_cfg */
    struct weir_list answers; /* of weir_pair: outcome = status name */
    uint64_t max_message, max_connection_age;
    int64_t slots, max_calls;
    struct weir_grpc_tls tls;
};

enum { METRIC_CALLS, METRIC_STREAMS };

/* ---- server.c: what all lanes share */
struct server {
    grpc_server *grpc;
    grpc_completion_queue *stopped; /* hears that the shutdown is complete */
    struct weir_grpc_lane *queues;  /* one a lane */
    void **registered;              /* one a method */
    uint32_t n_queues;
    pthread_mutex_t lock;
    bool started, stopping;
    int port;
};
int server_open(const struct cfg *, uint32_t n_lanes, struct server **, struct weir_err *);
void server_start(struct server *); /* any lane; the first one starts it */
void server_stop(struct server *);  /* any lane; no new calls, the posted slots come back with ok = false */
void server_close(struct server *);

/* ---- one lane */
struct stream;
struct ingress;
struct call { /* a posted slot, then the call that came in on it: gRPC writes into it, so one struct a request */
    struct weir_grpc_tag tag;
    struct ingress *in;
    struct method *method; /* NULL: the slot for unknown methods */
    grpc_call *call;
    grpc_metadata_array md;
    grpc_call_details details; /* unknown methods only */
    gpr_timespec deadline;
    grpc_byte_buffer *payload, *sending;
    int cancelled;
    grpc_status_code code;
    struct stream *stream;    /* stream methods only */
    struct call *next, *prev; /* calls in flight */
};

struct part { /* a repeated message field of a stream's inbound message */
    uint32_t field;
    const struct weir_schema *schema;
};
struct method {
    const struct method_cfg *cfg;
    void *registered;
    struct part *parts;
    uint32_t n_parts;
    uint32_t reply_field;            /* streams: the repeated field of the answer */
    const struct weir_schema *reply; /* its element; NULL: not loaded */
};

struct ingress {
    struct weir_ctx *ctx;
    const struct cfg *cfg;
    struct server *server;
    struct weir_grpc_lane *q;
    struct method *methods;
    struct call *calls;          /* in flight */
    struct stream *dirty;        /* have replies to send at the end of the turn */
    struct weir_batch *gathered; /* what came in during this turn */
    struct weir_task turn;
    uint32_t n_streams;
    bool turn_posted, posted, draining, closing, starved;
};

/* call.c */
void slots_post(struct ingress *);
void call_finish(struct call *, grpc_status_code, const char *message, const char *slug,
                 const struct weir_slice *reply);
void call_free(struct call *);
void call_count(struct call *);
void unary_done(struct call *, const struct weir_result *);
bool call_traceparent(const struct call *, struct weir_slice *out);

/* emit.c: events gathered over a turn */
uint32_t emit_room(struct ingress *);
bool emit(struct call *, const struct weir_schema *, struct weir_slice value, uint64_t deadline_ns);
void emit_flush(struct ingress *);
uint64_t call_deadline(const struct call *); /* monotonic ns by the host's clock; 0: none */

/* stream.c */
void stream_open(struct call *);
void stream_done(struct call *, const struct weir_result *);
void streams_pump(struct ingress *);
void streams_flush(struct ingress *);
void streams_end(struct ingress *); /* drain: each ends when its replies are out */
void stream_free(struct stream *);

/* grpc_ingress.c */
void ingress_wake(struct ingress *); /* once more at the end of this turn */
void ingress_maybe_drained(struct ingress *);

/* status.c */
bool status_by_name(struct weir_slice name, grpc_status_code *out);
const char *status_name(grpc_status_code);
struct verdict {
    grpc_status_code code;
    const char *slug, *message;
};
struct verdict status_of(const struct cfg *, const struct weir_result *);

/* wire.c */
bool wire_valid(const ProtobufCMessageDescriptor *, struct weir_slice);
size_t wire_put_frame(uint8_t out[16], uint32_t field, size_t n); /* tag and length before n bytes of a message */
const ProtobufCFieldDescriptor *wire_only_list(const ProtobufCMessageDescriptor *); /* NULL: none, or several */
#endif
