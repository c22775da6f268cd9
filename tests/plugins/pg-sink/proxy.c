/* proxy.c - one thread, poll(), pairs of sockets. */
#include "proxy.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = 32 };
struct pair {
    int client, server; /* -1: free */
    bool losing;
};

static int connect_to(const struct proxy *p)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a = NULL;
    if (getaddrinfo(p->host, p->to, &hints, &a) || !a) return -1;
    int fd = socket(a->ai_family, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(a);
    return fd;
}

static void cut(struct pair *pair)
{
    if (pair->client >= 0) close(pair->client);
    if (pair->server >= 0) close(pair->server);
    *pair = (struct pair){-1, -1, false};
}

static bool send_all(int fd, const char *p, ssize_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, (size_t)n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        p += sent;
        n -= sent;
    }
    return true;
}

/* One read's worth in one direction; false: the pair is done for. */
static bool carry(struct proxy *p, struct pair *pair, bool to_server)
{
    char buf[65536];
    ssize_t n = recv(to_server ? pair->client : pair->server, buf, sizeof(buf), 0);
    if (n <= 0) return false;
    pthread_mutex_lock(&p->lock);
    const char *lose = p->lose;
    bool drop = !to_server && pair->losing;
    if (to_server && lose && memmem(buf, (size_t)n, lose, strlen(lose))) {
        pair->losing = true;
        p->lose = NULL;
    }
    if (drop) p->lost++;
    pthread_mutex_unlock(&p->lock);
    return !drop && send_all(to_server ? pair->server : pair->client, buf, n);
}

static void take_client(struct proxy *p, struct pair *pairs, bool down)
{
    int client = accept(p->fd, NULL, NULL);
    if (client < 0) return;
    for (int i = 0; !down && i < PAIRS; i++) {
        if (pairs[i].client >= 0) continue;
        pairs[i] = (struct pair){client, connect_to(p), false};
        if (pairs[i].server < 0) cut(&pairs[i]);
        return;
    }
    close(client);
}

static void *run(void *arg)
{
    struct proxy *p = arg;
    struct pair pairs[PAIRS];
    for (int i = 0; i < PAIRS; i++) pairs[i] = (struct pair){-1, -1, false};
    for (;;) {
        struct pollfd fds[2 + 2 * PAIRS] = {{p->fd, POLLIN, 0}, {p->wake[0], POLLIN, 0}};
        for (int i = 0; i < PAIRS; i++) {
            fds[2 + 2 * i] = (struct pollfd){pairs[i].client, POLLIN, 0};
            fds[3 + 2 * i] = (struct pollfd){pairs[i].server, POLLIN, 0};
        }
        poll(fds, 2 + 2 * PAIRS, -1);
        char byte;
        if (fds[1].revents && read(p->wake[0], &byte, 1) < 0) abort();
        pthread_mutex_lock(&p->lock);
        bool stop = p->stop, down = p->down;
        pthread_mutex_unlock(&p->lock);
        for (int i = 0; i < PAIRS; i++) {
            bool alive = !stop && !down;
            if (alive && fds[2 + 2 * i].revents) alive = carry(p, &pairs[i], true);
            if (alive && fds[3 + 2 * i].revents) alive = carry(p, &pairs[i], false);
            if (!alive) cut(&pairs[i]);
        }
        if (stop) return NULL;
        if (fds[0].revents) take_client(p, pairs, down);
    }
}

static void wake(struct proxy *p)
{
    if (write(p->wake[1], "", 1) != 1) abort();
}

void proxy_start(struct proxy *p, const char *host, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    p->host = host;
    p->to = port;
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (pipe(p->wake) || bind(p->fd, (struct sockaddr *)&at, n) || listen(p->fd, 64) ||
        getsockname(p->fd, (struct sockaddr *)&at, &n))
        abort();
    p->port = ntohs(at.sin_port);
    pthread_mutex_init(&p->lock, NULL);
    if (pthread_create(&p->thread, NULL, run, p)) abort();
}

void proxy_stop(struct proxy *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_mutex_unlock(&p->lock);
    wake(p);
    pthread_join(p->thread, NULL);
    close(p->fd);
    close(p->wake[0]);
    close(p->wake[1]);
}

void proxy_down(struct proxy *p, bool down)
{
    pthread_mutex_lock(&p->lock);
    p->down = down;
    pthread_mutex_unlock(&p->lock);
    wake(p);
}

void proxy_lose(struct proxy *p, const char *after)
{
    pthread_mutex_lock(&p->lock);
    p->lose = after;
    pthread_mutex_unlock(&p->lock);
}

unsigned proxy_lost(struct proxy *p)
{
    pthread_mutex_lock(&p->lock);
    unsigned n = p->lost;
    pthread_mutex_unlock(&p->lock);
    return n;
}
