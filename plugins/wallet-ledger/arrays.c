/* arrays.c - writes PostgreSQL's binary array form: dimensions, has-null flag, element type, length, first index, then
 * each element with its length in front. */
#include "arrays.h"
#include <stdlib.h>
#include <string.h>

static void put(struct array *a, const void *bytes, size_t n)
{
    if (a->failed) return;
    if (a->n + n > a->room) {
        size_t room = a->room ? a->room : 1024;
        while (room < a->n + n) room *= 2;
        char *grown = (char *)realloc(a->p, room);
        if (!grown) {
            a->failed = true;
            return;
        }
        a->p = grown;
        a->room = room;
    }
    if (n) memcpy(a->p + a->n, bytes, n);
    a->n += n;
}

static void put_u32(struct array *a, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    put(a, bytes, sizeof bytes);
}

void array_start(struct array *a, uint32_t element_oid)
{
    a->n = a->items = 0;
    a->failed = a->nulls = false;
    put_u32(a, 1);
    put_u32(a, 0); /* has nulls: array_end */
    put_u32(a, element_oid);
    put_u32(a, 0); /* items: array_end */
    put_u32(a, 1);
}

void array_bytes(struct array *a, struct weir_slice s)
{
    put_u32(a, (uint32_t)s.n);
    put(a, s.p, s.n);
    a->items++;
}

void array_text(struct array *a, const char *text)
{
    array_bytes(a, (struct weir_slice){(const uint8_t *)text, strlen(text)});
}

void array_i32(struct array *a, int32_t v)
{
    put_u32(a, 4);
    put_u32(a, (uint32_t)v);
    a->items++;
}

void array_i64(struct array *a, int64_t v)
{
    char bytes[8];
    put_i64(bytes, v);
    put_u32(a, 8);
    put(a, bytes, sizeof bytes);
    a->items++;
}

void array_null(struct array *a)
{
    put_u32(a, UINT32_MAX);
    a->nulls = true;
    a->items++;
}

bool array_end(struct array *a)
{
    if (a->failed) return false;
    a->p[7] = (char)a->nulls;
    for (int i = 0; i < 4; i++) a->p[12 + i] = (char)(a->items >> (24 - 8 * i));
    return true;
}

void array_free(struct array *a)
{
    free(a->p);
    *a = (struct array){0};
}
