/* failpoint.c - counts passes and acts; linked into each plugin of a build with failpoints, so each counts its own. */
#include "weir_failpoint.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POINTS_MAX = 64 };
static struct {
    const char *name; /* a literal of the caller */
    unsigned long passes;
} points[POINTS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned long pass(const char *name)
{
    unsigned long n = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < POINTS_MAX && !n; i++) {
        if (points[i].name && strcmp(points[i].name, name) != 0) continue;
        points[i].name = name;
        n = ++points[i].passes;
    }
    pthread_mutex_unlock(&lock);
    return n;
}

/* What the environment says of this point, as "action:n"; NULL: nothing. */
static const char *wish(const char *name)
{
    const char *at = getenv("WEIR_FAILPOINTS");
    size_t n = strlen(name);
    for (; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (!strncmp(at, name, n) && at[n] == '=') return at + n + 1;
    return NULL;
}

static void stall(const char *ms)
{
    long n = strtol(ms, NULL, 10);
    struct timespec t = {n / 1000, n % 1000 * 1000000};
    while (nanosleep(&t, &t)) {
    }
}

bool weir_failpoint(const char *name)
{
    const char *action = wish(name), *when = action ? strchr(action, ':') : NULL;
    if (!when) return false;
    char *end;
    unsigned long at = strtoul(when + 1, &end, 10), n = pass(name);
    if (n < at || (n > at && *end != '+')) return false;
    if (n == at) {
        char text[160];
        int size =
            snprintf(text, sizeof text, "failpoint %s fires: %.*s, pass %lu\n", name, (int)(when - action), action, n);
        if (size > 0 && write(STDERR_FILENO, text, (size_t)size) < 0) return false;
    }
    if (!strncmp(action, "kill", 4)) kill(getpid(), SIGKILL);
    if (!strncmp(action, "stall-", 6)) stall(action + 6);
    return !strncmp(action, "error", 5);
}
