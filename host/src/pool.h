/* pool.h - memory that one lane uses again and again: what was given back last is taken first, while it is in the
 * cache. */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H
#include <stddef.h>

/* Not in the test kit, and nothing in a build with sanitizers: there every block is malloc's own, so that a touch after
 * free() is seen. A NULL pool is malloc and free. One thread. */
struct pool;
struct pool *pool_new(void); /* NULL: no memory, or none is to be had */
void pool_free(struct pool *);
void *pool_take(struct pool *, size_t size);        /* as malloc */
void pool_give(struct pool *, void *, size_t size); /* size: as it was taken */
#endif
