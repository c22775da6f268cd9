/* pg_lookup.c - host names to addresses on a worker thread, because libpq would block the lane for it.
 * "a,b" with ports "1,2" becomes the lists libpq takes: one entry of host, hostaddr and port for every address. */
#include "pg_conn.h"
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MOST_ADDRESSES = 16, MOST_HOSTS = 16 };
struct address {
    char host[256], port[8], text[64];
};
struct found {
    struct address v[MOST_ADDRESSES];
    uint32_t n;
};

/* The i-th entry of a comma-separated list; a list of one serves every index. */
static void entry(const char *list, uint32_t i, char *out, size_t size)
{
    *out = 0;
    if (!list) return;
    if (!strchr(list, ',')) i = 0;
    while (i-- && list) {
        list = strchr(list, ',');
        if (list) list++;
    }
    if (!list) return;
    size_t n = strcspn(list, ",");
    if (n < size) memcpy(out, list, n), out[n] = 0;
}

static void add(struct found *found, const char *host, const char *port, const char *text)
{
    if (found->n == MOST_ADDRESSES) return;
    struct address *a = &found->v[found->n++];
    snprintf(a->host, sizeof a->host, "%s", host);
    snprintf(a->port, sizeof a->port, "%s", *port ? port : "5432");
    snprintf(a->text, sizeof a->text, "%s", text);
}

static void resolve(struct weir_pg_lookup *lookup, struct found *found, const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc != 0) {
        snprintf(lookup->why, sizeof lookup->why, "cannot resolve host %.80s: %s", host, gai_strerror(rc));
        return;
    }
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        char text[64];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
            add(found, host, port, text);
    }
    freeaddrinfo(list);
}

static char *join(const struct found *found, uint32_t turn, size_t offset)
{
    size_t size = 1;
    for (uint32_t i = 0; i < found->n; i++) size += strlen((const char *)&found->v[i] + offset) + 1;
    char *out = (char *)malloc(size);
    if (!out) return NULL;
    size_t at = 0;
    for (uint32_t i = 0; i < found->n; i++) { /* the one that did not answer last time comes last */
        const char *text = (const char *)&found->v[(i + turn) % found->n] + offset;
        at += (size_t)sprintf(out + at, "%s%s", i ? "," : "", text);
    }
    out[at] = 0;
    return out;
}

void weir_pg_lookup_run(struct weir_work *work)
{
    struct weir_pg_lookup *lookup = weir_container(work, struct weir_pg_lookup, work);
    struct found found = {.n = 0};
    uint32_t hosts = 1;
    for (const char *c = lookup->host; *c; c++) hosts += *c == ',';
    for (uint32_t i = 0; i < hosts && i < MOST_HOSTS; i++) {
        char host[256], port[8];
        entry(lookup->host, i, host, sizeof host);
        entry(lookup->port, i, port, sizeof port);
        if (*host == '/' || *host == '@' || !*host)
            add(&found, host, port, ""); /* a local socket */
        else
            resolve(lookup, &found, host, port);
    }
    if (!found.n) {
        if (!*lookup->why) snprintf(lookup->why, sizeof lookup->why, "host has no address");
        return;
    }
    lookup->hosts = join(&found, lookup->turn, offsetof(struct address, host));
    lookup->addresses = join(&found, lookup->turn, offsetof(struct address, text));
    lookup->ports = join(&found, lookup->turn, offsetof(struct address, port));
    if (!lookup->hosts || !lookup->addresses || !lookup->ports)
        snprintf(lookup->why, sizeof lookup->why, "out of memory");
    else
        *lookup->why = 0; /* some host may have failed; the others will do */
}

struct weir_pg_lookup *weir_pg_lookup_new(const char *host, const char *port, uint32_t turn)
{
    struct weir_pg_lookup *lookup = (struct weir_pg_lookup *)calloc(1, sizeof *lookup);
    if (!lookup) return NULL;
    lookup->host = strdup(host);
    lookup->port = port ? strdup(port) : NULL;
    lookup->turn = turn;
    if (lookup->host && (!port || lookup->port)) return lookup;
    weir_pg_lookup_free(lookup);
    return NULL;
}

void weir_pg_lookup_free(struct weir_pg_lookup *lookup)
{
    if (!lookup) return;
    free(lookup->host);
    free(lookup->port);
    free(lookup->hosts);
    free(lookup->addresses);
    free(lookup->ports);
    free(lookup);
}
