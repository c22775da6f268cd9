/* http_test.h - a client on a plain socket, driven by the test kit's loop: what it sends is exactly what it says. */
#ifndef HTTP_TEST_H
#define HTTP_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <weir/testkit.h>

#include <cmocka.h>

struct http {
    struct weir_kit *kit;
    char path[64]; /* of the socket */
};
struct client {
    struct weir_kit *kit;
    int fd;
    char in[70000];
    size_t n;
    bool closed;
};
struct response {
    int status;
    char head[4096];
    char body[65536];
};

/* Opens http-ingress on a socket of its own with the routes below and `more` options. */
void http_open(struct http *, const char *more, unsigned flags);
void http_close(struct http *);

void client_open(struct client *, const struct http *);
void client_close(struct client *);
void client_send(struct client *, const char *text);
void client_bytes(struct client *, const char *bytes, size_t n);
void response(struct client *, struct response *);      /* the next one; fails the test when it does not come */
bool response_head(struct client *, struct response *); /* of a HEAD request: no body */
void closes(struct client *);                           /* the server closes, without another byte */
void post(struct client *, const char *path, const char *body);
/* Sends, and returns what came out of the plugin. */
struct weir_event *event_of(struct client *, const char *path, const char *body);
void ask(struct client *, struct response *, const char *request); /* sends, waits for the answer */

void settle_as(struct http *, struct weir_event *, enum weir_status, const char *outcome);
void assert_has(const char *text, const char *part);
void assert_has_not(const char *text, const char *part);
#define BET "{\"bet_id\":\"b1\",\"account_id\":\"a1\",\"stake_minor\":250,\"currency\":\"EUR\"}"
#endif
