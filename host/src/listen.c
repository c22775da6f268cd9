/* listen.c - listening sockets of a pipeline. All lanes of a stage accept from one socket (each has a duplicate of its
 * descriptor): with SO_REUSEPORT a second process could take the same port without anyone noticing. */
#include "listen.h"
#include "lane.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct listeners { /* sockets that not every lane has taken yet */
    struct listeners *next;
    int fd;
    uint32_t takers;
    char address[];
};

static int refuse(struct weir_err *err, const char *address, const char *what)
{
    err->status = WEIR_FATAL;
    snprintf(err->msg, sizeof err->msg, "cannot listen on \"%s\": %s", address, what);
    return -1;
}

static int bind_and_listen(int fd, const struct sockaddr *sa, socklen_t n)
{
    int on = 1;
    if (sa->sa_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)) return -1;
    return bind(fd, sa, n) || listen(fd, SOMAXCONN) ? -1 : 0;
}

static int listen_unix(const char *address, struct weir_err *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *path = address + strlen("unix:");
    struct stat st;
    if (strlen(path) >= sizeof sa.sun_path) return refuse(err, address, "the path is too long for a Unix socket");
    strcpy(sa.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return refuse(err, address, strerror(errno));
    /* a socket that nobody answers on is what a killed process left */
    if (!lstat(path, &st) && S_ISSOCK(st.st_mode) && connect(fd, (struct sockaddr *)&sa, sizeof sa) &&
        errno == ECONNREFUSED)
        unlink(path);
    if (!bind_and_listen(fd, (struct sockaddr *)&sa, sizeof sa)) return fd;
    int why = errno;
    close(fd);
    return refuse(err, address, strerror(why));
}

/* "host:port", ":port", "[v6]:port" */
static bool split(const char *address, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(address, ':');
    if (!colon || !colon[1] || (size_t)(colon - address) >= size) return false;
    size_t n = (size_t)(colon - address);
    if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    memcpy(host, address, n);
    host[n] = 0;
    *port = colon + 1;
    return strspn(*port, "0123456789") == strlen(*port);
}

static int listen_tcp(const char *address, struct weir_err *err)
{
    char host[256];
    const char *port;
    if (!split(address, host, sizeof host, &port))
        return refuse(err, address, "expected \"host:port\", \":port\" or \"unix:/path\"");
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *list;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    if (rc) return refuse(err, address, gai_strerror(rc));
    int fd = -1, why = EADDRNOTAVAIL;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
        fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd >= 0 && !bind_and_listen(fd, ai->ai_addr, ai->ai_addrlen)) break;
        why = errno;
        if (fd >= 0) close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    if (fd >= 0) return fd;
    return refuse(err, address, why == EADDRINUSE ? "the port is in use by another process" : strerror(why));
}

int listen_new(const char *address, struct weir_err *err)
{
    return strncmp(address, "unix:", 5) ? listen_tcp(address, err) : listen_unix(address, err);
}

static int take(struct listeners **link, struct weir_err *err)
{
    struct listeners *l = *link;
    if (--l->takers) {
        int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
        return fd >= 0 ? fd : refuse(err, l->address, strerror(errno));
    }
    int fd = l->fd; /* the last lane gets the socket itself, so that nothing listens once all lanes have closed */
    *link = l->next;
    free(l);
    return fd;
}

int listen_on(struct pipeline *p, const char *address, struct weir_err *err)
{
    pthread_mutex_lock(&p->lock);
    struct listeners **link = &p->listeners;
    while (*link && strcmp((*link)->address, address)) link = &(*link)->next;
    int fd = -1;
    if (!*link) {
        struct listeners *l = malloc(sizeof *l + strlen(address) + 1);
        if (l) {
            strcpy(l->address, address);
            l->takers = p->n_lanes;
            l->next = NULL;
            l->fd = listen_new(address, err);
            if (l->fd < 0)
                free(l);
            else
                *link = l;
        } else {
            refuse(err, address, "out of memory");
        }
    }
    if (*link) fd = take(link, err);
    pthread_mutex_unlock(&p->lock);
    return fd;
}

void listeners_close(struct pipeline *p)
{
    for (struct listeners *l = p->listeners, *next; l; l = next) {
        next = l->next;
        close(l->fd);
        free(l);
    }
    p->listeners = NULL;
}
