/* echo.c - a bare unary gRPC call in C core, between two processes: what the wallet call is measured against.
 *   bench-echo serve ADDRESS                     answers each call with its own message
 *   bench-echo call ADDRESS RATE SECONDS BYTES   so many a second on a fixed schedule, timed from when each was due */
#include "histogram.h"
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTENING = 256, OUTSTANDING_MAX = 8192 };
static const char method[] = "/bench.Echo/Call";
static const uint64_t second_ns = 1000000000;

static void die(const char *what)
{
    fprintf(stderr, "bench-echo: %s\n", what);
    exit(1);
}

static void batch(grpc_call *call, const grpc_op *ops, size_t n, void *tag)
{
    if (grpc_call_start_batch(call, ops, n, tag, NULL) != GRPC_CALL_OK) die("gRPC refused a batch");
}

/* ---- the server: some calls are always being listened for */
struct served {
    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *message;
    bool answering;
    int cancelled;
};

static void listen_for(grpc_server *server, void *registered, grpc_completion_queue *cq, struct served *s)
{
    memset(s, 0, sizeof *s);
    grpc_metadata_array_init(&s->metadata);
    if (grpc_server_request_registered_call(server, registered, &s->call, &s->deadline, &s->metadata, &s->message, cq,
                                            cq, s) != GRPC_CALL_OK)
        die("gRPC does not listen for a call");
}

static void answer(struct served *s)
{
    s->answering = true;
    if (!s->message) die("a call without a message");
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = s->message},
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER, .data.send_status_from_server.status = GRPC_STATUS_OK},
        {.op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &s->cancelled}};
    batch(s->call, ops, sizeof ops / sizeof *ops, s);
}

static void serve(const char *address)
{
    static struct served calls[LISTENING];
    grpc_server *server = grpc_server_create(NULL, NULL);
    grpc_completion_queue *cq = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server, cq, NULL);
    void *registered = grpc_server_register_method(server, method, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    if (!registered || !grpc_server_add_http2_port(server, address, credentials)) die("cannot listen there");
    grpc_server_start(server);
    for (int i = 0; i < LISTENING; i++) listen_for(server, registered, cq, &calls[i]);
    for (;;) {
        grpc_event ev = grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct served *s = ev.tag;
        if (ev.type != GRPC_OP_COMPLETE) continue;
        if (ev.success && !s->answering) {
            answer(s);
            continue;
        }
        grpc_byte_buffer_destroy(s->message);
        grpc_metadata_array_destroy(&s->metadata);
        if (s->call) grpc_call_unref(s->call);
        listen_for(server, registered, cq, s);
    }
}

/* ---- the client */
struct asked {
    grpc_call *call;
    uint64_t due;
    grpc_byte_buffer *reply;
    grpc_metadata_array initial, trailing;
    grpc_status_code status;
    grpc_slice details;
    struct asked *next;
};
struct client {
    grpc_channel *channel;
    grpc_completion_queue *cq;
    void *registered;
    grpc_byte_buffer *message;
    struct asked *free;
    unsigned outstanding;
    uint64_t failed;
    struct histogram times;
};

static void ask(struct client *c, uint64_t due)
{
    struct asked *a = c->free;
    if (!a) die("more than 8192 calls are unanswered: the rate is too high");
    c->free = a->next;
    c->outstanding++;
    *a = (struct asked){.due = due};
    grpc_metadata_array_init(&a->initial);
    grpc_metadata_array_init(&a->trailing);
    a->call = grpc_channel_create_registered_call(c->channel, NULL, GRPC_PROPAGATE_DEFAULTS, c->cq, c->registered,
                                                  gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA, .flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = c->message},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &a->initial},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &a->reply},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {
             .trailing_metadata = &a->trailing, .status = &a->status, .status_details = &a->details}}};
    batch(a->call, ops, sizeof ops / sizeof *ops, a);
}

static void answered(struct client *c, struct asked *a)
{
    histogram_add(&c->times, clock_ns() - a->due);
    c->failed += a->status != GRPC_STATUS_OK || !a->reply;
    if (a->reply) grpc_byte_buffer_destroy(a->reply);
    grpc_metadata_array_destroy(&a->initial);
    grpc_metadata_array_destroy(&a->trailing);
    grpc_slice_unref(a->details);
    grpc_call_unref(a->call);
    a->next = c->free;
    c->free = a;
    c->outstanding--;
}

static void client_open(struct client *c, const char *address, size_t bytes)
{
    grpc_slice text = grpc_slice_malloc(bytes);
    memset(GRPC_SLICE_START_PTR(text), 'x', bytes);
    c->message = grpc_raw_byte_buffer_create(&text, 1);
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    c->channel = grpc_channel_create(address, credentials, NULL);
    c->cq = grpc_completion_queue_create_for_next(NULL);
    c->registered = grpc_channel_register_call(c->channel, method, NULL, NULL);
    struct asked *all = calloc(OUTSTANDING_MAX, sizeof *all);
    if (!all) die("out of memory");
    for (int i = 0; i < OUTSTANDING_MAX; i++) {
        all[i].next = c->free;
        c->free = &all[i];
    }
}

static void call(const char *address, uint64_t rate, uint64_t seconds, size_t bytes)
{
    static struct client c;
    client_open(&c, address, bytes);
    uint64_t total = rate * seconds, n = 0;
    ask(&c, clock_ns()); /* the connection is made with the first, which does not count */
    if (grpc_completion_queue_next(c.cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type != GRPC_OP_COMPLETE)
        die("no answer");
    c.outstanding = 0;
    uint64_t began = clock_ns();
    while (n < total || c.outstanding) {
        uint64_t now = clock_ns(), due = began + n * second_ns / rate;
        for (; n < total && due <= now; due = began + ++n * second_ns / rate) ask(&c, due);
        gpr_timespec until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                          gpr_time_from_nanos((int64_t)(due > now ? due - now : 0), GPR_TIMESPAN));
        if (n == total) until = gpr_inf_future(GPR_CLOCK_MONOTONIC);
        grpc_event ev = grpc_completion_queue_next(c.cq, until, NULL);
        if (ev.type == GRPC_OP_COMPLETE) answered(&c, ev.tag);
    }
    if (c.failed) die("calls failed");
    printf("bench requests_s %.0f\n", (double)total * 1e9 / (double)(clock_ns() - began));
    printf("bench p50 %.3f\nbench p99 %.3f\nbench p999 %.3f\nbench max %.3f\n", histogram_ms(&c.times, .5),
           histogram_ms(&c.times, .99), histogram_ms(&c.times, .999), (double)c.times.max / 1e6);
}

int main(int argc, char **argv)
{
    uint64_t numbers[3] = {0};
    for (int i = 3; argc == 6 && i < 6; i++) numbers[i - 3] = strtoull(argv[i], NULL, 10);
    bool calls = argc == 6 && strcmp(argv[1], "call") == 0 && numbers[0] && numbers[1] && numbers[2];
    if (!calls && (argc != 3 || strcmp(argv[1], "serve") != 0))
        die("expected: serve ADDRESS, or call ADDRESS RATE SECONDS BYTES");
    grpc_init();
    if (calls)
        call(argv[2], numbers[0], numbers[1], numbers[2]);
    else
        serve(argv[2]);
    return 0;
}
