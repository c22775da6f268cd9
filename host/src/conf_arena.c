/* conf_arena.c - chunks in a list; a piece that fits no chunk gets one of its own. */
#include "conf_arena.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 8192, ALIGN = 16 };

struct weir_arena_chunk {
    struct weir_arena_chunk *next;
    size_t used, size;
    size_t pad;
    _Alignas(ALIGN) unsigned char bytes[];
};

static struct weir_arena_chunk *add_chunk(struct weir_arena *arena, size_t size)
{
    struct weir_arena_chunk *chunk = calloc(1, sizeof *chunk + size);
    if (!chunk) return NULL;
    chunk->size = size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

void *weir_arena_alloc(struct weir_arena *arena, size_t n)
{
    if (n > SIZE_MAX / 2) return NULL;
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (!n) n = ALIGN;
    struct weir_arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < n) chunk = add_chunk(arena, n > CHUNK ? n : CHUNK);
    if (!chunk) return NULL;
    void *piece = chunk->bytes + chunk->used;
    chunk->used += n;
    return piece;
}

char *weir_arena_copy(struct weir_arena *arena, const char *text, size_t n)
{
    char *copy = weir_arena_alloc(arena, n + 1);
    if (copy && n) memcpy(copy, text, n);
    return copy;
}

char *weir_arena_printf(struct weir_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : weir_arena_alloc(arena, (size_t)n + 1);
    if (text) vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

void weir_arena_free(struct weir_arena *arena)
{
    while (arena->chunks) {
        struct weir_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        explicit_bzero(chunk->bytes, chunk->used);
        free(chunk);
    }
}
