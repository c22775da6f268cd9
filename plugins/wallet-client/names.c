/* names.c - from names to addresses, again every few seconds: gRPC itself finds no new servers while connections live.
 * getaddrinfo blocks, so it runs as work; only the look-up's own members are touched meanwhile. */
#include "client.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the option */
static int parse_one(const char *text, size_t n, struct name *out, char why[200])
{
    *out = (struct name){.fixed = false};
    if (n > 5 && !memcmp(text, "unix:", 5)) {
        out->fixed = true;
        return snprintf(out->host, sizeof out->host, "%.*s", (int)n, text) < 108 ? 0 : -1;
    }
    const char *colon = memrchr(text, ':', n);
    size_t host = colon ? (size_t)(colon - text) : 0, port = colon ? n - host - 1 : 0;
    bool digits = port && port < sizeof out->port && strspn(colon + 1, "0123456789") >= port;
    if (!digits || !host || host >= sizeof out->host) {
        snprintf(why, 200, "\"%.*s\": expected \"host:port\" or \"unix:/path\", several separated by commas",
                 n < 80 ? (int)n : 80, text);
        return -1;
    }
    if (*text == '[' && text[host - 1] == ']') {
        text++;
        host -= 2;
    }
    memcpy(out->host, text, host);
    memcpy(out->port, colon + 1, port);
    unsigned char address[16];
    out->fixed = inet_pton(AF_INET, out->host, address) == 1 || inet_pton(AF_INET6, out->host, address) == 1;
    return 0;
}

int names_parse(struct weir_slice target, struct names *names, struct weir_err *err)
{
    char why[200] = "the socket path is too long";
    const char *at = (const char *)target.p;
    snprintf(err->option, sizeof err->option, "target");
    for (names->n = 0; *at;) {
        at += strspn(at, ", ");
        size_t n = strcspn(at, ", ");
        if (!n) break;
        if (names->n == NAMES_MAX) {
            snprintf(err->msg, sizeof err->msg, "more than %d names", NAMES_MAX);
            return -1;
        }
        if (parse_one(at, n, &names->v[names->n++], why)) {
            snprintf(err->msg, sizeof err->msg, "%s", why);
            return -1;
        }
        at += n;
    }
    if (names->n) return 0;
    snprintf(err->msg, sizeof err->msg, "found no name; expected \"host:port\"");
    return -1;
}

/* ---- on the worker's thread */
static void add(struct names *names, uint32_t name, const char *target)
{
    for (uint32_t i = 0; i < names->n_found; i++)
        if (!strcmp(names->found[i].target, target)) return;
    if (names->n_found == ADDRESSES_MAX) return;
    struct address *a = &names->found[names->n_found++];
    a->name = name;
    snprintf(a->target, sizeof a->target, "%s", target);
}

static void look_up(struct names *names, uint32_t i)
{
    const struct name *name = &names->v[i];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV};
    const struct addrinfo numeric = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *all = NULL;
    char text[INET6_ADDRSTRLEN], target[144];
    int rc = getaddrinfo(name->host, name->port, name->fixed ? &numeric : &hints, &all);
    if (rc) {
        snprintf(names->why, sizeof names->why, "%.80s: %s", name->host, gai_strerror(rc));
        return;
    }
    for (const struct addrinfo *a = all; a; a = a->ai_next) {
        const void *address = a->ai_family == AF_INET
                                  ? (const void *)&((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr
                                  : (const void *)&((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr;
        if (!inet_ntop(a->ai_family, address, text, sizeof text)) continue;
        /* a URI: brackets have to be escaped */
        snprintf(target, sizeof target, a->ai_family == AF_INET ? "ipv4:%s:%s" : "ipv6:%%5B%s%%5D:%s", text,
                 name->port);
        add(names, i, target);
        names->ok[i] = true;
    }
    freeaddrinfo(all);
}

static void run(struct weir_work *work)
{
    struct names *names = weir_container(work, struct names, work);
    names->n_found = 0;
    *names->why = 0;
    for (uint32_t i = 0; i < names->n; i++) {
        names->ok[i] = false;
        if (names->v[i].fixed && !*names->v[i].port) {
            add(names, i, names->v[i].host);
            names->ok[i] = true;
        } else {
            look_up(names, i);
        }
    }
}

/* ---- on the lane */
static void found(struct weir_work *work)
{
    struct names *names = weir_container(work, struct names, work);
    struct client *c = weir_container(names, struct client, names);
    bool all_fixed = true;
    names->looking = false;
    if (c->closing || c->draining) return;
    links_update(c, names);
    if (*names->why && !links_ready(c)) client_state(c, names->why);
    for (uint32_t i = 0; i < names->n; i++) all_fixed &= names->v[i].fixed;
    if (!all_fixed) c->ctx->host->timer_arm(c->ctx, &names->again, c->cfg->resolve);
}

static void look_again(struct weir_timer *timer)
{
    struct names *names = weir_container(timer, struct names, again);
    struct client *c = weir_container(names, struct client, names);
    if (names->looking) return;
    names->looking = true;
    c->ctx->host->work(c->ctx, &names->work);
}

void names_start(struct client *c)
{
    c->names.work.run = run;
    c->names.work.done = found;
    c->names.again.fn = look_again;
    look_again(&c->names.again);
}

void names_stop(struct client *c)
{
    c->ctx->host->timer_stop(c->ctx, &c->names.again);
}
