/* grpc_lane.h - gRPC C core on a lane: one completion queue, one thread that lives in next(), tags that run on the
 * lane.
 *
 *     gRPC's threads ──▶ completion queue ──▶ our thread ──▶ MPSC list ──▶ one weir_task ──▶ tag->fn() on the lane
 *
 * Use: embed struct weir_grpc_lane; start() it, attach() it to a ctx, start batches with weir_grpc_batch(). Each tag
 * comes back exactly once. In close(): cancel every call, detach() (runs what is left, here), stop().
 *
 * Traps handled: a completion queue has no fd and does no I/O unless a thread waits in it; a queue that is shut down
 * aborts on new operations, and one with a call that never ends never shuts (so: cancel, run all tags, then stop);
 * grpc_init starts threads that would take the process's signals; the library logs to stderr.
 */
#ifndef WEIR_LIB_GRPC_LANE_H
#define WEIR_LIB_GRPC_LANE_H
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdatomic.h>
#include <weir/plugin.h>

struct weir_grpc_tag { /* embedded in whatever started the operation */
    void (*fn)(struct weir_grpc_tag *, bool ok);
    struct weir_grpc_tag *next;
    bool ok;
};

struct weir_grpc_lane {
    grpc_completion_queue *cq;
    void (*after)(struct weir_grpc_lane *); /* on the lane, after each group of tags; may be NULL */
    uint32_t pending;                       /* tags that will still come; the lane's */
    /* the rest is grpc_lane.c's */
    struct weir_ctx *ctx; /* NULL while detached; guarded by lock */
    struct weir_task task;
    _Atomic(struct weir_grpc_tag *) arrived; /* newest first */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t came;
};

/* A plugin's init and fini. With GRPC_VERBOSITY in the environment the library's own log stays on. */
int weir_grpc_init(struct weir_err *);
void weir_grpc_fini(void);

int weir_grpc_lane_start(struct weir_grpc_lane *, struct weir_err *);
void weir_grpc_lane_attach(struct weir_grpc_lane *, struct weir_ctx *);
/* From close(): waits for every pending tag and runs it. Every call must have been cancelled or be about to end. */
void weir_grpc_lane_detach(struct weir_grpc_lane *);
/* Ends the thread and the queue. Nothing may be pending, and no server may use the queue any more. */
void weir_grpc_lane_stop(struct weir_grpc_lane *);

/* Starts a batch on a call of this queue. False: refused, the tag will not come (a bug of the caller). */
bool weir_grpc_batch(struct weir_grpc_lane *, grpc_call *, const grpc_op *, size_t n, struct weir_grpc_tag *);

/* A received message as one slice (the caller unrefs it); destroys the buffer. False: it could not be read. */
bool weir_grpc_message(grpc_byte_buffer *, grpc_slice *out);
/* n bytes in a slice of ours as a message to send. NULL: no memory. */
grpc_byte_buffer *weir_grpc_buffer(grpc_slice owned);
struct weir_slice weir_grpc_view(const grpc_slice *);
/* The value of a metadata key; {NULL, 0} when it is not there. */
struct weir_slice weir_grpc_metadata(const grpc_metadata_array *, const char *key);

/* ---- TLS: the same options on both ends */
struct weir_grpc_tls { /* paths of PEM files; p == NULL: not given */
    struct weir_slice cert, key, ca;
};
struct weir_grpc_pems { /* their text, malloc'ed */
    char *cert, *key, *ca;
};
/* Reads and checks the files: gRPC itself says no more of a bad one than "empty address list". `group` is the option's
 * name for the error. Blocks: from share(). */
int weir_grpc_pems_read(const struct weir_grpc_tls *, const char *group, struct weir_grpc_pems *, struct weir_err *);
void weir_grpc_pems_free(struct weir_grpc_pems *);
#endif
