/* fake.c - the fake server's thread. */
#include "fake.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) return;
        p += sent;
        n -= (size_t)sent;
    }
}

static void answer(int fd, int status, const char *headers, const void *body, size_t n)
{
    char head[512];
    int len = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n",
                       status, n, headers ? headers : "");
    send_all(fd, head, (size_t)len);
    send_all(fd, body, n);
}

/* Head and body of one request; false when the client went away. */
static bool receive(int fd, struct fake_request *r)
{
    size_t cap = 64u << 20, have = 0, want = 0, head = 0;
    char *p = malloc(cap);
    while (!head || have < want) {
        ssize_t got = recv(fd, p + have, cap - have - 1, 0);
        if (got <= 0) {
            free(p);
            return false;
        }
        have += (size_t)got;
        p[have] = '\0';
        char *end = head ? NULL : strstr(p, "\r\n\r\n");
        if (!end) continue;
        char *length = strcasestr(p, "\r\nContent-Length:");
        head = (size_t)(end - p) + 4;
        want = head + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
    }
    r->n = want - head;
    r->head = strndup(p, head);
    r->body = malloc(r->n + 1);
    memcpy(r->body, p + head, r->n);
    r->body[r->n] = '\0';
    free(p);
    return true;
}

static void take_insert(struct fake *f, int fd, struct fake_request r)
{
    struct fake_answer a = {200, NULL, ""};
    pthread_mutex_lock(&f->lock);
    f->inserts = realloc(f->inserts, (f->n_inserts + 1) * sizeof(*f->inserts));
    f->inserts[f->n_inserts++] = r;
    if (f->decide) a = f->decide(f->arg, &r, f->n_inserts);
    while (f->hold && !f->stop) pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
    if (a.body) answer(fd, a.status, a.headers, a.body, strlen(a.body));
}

static void serve(struct fake *f, int fd)
{
    struct fake_request r;
    pthread_mutex_lock(&f->lock);
    bool down = f->down;
    pthread_mutex_unlock(&f->lock);
    if (down || !receive(fd, &r)) return;
    if (!strstr(r.body, "system.columns")) {
        take_insert(f, fd, r);
        return;
    }
    pthread_mutex_lock(&f->lock);
    f->n_described++;
    answer(fd, 200, NULL, f->table, f->n_table);
    pthread_mutex_unlock(&f->lock);
    free(r.head);
    free(r.body);
}

static void *run(void *arg)
{
    struct fake *f = arg;
    for (;;) {
        int fd = accept(f->fd, NULL, NULL);
        pthread_mutex_lock(&f->lock);
        bool stop = f->stop;
        pthread_mutex_unlock(&f->lock);
        if (fd >= 0 && !stop) serve(f, fd);
        if (fd >= 0) {
            shutdown(fd, SHUT_WR);
            close(fd);
        }
        if (stop) return NULL;
    }
}

void fake_start(struct fake *f)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    f->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(f->fd, (struct sockaddr *)&at, n) || listen(f->fd, 64) || getsockname(f->fd, (struct sockaddr *)&at, &n))
        abort();
    f->port = ntohs(at.sin_port);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    if (pthread_create(&f->thread, NULL, run, f)) abort();
}

void fake_stop(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    shutdown(f->fd, SHUT_RDWR); /* wakes accept() */
    pthread_join(f->thread, NULL);
    close(f->fd);
    for (size_t i = 0; i < f->n_inserts; i++) {
        free(f->inserts[i].head);
        free(f->inserts[i].body);
    }
    free(f->inserts);
}

static void set(struct fake *f, bool *flag, bool value)
{
    pthread_mutex_lock(&f->lock);
    *flag = value;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

void fake_down(struct fake *f, bool down)
{
    set(f, &f->down, down);
}

void fake_hold(struct fake *f, bool hold)
{
    set(f, &f->hold, hold);
}

static size_t read_count(struct fake *f, const size_t *count)
{
    pthread_mutex_lock(&f->lock);
    size_t n = *count;
    pthread_mutex_unlock(&f->lock);
    return n;
}

size_t fake_inserts(struct fake *f)
{
    return read_count(f, &f->n_inserts);
}

size_t fake_described(struct fake *f)
{
    return read_count(f, &f->n_described);
}

static void put(struct fake *f, const char *text)
{
    size_t n = strlen(text);
    if (n > 16000 || f->n_table + n + 2 > sizeof(f->table)) abort();
    if (n > 127) f->table[f->n_table++] = (char)(n | 0x80);
    f->table[f->n_table++] = (char)(n > 127 ? n >> 7 : n);
    memcpy(f->table + f->n_table, text, n);
    f->n_table += n;
}

void fake_row(struct fake *f, const char *what, const char *name, const char *a, const char *b)
{
    pthread_mutex_lock(&f->lock);
    put(f, what);
    put(f, name);
    put(f, a);
    put(f, b);
    pthread_mutex_unlock(&f->lock);
}

void fake_forget(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    f->n_table = 0;
    pthread_mutex_unlock(&f->lock);
}
