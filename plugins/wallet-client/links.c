/* links.c - which wallets there are: one link an address, and for each shard the one link that gets its debits.
 * Rendezvous hashing: when a wallet comes or goes only its own shards move. A hint that avoids contention between
 * wallets; the ledger's locks decide. */
#include "client.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

void links_own(struct client *c)
{
    uint32_t n = 0;
    for (const struct link *l = c->links; l; l = l->next) n += l->ready && !l->leaving;
    c->ctx->host->metric(c->ctx, METRIC_STREAMS, NULL, n);
    for (uint32_t shard = 0; shard < c->cfg->shards; shard++) {
        uint64_t best = 0;
        c->owner[shard] = NULL;
        for (struct link *l = c->links; l; l = l->next) {
            uint64_t weight = mix(l->hash ^ mix(shard + 1)) >> 1 | 1;
            if (!l->silent) weight |= 1ull << 63; /* silent ones only where there is nobody else */
            if (!l->ready || l->leaving || weight <= best) continue;
            best = weight;
            c->owner[shard] = l;
        }
    }
}

bool links_ready(const struct client *c)
{
    return c->owner[0] != NULL;
}

/* ---- channels */
static const char *authority(const struct client *c, const struct link *l, char text[224])
{
    const struct name *name = &c->names.v[l->name];
    if (c->cfg->tls_name.p)
        snprintf(text, 224, "%s", (const char *)c->cfg->tls_name.p);
    else
        snprintf(text, 224, "%s", *name->port ? name->host : "localhost");
    return text;
}

static grpc_channel *channel(struct client *c, struct link *l)
{
    char name[224];
    grpc_arg args[16];
    size_t n = 0;
#define ARG(k, v) args[n++] = (grpc_arg){.type = GRPC_ARG_INTEGER, .key = k, .value.integer = (v)}
    ARG("grpc.enable_retries", 0);
    ARG("grpc.enable_channelz", 0);
    ARG("grpc.enable_http_proxy", 0);         /* it applies even to addresses */
    ARG("grpc.use_local_subchannel_pool", 1); /* a connection a lane: the server spreads those over its lanes */
    ARG("grpc.initial_reconnect_backoff_ms", 100);
    ARG("grpc.max_reconnect_backoff_ms", 500);
    ARG("grpc.min_reconnect_backoff_ms", 1000); /* the time-out of a connect; default 20 s */
    ARG("grpc.keepalive_time_ms", 10000);       /* a peer that froze is not noticed without */
    ARG("grpc.keepalive_timeout_ms", 2000);
    ARG("grpc.keepalive_permit_without_calls", 1);
    ARG("grpc.http2.max_pings_without_data", 0);
#undef ARG
    authority(c, l, name);
    args[n++] = (grpc_arg){.type = GRPC_ARG_STRING, .key = "grpc.default_authority", .value.string = name};
    if (c->cfg->tls.ca.p)
        args[n++] = (grpc_arg){.type = GRPC_ARG_STRING, .key = "grpc.ssl_target_name_override", .value.string = name};
    grpc_channel_args all = {.num_args = n, .args = args};
    return grpc_channel_create(l->target, c->creds, &all);
}

static void link_add(struct client *c, const struct address *a)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l) return; /* tried again at the next look-up */
    l->c = c;
    l->name = a->name;
    l->retry.fn = on_link_retry;
    ring_init(&l->queue);
    snprintf(l->target, sizeof l->target, "%s", a->target);
    l->hash = weir_fnv1a((struct weir_slice){(const uint8_t *)l->target, strlen(l->target)});
    l->channel = channel(c, l);
    for (int i = 0; i < N_METHODS; i++)
        l->methods[i] = grpc_channel_register_call(l->channel, method_paths[i], NULL, NULL);
    l->next = c->links;
    c->links = l;
    weir_log(c->ctx, WEIR_INFO, "wallet at %s", l->target);
    link_start(l);
}

void link_free(struct link *l)
{
    struct link **at = &l->c->links;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    link_end_call(l);
    grpc_channel_destroy(l->channel);
    free(l);
}

/* ---- the set */
static struct link *find(struct client *c, const char *target)
{
    for (struct link *l = c->links; l; l = l->next)
        if (!l->leaving && !strcmp(l->target, target)) return l;
    return NULL;
}

static bool is_found(const struct names *names, const char *target)
{
    for (uint32_t i = 0; i < names->n_found; i++)
        if (!strcmp(names->found[i].target, target)) return true;
    return false;
}

void links_let_go(struct client *c)
{
    bool others = false;
    for (const struct link *l = c->links; l; l = l->next) others |= l->ready && !l->gone && !l->leaving;
    for (struct link *l = c->links, *next; l; l = next) {
        next = l->next;
        if (!l->gone || l->leaving || (l->ready && !others)) continue;
        weir_log(c->ctx, WEIR_INFO, "no wallet at %s any more", l->target);
        link_leave(l);
    }
}

void links_update(struct client *c, const struct names *names)
{
    for (uint32_t i = 0; i < names->n_found; i++)
        if (!find(c, names->found[i].target)) link_add(c, &names->found[i]);
    for (struct link *l = c->links; l; l = l->next)
        if (names->ok[l->name]) l->gone = !is_found(names, l->target);
    links_let_go(c);
}

void links_cancel(struct client *c)
{
    for (struct link *l = c->links; l; l = l->next) {
        c->ctx->host->timer_stop(c->ctx, &l->retry);
        if (l->call) grpc_call_cancel(l->call, NULL);
    }
}

void links_close(struct client *c)
{
    while (c->links) link_free(c->links);
}
