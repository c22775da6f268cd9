/* log.c - log lines. A lane must never wait for whoever reads stderr: a line goes out by one write() and only when
 * there is room; what had no room is counted and said in the next line. */
#include "log.h"
#include "text.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, KEYS = 512, PROBES = 4, PER_SECOND = 10 };

struct key { /* one (stage, format) */
    uint64_t hash;
    uint64_t second;
    uint32_t said, suppressed;
};
struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
    bool json, full;
};

static _Atomic int level_now = WEIR_INFO;
static atomic_bool off;
static atomic_bool as_json;
static struct {
    pthread_mutex_t lock;
    struct key keys[KEYS];
    uint64_t lost; /* lines that stderr had no room for */
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

void weir_log_setup(enum weir_level level, bool json)
{
    atomic_store(&level_now, (int)level);
    atomic_store(&as_json, json);
}

void weir_log_off(void)
{
    atomic_store(&off, true);
}

enum weir_level weir_log_level(void)
{
    return (enum weir_level)atomic_load(&level_now);
}

/* ---- a line: names and values, cut at its end and never inside an escape */

enum { TAIL = 2 }; /* room that put() leaves for the closing quote or brace and the newline */

static bool put(struct line *l, const char *text, size_t n)
{
    if (l->full || l->n + n > LINE_MAX_BYTES - TAIL - 1) {
        l->full = true;
        return false;
    }
    memcpy(l->text + l->n, text, n);
    l->n += n;
    return true;
}

static void put_quoted(struct line *l, const char *value)
{
    char c[8];
    if (!put(l, "\"", 1)) return;
    while (*value && put(l, c, weir_json_char(c, &value))) {
    }
    l->text[l->n++] = '"'; /* put() left room */
}

static void put_name(struct line *l, const char *name)
{
    if (l->json) {
        put(l, l->n == 1 ? "\"" : ",\"", l->n == 1 ? 1 : 2);
        put(l, name, strlen(name));
        put(l, "\":", 2);
    } else {
        if (l->n) put(l, " ", 1);
        put(l, name, strlen(name));
        put(l, "=", 1);
    }
}

static bool plain(const char *value)
{
    if (!*value) return false;
    for (; *value; value++)
        if ((unsigned char)*value <= ' ' || (unsigned char)*value >= 0x7f || strchr("\"\\=", *value)) return false;
    return true;
}

static void put_text(struct line *l, const char *name, const char *value)
{
    put_name(l, name);
    if (!l->json && plain(value))
        put(l, value, strlen(value));
    else
        put_quoted(l, value);
}

static void put_count(struct line *l, const char *name, uint64_t value)
{
    char digits[24];
    put_name(l, name);
    put(l, digits, (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value));
}

/* ---- the limit */

static uint64_t hash_text(uint64_t h, const char *s)
{
    for (; s && *s; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
    return (h ^ 0xff) * 0x100000001b3ull;
}

static struct key *key_of(uint64_t hash)
{
    struct key *oldest = NULL;
    for (uint64_t i = 0; i < PROBES; i++) {
        struct key *k = &state.keys[(hash + i) % KEYS];
        if (k->hash == hash) return k;
        if (!oldest || k->second < oldest->second) oldest = k;
    }
    *oldest = (struct key){.hash = hash};
    return oldest;
}

/* With the lock held. False: not this time. *suppressed: how often it was not since it last was said. */
static bool may_say(uint64_t hash, uint64_t second, uint32_t *suppressed)
{
    struct key *k = key_of(hash);
    if (k->second != second) {
        k->second = second;
        k->said = 0;
    }
    if (k->said >= PER_SECOND) {
        k->suppressed++;
        return false;
    }
    k->said++;
    *suppressed = k->suppressed;
    k->suppressed = 0;
    return true;
}

/* A pipe that polls writable has room for PIPE_BUF bytes, and a line is not longer than that. */
static void send_line(const struct line *l)
{
    struct pollfd p = {STDERR_FILENO, POLLOUT, 0};
    ssize_t rc = -1;
    if (poll(&p, 1, 0) == 1) {
        do {
            rc = write(STDERR_FILENO, l->text, l->n);
        } while (rc < 0 && errno == EINTR);
    }
    if (rc < 0)
        state.lost++;
    else
        state.lost = 0;
}

static void head(struct line *l, enum weir_level level, uint64_t wall_ns, const char *pipeline, const char *stage,
                 int lane)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char ts[32];
    weir_rfc3339(ts, wall_ns);
    if (l->json) put(l, "{", 1);
    put_text(l, "ts", ts);
    put_text(l, "level", names[level]);
    if (pipeline) put_text(l, "pipeline", pipeline);
    if (stage) put_text(l, "stage", stage);
    if (lane >= 0) put_count(l, "lane", (uint64_t)lane);
}

void weir_logv(enum weir_level level, const char *pipeline, const char *stage, int lane, const char *fmt, va_list ap)
{
    if (level > weir_log_level() || atomic_load(&off)) return;
    int saved = errno; /* fmt may hold %m, and callers look at errno afterwards */
    char msg[LINE_MAX_BYTES];
    errno = saved;
    if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0) snprintf(msg, sizeof(msg), "%s", fmt);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t second = (uint64_t)t.tv_sec;
    struct line l = {.n = 0, .json = atomic_load(&as_json)};
    head(&l, level, second * 1000000000u + (uint64_t)t.tv_nsec, pipeline, stage, lane);
    uint64_t hash = hash_text(hash_text(0xcbf29ce484222325ull, stage), fmt);
    uint32_t suppressed = 0;

    pthread_mutex_lock(&state.lock);
    if (may_say(hash, second, &suppressed)) {
        if (suppressed) put_count(&l, "suppressed", suppressed);
        if (state.lost) put_count(&l, "lost", state.lost);
        put_text(&l, "msg", msg);
        if (l.json) l.text[l.n++] = '}';
        l.text[l.n++] = '\n';
        send_line(&l);
    }
    pthread_mutex_unlock(&state.lock);
    errno = saved;
}

void weir_logf(enum weir_level level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    weir_logv(level, NULL, NULL, -1, fmt, ap);
    va_end(ap);
}
