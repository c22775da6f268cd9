/* kit.h - the inside of the test kit: the real host in the test's thread, two ends that the test holds, and a layer
 * between the plugin and the host's calls that counts, checks and holds back. */
#ifndef WEIR_KIT_H
#define WEIR_KIT_H
#include "lane.h"
#include <string.h>
#include <weir/testkit.h>

struct pushed { /* what the test pushed on the left */
    struct weir_kit *kit;
    struct weir_event ev; /* bytes are in the kit's own copy until it is in a batch */
    void *copy;
    struct weir_result result;
    void *result_copy;
    bool settled;
};
struct held { /* a batch that came out on the right */
    struct held *next;
    struct stage *at;
    struct weir_batch *batch;
    uint32_t taken; /* events before this one the test has had */
};

/* alloc.c: the n-th allocation of the plugin */
struct kit_range { /* where a plugin's code lies; both 0: in no file of its own */
    uintptr_t from, to;
};
struct kit_allocs {
    _Atomic uint64_t n, fail_at; /* fail_at: 0 for never */
    atomic_bool failed;
    struct kit_range *ranges; /* one a stage */
    uint32_t n_ranges;
};

/* quarantine.c: batches that were released */
struct kit_grave;
struct kit_quarantine {
    struct kit_grave *oldest, **newest;
    size_t bytes;
};

/* What the lanes of one open have in common. */
struct kit_open {
    struct weir_conf *conf;
    struct weir_metrics *metrics;
    struct pipeline *pipeline;
    struct weir_kit *lanes;
    uint32_t n_lanes, n_open; /* n_open: lanes to close */
    unsigned flags;
    pthread_t thread;
    pthread_mutex_t lock; /* guards broken and every lane's posts */
    char broken[512];     /* the first rule that was broken */
    struct kit_allocs allocs;
    struct kit_quarantine quarantine;
};

struct kit_post;
struct kit_work;
struct weir_kit { /* one lane */
    struct kit_open *open;
    struct lane *lane;
    struct stage *left, *under; /* left: NULL when the plugin has no such side */
    struct lane_hooks hooks;
    struct pushed **pushed; /* by number - 1 */
    uint64_t n_pushed, n_sent, n_forwarded;
    struct held *held, **held_tail;
    unsigned hold;          /* WEIR_KIT_POSTS, WEIR_KIT_WORK */
    struct kit_post *posts; /* oldest first; under the lock of `open` */
    struct kit_work *works; /* held back; oldest first */
    uint32_t n_works_held;
};
static inline struct weir_kit *kit_of(struct weir_ctx *ctx)
{
    return stage_of(ctx)->lane->hooks->arg;
}
static inline bool kit_is_end(const struct weir_kit *kit, const struct stage *s)
{
    return s != kit->under;
}

/* The plugin under test. */
static inline const struct weir_plugin *kit_plugin(const struct kit_open *o)
{
    const struct weir_conf_pipeline *p = o->pipeline->conf;
    uint32_t i = 0;
    while (i + 1 < p->n_stages && !strncmp(p->stages[i].loaded->plugin->name, "kit-", 4)) i++;
    return p->stages[i].loaded->plugin;
}

char *kit_refuses(const struct weir_kit_setup *); /* as weir_kit_refuses() */
/* What comes behind the plugin, as conf text: one stage of plugin `end`, or one a branch. Malloc'ed; NULL: no memory.
 */
char *kit_right_text(const char *end, const char *const *outputs);
void kit_abandon(struct kit_open *); /* close.c: open() failed */

extern const struct weir_host kit_calls;             /* calls.c: what the plugin calls */
extern const struct weir_plugin kit_left, kit_right; /* ends.c */
void kit_send_pushed(struct weir_kit *);
void kit_settle_rest(struct weir_kit *); /* what came out and the test did not care about: OK */

/* broken.c, ANY THREAD: the first one stays, and fails the test at the next kit call on its thread */
void kit_broke(struct weir_kit *, const char *plugin, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool kit_is_broken(struct kit_open *);
void kit_check_rules(struct weir_kit *);

/* alloc.c */
int kit_allocs_init(struct kit_allocs *, const struct weir_conf_pipeline *);
bool kit_alloc_fails(struct weir_kit *); /* counts one; true: it is the one that is to fail */
bool kit_malloc_fails(const void *caller);
extern _Thread_local struct kit_open *kit_opening; /* whose init() or share() runs: there is no stage yet */

/* account.c. Enter and leave surround each call of the test into the kit: what appears outside of them is the test's.
 */
void kit_account_open(void);
void kit_enter(void);
void kit_leave(void);
void kit_not_the_plugins(int fd); /* a descriptor that the kit opened for the test */
void kit_pool_starts(bool begin); /* around the call that may start the loop library's worker threads */
/* What a kit of this plugin and these flags left behind, as text in `out`, after waiting for it to go; false: nothing.
 * While other kits are open it cannot be told whose it is: then the last one that closes is asked. */
bool kit_account_close(const char *plugin, unsigned flags, char *out, size_t size);

/* quarantine.c */
void kit_bury(struct weir_kit *, struct stage *by, struct batch *); /* takes over one reference */
bool kit_buried(const struct weir_event *);                         /* does it lie in a released batch? */
void kit_exhume(struct kit_open *);                                 /* checks that nobody wrote, frees */

/* hold.c */
void kit_post(struct weir_ctx *, struct weir_task *);
void kit_work(struct weir_ctx *, struct weir_work *);
void kit_free_posts(struct weir_kit *);

/* wait.c */
void kit_turn(struct weir_kit *);        /* sends what was pushed */
void kit_settle_down(struct weir_kit *); /* runs the lane's loop until nothing is ready */
/* Runs the loop until fd is ready for `events` (of libuv) or the time is over. */
bool kit_wait_fd(struct weir_kit *, int fd, int events, unsigned timeout_ms);

/* text.c: appends one scalar field to bytes that have room for its text and 32 more. False: the text is no such value.
 */
struct kit_wire {
    uint8_t *p;
    size_t n;
};
void kit_put_varint(struct kit_wire *, uint64_t);
bool kit_put_scalar(struct kit_wire *, const ProtobufCFieldDescriptor *, const char *text);
/* "field: value; field: value" into wire bytes (malloc'ed). NULL: *why says what is wrong. */
uint8_t *kit_encode(const struct weir_schema *, const char *fields, size_t *n, char *why, size_t why_size);
#endif
