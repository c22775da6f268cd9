/* grpc_caller.c - see grpc_caller.h. Tags are struct op; the completion queue is looked at, with no wait, between the
 * turns of the server's kit. */
#include "grpc_caller.h"
#include "cmocka_for_grpc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void caller_open(struct caller *c, struct weir_kit *server, const char *target, const grpc_channel_credentials *tls,
                 const char *tls_name)
{
    grpc_init();
    grpc_arg args[3] = {
        {.type = GRPC_ARG_INTEGER, .key = "grpc.use_local_subchannel_pool", .value.integer = 1},
        {.type = GRPC_ARG_INTEGER, .key = "grpc.enable_http_proxy", .value.integer = 0},
        {.type = GRPC_ARG_STRING, .key = "grpc.ssl_target_name_override"},
    };
    char name[64];
    snprintf(name, sizeof name, "%s", tls_name ? tls_name : "");
    args[2].value.string = name;
    grpc_channel_args all = {.num_args = tls_name ? 3 : 2, .args = args};
    grpc_channel_credentials *insecure = tls ? NULL : grpc_insecure_credentials_create();
    *c = (struct caller){.kit = server, .cq = grpc_completion_queue_create_for_next(NULL)};
    c->channel = grpc_channel_create(target, tls ? (grpc_channel_credentials *)(uintptr_t)tls : insecure, &all);
    if (insecure) grpc_channel_credentials_release(insecure);
}

static bool take_tag(struct caller *c, int ms)
{
    gpr_timespec until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
    grpc_event ev = grpc_completion_queue_next(c->cq, until, NULL);
    if (ev.type != GRPC_OP_COMPLETE) return false;
    struct op *op = ev.tag;
    op->done = true;
    op->ok = ev.success;
    return true;
}

struct wish {
    struct caller *c;
    const bool *done;
};

static bool is_done(void *arg)
{
    struct wish *w = arg;
    while (take_tag(w->c, 1)) {
    }
    return *w->done;
}

bool caller_wait(struct caller *c, const bool *done)
{
    struct wish w = {c, done};
    if (c->kit) return weir_kit_wait(c->kit, is_done, &w, WAIT_MS);
    for (int i = 0; i < WAIT_MS && !*done; i++) take_tag(c, 1);
    return *done;
}

