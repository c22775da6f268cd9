/* weir/plugin.h - everything a plugin needs. C11 to include, C11 or C++20 to write plugins with.
 *
 * THREADS    Every callback and host call runs on the lane's thread. Exceptions, marked ANY THREAD: post, log, and a
 *            work item's run(). init, fini, check, check_outputs, promise, share,
 *            unshare run on the main thread.
 * RE-ENTRY   The host never calls a stage from inside a host call which that stage is making.
 * OWNERSHIP  push() gives the batch away. Each event is settled, answered or forwarded exactly once
 *            (ev->ticket != NULL means "not yet"), then the batch is forwarded or released.
 *            An event that is lost on the way settles as WEIR_UNKNOWN, never as WEIR_OK.
 * LIFETIME   Event bytes live until their batch is released; cfg until close(); the descriptor for ever.
 * BUDGET     Memory is charged at the source. batch_new and batch_alloc in filters and sinks fail (NULL) only when
 *            memory is gone: get what you need before you cause an effect.
 * BLOCKING   Nothing may block: use watch, timer, post, and work() for calls that can (DNS, closing a client).
 * GROWTH     weir_ctx, weir_host, weir_promise and weir_plugin only ever grow at the end and carry their size; the
 *            entries of tables, too, and carry a stride; every other struct is frozen for the life of the ABI number.
 *            So a plugin built with older headers runs in a newer host; a host refuses one built with newer headers.
 *
 * The smallest useful filter:
 *
 *     #include <weir/plugin.h>
 *     struct cfg { struct weir_field stake; int64_t max; };
 *     enum { STAKE_TOO_LARGE = 1 };
 *     static const struct weir_outcome outcomes[] = { WEIR_OUTCOME_NONE,
 *         { "stake-too-large", "the stake is above `max`" }, WEIR_OUTCOME_END };
 *     static const struct weir_opt options[] = {
 *         WEIR_OPT(struct cfg, stake, WEIR_FIELD, .def = "stake_minor", .doc = "integer field to compare"),
 *         WEIR_OPT(struct cfg, max, WEIR_INT, .def = "100000", .min = 1, .max = INT64_MAX,
 *                  .doc = "largest stake, minor units"),
 *         WEIR_OPT_END };
 *     static void push(struct weir_ctx *ctx, struct weir_batch *batch)
 *     {
 *         const struct cfg *cfg = (const struct cfg *)ctx->cfg;
 *         WEIR_EACH(ev, batch) {
 *             int64_t stake;
 *             if (weir_get_i64(ctx, ev, &cfg->stake, &stake) && stake > cfg->max)
 *                 weir_refuse(ctx, ev, STAKE_TOO_LARGE);
 *         }
 *         weir_forward(ctx, batch); // what was not answered goes on
 *     }
 *     WEIR_PLUGIN(.name = "stake-limit", .version = "1.0.0", .doc = "Refuses bets above a limit.",
 *                 .roles = WEIR_FILTER, .cfg_size = sizeof(struct cfg), .opts = options, .outcomes = outcomes,
 *                 .push = push);
 */
#ifndef WEIR_PLUGIN_H
#define WEIR_PLUGIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* C++ warns of every member a table leaves out */
#endif

#define WEIR_MAGIC 0x314e4749504c5257ull /* first 8 bytes of every descriptor */
#define WEIR_ABI 1u                      /* breaking change: bump this and rename the entry symbol */
#define WEIR_EXPORT __attribute__((visibility("default")))

/* ---- what became of an event. On merge (one ticket, many events) the larger one wins; but RETRY beside an OK becomes
 * UNKNOWN: some of it had an effect.
 * OK: dealt with, a business refusal included. REJECT: its own fault, will never work: dead-letter it.
 * RETRY: had no effect, not its fault. UNKNOWN: may have had an effect; repeat with the same key. FATAL: stop.
 *   source of it:   OK       REJECT              RETRY               UNKNOWN         FATAL
 *   http, grpc      answer   4xx                 503 not-executed    503 unknown     500, pipeline stops
 *   log consumer    advance  dead-letter, then   emit the kept       like RETRY      pipeline stops
 *                            advance             message again, back-off
 *   table relay     advance  pipeline stops      emit again          emit again      pipeline stops */
enum weir_status { WEIR_OK, WEIR_REJECT, WEIR_RETRY, WEIR_UNKNOWN, WEIR_FATAL };

