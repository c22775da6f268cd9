/* server.c - the HTTP server that a kept sink talks to: the test expects its requests and says the answers. */
#include "rig.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALL_MAX = 16 << 20 };

int server_listen(unsigned *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && !bind(fd, (struct sockaddr *)&at, n) && !listen(fd, 64) &&
        !getsockname(fd, (struct sockaddr *)&at, &n)) {
        *port = ntohs(at.sin_port);
        return fd;
    }
    if (fd >= 0) close(fd);
    return -1;
}

bool server_accept(struct rig *rig)
{
    int fd = accept4(rig->server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return false;
    struct call *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        rig_fail(rig, rig->test->at, "out of memory");
        return false;
    }
    c->fd = fd;
    *rig->call_tail = c;
    rig->call_tail = &c->next;
    return true;
}

/* Is the request there to its end? Finds where its body begins. */
static bool is_whole(struct call *c)
{
    const char *end = strstr(c->got, "\r\n\r\n"), *length;
    if (!end) return false;
    c->head = (size_t)(end - c->got) + 4;
    length = strcasestr(c->got, "\r\nContent-Length:");
    return c->n_got - c->head >= (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static bool receive(struct rig *rig, struct call *c)
{
    char block[65536];
    ssize_t n = recv(c->fd, block, sizeof block, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    char *grown = n > 0 && c->n_got < CALL_MAX ? realloc(c->got, c->n_got + (size_t)n + 1) : NULL;
    if (n > 0 && !grown) rig_fail(rig, rig->test->at, "out of memory for a request to 127.0.0.1");
    if (!grown) {
        close(c->fd); /* it went away */
        c->fd = -1;
        return true;
    }
    c->got = grown;
    memcpy(c->got + c->n_got, block, (size_t)n);
    c->n_got += (size_t)n;
    c->got[c->n_got] = '\0';
    c->whole = is_whole(c);
    return true;
}

bool call_move(struct rig *rig, struct call *c)
{
    if (c->fd < 0) return false;
    if (!c->whole) return receive(rig, c);
    if (!c->send) return false;
    ssize_t n = send(c->fd, c->send + c->sent, c->n_send - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    c->sent += n > 0 ? (size_t)n : c->n_send - c->sent;
    if (c->sent < c->n_send) return true;
    close(c->fd);
    c->fd = -1;
    return true;
}

/* "%60a%60" is `a`. In place. */
static void decode_percent(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        unsigned c;
        if (*at == '%' && sscanf(at + 1, "%2x", &c) == 1 && c) {
            *to = (char)c;
            at += 3;
        } else {
            *to = *at++;
        }
    }
    *to = '\0';
}

void call_facts(const struct call *c, struct facts *f)
{
    size_t line = strcspn(c->got, "\r");
    char *on = strndup(c->got, line), *version = on ? strrchr(on, ' ') : NULL;
    if (version) *version = '\0';
    if (on) decode_percent(on);
    if (on) facts_add(f, "on", "%s", on);
    f->no_memory |= !on;
    free(on);
    http_add_headers(f, c->got);
    facts_add_bytes(f, "body", (struct weir_slice){(const uint8_t *)c->got + c->head, c->n_got - c->head});
}

/* Each text with its length before it, 7 bits a byte, lowest first. */
static void put_strings(const struct weir_list *strings, FILE *out)
{
    const struct weir_slice *s = strings->items;
    for (uint32_t i = 0; i < strings->n; i++) {
        size_t n = s[i].n;
        do {
            fputc((int)((n & 0x7f) | (n > 0x7f ? 0x80 : 0)), out);
        } while (n >>= 7);
        if (s[i].n) fwrite(s[i].p, 1, s[i].n, out);
    }
}

static char *body_of(const struct step *s, size_t *n)
{
    const struct http_keys *k = &s->keys->reply;
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    if (!out) return NULL;
    if (s->json)
        fputs(s->json, out);
    else if (k->body.n)
        fwrite(k->body.p, 1, k->body.n, out);
    put_strings(&k->strings, out);
    if (!fclose(out)) return text;
    free(text);
    return NULL;
}

bool call_reply(struct call *c, const struct step *s)
{
    const struct http_keys *k = &s->keys->reply;
    const struct weir_pair *headers = k->headers.items;
    size_t n = 0;
    char *body = body_of(s, &n);
    FILE *out = body ? open_memstream(&c->send, &c->n_send) : NULL;
    if (out) {
        fprintf(out, "HTTP/1.1 %lld Answer\r\nConnection: close\r\nContent-Length: %zu\r\n", (long long)k->status, n);
        for (uint32_t i = 0; i < k->headers.n; i++)
            fprintf(out, "%s: %s\r\n", (const char *)headers[i].name.p,
                    headers[i].value.n ? (const char *)headers[i].value.p : "");
        fputs("\r\n", out);
        fwrite(body, 1, n, out);
    }
    free(body);
    c->replied = true;
    return out && !fclose(out);
}

void server_close(struct rig *rig)
{
    while (server_accept(rig)) { /* what nobody looked at any more */
    }
    for (struct call *c = rig->calls, *next; c; c = next) {
        next = c->next;
        if (c->fd >= 0) close(c->fd);
        free(c->got);
        free(c->send);
        free(c);
    }
    rig->calls = NULL;
    rig->call_tail = &rig->calls;
}
