/* fake.h - a ClickHouse that does what the test says: describes one table and keeps what is inserted. One connection at
 * a time, each for one request. */
#ifndef FAKE_H
#define FAKE_H
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_request {
    char *head; /* request line and headers */
    char *body;
    size_t n;
};
/* The answer to an INSERT: status, header lines ("X: y\r\n"), body. NULL body: the connection is cut without one. */
struct fake_answer {
    int status;
    const char *headers, *body;
};
struct fake {
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop, down, hold;
    struct fake_answer (*decide)(void *arg, const struct fake_request *, size_t nth); /* NULL: 200 for all */
    void *arg;
    char table[4096]; /* what it says of the table, RowBinary */
    size_t n_table;
    struct fake_request *inserts;
    size_t n_inserts, n_described;
};

void fake_start(struct fake *);
void fake_stop(struct fake *);
void fake_down(struct fake *, bool down); /* accepts and cuts */
void fake_hold(struct fake *, bool hold); /* reads INSERTs, answers when let go */
size_t fake_inserts(struct fake *);
size_t fake_described(struct fake *);
/* A row of the description: what, name, a, b. */
void fake_row(struct fake *, const char *what, const char *name, const char *a, const char *b);
void fake_forget(struct fake *); /* the description */
#endif
