/* conf_arena.h - memory of one conf: given out in pieces, freed as a whole, wiped before it goes (it holds secrets). */
#ifndef WEIR_CONF_ARENA_H
#define WEIR_CONF_ARENA_H
#include <stddef.h>

struct weir_arena {
    struct weir_arena_chunk *chunks;
};

/* Zeroed, 16-byte aligned. NULL: no memory. */
void *weir_arena_alloc(struct weir_arena *, size_t);
/* A copy of n bytes with a NUL after them. */
char *weir_arena_copy(struct weir_arena *, const char *, size_t n);
char *weir_arena_printf(struct weir_arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void weir_arena_free(struct weir_arena *);
#endif
