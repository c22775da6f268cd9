/* account.c - the descriptors and threads of the process. What appeared between open and close while the test was
 * inside a call of the kit is the plugin's; what appeared between two such calls the test has opened itself. */
#include "kit.h"
#include <dirent.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 3000 }; /* threads that were told to end may take a while to be gone */

/* One account for the process. */
static struct {
    uint64_t *fds,
        *left_fds; /* by descriptor, which file it was, 0 for none: the test's; all, when it left the kit last */
    int *tids, *left_tids;
    size_t n_fds, n_left_fds, n_tids, n_left_tids;
    unsigned depth, kits, most_kits;
    bool uncounted;
    char (*closed)[64]; /* names of plugins that were */
    size_t n_closed;
} a;

/* ---- the numbers in a folder of /proc */
static int next_number(DIR *dir)
{
    for (const struct dirent *d; dir && (d = readdir(dir));)
        if (*d->d_name != '.') return atoi(d->d_name);
    return -1;
}

/* Which file it is: the same number may be another one later. */
static uint64_t file_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) ? 0 : (st.st_ino ^ (uint64_t)st.st_dev << 40) | UINT64_C(1) << 63;
}

static void set_fd(uint64_t **fds, size_t *n, int fd, uint64_t file)
{
    if ((size_t)fd >= *n) {
        size_t more = (size_t)fd + 64;
        uint64_t *grown = realloc(*fds, more * sizeof *grown);
        if (!grown) abort(); /* of a test */
        memset(grown + *n, 0, (more - *n) * sizeof *grown);
        *fds = grown;
        *n = more;
    }
    (*fds)[fd] = file;
}

static void list_fds(uint64_t **fds, size_t *n)
{
    DIR *dir = opendir("/proc/self/fd");
    *fds = NULL;
    *n = 0;
    for (int fd; (fd = next_number(dir)) >= 0;)
        if (fd != dirfd(dir)) set_fd(fds, n, fd, file_of(fd));
    if (dir) closedir(dir);
}

static void add_tid(int **tids, size_t *n, int tid)
{
    int *grown = realloc(*tids, (*n + 1) * sizeof *grown);
    if (!grown) abort();
    *tids = grown;
    grown[(*n)++] = tid;
}

static void list_tids(int **tids, size_t *n)
{
    DIR *dir = opendir("/proc/self/task");
    *tids = NULL;
    *n = 0;
    for (int tid; (tid = next_number(dir)) >= 0;) add_tid(tids, n, tid);
    if (dir) closedir(dir);
}

static bool has_tid(const int *tids, size_t n, int tid)
{
    for (size_t i = 0; i < n; i++)
        if (tids[i] == tid) return true;
    return false;
}

/* ---- the loop library's worker threads: one pool for the process, started by its first work item */
static struct {
    int *tids, *before;
    size_t n, n_before;
    pid_t started_in;
} pool;

void kit_pool_starts(bool begin)
{
    if (begin && pool.started_in == getpid()) return; /* a forked child has none yet */
    if (begin) {
        free(pool.before);
        list_tids(&pool.before, &pool.n_before);
        return;
    }
    int *after;
    size_t n;
    if (!pool.before) return;
    list_tids(&after, &n);
    for (size_t i = 0; i < n; i++)
        if (!has_tid(pool.before, pool.n_before, after[i])) add_tid(&pool.tids, &pool.n, after[i]);
    free(after);
    free(pool.before);
    pool.before = NULL;
    pool.started_in = getpid();
}

/* ---- enter and leave */
static void forget(void)
{
    free(a.fds);
    free(a.tids);
    free(a.left_fds);
    free(a.left_tids);
    a.fds = a.left_fds = NULL;
    a.tids = a.left_tids = NULL;
    a.n_fds = a.n_left_fds = a.n_tids = a.n_left_tids = 0;
    a.most_kits = a.depth = 0;
    a.uncounted = false;
}

void kit_account_open(void)
{
    if (!a.kits++) {
        uv_loop_t loop; /* the first one opens what the library keeps for the process */
        if (!uv_loop_init(&loop)) uv_loop_close(&loop);
        list_fds(&a.fds, &a.n_fds);
        list_tids(&a.tids, &a.n_tids);
        a.depth = 1;
    } else {
        kit_enter();
    }
    if (a.kits > a.most_kits) a.most_kits = a.kits;
}

static uint64_t at(const uint64_t *fds, size_t n, size_t fd)
{
    return fd < n ? fds[fd] : 0;
}

void kit_not_the_plugins(int fd)
{
    set_fd(&a.fds, &a.n_fds, fd, file_of(fd));
}