void caller_close(struct caller *c)
{
    grpc_channel_destroy(c->channel);
    grpc_completion_queue_shutdown(c->cq);
    while (grpc_completion_queue_next(c->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type != GRPC_QUEUE_SHUTDOWN) {
    }
    grpc_completion_queue_destroy(c->cq);
    grpc_shutdown_blocking();
}

static void begin(struct rpc *r, struct caller *c, const char *method, gpr_timespec deadline)
{
    *r = (struct rpc){.caller = c, .details = grpc_empty_slice()};
    grpc_metadata_array_init(&r->initial);
    grpc_metadata_array_init(&r->trailing);
    grpc_slice path = grpc_slice_from_copied_string(method);
    r->call = grpc_channel_create_call(c->channel, NULL, 0, c->cq, path, NULL, deadline, NULL);
    grpc_slice_unref(path);
}

static grpc_op end_op(struct rpc *r)
{
    grpc_op op = {.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
    op.data.recv_status_on_client.trailing_metadata = &r->trailing;
    op.data.recv_status_on_client.status = &r->code;
    op.data.recv_status_on_client.status_details = &r->details;
    return op;
}

static void start(struct rpc *r, const grpc_op *ops, size_t n, struct op *tag)
{
    *tag = (struct op){.started = true};
    assert_int_equal(grpc_call_start_batch(r->call, ops, n, tag, NULL), GRPC_CALL_OK);
}

static grpc_byte_buffer *buffer_of(const void *bytes, size_t n)
{
    grpc_slice slice = grpc_slice_from_copied_buffer(bytes, n);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

void rpc_unary(struct rpc *r, struct caller *c, const char *method, const void *bytes, size_t n, unsigned timeout_ms,
               const char *traceparent)
{
    gpr_timespec until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
    begin(r, c, method, until);
    grpc_metadata trace = {.key = grpc_slice_from_static_string("traceparent"),
                           .value = grpc_slice_from_copied_string(traceparent ? traceparent : "")};
    r->out = buffer_of(bytes, n);
    grpc_op ops[6] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},  {.op = GRPC_OP_SEND_MESSAGE},
                      {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT}, {.op = GRPC_OP_RECV_INITIAL_METADATA},
                      {.op = GRPC_OP_RECV_MESSAGE},           end_op(r)};
    ops[0].data.send_initial_metadata.count = traceparent ? 1 : 0;
    ops[0].data.send_initial_metadata.metadata = &trace;
    ops[1].data.send_message.send_message = r->out;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &r->initial;
    ops[4].data.recv_message.recv_message = &r->in;
    start(r, ops, 6, &r->all);
    grpc_slice_unref(trace.value);
}

void rpc_stream(struct rpc *r, struct caller *c, const char *method)
{
    begin(r, c, method, gpr_inf_future(GPR_CLOCK_MONOTONIC));
    grpc_op end = end_op(r), hello[2] = {{.op = GRPC_OP_SEND_INITIAL_METADATA}, {.op = GRPC_OP_RECV_INITIAL_METADATA}};
    hello[1].data.recv_initial_metadata.recv_initial_metadata = &r->initial;
    start(r, &end, 1, &r->end);
    start(r, hello, 2, &r->hello);
}

void rpc_send(struct rpc *r, const void *bytes, size_t n)
{
    if (r->out) grpc_byte_buffer_destroy(r->out);
    r->out = buffer_of(bytes, n);
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
    op.data.send_message.send_message = r->out;
    start(r, &op, 1, &r->send);
    assert_true(caller_wait(r->caller, &r->send.done));
}

void rpc_half_close(struct rpc *r)
{
    grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    start(r, &op, 1, &r->send);
}

void rpc_receive(struct rpc *r)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &r->in;
    start(r, &op, 1, &r->recv);
    assert_true(caller_wait(r->caller, &r->recv.done));
    free(r->bytes);
    r->bytes = NULL;
    r->n = 0;
    if (!r->in) return;
    grpc_byte_buffer_reader reader;
    assert_true(grpc_byte_buffer_reader_init(&reader, r->in));
    grpc_slice all = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(r->in);
    r->in = NULL;
    r->n = GRPC_SLICE_LENGTH(all);
    r->bytes = malloc(r->n + 1);
    assert_non_null(r->bytes);
    memcpy(r->bytes, GRPC_SLICE_START_PTR(all), r->n);
    grpc_slice_unref(all);
}

void rpc_free(struct rpc *r)
{
    struct op *ops[] = {&r->all, &r->hello, &r->send, &r->recv, &r->end};
    grpc_call_cancel(r->call, NULL);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (ops[i]->started) assert_true(caller_wait(r->caller, &ops[i]->done));
    grpc_call_unref(r->call);
    if (r->out) grpc_byte_buffer_destroy(r->out);
    if (r->in) grpc_byte_buffer_destroy(r->in);
    grpc_metadata_array_destroy(&r->initial);
    grpc_metadata_array_destroy(&r->trailing);
    grpc_slice_unref(r->details);
    free(r->bytes);
}

const char *rpc_trailer(const struct rpc *r, const char *key, char text[128])
{
    *text = 0;
    for (size_t i = 0; i < r->trailing.count; i++)
        if (!grpc_slice_str_cmp(r->trailing.metadata[i].key, key))
            snprintf(text, 128, "%.*s", (int)GRPC_SLICE_LENGTH(r->trailing.metadata[i].value),
                     (const char *)GRPC_SLICE_START_PTR(r->trailing.metadata[i].value));
    return text;
}

const char *rpc_message(const struct rpc *r, char text[256])
{
    snprintf(text, 256, "%.*s", (int)GRPC_SLICE_LENGTH(r->details), (const char *)GRPC_SLICE_START_PTR(r->details));
    return text;
}
