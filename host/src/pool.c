/* pool.c - free blocks by size, powers of two; large ones, and those beyond what a lane may keep, are malloc's. */
#include "pool.h"
#include <stdlib.h>

enum { SMALLEST = 7, LARGEST = 16, N_SIZES = LARGEST - SMALLEST + 1, KEEP_MAX = 4 << 20 }; /* 128 bytes to 64 KiB */

struct block {
    struct block *next;
};
struct pool {
    struct block *free[N_SIZES];
    size_t kept; /* bytes in all of them */
};

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#endif

struct pool *pool_new(void)
{
#ifdef SANITIZED
    return NULL;
#else
    return calloc(1, sizeof(struct pool));
#endif
}

void pool_free(struct pool *p)
{
    for (unsigned i = 0; p && i < N_SIZES; i++)
        for (struct block *b = p->free[i], *next; b; b = next) {
            next = b->next;
            free(b);
        }
    free(p);
}

/* Index of the list whose blocks hold `size` bytes; N_SIZES: too large for any. */
static unsigned list_of(size_t size)
{
    if (size > (size_t)1 << LARGEST) return N_SIZES;
    if (size <= (size_t)1 << SMALLEST) return 0;
    return (unsigned)(8 * sizeof(long)) - (unsigned)__builtin_clzl(size - 1) - SMALLEST;
}

void *pool_take(struct pool *p, size_t size)
{
    unsigned i = p ? list_of(size) : N_SIZES;
    if (i == N_SIZES) return malloc(size);
    struct block *b = p->free[i];
    if (!b) return malloc((size_t)1 << (i + SMALLEST));
    p->free[i] = b->next;
    p->kept -= (size_t)1 << (i + SMALLEST);
    return b;
}

void pool_give(struct pool *p, void *at, size_t size)
{
    unsigned i = p ? list_of(size) : N_SIZES;
    if (i == N_SIZES || p->kept + ((size_t)1 << (i + SMALLEST)) > KEEP_MAX) {
        free(at);
        return;
    }
    struct block *b = at;
    b->next = p->free[i];
    p->free[i] = b;
    p->kept += (size_t)1 << (i + SMALLEST);
}
