/* players.c - bench-players: many players on one thread, each with a connection that is kept. Bets come on a fixed
 * schedule whatever the answers do, and a bet's time counts from when it was due: one that had to wait for a free
 * connection waited for the system under test (no coordinated omission; the idea is wrk2's, github.com/giltene/wrk2).
 */
#include "players.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS = 256 };
static const uint64_t TICK_NS = 500000, SWEEP_NS = 100000000, SETUP_NS = 120000000000u, SECOND_NS = 1000000000;

enum state { CLOSED, CONNECTING, IDLE, ASKED };
struct conn {
    int fd;
    enum state state;
    uint64_t due, sent, account;
    char *rest; /* of a request that the socket did not take whole */
    size_t rest_n, rest_at, in_n;
    struct conn *next; /* idle, oldest first */
    char in[ANSWER_BYTES + 1];
};
struct players {
    struct options o;
    int epoll;
    struct conn *conns, *idle, **idle_end;
    unsigned n_idle, n_asked;
    uint64_t now, next_due, due_fraction, step_end, end, swept, numbers, random;
    unsigned step;
    uint64_t *again, n_again, todo; /* open and fund: accounts to ask once more, those not yet asked */
    struct tallies tallies;
    char request[REQUEST_BYTES];
};

/* ---- connections */

static void watch(struct players *p, struct conn *c, int op, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = c};
    if (epoll_ctl(p->epoll, op, c->fd, &ev)) die("epoll: %s", strerror(errno));
}

static void put_idle(struct players *p, struct conn *c)
{
    c->state = IDLE;
    c->next = NULL;
    *p->idle_end = c;
    p->idle_end = &c->next;
    p->n_idle++;
}

static struct conn *take_idle(struct players *p)
{
    struct conn *c = p->idle;
    p->idle = c->next;
    if (!p->idle) p->idle_end = &p->idle;
    p->n_idle--;
    return c;
}

static void leave_idle(struct players *p, struct conn *c)
{
    struct conn **at = &p->idle;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    if (p->idle_end == &c->next) p->idle_end = at;
    p->n_idle--;
}

