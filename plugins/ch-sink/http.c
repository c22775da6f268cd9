/* http.c - libcurl says which sockets and what timeout it wants; the host says when they are ready.
 * Traps handled: the threaded resolver (else DNS blocks the lane) and its thread at close (QUICK_EXIT), signals,
 * proxies from the environment, "Expect: 100-continue" (a second of waiting). */
#include "http.h"
#include <stdio.h>

struct sock {
    struct weir_watch watch;
    struct http *http;
};

static void finish_calls(struct http *h);

static void on_ready(struct weir_watch *w, uint32_t ready)
{
    struct http *h = weir_container(w, struct sock, watch)->http;
    int mask = (ready & WEIR_READABLE ? CURL_CSELECT_IN : 0) | (ready & WEIR_WRITABLE ? CURL_CSELECT_OUT : 0);
    int running;
    curl_multi_socket_action(h->multi, w->fd, mask, &running); /* may free the sock */
    finish_calls(h);
}

static void on_timer(struct weir_timer *t)
{
    struct http *h = weir_container(t, struct http, timer);
    int running;
    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_calls(h);
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
    struct http *h = arg;
    (void)multi;
    if (ms < 0)
        h->ctx->host->timer_stop(h->ctx, &h->timer);
    else
        h->ctx->host->timer_arm(h->ctx, &h->timer, (uint64_t)ms * 1000000u);
    return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sockp)
{
    struct http *h = arg;
    struct sock *s = sockp;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (!s) return 0;
        s->watch.want = 0;
        h->ctx->host->watch(h->ctx, &s->watch);
        curl_multi_assign(h->multi, fd, NULL);
        free(s);
        return 0;
    }
    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s) return -1; /* libcurl fails the transfers of this socket */
        s->http = h;
        s->watch.fn = on_ready;
        s->watch.fd = fd;
        curl_multi_assign(h->multi, fd, s);
    }
    s->watch.want =
        (what & CURL_POLL_IN ? (uint32_t)WEIR_READABLE : 0u) | (what & CURL_POLL_OUT ? (uint32_t)WEIR_WRITABLE : 0u);
    return h->ctx->host->watch(h->ctx, &s->watch);
}

static size_t take_header(char *p, size_t size, size_t n, void *arg)
{
    static const char name[] = "x-clickhouse-exception-code:";
    struct http_call *call = arg;
    size_t len = size * n, at = sizeof(name) - 1;
    if (len <= at || strncasecmp(p, name, at) != 0) return len;
    int code = 0;
    while (at < len && p[at] == ' ') at++;
    for (; at < len && p[at] >= '0' && p[at] <= '9' && code < 100000; at++) code = code * 10 + (p[at] - '0');
    call->exception = code ? code : -1;
    return len;
}

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;
    size_t len = size * n, room = HTTP_REPLY_MAX - call->reply.n;
    return weir_buf_put(&call->reply, p, len < room ? len : room) ? len : 0;
}

static void unlink_call(struct http_call *call)
{
    *call->link = call->next;
    if (call->next) call->next->link = call->link;
    curl_multi_remove_handle(call->http->multi, call->easy);
    curl_easy_cleanup(call->easy);
    call->easy = NULL;
}

void http_cancel(struct http_call *call)
{
    if (!call->easy) return;
    unlink_call(call);
    weir_buf_free(&call->reply);
}

static void finish_calls(struct http *h)
{
    CURLMsg *msg;
    int left;
    while (h->multi && (msg = curl_multi_info_read(h->multi, &left))) {
        struct http_call *call = NULL;
        if (msg->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
        call->code = msg->data.result;
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->status);
        curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME, &call->seconds);
        if (call->code != CURLE_OK && !*call->error)
            snprintf(call->error, sizeof(call->error), "%s", curl_easy_strerror(call->code));
        unlink_call(call);
        call->done(call);
    }
}

static bool set_up(struct http *h, struct http_call *call, const char *url, const void *body, size_t n)
{
    const struct http_setup *s = &h->setup;
    CURL *e = call->easy;
    CURLcode bad = curl_easy_setopt(e, CURLOPT_URL, url);
    bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
    bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->form ? h->form_headers : h->headers);
    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, call);
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->error);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
    bad |= curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 512l * 1024);
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(s->connect_timeout_ns / 1000000u));
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(s->timeout_ns / 1000000u));
    if (s->ca) bad |= curl_easy_setopt(e, CURLOPT_CAINFO, s->ca);
    if (s->cert) bad |= curl_easy_setopt(e, CURLOPT_SSLCERT, s->cert);
    if (s->key) bad |= curl_easy_setopt(e, CURLOPT_SSLKEY, s->key);
#if LIBCURL_VERSION_NUM >= 0x075700
    bad |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* closing does not wait for the resolver's thread */
#endif
    return bad == CURLE_OK;
}

bool http_post(struct http *h, struct http_call *call, const char *url, const void *body, size_t n)
{
    call->http = h;
    call->status = 0;
    call->exception = 0;
    call->error[0] = '\0';
    call->reply.n = 0;
    call->easy = curl_easy_init();
    if (!call->easy) return false;
    if (!set_up(h, call, url, body, n) || curl_multi_add_handle(h->multi, call->easy) != CURLM_OK) {
        curl_easy_cleanup(call->easy);
        call->easy = NULL;
        return false;
    }
    call->next = h->calls;
    call->link = &h->calls;
    if (h->calls) h->calls->link = &call->next;
    h->calls = call;
    return true;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char *line = NULL;
    if (asprintf(&line, "%s%s", name, value) < 0) return false;
    struct curl_slist *more = curl_slist_append(*list, line);
    explicit_bzero(line, strlen(line));
    free(line);
    if (more) *list = more;
    return more != NULL;
}

static bool add_headers(struct curl_slist **list, const struct http_setup *s, const char *type, const char *boundary)
{
    char full[128];
    snprintf(full, sizeof(full), "%s%s", type, boundary);
    return add_header(list, "Expect:", "") && add_header(list, "Content-Type: ", full) &&
           (!s->user || add_header(list, "X-ClickHouse-User: ", s->user)) &&
           (!s->password || add_header(list, "X-ClickHouse-Key: ", s->password));
}

int http_open(struct http *h, struct weir_ctx *ctx, const struct http_setup *setup, struct weir_err *err)
{
    h->ctx = ctx;
    h->setup = *setup;
    h->timer.fn = on_timer;
    h->multi = curl_multi_init();
    bool ok = h->multi && add_headers(&h->headers, setup, "application/octet-stream", "") &&
              add_headers(&h->form_headers, setup, "multipart/form-data; boundary=", setup->boundary);
    if (!ok) {
        snprintf(err->msg, sizeof(err->msg), "no memory");
        http_close(h);
        return -1;
    }
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    return 0;
}

void http_close(struct http *h)
{
    if (!h->ctx) return;
    while (h->calls) http_cancel(h->calls);
    if (h->multi) curl_multi_cleanup(h->multi); /* removes the watches of idle connections */
    h->multi = NULL;
    curl_slist_free_all(h->headers);
    curl_slist_free_all(h->form_headers);
    h->headers = h->form_headers = NULL;
    h->ctx->host->timer_stop(h->ctx, &h->timer);
}
