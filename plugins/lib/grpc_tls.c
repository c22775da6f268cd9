/* grpc_tls.c - PEM files for gRPC, read and looked at before gRPC sees them: it keeps silent about what is wrong.
 * Checked: that the file can be read, holds a block of the right kind, and that each block is closed base64. */
#include "grpc_lane.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEM_MAX = 1 << 20 };
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n";

static int fail(struct weir_err *err, const char *group, const char *name, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    err->status = WEIR_REJECT;
    snprintf(err->option, sizeof err->option, "%s.%s", group, name);
    return -1;
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f) return NULL;
    char *text = malloc(PEM_MAX + 1);
    size_t n = text ? fread(text, 1, PEM_MAX + 1, f) : 0;
    if (text && (ferror(f) || n > PEM_MAX || memchr(text, 0, n))) {
        free(text);
        text = NULL;
        errno = EFBIG;
    }
    fclose(f);
    if (text) text[n] = 0;
    return text;
}

/* One block: "-----BEGIN <label>-----", base64, "-----END <label>-----". Returns what follows it, or NULL. */
static const char *skip_block(const char *at, char label[64])
{
    if (sscanf(at, "-----BEGIN %63[A-Z0-9 ]-----", label) != 1) return NULL;
    at += strlen("-----BEGIN ") + strlen(label) + strlen("-----");
    char end[96];
    snprintf(end, sizeof end, "-----END %s-----", label);
    const char *stop = strstr(at, end);
    if (!stop) return NULL;
    if (strspn(at, BASE64) != (size_t)(stop - at) && !strstr(label, "PRIVATE KEY"))
        return NULL; /* old keys have headers */
    return stop + strlen(end);
}

static bool has_block(const char *text, const char *kind)
{
    bool found = false;
    char label[64] = "";
    for (const char *at = text; (at = strstr(at, "-----BEGIN "));) {
        at = skip_block(at, label);
        if (!at) return false;
        size_t n = strlen(label), k = strlen(kind);
        found |= n >= k && !strcmp(label + n - k, kind);
    }
    return found;
}

static int pem(const struct weir_slice *path, const char *kind, const char *group, const char *name, char **out,
               struct weir_err *err)
{
    if (!path->p) return 0;
    const char *file = (const char *)path->p;
    *out = read_file(file);
    if (!*out) return fail(err, group, name, "cannot read \"%s\": %s; expected a PEM file", file, strerror(errno));
    if (has_block(*out, kind)) return 0;
    return fail(err, group, name, "\"%s\" is not PEM: expected \"-----BEGIN ... %s-----\", base64 and the END line",
                file, kind);
}

int weir_grpc_pems_read(const struct weir_grpc_tls *tls, const char *group, struct weir_grpc_pems *out,
                        struct weir_err *err)
{
    *out = (struct weir_grpc_pems){NULL, NULL, NULL};
    if (!tls->cert.p != !tls->key.p)
        return fail(err, group, tls->cert.p ? "key" : "cert",
                    "found %s alone: a certificate needs its key and a key its "
                    "certificate; give both",
                    tls->cert.p ? "cert" : "key");
    if (pem(&tls->cert, "CERTIFICATE", group, "cert", &out->cert, err) ||
        pem(&tls->key, "PRIVATE KEY", group, "key", &out->key, err) ||
        pem(&tls->ca, "CERTIFICATE", group, "ca", &out->ca, err)) {
        weir_grpc_pems_free(out);
        return -1;
    }
    return 0;
}

void weir_grpc_pems_free(struct weir_grpc_pems *pems)
{
    free(pems->cert);
    if (pems->key) explicit_bzero(pems->key, strlen(pems->key));
    free(pems->key);
    free(pems->ca);
    *pems = (struct weir_grpc_pems){NULL, NULL, NULL};
}