static void dial(struct players *p, struct conn *c)
{
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->in_n = c->rest_n = 0;
    c->state = CONNECTING;
    if (connect(c->fd, (const struct sockaddr *)&p->o.to, sizeof p->o.to) && errno != EINPROGRESS) {
        close(c->fd);
        c->state = CLOSED; /* the next sweep tries again */
        return;
    }
    watch(p, c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void settle(struct players *p, struct conn *c, const struct answer *a)
{
    tally_answer(&p->tallies, a, c->due, c->sent, p->now);
    p->n_asked--;
    if (p->o.phase != BET && (a->status < 200 || a->status >= 300)) p->again[p->n_again++] = c->account;
}

static void hang_up(struct players *p, struct conn *c, const char *why)
{
    if (c->state == ASKED) settle(p, c, &(struct answer){.outcome = why, .outcome_n = strlen(why), .wallet_ms = -1});
    if (c->state == IDLE) leave_idle(p, c);
    close(c->fd);
    free(c->rest);
    c->rest = NULL;
    c->state = CLOSED;
}

/* ---- requests */

static void keep_rest(struct players *p, struct conn *c, const char *from, size_t n)
{
    if (!(c->rest = malloc(n))) die("out of memory");
    memcpy(c->rest, from, n);
    c->rest_n = n;
    c->rest_at = 0;
    watch(p, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void ask(struct players *p, uint64_t account, uint64_t due)
{
    size_t n;
    struct conn *c = take_idle(p);
    const char *text = request_write(p->request, &p->o, account, p->numbers++, &n);
    c->state = ASKED;
    c->account = account;
    c->due = due;
    c->sent = p->now > due ? p->now : due;
    p->n_asked++;
    p->tallies.bytes_out += n;
    ssize_t sent = send(c->fd, text, n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        hang_up(p, c, "broken");
    else if (sent < (ssize_t)n)
        keep_rest(p, c, text + (sent > 0 ? sent : 0), n - (size_t)(sent > 0 ? sent : 0));
}

static void send_rest(struct players *p, struct conn *c)
{
    ssize_t sent = send(c->fd, c->rest + c->rest_at, c->rest_n - c->rest_at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
        hang_up(p, c, "broken");
        return;
    }
    c->rest_at += (size_t)sent;
    if (c->rest_at < c->rest_n) return;
    free(c->rest);
    c->rest = NULL;
    watch(p, c, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- answers */

static void answered(struct players *p, struct conn *c, const struct head *h)
{
    settle(p, c, &h->answer);
    c->in_n = 0;
    put_idle(p, c);
    if (!h->close && !c->rest) return;
    hang_up(p, c, "");
    dial(p, c);
}

static void receive(struct players *p, struct conn *c)
{
    struct head h;
    ssize_t n = recv(c->fd, c->in + c->in_n, ANSWER_BYTES - c->in_n, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0 || c->state != ASKED) { /* nothing was asked: only an end can come */
        hang_up(p, c, "broken");
        return;
    }
    p->tallies.bytes_in += (size_t)n;
    c->in_n += (size_t)n;
    c->in[c->in_n] = '\0';
    long whole = answer_read(c->in, c->in_n, &h);
    if (whole < 0 || (whole > 0 && (size_t)whole < c->in_n))
        hang_up(p, c, "not-http");
    else if (whole)
        answered(p, c, &h);
}

static void on_event(struct players *p, struct conn *c, uint32_t events)
{
    if (c->state == CLOSED) return; /* hung up in this very turn */
    if (c->state == CONNECTING) {
        int error = 0;
        socklen_t n = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        if (error) {
            hang_up(p, c, "");
        } else if (events & EPOLLOUT) {
            watch(p, c, EPOLL_CTL_MOD, EPOLLIN);
            put_idle(p, c);
        }
        return;
    }
    if (c->rest && (events & EPOLLOUT)) send_rest(p, c);
    if (c->state != CLOSED && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) receive(p, c);
}

/* Ten times a second: whoever waits too long for an answer hangs up, whoever was cut off dials again. */
static void sweep(struct players *p)
{
    if (p->now - p->swept < SWEEP_NS) return;
    p->swept = p->now;
    for (struct conn *c = p->conns; c < p->conns + p->o.connections; c++) {
        if (c->state == ASKED && c->sent + p->o.timeout_ns < p->now) hang_up(p, c, "timeout");
        if (c->state == CLOSED) dial(p, c);
    }
}

/* On a schedule the loop runs 2,000 times a second: to wake for each bet and each answer would cost several times as
 * much CPU as both together. It puts up to half a millisecond on either end of a bet's time. */
static void nap(struct players *p)
{
    uint64_t until = (p->now / TICK_NS + 1) * TICK_NS;
    const struct timespec at = {(time_t)(until / SECOND_NS), (long)(until % SECOND_NS)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    p->now = clock_ns();
}

/* One turn: what has come, waiting for it at most until `until`. */
static void turn(struct players *p, uint64_t until)
{
    struct epoll_event events[EVENTS];
    if (p->next_due && p->o.steps[p->step].rate) nap(p);
    uint64_t wait = until > p->now ? until - p->now : 0;
    if (wait > SWEEP_NS) wait = SWEEP_NS;
    const struct timespec patience = {0, (long)wait};
    int n = epoll_pwait2(p->epoll, events, EVENTS, &patience, NULL);
    if (n < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
    p->now = clock_ns();
    for (int i = 0; i < n; i++) on_event(p, events[i].data.ptr, events[i].events);
    sweep(p);
}

/* ---- the schedule */

static uint64_t drawn_account(struct players *p)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return (p->random >> 32) * p->o.accounts >> 32;
}

/* Goes to the next bet of the plan; into the next step when this one is over. No rounding adds up. */
static void plan_next(struct players *p)
{
    const struct step *s = &p->o.steps[p->step];
    if (s->rate) {
        p->next_due += SECOND_NS / s->rate;
        p->due_fraction += SECOND_NS % s->rate;
        if (p->due_fraction >= s->rate) {
            p->due_fraction -= s->rate;
            p->next_due++;
        }
    } else {
        p->next_due = p->now;
    }
    while (p->next_due >= p->step_end && p->step_end < p->end) {
        p->next_due = p->step_end;
        p->due_fraction = 0;
        p->step_end += p->o.steps[++p->step].seconds * SECOND_NS;
    }
}

static void bet_what_is_due(struct players *p)
{
    while (p->next_due <= p->now && p->next_due < p->end) {
        bool closed_loop = !p->o.steps[p->step].rate;
        if (p->n_idle) {
            ask(p, drawn_account(p), closed_loop ? p->now : p->next_due);
        } else if (closed_loop) {
            p->next_due = p->now;
            if (p->now >= p->step_end) plan_next(p);
            return;
        } else if (p->next_due + p->o.timeout_ns < p->now) {
            tally_unsent(&p->tallies, p->next_due, p->o.timeout_ns);
        } else {
            return;
        }
        plan_next(p);
    }
}

static void play_bets(struct players *p)
{
    p->next_due = p->now;
    p->step_end = p->now + p->o.steps[0].seconds * SECOND_NS;
    for (unsigned i = 0; i < p->o.n_steps; i++) p->tallies.seconds += p->o.steps[i].seconds;
    p->end = p->now + p->tallies.seconds * SECOND_NS;
    while (p->now < p->end) {
        bet_what_is_due(p);
        turn(p, p->o.steps[p->step].rate ? p->now : p->step_end);
    }
    while (p->o.steps[p->step].rate && p->next_due < p->end) {
        tally_unsent(&p->tallies, p->next_due, p->end - p->next_due);
        plan_next(p);
    }
    while (p->n_asked) turn(p, p->now + SWEEP_NS); /* each is answered, or swept */
}

static void setup_failed(struct players *p)
{
    p->tallies.seconds = SETUP_NS / SECOND_NS;
    tallies_print(&p->tallies, &p->o);
    fflush(stdout);
    die("%llu of %llu accounts are not done after 120 s; the lines above say how they were answered",
        (unsigned long long)(p->o.accounts - p->todo + p->n_again + p->n_asked), (unsigned long long)p->o.accounts);
}

/* Every account once, and again until each has its 2xx. */
static void play_setup(struct players *p)
{
    uint64_t began = p->now;
    while (p->todo < p->o.accounts || p->n_again || p->n_asked) {
        if (p->now - began > SETUP_NS) setup_failed(p);
        while (p->n_idle && p->todo < p->o.accounts) ask(p, p->todo++, p->now);
        for (uint64_t repeats = p->n_again; p->n_idle && repeats; repeats--) ask(p, p->again[--p->n_again], p->now);
        turn(p, p->now + SWEEP_NS);
    }
    p->tallies.seconds = (p->now - began) / SECOND_NS + 1;
}

/* ---- */

static void connect_all(struct players *p)
{
    const struct rlimit files = {p->o.connections + 64, p->o.connections + 64};
    struct rlimit have;
    if (!getrlimit(RLIMIT_NOFILE, &have) && have.rlim_cur < files.rlim_cur && setrlimit(RLIMIT_NOFILE, &files))
        die("%u connections need more than the %llu files that are allowed here: ulimit -n", p->o.connections,
            (unsigned long long)have.rlim_cur);
    uint64_t began = p->now = clock_ns();
    while (p->n_idle < p->o.connections) {
        if (p->now - began > p->o.timeout_ns)
            die("only %u of %u connections to port %u are open after %llu s", p->n_idle, p->o.connections,
                ntohs(p->o.to.sin_port), (unsigned long long)(p->o.timeout_ns / SECOND_NS));
        turn(p, p->now + SWEEP_NS);
    }
}

int main(int argc, char **argv)
{
    static struct players p;
    options_read(&p.o, argc, argv);
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    p.idle_end = &p.idle;
    p.epoll = epoll_create1(EPOLL_CLOEXEC);
    p.conns = calloc(p.o.connections, sizeof *p.conns);
    p.again = calloc(p.o.accounts, sizeof *p.again);
    if (p.epoll < 0 || !p.conns || !p.again) die("out of memory or descriptors");
    p.random = 88172645463325252u;
    for (const char *c = p.o.run; *c; c++) p.random = (p.random ^ (uint64_t)(unsigned char)*c) * 1099511628211u;
    p.random |= 1;
    p.tallies.seconds = p.o.phase == BET ? 0 : SECONDS_MAX;
    connect_all(&p);
    p.tallies.began_ns = p.now = clock_ns();
    if (p.o.phase == BET)
        play_bets(&p);
    else
        play_setup(&p);
    tallies_print(&p.tallies, &p.o);
    return 0;
}
