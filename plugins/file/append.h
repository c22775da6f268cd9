/* append.h - a file that only ever grows by whole lines. Blocking: called on worker threads. */
#ifndef FILE_APPEND_H
#define FILE_APPEND_H
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct append { /* shared by the lanes of a stage */
    pthread_mutex_t lock;
    const char *path;
    bool sync;
    int fd; /* -1: not open */
    dev_t dev;
    ino_t ino;
};

enum { APPEND_WHY = 200 };
enum append_result { APPEND_OK, APPEND_LATER, APPEND_NEVER };
/* Appends the bytes whole, or not at all: what got in before an error is cut off again. With `sync` it is on the disk
 * when this returns. n == 0 only opens. `why` is filled unless APPEND_OK. */
enum append_result append_bytes(struct append *, const uint8_t *p, size_t n, char why[APPEND_WHY]);
void append_close(struct append *);
#endif
