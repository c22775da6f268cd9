/* pg_array.c - writes PostgreSQL's binary array form: dimensions, has-null flag, element type, length, first index,
 * then each element with its length in front. */
#include "pg_array.h"
#include <stdlib.h>
#include <string.h>

static void put(struct weir_pg_array *a, const void *bytes, size_t n)
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

static void put_u32(struct weir_pg_array *a, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    put(a, bytes, sizeof bytes);
}

void weir_pg_array_start(struct weir_pg_array *a, uint32_t element_oid)
{
    a->n = a->items = 0;
    a->failed = a->nulls = false;
    put_u32(a, 1);
    put_u32(a, 0); /* has nulls: weir_pg_array_end */
    put_u32(a, element_oid);
    put_u32(a, 0); /* items: weir_pg_array_end */
    put_u32(a, 1);
}

void weir_pg_array_bytes(struct weir_pg_array *a, struct weir_slice s)
{
    put_u32(a, (uint32_t)s.n);
    put(a, s.p, s.n);
    a->items++;
}

void weir_pg_array_text(struct weir_pg_array *a, const char *text)
{
    weir_pg_array_bytes(a, (struct weir_slice){(const uint8_t *)text, strlen(text)});
}

void weir_pg_array_i32(struct weir_pg_array *a, int32_t v)
{
    put_u32(a, 4);
    put_u32(a, (uint32_t)v);
    a->items++;
}

void weir_pg_array_i64(struct weir_pg_array *a, int64_t v)
{
    char bytes[8];
    weir_pg_put_i64(bytes, v);
    put_u32(a, 8);
    put(a, bytes, sizeof bytes);
    a->items++;
}

void weir_pg_array_null(struct weir_pg_array *a)
{
    put_u32(a, UINT32_MAX);
    a->nulls = true;
    a->items++;
}

bool weir_pg_array_end(struct weir_pg_array *a)
{
    if (a->failed) return false;
    a->p[7] = (char)a->nulls;
    for (int i = 0; i < 4; i++) a->p[12 + i] = (char)(a->items >> (24 - 8 * i));
    return true;
}

void weir_pg_array_free(struct weir_pg_array *a)
{
    free(a->p);
    *a = (struct weir_pg_array){0};
}

int64_t weir_pg_cell_i64(const PGresult *r, int row, int column)
{
    return PQgetlength(r, row, column) == 8 ? weir_pg_get_i64(PQgetvalue(r, row, column)) : 0;
}

int32_t weir_pg_cell_i32(const PGresult *r, int row, int column)
{
    return PQgetlength(r, row, column) == 4 ? weir_pg_get_i32(PQgetvalue(r, row, column)) : -1;
}

struct weir_slice weir_pg_cell(const PGresult *r, int row, int column)
{
    return (struct weir_slice){(const uint8_t *)PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column)};
}
