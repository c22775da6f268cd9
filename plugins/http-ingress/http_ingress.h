/* http_ingress.h - what the parts of http-ingress share: the conf, the routes made of it, a lane, a connection.
 * One lane has libmicrohttpd daemons on its own loop; nothing here is seen by two threads. */
#ifndef HTTP_INGRESS_H
#define HTTP_INGRESS_H
#include <json_pb.h>
#include <microhttpd.h>
#include <sys/socket.h>
#include <weir/plugin.h>
#include <weir/schema.h>

/* ---- conf, as the option table lays it out (options.c) */
struct route_conf {
    struct weir_slice name, on;
    const struct weir_schema *event;
    struct weir_field key;
    struct weir_list headers, answers;
};

struct cfg {
    struct weir_slice listen, tokens;
    struct weir_list routes, answers;
    uint64_t timeout, max_body, max_header, header_timeout, body_timeout, idle_timeout, farewell, hold;
    int64_t max_connections;
    int unknown_fields;
    struct {
        struct weir_slice cert, key;
    } tls;
};
extern const struct weir_opt http_options[];

/* ---- metrics (options.c), by index */
enum { M_REQUESTS, M_SECONDS, M_CONNECTIONS, M_RECEIVED, M_SENT, M_UNAVAILABLE, M_EXPIRED };
extern const struct weir_metric http_metrics[];

/* ---- routes.c: "POST /v1/orders/{id}" to a small table */
enum { MAX_SEGMENTS = 16, MAX_GIVEN = 16, MAX_ROUTES = 256 };
enum method { GET, POST, PUT, PATCH, DELETE, N_METHODS };

struct segment {
    struct weir_slice text;                /* of a literal one */
    const ProtobufCFieldDescriptor *field; /* of a {parameter} */
};
struct header_field {
    const char *header;
    const ProtobufCFieldDescriptor *field;
};
struct answer_status {
    const char *outcome;
    unsigned status;
};
struct route {
    const struct route_conf *conf;
    const char *name;
    enum method method;
    bool needs_body; /* the message has fields that neither path nor headers give */
    unsigned n_segments, n_headers, n_answers;
    struct segment segments[MAX_SEGMENTS];
    struct header_field headers[MAX_GIVEN];
    struct answer_status *answers; /* the route's own first, then the stage's */
};
struct routes {
    struct route *all;
    unsigned n;
};

int routes_make(struct routes *, const struct cfg *, struct weir_err *); /* frees what it made when it fails */
void routes_free(struct routes *);
const char *method_name(enum method);

enum { MATCHED, NO_PATH, NO_METHOD };
struct path {
    struct weir_slice segments[MAX_SEGMENTS];
    unsigned n;
};
bool path_split(struct path *, const char *url);
int routes_match(const struct routes *, const char *method, const struct path *, const struct route **);
/* "GET, HEAD, POST": what the path of a NO_METHOD has. */
void routes_allow(const struct routes *, const struct path *, char *out, size_t size);
unsigned route_status(const struct route *, const char *outcome); /* 0: not named */

/* ---- a connection: and its request, for it has one at a time */
enum phase {
    IDLE,     /* kept alive, between requests */
    HEADER,   /* just connected, or within the header */
    BODY,     /* header read */
    PIPELINE, /* suspended until its ticket resolves; no deadline of ours: the event has one */
    SEND,     /* answered, not yet sent */
    HELD,     /* suspended until the pipeline has room, for `hold` at most */
    N_PHASES
};

struct conn {
    struct lane *lane;
    struct server *server;
    struct MHD_Connection *mhd;
    struct conn *next, *prev; /* in lane->phases[phase], oldest deadline first */
    enum phase phase;
    uint64_t deadline_ns;
    bool begun;   /* HEADER: the request line has come */
    bool expired; /* shut down by us; libmicrohttpd closes it at its next turn */

    /* the request */
    const struct route *route; /* NULL: none matched */
    uint64_t start_ns;
    struct weir_json_buf body;
    bool too_large, has_body, may_wait;
    struct weir_json_given given[MAX_GIVEN];
    unsigned n_given;
    char text[512]; /* of path parameters, percent-decoded */
    size_t text_n;
    char traceparent[56];

