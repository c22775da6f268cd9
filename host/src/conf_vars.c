/* conf_vars.c - expansion of variables and secret files in strings. */
#include "conf_vars.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_MAX = 64 * 1024 };

/* What a string grows into. */
struct buffer {
    char *p;
    size_t n, cap;
};

static int append(struct buffer *b, const char *p, size_t n)
{
    if (b->cap - b->n <= n) {
        size_t cap = (b->cap + n + 16) * 2;
        char *grown = realloc(b->p, cap);
        if (!grown) return -1;
        b->p = grown;
        b->cap = cap;
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
    return 0;
}

static void wipe(struct buffer *b)
{
    if (b->p) explicit_bzero(b->p, b->n);
    free(b->p);
    *b = (struct buffer){0};
}

static bool is_name(const char *p, size_t n)
{
    if (!n || isdigit((unsigned char)*p)) return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)p[i]) && p[i] != '_') return false;
    return true;
}

static const char *look_up(const struct weir_vars *vars, const char *name, size_t n)
{
    char copy[256];
    for (const struct weir_var *v = vars->file; v; v = v->next)
        if (strlen(v->name) == n && memcmp(v->name, name, n) == 0) return v->value;
    if (vars->closed || n >= sizeof copy) return NULL;
    memcpy(copy, name, n);
    copy[n] = '\0';
    return getenv(copy);
}

int weir_vars_give(struct weir_vars *vars, const char *const *env)
{
    for (; *env; env++) {
        struct weir_var *v = weir_arena_alloc(vars->arena, sizeof *v);
        size_t n = strcspn(*env, "=");
        char *copy = weir_arena_copy(vars->arena, *env, strlen(*env));
        if (!v || !copy) return -1;
        copy[n] = '\0';
        *v = (struct weir_var){vars->file, copy, (*env)[n] ? copy + n + 1 : "", 0};
        vars->file = v;
    }
    return 0;
}

int weir_vars_hide(struct weir_vars *vars, const char *text, size_t n)
{
    if (!n) return 0;
    struct weir_secret *secret = weir_arena_alloc(vars->arena, sizeof *secret);
    char *copy = weir_arena_copy(vars->arena, text, n);
    if (!secret || !copy) return -1;
    *secret = (struct weir_secret){vars->secrets, copy, n};
    vars->secrets = secret;
    return 0;
}

void weir_vars_redact(const struct weir_vars *vars, char *msg)
{
    for (const struct weir_secret *s = vars->secrets; s; s = s->next)
        for (char *hit = msg; (hit = strstr(hit, s->text));) {
            size_t rest = strlen(hit + s->n), stars = s->n < 3 ? s->n : 3; /* never longer than what it replaces */
            memmove(hit + stars, hit + s->n, rest + 1);
            memset(hit, '*', stars);
            hit += stars;
        }
}

/* The whole of a secret file without its last newline. Says only the path and why. */
static int read_secret(const char *path, struct buffer *out, char *msg, size_t size)
{
    char block[4096];
    FILE *f = fopen(path, "re");
    size_t got = 0;
    int rc = f ? 0 : -1;
    errno = f ? 0 : errno;
    while (rc == 0 && out->n <= SECRET_MAX && (got = fread(block, 1, sizeof block, f)) > 0)
        rc = append(out, block, got);
    if (rc < 0 || (f && ferror(f)))
        snprintf(msg, size, "${file:%s}: cannot read it: %s", path, strerror(errno ? errno : EIO));
    else if (out->n > SECRET_MAX)
        snprintf(msg, size, "${file:%s}: it is larger than 64 KiB", path);
    else if (out->n && memchr(out->p, '\0', out->n))
        snprintf(msg, size, "${file:%s}: it holds a NUL byte", path);
    else
        *msg = '\0';
    explicit_bzero(block, sizeof block);
    if (f) fclose(f);
    if (out->n && out->p[out->n - 1] == '\n') out->p[--out->n] = '\0';
    if (out->n && out->p[out->n - 1] == '\r') out->p[--out->n] = '\0';
    return *msg ? -1 : 0;
}

static int expand_file(struct weir_vars *vars, const char *path, size_t n, const char *base, struct buffer *out,
                       char *msg, size_t size)
{
    const char *slash = strrchr(base, '/');
    int dir = n && *path == '/' ? 0 : slash ? (int)(slash - base) + 1 : 0;
    char *full = weir_arena_printf(vars->arena, "%.*s%.*s", dir, base, (int)n, path);
    struct buffer secret = {0};
    int rc = -1;
    if (!full)
        snprintf(msg, size, "out of memory");
    else if (read_secret(full, &secret, msg, size) == 0) {
        rc = secret.n ? append(out, secret.p, secret.n) : 0;
        if (rc == 0 && secret.n) rc = weir_vars_hide(vars, secret.p, secret.n);
        if (rc < 0) snprintf(msg, size, "out of memory");
    }
    wipe(&secret);
    return rc;
}

/* inner is what stands between the braces. */
static int expand_one(struct weir_vars *vars, const char *inner, size_t n, const char *base, struct buffer *out,
                      bool *secret, char *msg, size_t size)
{
    if (n > 5 && memcmp(inner, "file:", 5) == 0) {
        *secret = true;
        return expand_file(vars, inner + 5, n - 5, base, out, msg, size);
    }
    const char *minus = memmem(inner, n, ":-", 2);
    size_t len = minus ? (size_t)(minus - inner) : n;
    if (!is_name(inner, len)) {
        snprintf(msg, size, "\"${%.*s}\" is neither ${NAME}, ${NAME:-default} nor ${file:/path}", (int)n, inner);
        return -1;
    }
    const char *value = look_up(vars, inner, len);
    if (minus && (!value || !*value)) return append(out, minus + 2, n - len - 2);
    if (value) return append(out, value, strlen(value));
    snprintf(msg, size, "the variable %.*s is not set: set it, or write ${%.*s:-default}", (int)len, inner, (int)len,
             inner);
    return -1;
}

int weir_vars_expand(struct weir_vars *vars, const char *raw, const char *base, struct weir_expanded *out, char *msg,
                     size_t size)
{
    struct buffer b = {0};
    int rc = append(&b, "", 0);
    out->secret = false;
    snprintf(msg, size, "out of memory");
    for (const char *p = raw; *p && rc == 0;) {
        const char *dollar = strstr(p, "${");
        if (!dollar) dollar = p + strlen(p);
        bool literal = dollar > p && *dollar && dollar[-1] == '$';
        rc = append(&b, p, (size_t)(dollar - p) - literal);
        p = dollar;
        if (!*p || rc < 0) break;
        const char *close = literal ? p + 1 : strchr(p, '}');
        if (literal) {
            rc = append(&b, "${", 2);
        } else if (!close) {
            snprintf(msg, size, "\"${\" without \"}\": write $${ for the characters themselves");
            rc = -1;
        } else {
            rc = expand_one(vars, p + 2, (size_t)(close - p) - 2, base, &b, &out->secret, msg, size);
        }
        p = close ? close + 1 : p;
    }
    out->text = rc == 0 ? weir_arena_copy(vars->arena, b.p, b.n) : NULL;
    out->n = b.n;
    wipe(&b);
    return out->text ? 0 : -1;
}
