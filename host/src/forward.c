/* forward.c - how events go on: to the one stage that follows, into one branch, or into each of several. */
#include "lane.h"

static uint64_t event_bytes(const struct weir_event *ev)
{
    uint64_t n = sizeof *ev + ev->key.n + ev->value.n;
    for (uint32_t i = 0; i < ev->n_headers; i++) n += ev->headers[i].name.n + ev->headers[i].value.n;
    return n;
}

/* The window is charged where an event enters the lane and paid back when its ticket resolves. */
static void charge(struct stage *s, const struct weir_batch *batch)
{
    struct lane *lane = s->lane;
    WEIR_EACH (ev, batch) {
        uint64_t bytes = event_bytes(ev);
        ev->ticket->charged_events++;
        ev->ticket->charged_bytes += bytes;
        lane->used_events++;
        lane->used_bytes += bytes;
    }
}

static void hand_over(struct stage *s, struct batch *b, struct stage *to)
{
    s->batches--;
    b->to = to;
    b->holder = to;
    to->batches++;
    lane_enqueue(s->lane, &b->item);
}

/* The copies are made before any event moves: without memory nothing has happened to the events anywhere. */
static void into_each(struct stage *s, struct batch *b)
{
    struct item *copies = NULL;
    for (uint32_t i = s->n_next; --i;) {
        struct batch *copy = batch_share(b, s);
        if (!copy) goto no_memory;
        copy->item.next = copies;
        copies = &copy->item;
    }
    WEIR_EACH (ev, &b->pub) ev->ticket->refs += s->n_next - 1;
    hand_over(s, b, s->next[0]);
    for (uint32_t i = 1; copies; i++) {
        struct item *item = copies;
        copies = item->next;
        hand_over(s, weir_container(item, struct batch, item), s->next[i]);
    }
    return;
no_memory:
    while (copies) {
        struct item *item = copies;
        copies = item->next;
        s->batches--;
        batch_unref(weir_container(item, struct batch, item));
    }
    host_calls.settle_all(&s->ctx, &b->pub, WEIR_RETRY, "out of memory for the copies that go into the branches");
}

/* False: there is nothing to hand on, or a rule was broken; the batch has been dealt with. */
static bool may_forward(struct stage *s, struct weir_batch *batch)
{
    uint32_t n = 0;
    WEIR_EACH (ev, batch) n++;
    if (!n) {
        host_calls.release(&s->ctx, batch);
        return false;
    }
    if (!s->n_next) {
        stage_broke(s, "forward: this is the last stage; settle the events and release the batch");
        host_calls.release(&s->ctx, batch);
        return false;
    }
    if (batch_of(batch)->holder != s) {
        stage_broke(s, "forward: the batch is not this stage's (any more)");
        return false;
    }
    if (s->index) return true;
    if (s->drained) stage_broke(s, "forward: this source has said that it is drained");
    stage_count_in(s, n);
    charge(s, batch);
    return true;
}

void call_forward(struct weir_ctx *ctx, struct weir_batch *batch)
{
    struct stage *s = stage_of(ctx);
    if (!may_forward(s, batch)) return;
    if (s->n_next == 1)
        hand_over(s, batch_of(batch), s->next[0]);
    else
        into_each(s, batch_of(batch));
}

void call_forward_to(struct weir_ctx *ctx, struct weir_batch *batch, uint32_t output)
{
    struct stage *s = stage_of(ctx);
    if (output >= s->ctx.n_outputs) {
        stage_broke(s, "forward_to: the output is not in ctx->outputs");
        host_calls.release(ctx, batch);
        return;
    }
    if (may_forward(s, batch)) hand_over(s, batch_of(batch), s->next[output]);
}