    /* the answer */
    struct weir_json_buf out;
    struct MHD_Response *response;
    unsigned status;
};

struct server { /* a daemon of libmicrohttpd */
    struct lane *lane;
    struct MHD_Daemon *daemon;
    struct weir_watch watch;
    struct server *next_due;
    bool is_due; /* to be run: in lane->due */
    uint32_t n_conns;
};

struct lane {
    struct weir_ctx *ctx;
    const struct cfg *cfg;
    struct routes routes;
    char *cert, *key;
    struct weir_watch listener; /* fd -1 once it is closed */
    struct server **servers, *due, *last_due;
    uint32_t n_servers, n_served; /* n_served: requests taken in and answers given in this turn */
    struct weir_task run_task, admit_task;
    struct weir_timer again, expiry, farewell;
    bool running, run_posted, admit_posted, flowing, closing;
    bool at_limit;                /* max_connections are open; until a tenth has gone */
    bool starved;                 /* of descriptors: accepts again after a pause */
    bool draining;                /* no new connections; each answer is the last one of its connection */
    bool refusing;                /* the farewell is over: no new requests either */
    uint32_t n_conns, n_requests; /* requests: from the request line to the last byte of the answer */
    struct {
        struct conn *first, *last;
    } phases[N_PHASES];
    struct weir_batch *batch; /* of this turn */
    uint32_t n_emitted;       /* in this turn */
    struct weir_json_buf wire;
    uint64_t position, random;
};

/* ---- accept.c: the listening socket */
int accept_start(struct lane *, struct weir_err *);
void accept_check(struct lane *); /* after the number of connections has changed */
void accept_stop(struct lane *);

/* ---- server.c: the daemons in the lane's loop */
int server_start(struct lane *, struct weir_err *);
void server_stop(struct lane *);
bool server_take(struct lane *, int fd, const struct sockaddr *peer, socklen_t); /* fd is its own, also when false */
void server_run_soon(struct server *);
void server_resume(struct conn *); /* it has its answer */

/* ---- conn.c: connections and their deadlines */
void conn_notify(void *server, struct MHD_Connection *, void **slot, enum MHD_ConnectionNotificationCode);
void conn_phase(struct conn *, enum phase);
void conn_free_request(struct conn *);
void lane_release_held(struct lane *, uint64_t until_ns); /* those that were to wait until then at most are refused */
void lane_refuse(struct weir_timer *farewell);
void lane_expire(struct weir_timer *);
void lane_check_drained(struct lane *);

/* ---- request.c: from the header to the event */
void *request_line(void *unused, const char *uri, struct MHD_Connection *);
enum MHD_Result request_part(void *unused, struct MHD_Connection *, const char *url, const char *method,
                             const char *version, const char *data, size_t *size, void **slot);
void request_completed(void *unused, struct MHD_Connection *, void **slot, enum MHD_RequestTerminationCode);

/* ---- event.c */
bool event_room(struct lane *);        /* for one more */
bool event_room_now(struct lane *);    /* and not too many in this turn */
bool event_emit(struct conn *);        /* false: answered already */
void events_admit_soon(struct lane *); /* those that are held, while there is room */
void events_admit(struct weir_task *);
void events_flush(struct lane *);

/* ---- answer.c: they make conn->response; answer_send queues it */
struct problem {
    unsigned status;
    const char *detail, *pointer, *outcome, *reason; /* reason: label of 503s */
    uint64_t retry_after_ns;
    const char *header, *value; /* one more header of the answer */
};
void answer_problem(struct conn *, const struct problem *);
void answer_unavailable(struct conn *, const char *reason, const char *detail);
void answer_full(struct conn *); /* no room in the pipeline */
void answer_result(struct conn *, const struct weir_result *);
enum MHD_Result answer_send(struct conn *);

/* ---- trace.c: W3C trace context */
bool trace_valid(const char *text, size_t n);
void trace_make(uint64_t *random, char out[56]);
#endif
