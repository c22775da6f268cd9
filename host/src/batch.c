/* batch.c - the unit that moves between stages: an array of events and an arena for their bytes. */
#include "lane.h"
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16, CHUNK_MIN = 4096 - sizeof(struct chunk) }; /* with its head, a size that a pool has */

struct batch *batch_create(struct stage *holder, uint32_t cap)
{
    struct pool *pool = holder->lane ? holder->lane->pool : NULL;
    size_t size = sizeof(struct batch) + (size_t)cap * sizeof(struct weir_event);
    struct batch *b = pool_take(pool, size);
    if (!b) return NULL;
    *b = (struct batch){.pub = {.ev = (struct weir_event *)(void *)(b + 1), .n = 0, .cap = cap},
                        .item = {NULL, ITEM_PUSH},
                        .holder = holder,
                        .pool = pool,
                        .size = size,
                        .refs = 1};
    /* Events of a new batch are zeroed: a plugin fills in only what it knows. */
    memset(b->pub.ev, 0, (size_t)cap * sizeof(struct weir_event));
    holder->batches++;
    return b;
}

void *batch_bytes(struct batch *b, size_t n)
{
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (n > b->room - b->used) {
        size_t size = b->room * 2 > CHUNK_MIN ? b->room * 2 : CHUNK_MIN;
        if (size > 1 << 20) size = 1 << 20;
        if (size < n) size = n;
        struct chunk *c = pool_take(b->pool, sizeof *c + size);
        if (!c) return NULL;
        c->next = b->chunks;
        c->size = size;
        b->chunks = c;
        b->used = 0;
        b->room = size;
    }
    void *p = b->chunks->bytes + b->used;
    b->used += n;
    return p;
}

struct weir_event *batch_move(struct batch *to, struct batch *from, struct weir_event *ev)
{
    if (to->pub.n == to->pub.cap || to == from) return NULL;
    if (!to->kept || to->kept->batch != from) {
        struct keep *k = batch_bytes(to, sizeof *k);
        if (!k) return NULL;
        *k = (struct keep){to->kept, from};
        to->kept = k;
        from->refs++;
    }
    struct weir_event *moved = &to->pub.ev[to->pub.n++];
    *moved = *ev;
    ev->ticket = NULL;
    return moved;
}

struct batch *batch_share(struct batch *from, struct stage *holder)
{
    uint32_t n = 0;
    WEIR_EACH (ev, &from->pub) n++;
    struct batch *b = batch_create(holder, n);
    struct keep *k = b ? batch_bytes(b, sizeof *k) : NULL;
    if (!k) {
        if (b) {
            holder->batches--;
            batch_unref(b);
        }
        return NULL;
    }
    *k = (struct keep){NULL, from};
    b->kept = k;
    from->refs++;
    WEIR_EACH (ev, &from->pub) b->pub.ev[b->pub.n++] = *ev;
    return b;
}

void batch_unref(struct batch *b)
{
    if (--b->refs) return;
    for (struct keep *k = b->kept; k; k = k->next) batch_unref(k->batch);
    for (struct chunk *c = b->chunks, *next; c; c = next) {
        next = c->next;
        pool_give(b->pool, c, sizeof *c + c->size);
    }
    pool_give(b->pool, b, b->size);
}
