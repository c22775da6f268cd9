/* conn.c - connections, and the deadlines that libmicrohttpd does not have: its own are whole seconds of inactivity, so
 * a client that sends a byte a second would stay for ever. Each phase has one time-out, so its list is in order of
 * deadline and a deadline costs no search. A connection past it is shut down at its socket; the daemon sees that and
 * closes it. */
#include "http_ingress.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const uint64_t HELD_STEP_NS = 5000000; /* those held end together, not each with a timer of its own */

static uint64_t timeout_of(const struct cfg *cfg, enum phase phase)
{
    switch (phase) {
    case IDLE: return cfg->idle_timeout;
    case HEADER: return cfg->header_timeout;
    case BODY:
    case SEND: return cfg->body_timeout;
    case HELD: return cfg->hold;
    default: return 0;
    }
}

static void unlink_conn(struct conn *c)
{
    struct lane *lane = c->lane;
    *(c->prev ? &c->prev->next : &lane->phases[c->phase].first) = c->next;
    *(c->next ? &c->next->prev : &lane->phases[c->phase].last) = c->prev;
    c->next = c->prev = NULL;
}

static void link_conn(struct conn *c)
{
    struct lane *lane = c->lane;
    c->prev = lane->phases[c->phase].last;
    *(c->prev ? &c->prev->next : &lane->phases[c->phase].first) = c;
    lane->phases[c->phase].last = c;
}

/* Due times only move away while a timer runs, so it is armed again only for an earlier one. */
static void arm(struct lane *lane, uint64_t deadline, uint64_t now)
{
    if (lane->closing || (lane->expiry.due_ns && lane->expiry.due_ns <= deadline)) return;
    lane->ctx->host->timer_arm(lane->ctx, &lane->expiry, deadline > now ? deadline - now : 0);
}

void conn_phase(struct conn *c, enum phase phase)
{
    struct weir_ctx *ctx = c->lane->ctx;
    uint64_t timeout = timeout_of(c->lane->cfg, phase), now = ctx->host->now(ctx);
    unlink_conn(c);
    c->phase = phase;
    c->deadline_ns = timeout ? now + timeout : 0;
    if (phase == HELD) c->deadline_ns -= c->deadline_ns % HELD_STEP_NS;
    link_conn(c);
    if (timeout) arm(c->lane, c->deadline_ns, now);
}

/* A last word, where it cannot get between the bytes of an answer; the daemon cannot say it. */
static void say_408(struct conn *c, int fd)
{
    static const char text[] =
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        "Content-Length: 100\r\n\r\n"
        "{\"type\":\"about:blank\",\"title\":\"Request Timeout\",\"status\":408,\"detail\":\"the request came too "
        "slowly\"}";
    if (!c->begun || c->lane->cfg->tls.cert.n) return;
    ssize_t sent = send(fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* it is gone already, or it does not read: nothing to do */
}

static void expire(struct conn *c, const char *phase)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct weir_ctx *ctx = c->lane->ctx;
    const char *labels[] = {phase};
    c->expired = true;
    if (!info) return;
    if (c->phase == HEADER || c->phase == BODY) say_408(c, info->connect_fd);
    shutdown(info->connect_fd, SHUT_RDWR);
    server_run_soon(c->server);
    if (phase) ctx->host->metric(ctx, M_EXPIRED, labels, 1);
}

void lane_release_held(struct lane *lane, uint64_t until_ns)
{
    for (struct conn *c; (c = lane->phases[HELD].first) != NULL && c->deadline_ns <= until_ns;) {
        answer_full(c);
        conn_phase(c, PIPELINE); /* with its answer */
        server_resume(c);
    }
}

void lane_expire(struct weir_timer *timer)
{
    static const char *const names[N_PHASES] = {"idle", "header", "body", NULL, "send", NULL};
    struct lane *lane = weir_container(timer, struct lane, expiry);
    uint64_t now = lane->ctx->host->now(lane->ctx), next = UINT64_MAX;
    lane_release_held(lane, now);
    for (unsigned p = 0; p < N_PHASES; p++) {
        if (p == PIPELINE) continue;
        for (struct conn *c = lane->phases[p].first; c; c = c->next) {
            if (c->deadline_ns > now) {
                if (c->deadline_ns < next) next = c->deadline_ns;
                break;
            }
            if (!c->expired) expire(c, names[p]);
        }
    }
    if (next != UINT64_MAX) arm(lane, next, now);
}

/* A request can be on its way on any open connection, and would be lost with it: only those that brought none during
 * the farewell are closed. */
void lane_refuse(struct weir_timer *farewell)
{
    struct lane *lane = weir_container(farewell, struct lane, farewell);
    lane->refusing = true;
    for (struct conn *c = lane->phases[IDLE].first; c; c = c->next)
        if (!c->expired) expire(c, NULL);
    for (struct conn *c = lane->phases[HEADER].first; c; c = c->next)
        if (!c->begun && !c->expired) expire(c, NULL);
    lane_check_drained(lane);
}

void lane_check_drained(struct lane *lane)
{
    bool over = lane->refusing ? !lane->n_requests : !lane->n_conns;
    if (lane->draining && over && !lane->closing) lane->ctx->host->state(lane->ctx, WEIR_DRAINED, NULL);
}

static void count(struct server *s, int more)
{
    struct lane *lane = s->lane;
    s->n_conns = (uint32_t)((int64_t)s->n_conns + more);
    lane->n_conns = (uint32_t)((int64_t)lane->n_conns + more);
    lane->ctx->host->metric(lane->ctx, M_CONNECTIONS, NULL, lane->n_conns);
    accept_check(lane);
}

void conn_free_request(struct conn *c)
{
    if (c->response) MHD_destroy_response(c->response);
    c->response = NULL;
    c->route = NULL;
    c->status = 0;
    c->too_large = c->has_body = c->may_wait = false;
    c->n_given = 0;
    c->text_n = 0;
    c->body.n = c->out.n = 0;
    if (c->body.cap > 4096) weir_json_buf_free(&c->body); /* an idle connection holds little */
    if (c->out.cap > 4096) weir_json_buf_free(&c->out);
}

static void opened(struct server *s, struct MHD_Connection *mhd, void **slot)
{
    struct lane *lane = s->lane;
    struct conn *c = calloc(1, sizeof *c);
    *slot = c;
    if (!c) return; /* request_line() answers with a closed connection */
    c->lane = lane;
    c->server = s;
    c->mhd = mhd;
    c->phase = HEADER;
    c->body.max = lane->cfg->max_body;
    c->out.max = 16u << 20;
    link_conn(c);
    conn_phase(c, HEADER);
    count(s, 1);
}

static void closed(struct conn *c)
{
    struct lane *lane = c->lane;
    struct server *s = c->server;
    conn_free_request(c);
    unlink_conn(c);
    weir_json_buf_free(&c->body);
    weir_json_buf_free(&c->out);
    if (c->begun) lane->n_requests--;
    free(c);
    count(s, -1);
}

void conn_notify(void *arg, struct MHD_Connection *mhd, void **slot, enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        opened(arg, mhd, slot);
    else if (*slot)
        closed(*slot);
}
