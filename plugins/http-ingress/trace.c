/* trace.c - traceparent of the W3C Trace Context: taken over when it is well-formed, made when not.
 * Only version 00 is passed on; a later version is cut to what 00 knows, as the standard asks. */
#include "http_ingress.h"
#include <string.h>

static bool hex(const char *p, size_t n, bool *zero)
{
    *zero = true;
    for (size_t i = 0; i < n; i++) {
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f'))) return false;
        if (p[i] != '0') *zero = false;
    }
    return true;
}

/* 00-<32 hex trace id>-<16 hex parent id>-<2 hex flags> */
bool trace_valid(const char *p, size_t n)
{
    bool zero;
    if (n < 55 || p[2] != '-' || p[35] != '-' || p[52] != '-') return false;
    if (!hex(p, 2, &zero) || memcmp(p, "ff", 2) == 0) return false;
    if (zero ? n != 55 : n > 55 && p[55] != '-') return false;
    if (!hex(p + 3, 32, &zero) || zero || !hex(p + 36, 16, &zero) || zero) return false;
    return hex(p + 53, 2, &zero);
}

/* splitmix64: ids need to be different, not secret */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) | 1; /* never zero: a zero id is invalid */
}

static void put_hex(char *out, uint64_t v)
{
    for (int i = 15; i >= 0; i--, v >>= 4) out[i] = "0123456789abcdef"[v & 15];
}

void trace_make(uint64_t *random, char out[56])
{
    memcpy(out, "00-", 3);
    put_hex(out + 3, next(random));
    put_hex(out + 19, next(random));
    out[35] = '-';
    put_hex(out + 36, next(random));
    memcpy(out + 52, "-00", 4);
}
