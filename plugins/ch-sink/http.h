/* http.h - POSTs on a lane: libcurl's multi socket interface on host watches and one host timer. Nothing blocks. */
#ifndef CH_SINK_HTTP_H
#define CH_SINK_HTTP_H
#include "buf.h"
#include <curl/curl.h>
#include <weir/plugin.h>

#define HTTP_REPLY_MAX (4u << 20) /* of an answer is kept; the rest is read and dropped */

struct http_setup {              /* borrowed; lives until http_close */
    const char *user, *password; /* NULL: not sent */
    const char *ca, *cert, *key; /* files, NULL: the system's CAs, no client certificate */
    const char *boundary;        /* of bodies that are forms */
    uint64_t connect_timeout_ns, timeout_ns;
};

struct http {
    struct weir_ctx *ctx;
    CURLM *multi;
    struct curl_slist *headers, *form_headers;
    struct http_setup setup;
    struct weir_timer timer;
    struct http_call *calls; /* in flight */
};

struct http_call {
    void (*done)(struct http_call *); /* never from inside http_post */
    bool form;                        /* the body is multipart/form-data, with the setup's boundary */
    /* the answer */
    CURLcode code; /* not CURLE_OK: there is none */
    long status;   /* HTTP */
    int exception; /* X-ClickHouse-Exception-Code, 0 when there is none */
    struct weir_buf reply;
    char error[CURL_ERROR_SIZE];
    double seconds;
    /* http.c's */
    struct http *http;
    struct http_call *next, **link;
    CURL *easy;
};

int http_open(struct http *, struct weir_ctx *, const struct http_setup *, struct weir_err *);
/* Drops what is in flight without a word; at any time, also twice. */
void http_close(struct http *);
/* The body must live until done(). Content-Length is explicit: a cut connection can never look like a short block.
 * False: no memory, done() is not called. */
bool http_post(struct http *, struct http_call *, const char *url, const void *body, size_t n);
void http_cancel(struct http_call *);
#endif
