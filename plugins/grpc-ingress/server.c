/* server.c - the gRPC server of a stage: made and bound in share(), one completion queue a lane, ended in unshare().
 * The order of the end matters, any other aborts the process: shutdown, every call's tags, destroy, then the queues. */
#include "ingress.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* gRPC does not say why it could not listen: try it, for the message. */
static const char *why_not(const char *address, char text[200])
{
    char host[160] = "";
    const char *colon = strrchr(address, ':');
    if (!strncmp(address, "unix:", 5) || !colon || (size_t)(colon - address) >= sizeof host) return "see the address";
    memcpy(host, address, (size_t)(colon - address));
    char *name = host;
    if (*name == '[' && name[strlen(name) - 1] == ']') {
        name[strlen(name) - 1] = 0;
        name++;
    }
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int rc = getaddrinfo(*name ? name : NULL, colon + 1, &hints, &found);
    if (rc) return gai_strerror(rc);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool ok = fd >= 0 && !bind(fd, found->ai_addr, found->ai_addrlen) && !listen(fd, 1);
    snprintf(text, 200, "%s", ok ? "the certificate or key does not suit" : strerror(errno));
    if (fd >= 0) close(fd);
    freeaddrinfo(found);
    return text;
}

static grpc_server_credentials *credentials(const struct cfg *cfg, struct weir_err *err)
{
    if (!cfg->tls.cert.p) return grpc_insecure_server_credentials_create();
    struct weir_grpc_pems pems;
    if (weir_grpc_pems_read(&cfg->tls, "tls", &pems, err)) return NULL;
    grpc_ssl_pem_key_cert_pair pair = {.private_key = pems.key, .cert_chain = pems.cert};
    grpc_server_credentials *made = grpc_ssl_server_credentials_create_ex(
        pems.ca, &pair, 1,
        pems.ca ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
        NULL);
    weir_grpc_pems_free(&pems);
    if (!made) snprintf(err->msg, sizeof err->msg, "gRPC refused the certificate and key");
    return made;
}

static grpc_server *create(const struct cfg *cfg)
{
    grpc_arg args[10];
    size_t n = 0;
#define ARG(k, v) args[n++] = (grpc_arg){.type = GRPC_ARG_INTEGER, .key = k, .value.integer = (int)(v)}
    ARG("grpc.so_reuseport", 0);
    ARG("grpc.enable_channelz", 0);
    ARG("grpc.http2.min_ping_interval_without_data_ms", 5000);
    ARG("grpc.keepalive_permit_without_calls", 1);
    ARG("grpc.keepalive_time_ms", 10000); /* a client that froze must not hold its streams for ever */
    ARG("grpc.keepalive_timeout_ms", 5000);
    ARG("grpc.max_receive_message_length", cfg->max_message);
    ARG("grpc.max_concurrent_streams", cfg->max_calls);
    if (cfg->max_connection_age) {
        ARG("grpc.max_connection_age_ms", cfg->max_connection_age / 1000000u);
        ARG("grpc.max_connection_age_grace_ms", 10000);
    }
#undef ARG
    grpc_channel_args all = {.num_args = n, .args = args};
    return grpc_server_create(&all, NULL);
}

static int open_queues(struct server *s, uint32_t n, struct weir_err *err)
{
    for (; s->n_queues < n; s->n_queues++) {
        struct weir_grpc_lane *q = &s->queues[s->n_queues];
        if (weir_grpc_lane_start(q, err)) return -1;
        grpc_server_register_completion_queue(s->grpc, q->cq, NULL);
    }
    return 0;
}

static int register_methods(struct server *s, const struct cfg *cfg, struct weir_err *err)
{
    const struct method_cfg *methods = cfg->methods.items;
    for (uint32_t i = 0; i < cfg->methods.n; i++) {
        const char *path = (const char *)methods[i].on.p;
        s->registered[i] = grpc_server_register_method(
            s->grpc, path, NULL, methods[i].stream ? GRPC_SRM_PAYLOAD_NONE : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
            0);
        if (s->registered[i]) continue;
        snprintf(err->option, sizeof err->option, "methods.%s.on", methods[i].name.p);
        snprintf(err->msg, sizeof err->msg, "gRPC refused the method \"%s\"; is it there twice?", path);
        return -1;
    }
    return 0;
}

static int bind_port(struct server *s, const struct cfg *cfg, struct weir_err *err)
{
    grpc_server_credentials *creds = credentials(cfg, err);
    if (!creds) return -1;
    const char *address = (const char *)cfg->listen.p;
    s->port = grpc_server_add_http2_port(s->grpc, address, creds);
    grpc_server_credentials_release(creds);
    if (s->port) return 0;
    char text[200];
    snprintf(err->option, sizeof err->option, "listen");
    snprintf(err->msg, sizeof err->msg, "cannot listen on \"%.100s\": %.100s", address, why_not(address, text));
    return -1;
}

int server_open(const struct cfg *cfg, uint32_t n_lanes, struct server **out, struct weir_err *err)
{
    struct server *s = calloc(1, sizeof *s);
    if (s) s->queues = calloc(n_lanes, sizeof *s->queues);
    if (s) s->registered = calloc(cfg->methods.n, sizeof *s->registered);
    if (!s || !s->queues || !s->registered) {
        if (s) free(s->queues);
        free(s);
        snprintf(err->msg, sizeof err->msg, "out of memory");
        return -1;
    }
    pthread_mutex_init(&s->lock, NULL);
    s->grpc = create(cfg);
    s->stopped = grpc_completion_queue_create_for_next(NULL);
    if (open_queues(s, n_lanes, err) || register_methods(s, cfg, err) || bind_port(s, cfg, err)) {
        server_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void server_start(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->started && !s->stopping) grpc_server_start(s->grpc);
    s->started = true;
    pthread_mutex_unlock(&s->lock);
}

void server_stop(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->stopping) grpc_server_shutdown_and_notify(s->grpc, s->stopped, s);
    s->stopping = true;
    pthread_mutex_unlock(&s->lock);
}

static bool wait_stopped(struct server *s, int seconds)
{
    gpr_timespec until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(seconds, GPR_TIMESPAN));
    return grpc_completion_queue_next(s->stopped, until, NULL).type == GRPC_OP_COMPLETE;
}

void server_close(struct server *s)
{
    server_stop(s);
    grpc_server_cancel_all_calls(s->grpc); /* an open stream never ends alone */
    /* The queues' threads still do the I/O that closing the connections needs. If that never ends, leaking is better
     * than the abort that destroying would be. */
    if (!wait_stopped(s, 10)) return;
    grpc_server_destroy(s->grpc);
    for (uint32_t i = 0; i < s->n_queues; i++) weir_grpc_lane_stop(&s->queues[i]);
    grpc_completion_queue_shutdown(s->stopped);
    while (grpc_completion_queue_next(s->stopped, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN) {
    }
    grpc_completion_queue_destroy(s->stopped);
    pthread_mutex_destroy(&s->lock);
    free(s->queues);
    free(s->registered);
    free(s);
}
