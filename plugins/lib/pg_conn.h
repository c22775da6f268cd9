/* pg_conn.h - one PostgreSQL connection on a lane: never blocks, connects again by itself, says what happens by hooks.
 *
 * Use: embed struct weir_pg (zeroed) in your state, weir_pg_open() it, wait for hooks->ready. From then on use libpq's
 * own send functions on weir_pg_raw() and hand their verdict to weir_pg_flush():
 *
 *     int ok = PQsendQueryPrepared(raw, "lock", ...) && PQpipelineSync(raw);
 *     weir_pg_flush(&s->pg, ok);             // results come to hooks->result, a failure to hooks->lost
 *
 * Hooks are never called from inside one of these functions, except that weir_pg_close() and weir_pg_again() may be
 * called from a hook. After hooks->lost everything that was under way is gone and prepared statements too.
 *
 * Traps handled: libpq blocks on DNS (names are resolved by host->work() and passed as hostaddr beside host, which TLS
 * still checks); libpq changes and closes the socket at will (the watch is on a
 * duplicate); PQconnectPoll does not obey connect_timeout (own timer; an address that does not answer is tried last
 * next time); libpq prints notices to stderr (they go to the log); a mistyped URL is quoted with its password in
 * libpq's messages (ours quote nothing of it).
 */
#ifndef WEIR_PG_CONN_H
#define WEIR_PG_CONN_H
#include <libpq-fe.h>
#include <weir/plugin.h>

struct weir_pg;
struct weir_pg_hooks {
    void (*ready)(struct weir_pg *);                 /* connected, session settings in force */
    void (*lost)(struct weir_pg *, const char *why); /* also each failed try to connect; it is tried again by itself */
    void (*result)(struct weir_pg *, PGresult *);    /* NULL ends a statement; the result is cleared afterwards */
    void (*notify)(struct weir_pg *, const char *channel); /* may be NULL */
    void (*room)(struct weir_pg *);                        /* all that waited to be written is out; may be NULL */
};

struct weir_pg_setup {
    const char *conninfo;        /* URL or "key=value ..."; checked by weir_pg_check() */
    const char *application;     /* application_name unless conninfo has one; a literal */
    const char *const *settings; /* "name=value" of the session, ends with NULL; may be NULL */
    uint64_t connect_timeout_ns; /* 0: conninfo's connect_timeout, or 5 s */
    bool pipeline;               /* enter pipeline mode before hooks->ready */
};

struct weir_pg_lookup;
enum weir_pg_stage { WEIR_PG_CLOSED, WEIR_PG_WAITING, WEIR_PG_RESOLVING, WEIR_PG_CONNECTING, WEIR_PG_READY };
struct weir_pg {
    const struct weir_pg_hooks *hooks;
    char where[160]; /* "db.example:5432/shop", for messages; never a password */
    /* the rest is pg_conn.c's */
    struct weir_ctx *ctx;
    struct weir_watch watch;
    struct weir_timer timer; /* back-off, connect timeout, or "tell of a failed send" */
    struct weir_pg_lookup *lookup;
    PQconninfoOption *options;
    char *session; /* the "options" parameter */
    const char *application;
    PGconn *conn;
    enum weir_pg_stage stage;
    uint32_t generation, turn, tries;
    uint64_t ready_since, timeout_ns, random;
    bool pipeline, copying, unsent, broken;
    char last[160]; /* the server's last words: why it ended this connection */
};

/* Whether conninfo can be understood; -1 with err->msg filled (never with a part of conninfo). No I/O. */
int weir_pg_check(const char *conninfo, struct weir_err *err);
/* Copies what it needs. Starts to connect in the next loop turn. -1 with err filled. */
int weir_pg_open(struct weir_pg *, struct weir_ctx *, const struct weir_pg_hooks *, const struct weir_pg_setup *,
                 struct weir_err *);
/* At any time, also twice and also when open failed; no hook is called afterwards. */
void weir_pg_close(struct weir_pg *);
/* Drops the connection and makes a new one after the back-off, without hooks->lost: for a server that answers nonsense,
 * or a statement that must not go on. */
void weir_pg_again(struct weir_pg *);

/* The connection does what it is for: should it be lost, the back-off starts anew. Without this it has to live 1 s. */
static inline void weir_pg_works(struct weir_pg *pg)
{
    pg->tries = 0;
}

static inline bool weir_pg_is_ready(const struct weir_pg *pg)
{
    return pg->stage == WEIR_PG_READY && !pg->broken;
}
/* libpq's handle; only while ready. */
static inline PGconn *weir_pg_raw(struct weir_pg *pg)
{
    return pg->conn;
}
/* After sends: writes what the socket takes, the rest by itself later. ok = 0 (a send failed): lost follows. */
void weir_pg_flush(struct weir_pg *, int ok);

/* COPY FROM STDIN (not in pipeline mode): after the PGRES_COPY_IN result, put bytes until false, go on at hooks->room.
 * What was put is never refused. weir_pg_copy_end with a why makes the server roll the COPY back. */
bool weir_pg_copy(struct weir_pg *, const char *bytes, int n);
void weir_pg_copy_end(struct weir_pg *, const char *why);

/* What an SQLSTATE means to whoever sent the statement. */
enum weir_pg_class {
    WEIR_PG_DATA,     /* 22, 23: the rows are at fault; they will never work */
    WEIR_PG_CONFLICT, /* 40001, 40P01, 55P03: somebody else was in the way; rerun */
    WEIR_PG_AWAY,     /* 08, 53, 57P, no state at all: the server or the line; rerun on a connection that works */
    WEIR_PG_SETUP     /* all else: missing table, right, setting: a person must act, then rerun */
};
enum weir_pg_class weir_pg_class_of(const char *sqlstate);
enum weir_pg_class weir_pg_result_class(const PGresult *);
const char *weir_pg_sqlstate(const PGresult *); /* "" when there is none */
/* "23505 duplicate key value ...": the primary message on one line, cut to size. Returns buf. */
const char *weir_pg_message(const PGresult *, char *buf, size_t size);

/* ---- between the files of this library */
struct weir_pg_lookup {
    struct weir_work work;
    struct weir_pg *owner; /* NULL: closed meanwhile. Only the lane touches it; run() does not. */
    char *host, *port;     /* as given: comma-separated lists */
    uint32_t turn;
    char *hosts, *addresses, *ports; /* what libpq gets */
    char why[160];
};
struct weir_pg_lookup *weir_pg_lookup_new(const char *host, const char *port, uint32_t turn); /* NULL: no memory */
void weir_pg_lookup_run(struct weir_work *);                                                  /* blocks */
void weir_pg_lookup_free(struct weir_pg_lookup *);
const char *weir_pg_option(const PQconninfoOption *, const char *keyword); /* NULL: not given */
void weir_pg_describe(const PQconninfoOption *, char *buf, size_t size);
char *weir_pg_session(const PQconninfoOption *, const char *const *settings); /* NULL: no memory */
void weir_pg_one_line(char *text, const char *secret); /* newlines to blanks; the secret to *** */
bool weir_pg_names_only(const char *hosts);            /* is there anything to resolve? */
#endif