/* Errors are values. `option` names the option at fault ("" or "routes.place.on"), msg what was found, what was
 * expected, what to do. Filled by check, check_outputs, share, open; the host adds file and line. Return -1 with it, 0 for success. */
struct weir_err {
    enum weir_status status;
    char option[64];
    char msg[252];
};

/* Outcomes are what a stage can say beyond the status: one slug is metric label, dead-letter class and key of a
 * source's `answers`. Index 0 means none. */
struct weir_outcome {
    const char *name, *doc;
};
#define WEIR_OUTCOME_NONE { "", "" }
#define WEIR_OUTCOME_END { NULL, NULL }

/* ---- configuration: one table drives parsing, check, describe and the generated docs */
enum weir_type {     /* C type of the member */
    WEIR_BOOL,       /* bool */
    WEIR_INT,        /* int64_t */
    WEIR_FLOAT,      /* double */
    WEIR_SIZE,       /* uint64_t, bytes; "64KiB" */
    WEIR_DURATION,   /* uint64_t, nanoseconds; "5ms" */
    WEIR_STRING,     /* struct weir_slice, NUL after the end; p == NULL when not given */
    WEIR_ENUM,       /* int, index into choices */
    WEIR_FIELD,      /* struct weir_field: a field of the event's message by path, "stake" or "player.id" */
    WEIR_MESSAGE,    /* const struct weir_schema *: a message type by full name; NULL when not given */
    WEIR_MAP,        /* struct weir_list of weir_pair: [ "name=value", ... ] */
    WEIR_LIST,       /* struct weir_list of structs laid out by sub: ( { ... }, ... ) or { name = { ... } ... },
                        where the entry's name goes to the sub option called "name" */
    WEIR_GROUP       /* struct laid out by sub */
};
enum { WEIR_REQUIRED = 1, WEIR_SECRET = 2, WEIR_DEPRECATED = 4 };
struct weir_opt {
    const char *name;
    enum weir_type type;
    uint32_t offset, size; /* the loader refuses a size that does not fit the type */
    uint32_t flags;
    const char *def;            /* in conf syntax, through the same parser; NULL: zeroed */
    int64_t min, max;           /* inclusive, in the member's unit; both 0: unbounded. LIST, MAP: number of entries */
    const char *const *choices; /* WEIR_ENUM, NULL-terminated */
    const struct weir_opt *sub; /* WEIR_GROUP, WEIR_LIST; ends with WEIR_OPT_END */
    uint32_t sub_size;          /* WEIR_LIST: sizeof one entry */
    const char *doc;
};
#define WEIR_OPT(T, f, ty, ...)                                                                                        \
    {                                                                                                                  \
        .name = #f, .type = ty, .offset = (uint32_t)offsetof(T, f), .size = (uint32_t)sizeof(((T *)0)->f), __VA_ARGS__ \
    }
#define WEIR_OPT_END { .name = NULL }

enum weir_metric_type { WEIR_COUNTER, WEIR_GAUGE, WEIR_HISTOGRAM };
struct weir_metric { /* exported as weir_<plugin>_<name>; units in the name (_seconds, _bytes, _total) */
    const char *name;
    enum weir_metric_type type;
    const char *help;
    const char *const *labels; /* NULL-terminated names, at most 4; or NULL */
    const double *buckets;     /* WEIR_HISTOGRAM, ends with 0; NULL: the host's */
};

