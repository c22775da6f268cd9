/* http_test.c - see http_test.h. */
#include "http_test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char routes[] =
    "listen = \"unix:%s\"\n"
    "routes = {\n"
    "  place = { on = \"POST /v1/bets\", event = \"bets.v1.PlaceBet\", key = \"account_id\" }\n"
    "  open = { on = \"POST /v1/accounts\", event = \"wallet.v1.OpenRequest\", key = \"account_id\",\n"
    "           answers = [ \"accepted=200\" ] }\n"
    "  deposit = { on = \"POST /v1/accounts/{account_id}/deposits\", event = \"wallet.v1.CreditRequest\",\n"
    "              key = \"account_id\", headers = [ \"Idempotency-Key=idempotency_key\" ] }\n"
    "  account = { on = \"GET /v1/accounts/{account_id}\", event = \"wallet.v1.GetBalanceRequest\" }\n"
    "  close = { on = \"DELETE /v1/accounts/{account_id}\", event = \"wallet.v1.GetBalanceRequest\" }\n"
    "  number = { on = \"GET /v1/numbers/{stake_minor}\", event = \"bets.v1.PlaceBet\", key = \"stake_minor\" }\n"
    "}\n"
    "answers = [ \"accepted=201\", \"replayed=200\", \"insufficient-funds=402\", \"unknown-account=404\",\n"
    "            \"key-reused=422\", \"invalid=400\", \"gone=204\" ]\n"
    "%s\n";

void http_open(struct http *h, const char *more, unsigned flags)
{
    char conf[4096];
    strcpy(h->path, "/tmp/weir-http-XXXXXX");
    int fd = mkstemp(h->path); /* a name of our own */
    assert_true(fd >= 0);
    close(fd);
    unlink(h->path);
    snprintf(conf, sizeof conf, routes, h->path, more);
    h->kit = weir_kit_open_with("http-ingress", conf, flags);
}

void http_close(struct http *h)
{
    weir_kit_close(h->kit);
    unlink(h->path);
}

void client_open(struct client *c, const struct http *h)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    memset(c, 0, sizeof *c);
    c->kit = h->kit;
    strcpy(sa.sun_path, h->path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c->fd >= 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
    weir_kit_run(c->kit);
}

void client_close(struct client *c)
{
    close(c->fd);
    weir_kit_run(c->kit);
}

void client_bytes(struct client *c, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return; /* the server had enough: the test looks at what it said */
        bytes += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
        weir_kit_run(c->kit);
    }
}

void client_send(struct client *c, const char *text)
{
    client_bytes(c, text, strlen(text));
}

static void take(struct client *c)
{
    for (ssize_t n; !c->closed && c->n < sizeof c->in - 1;) {
        n = recv(c->fd, c->in + c->n, sizeof c->in - 1 - c->n, 0);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0)
            c->closed = true;
        else
            c->n += (size_t)n;
    }
    c->in[c->n] = '\0';
}

/* The length of the first whole response, or 0. */
static size_t whole(struct client *c)
{
    const char *end = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\nContent-Length:");
    if (!end) return 0;
    size_t n = (size_t)(end - c->in) + 4;
    if (length && length < end) n += strtoul(length + 17, NULL, 10);
    return n <= c->n ? n : 0;
}

static bool has_response(void *arg)
{
    take(arg);
    return whole(arg) || ((struct client *)arg)->closed;
}

static bool has_head(void *arg)
{
    take(arg);
    return strstr(((struct client *)arg)->in, "\r\n\r\n") != NULL;
}

static void cut(struct client *c, struct response *r, size_t n)
{
    const char *body = strstr(c->in, "\r\n\r\n") + 4;
    size_t head = (size_t)(body - c->in);
    assert_true(head < sizeof r->head && n - head < sizeof r->body);
    memcpy(r->head, c->in, head);
    r->head[head] = '\0';
    memcpy(r->body, body, n - head);
    r->body[n - head] = '\0';
    r->status = atoi(c->in + 9);
    memmove(c->in, c->in + n, c->n - n + 1);
    c->n -= n;
}

void response(struct client *c, struct response *r)
{
    weir_kit_wait(c->kit, has_response, c, 10000);
    size_t n = whole(c);
    if (!n) fail_msg("no whole response in: %s", c->in);
    cut(c, r, n);
}

bool response_head(struct client *c, struct response *r)
{
    if (!weir_kit_wait(c->kit, has_head, c, 10000)) return false;
    cut(c, r, (size_t)(strstr(c->in, "\r\n\r\n") - c->in) + 4);
    return true;
}

static bool is_closed(void *arg)
{
    struct client *c = arg;
    take(c);
    return c->closed;
}

void closes(struct client *c)
{
    if (!weir_kit_wait(c->kit, is_closed, c, 10000)) fail_msg("still open");
    if (c->n) fail_msg("before it closed: %s", c->in);
}

void post(struct client *c, const char *path, const char *body)
{
    char text[8192];
    snprintf(text, sizeof text,
             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", path,
             strlen(body), body);
    client_send(c, text);
}

struct weir_event *event_of(struct client *c, const char *path, const char *body)
{
    post(c, path, body);
    struct weir_event *ev = weir_kit_wait_forwarded(c->kit, 10000);
    if (!ev) {
        take(c);
        fail_msg("no event of %s %s: %s", path, body, c->in);
    }
    return ev;
}

void ask(struct client *c, struct response *r, const char *request)
{
    client_send(c, request);
    response(c, r);
}

void settle_as(struct http *h, struct weir_event *ev, enum weir_status status, const char *outcome)
{
    struct weir_result result = {.status = status, .outcome_name = outcome};
    weir_kit_settle_with(h->kit, ev, &result);
    weir_kit_run(h->kit);
}

void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no \"%s\" in: %s", part, text);
}

void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part)) fail_msg("\"%s\" in: %s", part, text);
}
