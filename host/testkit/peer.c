/* peer.c - a server that the test plays: a listening socket on the loopback, and what connects to it. Whatever waits
 * runs the kit's loop meanwhile. */
#include "cmocka_include.h"
#include "kit.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct weir_kit_peer {
    int fd;
    uint16_t port;
    unsigned flags;
    char address[32];
};
struct weir_kit_conn {
    struct weir_kit *kit;
    int fd;
    bool ended; /* the other side has */
};

static int bound(uint16_t port, unsigned flags)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    /* a small window, and small segments: the sender's kernel sizes its own buffer by them */
    int on = 1, window = 1024, segment = 536;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) fail_msg("peer: no socket");
    if (flags & WEIR_KIT_NARROW && (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window) ||
                                    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment)))
        fail_msg("peer: the socket cannot be made narrow");
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa)) fail_msg("peer: cannot bind to port %u", port);
    return fd;
}

struct weir_kit_peer *weir_kit_peer(unsigned flags)
{
    struct sockaddr_in sa;
    socklen_t n = sizeof sa;
    struct weir_kit_peer *peer = calloc(1, sizeof *peer);
    if (!peer) fail_msg("out of memory");
    peer->flags = flags;
    int chosen = bound(0, flags);
    if (getsockname(chosen, (struct sockaddr *)&sa, &n)) fail_msg("peer: the socket has no name");
    peer->port = ntohs(sa.sin_port);
    peer->fd = bound(peer->port, flags); /* a port that was asked for is kept when the socket stops listening */
    close(chosen);
    snprintf(peer->address, sizeof peer->address, "127.0.0.1:%u", peer->port);
    if (!(flags & WEIR_KIT_REFUSING) && listen(peer->fd, 64)) fail_msg("peer: cannot listen on %s", peer->address);
    return peer;
}

const char *weir_kit_peer_address(const struct weir_kit_peer *peer)
{
    return peer->address;
}

uint16_t weir_kit_peer_port(const struct weir_kit_peer *peer)
{
    return peer->port;
}

/* A socket that is bound but does not listen keeps the port and refuses whoever connects. */
void weir_kit_peer_refuse(struct weir_kit_peer *peer, bool refuse)
{
    if (refuse) {
        shutdown(peer->fd, SHUT_RD); /* ends the listening, and what waits to be accepted; the port stays ours */
        peer->flags |= WEIR_KIT_REFUSING;
        return;
    }
    if (listen(peer->fd, 64)) fail_msg("peer: cannot listen on %s", peer->address);
    peer->flags &= ~(unsigned)WEIR_KIT_REFUSING;
}

void weir_kit_peer_free(struct weir_kit_peer *peer)
{
    if (!peer) return;
    close(peer->fd);
    free(peer);
}

struct weir_kit_conn *weir_kit_peer_accept(struct weir_kit *kit, struct weir_kit_peer *peer, unsigned timeout_ms)
{
    int on = 1;
    kit_enter();
    int fd = accept4(peer->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && kit_wait_fd(kit, peer->fd, UV_READABLE, timeout_ms))
        fd = accept4(peer->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct weir_kit_conn *c = fd >= 0 ? calloc(1, sizeof *c) : NULL;
    if (fd >= 0 && !c) fail_msg("out of memory");
    if (c) {
        *c = (struct weir_kit_conn){.kit = kit, .fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        kit_not_the_plugins(fd);
    }
    kit_leave();
    return c;
}

size_t weir_kit_conn_read(struct weir_kit_conn *c, void *buf, size_t n, unsigned timeout_ms)
{
    size_t got = 0;
    uint64_t until = uv_hrtime() / 1000000 + timeout_ms;
    while (got < n && !c->ended) {
        ssize_t more = recv(c->fd, (char *)buf + got, n - got, 0);
        if (more > 0) got += (size_t)more;
        if (more > 0 || (more < 0 && errno == EINTR)) continue;
        c->ended = more == 0 || errno != EAGAIN;
        uint64_t now = uv_hrtime() / 1000000;
        if (!c->ended && (now >= until || !kit_wait_fd(c->kit, c->fd, UV_READABLE, (unsigned)(until - now)))) break;
    }
    return got;
}

char *weir_kit_conn_read_until(struct weir_kit_conn *c, const char *end, unsigned timeout_ms)
{
    size_t n = 0, size = 256, tail = strlen(end);
    char *text = malloc(size);
    while (text) {
        if (weir_kit_conn_read(c, text + n, 1, timeout_ms) != 1) break;
        text[++n] = 0;
        if (n >= tail && !memcmp(text + n - tail, end, tail)) return text;
        char *grown = n + 2 > size ? realloc(text, size *= 2) : text;
        if (!grown) break;
        text = grown;
    }
    free(text);
    return NULL;
}

bool weir_kit_conn_ended(struct weir_kit_conn *c, unsigned timeout_ms)
{
    char byte;
    if (!c->ended && weir_kit_conn_read(c, &byte, 1, timeout_ms)) fail_msg("peer: expected the end, more bytes came");
    return c->ended;
}

bool weir_kit_conn_write(struct weir_kit_conn *c, const void *bytes, size_t n, unsigned timeout_ms)
{
    size_t put = 0;
    uint64_t until = uv_hrtime() / 1000000 + timeout_ms;
    while (put < n) {
        ssize_t more = send(c->fd, (const char *)bytes + put, n - put, MSG_NOSIGNAL);
        if (more > 0) put += (size_t)more;
        if (more > 0 || (more < 0 && errno == EINTR)) continue;
        uint64_t now = uv_hrtime() / 1000000;
        if (errno != EAGAIN || now >= until) return false;
        if (!kit_wait_fd(c->kit, c->fd, UV_WRITABLE, (unsigned)(until - now))) return false;
    }
    weir_kit_run(c->kit);
    return true;
}

bool weir_kit_conn_trickle(struct weir_kit_conn *c, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!weir_kit_conn_write(c, (const char *)bytes + i, 1, 10000)) return false;
    return true;
}

void weir_kit_conn_shut(struct weir_kit_conn *c)
{
    shutdown(c->fd, SHUT_WR);
    weir_kit_run(c->kit);
}

static void end(struct weir_kit_conn *c)
{
    struct weir_kit *kit = c->kit;
    close(c->fd);
    free(c);
    weir_kit_run(kit);
}

void weir_kit_conn_cut(struct weir_kit_conn *c)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    end(c);
}

void weir_kit_conn_close(struct weir_kit_conn *c)
{
    end(c);
}
