/* alloc_libc.c - malloc and kin as the whole program gets them: libc's, unless it is the plugin's own code that asks,
 * in one of its callbacks, for the allocation that is to fail. Who asks is told by the return address: the libraries
 * that a plugin uses are never made to fail, for many would rather abort. Absent in a build with AddressSanitizer or
 * ThreadSanitizer, which have allocators of their own, and where libc is not glibc: then only the host calls count. */
#undef _FORTIFY_SOURCE /* it would have asprintf() inline */
#include "kit.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__ && !defined SANITIZED

/* ---- the plugin's own allocations: these stand before libc's, for the whole program */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static bool fails(const void *caller)
{
    if (!kit_malloc_fails(caller)) return false;
    errno = ENOMEM;
    return true;
}

#define OVER WEIR_EXPORT
#define CALLER __builtin_return_address(0)

OVER void *malloc(size_t n)
{
    return fails(CALLER) ? NULL : __libc_malloc(n);
}

OVER void *calloc(size_t n, size_t size)
{
    return fails(CALLER) ? NULL : __libc_calloc(n, size);
}

OVER void *realloc(void *p, size_t n)
{
    return fails(CALLER) ? NULL : __libc_realloc(p, n);
}

OVER void *reallocarray(void *p, size_t n, size_t size)
{
    size_t all;
    if (!__builtin_mul_overflow(n, size, &all)) return fails(CALLER) ? NULL : __libc_realloc(p, all);
    errno = ENOMEM;
    return NULL;
}

OVER void *aligned_alloc(size_t align, size_t n)
{
    return fails(CALLER) ? NULL : __libc_memalign(align, n);
}

OVER int posix_memalign(void **out, size_t align, size_t n)
{
    if (align % sizeof(void *) || (align & (align - 1)) || !align) return EINVAL;
    void *p = fails(CALLER) ? NULL : __libc_memalign(align, n);
    if (!p) return ENOMEM;
    *out = p;
    return 0;
}

static char *copy_of(const char *s, size_t n)
{
    char *copy = __libc_malloc(n + 1);
    if (!copy) return NULL;
    memcpy(copy, s, n);
    copy[n] = 0;
    return copy;
}

OVER char *strdup(const char *s)
{
    return fails(CALLER) ? NULL : copy_of(s, strlen(s));
}

OVER char *strndup(const char *s, size_t n)
{
    return fails(CALLER) ? NULL : copy_of(s, strnlen(s, n));
}

static int print(char **out, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *text = n >= 0 ? __libc_malloc((size_t)n + 1) : NULL;
    if (text) vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    *out = text;
    return text ? n : -1;
}

#define PRINT_INTO(out, fmt)       \
    va_list args;                  \
    va_start(args, fmt);           \
    int n = print(out, fmt, args); \
    va_end(args);                  \
    return n
#define NO_PRINT_IF_FAILS(out) \
    if (fails(CALLER)) {       \
        *(out) = NULL;         \
        return -1;             \
    }

#undef asprintf
#undef vasprintf
int __asprintf_chk(char **out, int flag, const char *fmt, ...);
int __vasprintf_chk(char **out, int flag, const char *fmt, va_list args);

OVER int asprintf(char **out, const char *fmt, ...)
{
    NO_PRINT_IF_FAILS(out)
    PRINT_INTO(out, fmt);
}

OVER int vasprintf(char **out, const char *fmt, va_list args)
{
    NO_PRINT_IF_FAILS(out)
    return print(out, fmt, args);
}

OVER int __asprintf_chk(char **out, int flag, const char *fmt, ...)
{
    (void)flag;
    NO_PRINT_IF_FAILS(out)
    PRINT_INTO(out, fmt);
}

OVER int __vasprintf_chk(char **out, int flag, const char *fmt, va_list args)
{
    (void)flag;
    NO_PRINT_IF_FAILS(out)
    return print(out, fmt, args);
}
#endif
