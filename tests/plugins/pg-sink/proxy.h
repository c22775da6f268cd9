/* proxy.h - a TCP proxy that goes away, comes back, and can lose the answer to a statement. */
#ifndef PROXY_H
#define PROXY_H
#include <pthread.h>
#include <stdbool.h>

struct proxy {
    int fd, wake[2];
    unsigned port;
    const char *host, *to; /* of the server */
    pthread_t thread;
    pthread_mutex_t lock;
    bool stop, down;
    const char *lose; /* once these bytes went to the server: wait for its answer, drop it, cut */
    unsigned lost;    /* answers dropped */
};
void proxy_start(struct proxy *, const char *host, const char *port);
void proxy_stop(struct proxy *);
void proxy_down(struct proxy *, bool down); /* cuts what there is, accepts and cuts */
void proxy_lose(struct proxy *, const char *after);
unsigned proxy_lost(struct proxy *);
#endif
