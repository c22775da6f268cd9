/* grpc_caller.h - a gRPC client for tests, on C core and without a thread: it moves whenever the test waits for it.
 * It shares no code with the plugin under test. */
#ifndef GRPC_CALLER_H
#define GRPC_CALLER_H
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <weir/testkit.h>

enum { WAIT_MS = 20000 };

struct caller {
    grpc_completion_queue *cq;
    grpc_channel *channel;
    struct weir_kit *kit; /* the server's; runs while the caller waits */
};
struct op { /* one batch that was started */
    bool started, done, ok;
};
struct rpc {
    struct caller *caller;
    grpc_call *call;
    struct op all, hello, send, recv, end;
    grpc_metadata_array initial, trailing;
    grpc_status_code code;
    grpc_slice details;
    grpc_byte_buffer *out, *in;
    uint8_t *bytes; /* of the last message received, malloc'ed */
    size_t n;
};

void caller_open(struct caller *, struct weir_kit *server, const char *target, const grpc_channel_credentials *tls,
                 const char *tls_name);
void caller_close(struct caller *);
bool caller_wait(struct caller *, const bool *done);

/* Unary: starts, then wait for rpc->all.done. */
void rpc_unary(struct rpc *, struct caller *, const char *method, const void *bytes, size_t n, unsigned timeout_ms,
               const char *traceparent);
/* Stream: each of these starts one operation. */
void rpc_stream(struct rpc *, struct caller *, const char *method);
void rpc_send(struct rpc *, const void *bytes, size_t n); /* and waits until it is sent */
void rpc_receive(struct rpc *);                           /* done: recv.done; bytes, n (NULL at the end) */
void rpc_half_close(struct rpc *);
void rpc_free(struct rpc *);
/* "" when it is not there. */
const char *rpc_trailer(const struct rpc *, const char *key, char text[128]);
const char *rpc_message(const struct rpc *, char text[256]);
#endif