/* ---- data */
struct weir_schema; /* a protobuf message: id, full name, descriptor; see <weir/schema.h> */
struct weir_ticket; /* one unit of source work (request, offset): reference count and the worst result */
struct weir_slice {
    const uint8_t *p;
    size_t n;
};
struct weir_list {
    void *items;
    uint32_t n, stride;
};
struct weir_pair {
    struct weir_slice name, value;
};
struct weir_field {
    const char *path; /* NULL when not given */
    uint64_t priv[3]; /* the host's */
};
enum weir_kind { WEIR_KIND_NONE, WEIR_KIND_I64, WEIR_KIND_U64, WEIR_KIND_F64, WEIR_KIND_BOOL, WEIR_KIND_BYTES };
struct weir_value {
    enum weir_kind kind; /* BYTES: string, bytes, or the wire form of a nested message */
    union {
        int64_t i64;
        uint64_t u64;
        double f64;
        bool b;
        struct weir_slice bytes; /* points into the event */
    } v;
};
struct weir_event {             /* 112 bytes, frozen */
    struct weir_ticket *ticket; /* NULL once settled, answered or forwarded */
    struct weir_slice key, value;
    const struct weir_pair *headers;
    uint32_t n_headers;
    uint32_t schema;      /* id of the message that `value` is the wire form of; 0 = unknown bytes */
    uint64_t ts_ns;       /* wall clock, from the source */
    uint64_t deadline_ns; /* monotonic, 0 = none. Past it an answer is worth nothing: refuse before acting */
    uint64_t position;    /* in the source: offset, sequence */
    uint32_t partition;   /* in the source: partition, shard */
    uint16_t attempt;     /* 0 for the first time it is emitted */
    uint16_t flags;       /* 0 */
    uint64_t reserved[2];
};
struct weir_batch { /* host-private tail follows */
    struct weir_event *ev;
    uint32_t n, cap;
};
struct weir_result { /* what settle() says and done() hears; copied by the host */
    enum weir_status status;
    uint32_t outcome;           /* index into the settling plugin's outcomes */
    uint32_t schema, n_headers; /* of the reply */
    struct weir_slice reply;
    const struct weir_pair *headers;
    uint64_t retry_after_ns;
    const char *outcome_name; /* set by the host on delivery to done(); "" for none */
    const char *why;          /* for people and logs; no program reads it */
};

/* ---- loop objects: embedded in the plugin's state, zeroed before first use, never allocated by the host */
struct weir_timer {
    void (*fn)(struct weir_timer *);
    uint64_t due_ns; /* 0 while not armed */
    void *priv[3];
};
enum { WEIR_READABLE = 1, WEIR_WRITABLE = 2 };
struct weir_watch {
    void (*fn)(struct weir_watch *, uint32_t ready);
    int fd;
    uint32_t want; /* WEIR_READABLE | WEIR_WRITABLE */
    void *priv[2];
};
struct weir_task { /* post it once; it may be posted again from its fn on */
    void (*fn)(struct weir_task *);
    struct weir_task *next;
};
struct weir_work {
    void (*run)(struct weir_work *);
    void (*done)(struct weir_work *);
    void *priv[2];
};
/* From an embedded object to the struct around it. */
#define weir_container(ptr, T, m) ((T *)(void *)((char *)(ptr)-offsetof(T, m)))

enum weir_level { WEIR_ERROR, WEIR_WARN, WEIR_INFO, WEIR_DEBUG };
/* STARTING: not connected yet. READY: works. DEGRADED: works badly or waits for a server; say why. DRAINED: nothing is
 * in flight, the answer to drain(); a source says it unasked when it has nothing more to give. FAILED: cannot go on; the host stops the pipeline and says why. */
enum weir_state { WEIR_STARTING, WEIR_READY, WEIR_DEGRADED, WEIR_DRAINED, WEIR_FAILED };

struct weir_ctx { /* one stage in one lane */
    uint32_t size;
    uint32_t lane, n_lanes;
    enum weir_level log_level;
    const struct weir_host *host;
    const void *cfg;
    void *self;   /* self_size bytes, zeroed by the host before open() */
    void *shared; /* what share() made; one a stage, for all its lanes */
    const char *pipeline, *stage;
    bool last; /* no stage follows: settle here, do not forward (for plugins that are both filter and sink) */
    /* The branches that begin behind this stage, in the order of the conf; none in a plain chain. */
    const char *const *outputs;
    uint32_t n_outputs;
};

