/* append.c - opening, following a rotation, writing whole or not at all. */
#include "append.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum append_result later(const struct append *a, const char *what, char why[APPEND_WHY])
{
    snprintf(why, APPEND_WHY, "%.90s: %s: %.60s", a->path, what, strerror(errno));
    return APPEND_LATER;
}

void append_close(struct append *a)
{
    if (a->fd >= 0) close(a->fd);
    a->fd = -1;
}

/* A new file's name is durable only when its folder is. */
static int sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof(folder)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    snprintf(folder, sizeof(folder), "%.*s", (int)n, path);
    if (!slash) strcpy(folder, ".");
    if (slash == path) strcpy(folder, "/");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int rc = fsync(fd), saved = errno;
    close(fd);
    errno = saved;
    return rc;
}

/* A last line without its end was cut short by a crash: it gets its end, so that ours starts on a line of its own. */
static int end_last_line(int fd, off_t size)
{
    char last;
    if (size == 0 || (pread(fd, &last, 1, size - 1) == 1 && last == '\n')) return 0;
    return write(fd, "\n", 1) == 1 ? 0 : -1;
}

static enum append_result check_opened(struct append *a, char why[APPEND_WHY])
{
    struct stat st;
    if (fstat(a->fd, &st) != 0) return later(a, "cannot be looked at", why);
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, APPEND_WHY, "%.90s: is no regular file; use stdout and the shell for anything else", a->path);
        return APPEND_NEVER;
    }
    if (flock(a->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return later(a, "cannot be locked", why);
        snprintf(why, APPEND_WHY, "%.90s: another process or stage writes it", a->path);
        return APPEND_LATER;
    }
    if (end_last_line(a->fd, st.st_size) != 0) return later(a, "cannot be written", why);
    if (a->sync && sync_folder(a->path) != 0) return later(a, "its folder cannot be synced", why);
    a->dev = st.st_dev;
    a->ino = st.st_ino;
    return APPEND_OK;
}

static enum append_result ensure_open(struct append *a, char why[APPEND_WHY])
{
    struct stat st;
    if (a->fd >= 0) {
        if (stat(a->path, &st) == 0 && st.st_dev == a->dev && st.st_ino == a->ino) return APPEND_OK;
        append_close(a); /* rotated away: go on in a new file */
    }
    a->fd = open(a->path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
    if (a->fd < 0) {
        if (errno != EISDIR) return later(a, "cannot be opened", why);
        snprintf(why, APPEND_WHY, "%.90s: is a folder; `path` must name a file", a->path);
        return APPEND_NEVER;
    }
    enum append_result rc = check_opened(a, why);
    if (rc != APPEND_OK) append_close(a);
    return rc;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t rc = write(fd, p, n);
        if (rc < 0 && errno == EINTR) continue;
        if (rc < 0) return -1;
        p += rc;
        n -= (size_t)rc;
    }
    return 0;
}

/* After a failed fsync the kernel may have dropped the pages, and a second fsync would say "fine": so the bytes are
 * cut off and written again on a new descriptor. */
static enum append_result undo(struct append *a, off_t start, const char *what, char why[APPEND_WHY])
{
    enum append_result rc = later(a, what, why);
    if (ftruncate(a->fd, start) != 0) snprintf(why, APPEND_WHY, "%.90s: half a line could not be cut off", a->path);
    append_close(a);
    return rc;
}

enum append_result append_bytes(struct append *a, const uint8_t *p, size_t n, char why[APPEND_WHY])
{
    pthread_mutex_lock(&a->lock);
    enum append_result rc = ensure_open(a, why);
    if (rc == APPEND_OK && n) {
        off_t start = lseek(a->fd, 0, SEEK_END);
        if (start < 0)
            rc = later(a, "its end cannot be found", why);
        else if (write_all(a->fd, p, n) != 0)
            rc = undo(a, start, "cannot be written", why);
        else if (a->sync && fdatasync(a->fd) != 0)
            rc = undo(a, start, "cannot be synced", why);
    }
    pthread_mutex_unlock(&a->lock);
    return rc;
}
