/* grpc_lane.c - hands the tags of a completion queue to the lane: a list filled by our thread, taken whole by one task.
 * The lane is woken only when the list was empty: 0.05 wake-ups a call at 64 calls in flight. */
#include "grpc_lane.h"
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/log.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the process */
static void drop_log(gpr_log_func_args *args)
{
    (void)args; /* what matters comes back as a status and is told by the plugin, with its pipeline's name */
}

/* gRPC's threads inherit the mask: the process's signals belong to the host. */
static void block_signals(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, before);
}

int weir_grpc_init(struct weir_err *err)
{
    (void)err;
    if (!getenv("GRPC_VERBOSITY")) gpr_set_log_function(drop_log);
    sigset_t before;
    block_signals(&before);
    grpc_init();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return 0;
}

void weir_grpc_fini(void)
{
    grpc_shutdown_blocking(); /* the other form returns before its threads have ended */
}

/* ---- our thread */
static void hand_over(struct weir_grpc_lane *l, struct weir_grpc_tag *tag)
{
    struct weir_grpc_tag *head = atomic_load_explicit(&l->arrived, memory_order_relaxed);
    do tag->next = head;
    while (!atomic_compare_exchange_weak_explicit(&l->arrived, &head, tag, memory_order_acq_rel, memory_order_relaxed));
    if (head) return; /* whoever put the first one has woken the lane */
    pthread_mutex_lock(&l->lock);
    if (l->ctx)
        l->ctx->host->post(l->ctx, &l->task);
    else
        pthread_cond_signal(&l->came);
    pthread_mutex_unlock(&l->lock);
}

static void *live_in_next(void *arg)
{
    struct weir_grpc_lane *l = arg;
    for (;;) {
        grpc_event ev = grpc_completion_queue_next(l->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (ev.type == GRPC_QUEUE_SHUTDOWN) return NULL;
        if (ev.type != GRPC_OP_COMPLETE) continue;
        struct weir_grpc_tag *tag = ev.tag;
        tag->ok = ev.success;
        hand_over(l, tag);
    }
}

/* ---- the lane's side */
static bool run_tags(struct weir_grpc_lane *l)
{
    struct weir_grpc_tag *list = atomic_exchange_explicit(&l->arrived, NULL, memory_order_acq_rel), *oldest = NULL;
    while (list) {
        struct weir_grpc_tag *next = list->next;
        list->next = oldest;
        oldest = list;
        list = next;
    }
    bool any = oldest;
    while (oldest) {
        struct weir_grpc_tag *tag = oldest;
        oldest = tag->next;
        l->pending--;
        tag->fn(tag, tag->ok);
    }
    if (any && l->after) l->after(l);
    return any;
}

static void on_task(struct weir_task *task)
{
    run_tags(weir_container(task, struct weir_grpc_lane, task));
}

int weir_grpc_lane_start(struct weir_grpc_lane *l, struct weir_err *err)
{
    l->task.fn = on_task;
    atomic_init(&l->arrived, NULL);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->came, NULL);
    l->cq = grpc_completion_queue_create_for_next(NULL);
    sigset_t before;
    block_signals(&before);
    int rc = pthread_create(&l->thread, NULL, live_in_next, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!rc) return 0;
    snprintf(err->msg, sizeof err->msg, "cannot start a thread for gRPC: %s", strerror(rc));
    grpc_completion_queue_shutdown(l->cq);
    grpc_completion_queue_destroy(l->cq);
    pthread_cond_destroy(&l->came);
    pthread_mutex_destroy(&l->lock);
    l->cq = NULL;
    return -1;
}

void weir_grpc_lane_attach(struct weir_grpc_lane *l, struct weir_ctx *ctx)
{
    pthread_mutex_lock(&l->lock);
    l->ctx = ctx;
    pthread_mutex_unlock(&l->lock);
}

void weir_grpc_lane_detach(struct weir_grpc_lane *l)
{
    weir_grpc_lane_attach(l, NULL);
    while (run_tags(l), l->pending) {
        pthread_mutex_lock(&l->lock);
        while (!atomic_load_explicit(&l->arrived, memory_order_acquire)) pthread_cond_wait(&l->came, &l->lock);
        pthread_mutex_unlock(&l->lock);
    }
}

void weir_grpc_lane_stop(struct weir_grpc_lane *l)
{
    if (!l->cq) return;
    grpc_completion_queue_shutdown(l->cq);
    pthread_join(l->thread, NULL);
    grpc_completion_queue_destroy(l->cq);
    pthread_cond_destroy(&l->came);
    pthread_mutex_destroy(&l->lock);
    l->cq = NULL;
}

bool weir_grpc_batch(struct weir_grpc_lane *l, grpc_call *call, const grpc_op *ops, size_t n, struct weir_grpc_tag *tag)
{
    if (grpc_call_start_batch(call, ops, n, tag, NULL) != GRPC_CALL_OK) return false;
    l->pending++;
    return true;
}

/* ---- bytes */
bool weir_grpc_message(grpc_byte_buffer *buffer, grpc_slice *out)
{
    grpc_byte_buffer_reader reader;
    bool ok = grpc_byte_buffer_reader_init(&reader, buffer); /* fails when a compressed message is broken */
    if (ok) {
        *out = grpc_byte_buffer_reader_readall(&reader); /* takes a reference when there is one slice only */
        grpc_byte_buffer_reader_destroy(&reader);
    }
    grpc_byte_buffer_destroy(buffer);
    return ok;
}

grpc_byte_buffer *weir_grpc_buffer(grpc_slice owned)
{
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&owned, 1);
    grpc_slice_unref(owned);
    return buffer;
}

struct weir_slice weir_grpc_view(const grpc_slice *slice)
{
    return (struct weir_slice){GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}

struct weir_slice weir_grpc_metadata(const grpc_metadata_array *md, const char *key)
{
    for (size_t i = 0; i < md->count; i++)
        if (grpc_slice_str_cmp(md->metadata[i].key, key) == 0) return weir_grpc_view(&md->metadata[i].value);
    return (struct weir_slice){NULL, 0};
}
