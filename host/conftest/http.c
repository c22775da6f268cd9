/* http.c - one HTTP request on a connection of its own, and the answer, read until the server closes. */
#include "rig.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 20 };

static char *compose(const struct http_keys *k, const char *json, size_t *n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    const struct weir_pair *headers = k->headers.items;
    const char *body = json ? json : k->body.p ? (const char *)k->body.p : NULL;
    if (!out) return NULL;
    fprintf(out, "%s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n", (const char *)k->on.p);
    for (uint32_t i = 0; i < k->headers.n; i++)
        fprintf(out, "%s: %s\r\n", (const char *)headers[i].name.p,
                headers[i].value.n ? (const char *)headers[i].value.p : "");
    if (json) fputs("Content-Type: application/json\r\n", out);
    if (body) fprintf(out, "Content-Length: %zu\r\n", strlen(body));
    fprintf(out, "\r\n%s", body ? body : "");
    if (!fclose(out)) return text;
    free(text);
    return NULL;
}

static int connect_to(const char *address)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *path = address + strlen("unix:");
    if (strlen(path) >= sizeof sa.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(sa.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !connect(fd, (struct sockaddr *)&sa, sizeof sa)) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

void request_start(struct rig *rig, const struct step *s)
{
    const struct http_keys *k = &s->keys->request;
    struct request *r = calloc(1, sizeof *r);
    if (!r) {
        rig_fail(rig, s->at, "out of memory");
        return;
    }
    *r = (struct request){.step = s, .name = k->name.n ? (const char *)k->name.p : NULL, .fd = -1};
    *rig->request_tail = r;
    rig->request_tail = &r->next;
    r->send = compose(k, s->json, &r->n_send);
    r->got = calloc(1, 1);
    if (!r->send || !r->got)
        rig_fail(rig, s->at, "out of memory");
    else if ((r->fd = connect_to((const char *)k->to.p)) < 0)
        rig_fail(rig, s->at, "cannot connect to %s: %s", (const char *)k->to.p, strerror(errno));
}

static bool send_some(struct request *r)
{
    if (r->sent == r->n_send) return false;
    ssize_t n = send(r->fd, r->send + r->sent, r->n_send - r->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) r->sent = r->n_send; /* what it answered is still to be read */
    if (n > 0) r->sent += (size_t)n;
    return n > 0;
}

bool request_move(struct rig *rig, struct request *r)
{
    char block[4096];
    if (r->fd < 0 || r->over) return false;
    bool moved = send_some(r);
    ssize_t n = recv(r->fd, block, sizeof block, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return moved;
    r->over = n <= 0 || r->n_got > ANSWER_MAX;
    if (n <= 0) return true;
    char *grown = realloc(r->got, r->n_got + (size_t)n + 1);
    if (!grown) {
        rig_fail(rig, r->step->at, "out of memory");
        return false;
    }
    r->got = grown;
    memcpy(r->got + r->n_got, block, (size_t)n);
    r->n_got += (size_t)n;
    r->got[r->n_got] = '\0';
    return true;
}

void request_hang_up(struct request *r)
{
    if (r->fd >= 0) close(r->fd);
    r->fd = -1;
}

void http_add_headers(struct facts *f, const char *message)
{
    const char *end = strstr(message, "\r\n\r\n"), *line = strstr(message, "\r\n");
    while (line && line < end) {
        char name[128];
        line += 2;
        size_t n = strcspn(line, ":\r");
        const char *stop = strstr(line, "\r\n"), *value = line + n + (line[n] == ':');
        value += strspn(value, " ");
        snprintf(name, sizeof name, "header %.*s", (int)n, line);
        for (char *c = name; *c; c++) *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        facts_add(f, name, "%.*s", (int)(stop - value), value);
        line = stop;
    }
}

bool request_answer(const struct request *r, struct facts *f)
{
    const char *end = strstr(r->got, "\r\n\r\n");
    int status;
    if (!r->over || !end || sscanf(r->got, "HTTP/1.1 %d", &status) != 1) return false;
    facts_add(f, "status", "%d", status);
    http_add_headers(f, r->got);
    facts_add_bytes(f, "body", (struct weir_slice){(const uint8_t *)end + 4, r->n_got - (size_t)(end + 4 - r->got)});
    return true;
}

void request_free(struct rig *rig)
{
    for (struct request *r = rig->requests, *next; r; r = next) {
        next = r->next;
        request_hang_up(r);
        free(r->send);
        free(r->got);
        free(r);
    }
}