struct weir_host {
    uint32_t abi, size;
    /* batches: an array of up to cap events and an arena for their bytes; both go with the batch */
    struct weir_batch *(*batch_new)(struct weir_ctx *, uint32_t cap);
    void *(*batch_alloc)(struct weir_batch *, size_t); /* 16-byte aligned; lives as long as the batch */
    void (*forward)(struct weir_ctx *, struct weir_batch *); /* events that still have a ticket go downstream */
    void (*release)(struct weir_ctx *, struct weir_batch *);
    /* Moves one event into another batch and keeps its bytes alive with it; NULL when `to` is full or memory is gone. */
    struct weir_event *(*move)(struct weir_ctx *, struct weir_batch *to, struct weir_batch *from, struct weir_event *);
    /* tickets: a source makes one a unit of work; a filter that answers early makes its own for what it forwards.
     * refs = number of events that carry it. When the last is settled the maker's done() gets the cookie. */
    struct weir_ticket *(*ticket_new)(struct weir_ctx *, void *cookie, uint32_t refs);
    void (*ticket_ref)(struct weir_ticket *, uint32_t more); /* when one event becomes many */
    void (*settle)(struct weir_ctx *, struct weir_event *, const struct weir_result *); /* sets ev->ticket = NULL */
    void (*settle_all)(struct weir_ctx *, struct weir_batch *, enum weir_status, const char *why); /* and release */
    /* Source: how many more events fit into the lane's window now; 0 while flow is closed, and then flow(true) follows
     * as soon as there is room. */
    uint32_t (*room)(struct weir_ctx *);
    void (*busy)(struct weir_ctx *, bool); /* congestion hint: while true, the source's flow is closed */
    /* events */
    bool (*get)(struct weir_ctx *, const struct weir_event *, const struct weir_field *, struct weir_value *);
    const struct weir_schema *(*schema)(struct weir_ctx *, const char *full_name); /* NULL: not loaded */
    const struct weir_schema *(*schema_by_id)(struct weir_ctx *, uint32_t id);     /* NULL: 0 or unknown */
    /* loop */
    uint64_t (*now)(struct weir_ctx *);  /* monotonic ns, cached per loop turn */
    uint64_t (*wall)(struct weir_ctx *); /* ns since 1970, UTC */
    void (*timer_arm)(struct weir_ctx *, struct weir_timer *, uint64_t after_ns); /* once; again moves it */
    void (*timer_stop)(struct weir_ctx *, struct weir_timer *);
    int (*watch)(struct weir_ctx *, struct weir_watch *); /* level-triggered; want = 0 removes, before close(fd) */
    void (*post)(struct weir_ctx *, struct weir_task *);  /* ANY THREAD; fn runs on the lane */
    void (*work)(struct weir_ctx *, struct weir_work *);  /* run() on a worker thread, then done() on the lane */
    /* A listening socket on "host:port" or "unix:/path", non-blocking; the caller closes it. -1 with err filled. */
    int (*listen)(struct weir_ctx *, const char *address, struct weir_err *);
    /* what people see */
    void (*state)(struct weir_ctx *, enum weir_state, const char *why);
    void (*metric)(struct weir_ctx *, uint32_t index, const char *const *labels, double delta_or_value);
    void (*log)(struct weir_ctx *, enum weir_level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
    /* As forward, but into one branch: an index into ctx->outputs. forward() itself puts each event into every branch:
     * same bytes, one more reference of its ticket a branch. */
    void (*forward_to)(struct weir_ctx *, struct weir_batch *, uint32_t output);
    /* In done(): the stage that gave the result which done() hears, and into *plugin (unless NULL) whose stage it is. Both
     * are "" anywhere else. They live as long as the lane. */
    const char *(*settled_by)(struct weir_ctx *, const char **plugin);
};

/* What `weir check` and `weir graph` reason from; they know no plugin by name. No promise(): reported as unknown. */
enum {
    WEIR_REPLAYS = 1,        /* source: gives unsettled events again after a crash */
    WEIR_EFFECT = 2,         /* changes the world in a way that a refusal further down cannot undo */
    WEIR_DURABLE_ON_OK = 4,  /* what it settled as OK survives a crash */
    WEIR_ONCE_BY_KEY = 8,    /* the same key again changes nothing */
    WEIR_MAY_REFUSE = 16,    /* may settle an event as REJECT or with a refusal */
    WEIR_ANSWERS_EARLY = 32, /* settles upstream before downstream has */
    WEIR_REPAIRS = 64        /* source: publishes again whatever a crash left out of the stream named by `repairs` */
};
struct weir_promise {
    uint32_t size, flags;
    char key[64];      /* the key of ONCE_BY_KEY, for people: "epoch, shard, seq" */
    char reads[128];   /* "log:orders", "table:ledger", "call:wallet"; "" for nothing */
    char writes[128];  /* pipelines and confs are joined on these names */
    char repairs[128]; /* REPAIRS: the stream whose gaps it fills, in the form of `writes` */
};

enum { WEIR_SOURCE = 1, WEIR_FILTER = 2, WEIR_SINK = 4 };
struct weir_plugin {
    uint64_t magic;
    uint32_t abi, size, opt_size, metric_size, outcome_size, host_size; /* of the headers it was built with */
    const char *name, *version, *doc;
    uint32_t roles, cfg_size, self_size;
    const struct weir_opt *opts; /* these end with .name == NULL */
    const struct weir_metric *metrics;
    const struct weir_outcome *outcomes;
    int (*init)(struct weir_err *); /* once a process: curl_global_init, grpc_init */
    void (*fini)(void);
    int (*check)(const void *cfg, struct weir_err *); /* rules across options; no I/O */
    void (*promise)(const void *cfg, struct weir_promise *);
    int (*share)(const struct weir_host *, const void *cfg, uint32_t n_lanes, void **shared, struct weir_err *);
    void (*unshare)(void *shared);                     /* after every lane has closed */
    int (*open)(struct weir_ctx *, struct weir_err *); /* must not block */
    void (*push)(struct weir_ctx *, struct weir_batch *);
    void (*done)(struct weir_ctx *, void *cookie, const struct weir_result *); /* a ticket of this stage resolved */
    void (*flow)(struct weir_ctx *, bool open); /* source: may / must not emit; opened once after open() */
    /* Source first: stop intake, flush, then state(WEIR_DRAINED). Until then a source may emit what it has begun to
     * take in, while flow is open; after it, nothing. NULL: drained at once. */
    void (*drain)(struct weir_ctx *);
    void (*close)(struct weir_ctx *); /* disarm and free everything, join own threads; nothing is called after */
    /* Of a plugin that chooses: it gives each event to forward_to(), for one of the branches behind it. Refuses what cfg
     * says of branches that are not there; no I/O. NULL: it calls forward(), and events go into every branch. */
    int (*check_outputs)(const void *cfg, const char *const *outputs, uint32_t n, struct weir_err *);
};
/* The one symbol of a plugin: data, so that the host can check it before any code of the plugin runs. */
extern WEIR_EXPORT const struct weir_plugin weir_plugin_v1;

#define WEIR_PLUGIN(...)                                                                                  \
    const struct weir_plugin weir_plugin_v1 = { .magic = WEIR_MAGIC,                                      \
                                                .abi = WEIR_ABI,                                          \
                                                .size = (uint32_t)sizeof(struct weir_plugin),             \
                                                .opt_size = (uint32_t)sizeof(struct weir_opt),            \
                                                .metric_size = (uint32_t)sizeof(struct weir_metric),      \
                                                .outcome_size = (uint32_t)sizeof(struct weir_outcome),    \
                                                .host_size = (uint32_t)sizeof(struct weir_host),          \
                                                __VA_ARGS__ }

/* ---- conveniences over the vtable */

/* Every event of a batch that nobody has dealt with yet. */
#define WEIR_EACH(e, b)                                                    \
    for (struct weir_event *e = (b)->ev; e != (b)->ev + (b)->n; e++)       \
        if (!e->ticket) {                                                  \
        } else

static inline void weir_forward(struct weir_ctx *c, struct weir_batch *b)
{
    c->host->forward(c, b);
}

static inline void weir_settle(struct weir_ctx *c, struct weir_event *e, enum weir_status s, const char *why)
{
    struct weir_result r = { s, 0, 0, 0, { NULL, 0 }, NULL, 0, NULL, why };
    c->host->settle(c, e, &r);
}

/* A business refusal: dealt with, and the source says so in its own way (an HTTP or gRPC status). */
static inline void weir_refuse(struct weir_ctx *c, struct weir_event *e, uint32_t outcome)
{
    struct weir_result r = { WEIR_OK, outcome, 0, 0, { NULL, 0 }, NULL, 0, NULL, NULL };
    c->host->settle(c, e, &r);
}

/* False when the field is absent, has another kind, or the event has no schema. */
static inline bool weir_get_i64(struct weir_ctx *c, const struct weir_event *e, const struct weir_field *f, int64_t *out)
{
    struct weir_value v;
    if (!c->host->get(c, e, f, &v)) return false;
    if (v.kind == WEIR_KIND_U64 && v.v.u64 <= INT64_MAX) {
        *out = (int64_t)v.v.u64;
        return true;
    }
    *out = v.v.i64;
    return v.kind == WEIR_KIND_I64;
}

static inline bool weir_get_bytes(struct weir_ctx *c, const struct weir_event *e, const struct weir_field *f,
                                  struct weir_slice *out)
{
    struct weir_value v;
    if (!c->host->get(c, e, f, &v) || v.kind != WEIR_KIND_BYTES) return false;
    *out = v.v.bytes;
    return true;
}

#define weir_log(c, lvl, ...)                                                    \
    do {                                                                         \
        if ((lvl) <= (c)->log_level) (c)->host->log((c), (lvl), __VA_ARGS__);    \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