void kit_enter(void)
{
    uint64_t *fds;
    int *tids;
    size_t n_fds, n_tids;
    if (a.depth++) return;
    list_fds(&fds, &n_fds);
    list_tids(&tids, &n_tids);
    for (size_t fd = 0; fd < n_fds; fd++)
        if (fds[fd] && fds[fd] != at(a.left_fds, a.n_left_fds, fd)) set_fd(&a.fds, &a.n_fds, (int)fd, fds[fd]);
    for (size_t i = 0; i < n_tids; i++)
        if (!has_tid(a.left_tids, a.n_left_tids, tids[i]) && !has_tid(a.tids, a.n_tids, tids[i]))
            add_tid(&a.tids, &a.n_tids, tids[i]);
    free(fds);
    free(tids);
}

void kit_leave(void)
{
    if (--a.depth) return;
    free(a.left_fds);
    free(a.left_tids);
    list_fds(&a.left_fds, &a.n_left_fds);
    list_tids(&a.left_tids, &a.n_left_tids);
}

/* ---- what is left */
static void name_socket(int fd, char *out, size_t size)
{
    union {
        struct sockaddr sa;
        struct sockaddr_storage room;
    } u;
    socklen_t n = sizeof u;
    char host[64], port[16];
    bool peer = !getpeername(fd, &u.sa, &n);
    if (!peer && getsockname(fd, &u.sa, &n)) return;
    if (u.sa.sa_family == AF_UNIX ||
        getnameinfo(&u.sa, n, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        snprintf(out, size, "a Unix socket");
    else
        snprintf(out, size, "a socket %s %s:%s", peer ? "connected to" : "bound to", host, port);
}

static void name_fd(int fd, char *out, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, size - 1);
    snprintf(out + (n > 0 ? n : 0), size - (n > 0 ? (size_t)n : 0), "%s", n > 0 ? "" : "unknown");
    if (!strncmp(out, "socket:", 7)) name_socket(fd, out, size);
}

static void name_thread(int tid, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", tid);
    FILE *f = fopen(path, "re");
    if (!f || !fgets(out, (int)size, f)) snprintf(out, size, "%d", tid);
    out[strcspn(out, "\n")] = 0;
    if (f) fclose(f);
}

static bool look(char *out, size_t size)
{
    uint64_t *fds;
    int *tids;
    size_t n_fds, n_tids, n = 0;
    char name[128];
    list_fds(&fds, &n_fds);
    list_tids(&tids, &n_tids);
    *out = 0;
    for (size_t fd = 0; fd < n_fds; fd++) {
        if (!fds[fd] || fds[fd] == at(a.fds, a.n_fds, fd) || n >= size) continue;
        name_fd((int)fd, name, sizeof name);
        n += (size_t)snprintf(out + n, size - n, "%sfd %zu (%s)", n ? ", " : "", fd, name);
    }
    for (size_t i = 0; i < n_tids; i++) {
        if (has_tid(a.tids, a.n_tids, tids[i]) || has_tid(pool.tids, pool.n, tids[i]) || n >= size) continue;
        name_thread(tids[i], name, sizeof name);
        n += (size_t)snprintf(out + n, size - n, "%sa thread (\"%s\")", n ? ", " : "", name);
    }
    free(fds);
    free(tids);
    return n > 0;
}

/* Has no plugin of this name been closed in this process before? Remembers that one was. */
static bool is_first(const char *plugin)
{
    for (size_t i = 0; i < a.n_closed; i++)
        if (!strncmp(a.closed[i], plugin, sizeof *a.closed - 1)) return false;
    char(*grown)[64] = realloc(a.closed, (a.n_closed + 1) * sizeof *grown);
    if (!grown) abort();
    a.closed = grown;
    snprintf(grown[a.n_closed++], sizeof *grown, "%s", plugin);
    return true;
}

bool kit_account_close(const char *plugin, unsigned flags, char *out, size_t size)
{
    const struct timespec a_while = {.tv_nsec = 2000000};
    uint64_t until = uv_hrtime() / 1000000 + PATIENCE_MS;
    bool first = is_first(plugin), left = false;
    a.uncounted |= (flags & WEIR_KIT_NOT_ALONE) || (first && flags & WEIR_KIT_LIBRARY_KEEPS);
    if (--a.kits) {
        kit_leave();
        return false;
    }
    while (!a.uncounted && (left = look(out, size)) && uv_hrtime() / 1000000 < until) nanosleep(&a_while, NULL);
    size_t n = strlen(out);
    if (left && a.most_kits > 1)
        snprintf(out + n, size - n, "; or it was another plugin, whose kit was open at the same time");
    forget();
    return left;
}
