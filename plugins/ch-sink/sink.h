/* sink.h - what the parts of ch-sink share: an event waits in its partition's queue (rows.c), becomes part of a block
 * that is sent until it is settled (insert.c), while the server is watched over (state.c). */
#ifndef CH_SINK_SINK_H
#define CH_SINK_SINK_H
#include "block.h"
#include "http.h"
#include "pending.h"
#include "table.h"
#include <weir/schema.h>

struct tls {
    struct weir_slice ca, cert, key;
};
struct cfg {
    struct weir_slice url, database, table, username, password;
    const struct weir_schema *event;
    struct weir_list columns, key, settings;
    int unmapped;  /* 0 ignore, 1 refuse */
    int conflicts; /* 0 replace, 1 reject */
    int64_t max_rows, inflight;
    uint64_t max_bytes, linger, timeout, connect_timeout;
    bool fsync;
    struct tls tls;
};

enum { CH_SETTING_MAX = 64 }; /* bytes of a setting's name, with the NUL */
enum { METRIC_INSERTS, METRIC_ROWS, METRIC_BYTES, METRIC_SECONDS, METRIC_RETRIES };

enum { MALFORMED = 1, WRONG_MESSAGE, REFUSED, CONFLICT }; /* outcomes */

struct part { /* one partition of the source: at most one block of it is on its way */
    uint32_t id;
    struct weir_queue queue;
    uint64_t oldest_ns;  /* when the first in the queue came */
    uint64_t not_before; /* back-off */
    struct block *ready; /* made or split blocks that go before new ones */
    struct block *flight;
};
struct block {
    struct sink *sink;
    struct part *part;
    struct block *next;
    struct weir_entry *entries;
    uint32_t n;
    struct weir_buf form; /* the question about conflicts, while it is asked */
    bool checked;         /* no row of it conflicts with what is there */
    struct weir_buf body; /* empty: to be made (anew) from the entries. Else sent again byte for byte */
    char *url;
    uint32_t tries;
    bool sent;
    bool suspect; /* a single row that the server refused once */
    struct http_call call;
};
struct sink {
    struct weir_ctx *ctx;
    const struct cfg *cfg;
    struct http http;
    char *name; /* "db.table" */
    char *base; /* "http://host:8123/?" */
    char boundary[40];
    /* the server */
    bool ready, was_ready, probing;
    uint32_t tries;
    char *probe_url;
    char *conflict_url; /* NULL: there is nothing to ask */
    struct http_call probe;
    struct weir_timer probe_timer;
    struct ch_table table;
    struct ch_layout *layout;
    char why[512], trouble[200]; /* why it is not ready; what the last INSERT complained of */
    enum weir_state said;
    char said_why[200];
    uint64_t random;
    /* the rows */
    struct part **parts;
    uint32_t n_parts, last_part, turn;
    uint32_t inflight;
    struct weir_buf spare;
    uint64_t waiting; /* events not settled */
    struct weir_timer pump_timer;
    bool draining;
};

/* rows.c */
void rows_push(struct sink *, struct weir_batch *);
void rows_settle(struct sink *, struct weir_entry, enum weir_status, const char *why);
void rows_reject(struct sink *, struct weir_entry, uint32_t outcome, const char *why);
struct block *rows_take(struct sink *, struct part *); /* NULL: no memory, all of it stays */
void rows_close(struct sink *);

/* make.c */
bool block_make(struct sink *, struct block *); /* false: there is nothing (left) to send, the block is gone */
const struct weir_pair *ch_setting_at(const struct weir_list *, uint32_t i);
bool ch_setting_name(const struct weir_pair *, char name[CH_SETTING_MAX]); /* false: it is none */

/* insert.c */
void insert_pump(struct sink *);
void insert_close(struct sink *);
void block_free(struct block *);
void block_settle(struct block *, enum weir_status, const char *why); /* all of it, and frees it */

/* conflicts.c: rows whose key is in the table with other values, or earlier in the block */
bool conflict_boundary(struct sink *);
/* The question as a URL, made anew with each layout. False: err says why. */
bool conflict_learn(struct sink *, char err[WEIR_COLUMNS_ERR]);
bool conflict_form(const struct sink *, struct block *); /* into b->form; false: no memory */
/* Rejects the rows that the answer numbers; how many, or -1: it is no such answer. */
int conflict_answer(struct sink *, struct block *);
void ch_quote(struct weir_buf *to, bool *ok, const char *name, size_t n); /* make.c: an identifier */

/* state.c */
int state_open(struct sink *, struct weir_err *);
void state_probe(struct sink *, const char *why); /* stop sending until the server has described the table (again) */
void state_say(struct sink *);
void state_close(struct sink *);
uint64_t state_backoff(struct sink *, uint32_t tries);
/* "name=value&" with the value escaped, onto a malloc'ed text; false: no memory. */
bool url_add(char **url, const char *name, const char *value, size_t n);
#endif
