/* failpoint.c - counts passes and acts. A shared library, so that the host and its plugins have one table. */
#include "weir_failpoint.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POINTS_MAX = 64, POINT_NAME = 48, ACTION_MAX = 24 };
struct point {
    char name[POINT_NAME], action[ACTION_MAX]; /* action: "" nothing */
    unsigned long passes, since, at;          /* since: passes from when it was told */
    bool onward;
};
static struct point points[POINTS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct point *point_of(const char *name, size_t n)
{
    if (n >= POINT_NAME) return NULL;
    for (int i = 0; i < POINTS_MAX; i++) {
        struct point *p = &points[i];
        if (!*p->name) memcpy(p->name, name, n);
        if (strlen(p->name) == n && !memcmp(p->name, name, n)) return p;
    }
    return NULL;
}

/* One name=action:n or name=action:n+ up to a comma or the end. */
static bool tell(const char *text, size_t n)
{
    const char *end = text + n, *is = memchr(text, '=', n), *when = is ? memchr(is, ':', (size_t)(end - is)) : NULL;
    if (!when || is == text || when - is - 1 >= ACTION_MAX) return false;
    struct point *p = point_of(text, (size_t)(is - text));
    char *stop;
    unsigned long at = strtoul(when + 1, &stop, 10);
    bool onward = stop < end && *stop == '+';
    if (!p || !at || stop + onward != end) return false;
    memcpy(p->action, is + 1, (size_t)(when - is - 1));
    p->action[when - is - 1] = '\0';
    p->since = 0;
    p->at = at;
    p->onward = onward;
    return true;
}

static bool tell_all(const char *text)
{
    bool ok = true;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, ",");
        ok = tell(at, n) && ok;
        at += n + (at[n] == ',');
    }
    return ok;
}

static void from_environment(void)
{
    const char *text = getenv("WEIR_FAILPOINTS");
    if (text && !tell_all(text)) fprintf(stderr, "WEIR_FAILPOINTS: expected name=action:n,..., found %s\n", text);
}

static void stall(const char *ms)
{
    long n = strtol(ms, NULL, 10);
    struct timespec t = {n / 1000, n % 1000 * 1000000};
    while (nanosleep(&t, &t)) {
    }
}

/* Straight to the descriptor: the next thing may be SIGKILL. */
static void say(const char *name, const char *action, unsigned long pass)
{
    char text[160];
    int n = snprintf(text, sizeof text, "failpoint %s fires: %s, pass %lu\n", name, action, pass);
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0) return;
}

bool weir_failpoint(const char *name)
{
    char action[ACTION_MAX] = "";
    unsigned long pass = 0, at = 0;
    pthread_once(&once, from_environment);
    pthread_mutex_lock(&lock);
    struct point *p = point_of(name, strlen(name));
    if (p) {
        p->passes++;
        pass = ++p->since;
        at = p->at;
        if (*p->action && (pass == at || (p->onward && pass > at))) memcpy(action, p->action, sizeof action);
    }
    pthread_mutex_unlock(&lock);
    if (!*action) return false;
    if (pass == at) say(name, action, pass);
    if (!strcmp(action, "kill")) kill(getpid(), SIGKILL);
    if (!strncmp(action, "stall-", 6)) stall(action + 6);
    return !strcmp(action, "error");
}

bool weir_failpoint_set(const char *text)
{
    pthread_once(&once, from_environment);
    pthread_mutex_lock(&lock);
    bool ok = tell_all(text);
    pthread_mutex_unlock(&lock);
    return ok;
}

void weir_failpoint_list(FILE *f)
{
    pthread_once(&once, from_environment);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < POINTS_MAX && *points[i].name; i++) {
        const struct point *p = &points[i];
        fprintf(f, "%s\t%lu", p->name, p->passes);
        if (*p->action) fprintf(f, "\t%s:%lu%s, passed %lu", p->action, p->at, p->onward ? "+" : "", p->since);
        fputc('\n', f);
    }
    pthread_mutex_unlock(&lock);
}
