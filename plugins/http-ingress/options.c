/* options.c - the option table and the metrics of http-ingress: what `weir describe http-ingress` prints. */
#include "http_ingress.h"

static const struct weir_opt route_options[] = {
    WEIR_OPT(struct route_conf, name, WEIR_STRING, .doc = "label of the route in metrics and logs"),
    WEIR_OPT(struct route_conf, on, WEIR_STRING, .flags = WEIR_REQUIRED,
             .doc = "method and path, \"POST /v1/orders/{id}\"; {id} goes into the field of that name"),
    WEIR_OPT(struct route_conf, event, WEIR_MESSAGE, .flags = WEIR_REQUIRED,
             .doc = "message type that the JSON body becomes, \"orders.v1.Place\""),
    WEIR_OPT(struct route_conf, key, WEIR_FIELD, .doc = "field that becomes the event's key"),
    WEIR_OPT(struct route_conf, headers, WEIR_MAP,
             .doc = "required headers and the fields they go into, [ \"Idempotency-Key=idempotency_key\" ]"),
    WEIR_OPT(struct route_conf, answers, WEIR_MAP, .doc = "as `answers` of the stage, which they precede"),
    WEIR_OPT_END};

static const struct weir_opt tls_options[] = {{.name = "cert",
                                               .type = WEIR_STRING,
                                               .offset = 0,
                                               .size = sizeof(struct weir_slice),
                                               .doc = "file with the certificate chain, PEM"},
                                              {.name = "key",
                                               .type = WEIR_STRING,
                                               .offset = sizeof(struct weir_slice),
                                               .size = sizeof(struct weir_slice),
                                               .doc = "file with its private key, PEM, without a password"},
                                              WEIR_OPT_END};

static const char *const refuse_or_skip[] = {"refuse", "skip", NULL};

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)

const struct weir_opt http_options[] = {
    WEIR_OPT(struct cfg, listen, WEIR_STRING, .def = "0.0.0.0:8080", .doc = "host:port or unix:/path"),
    WEIR_OPT(struct cfg, routes, WEIR_LIST, .flags = WEIR_REQUIRED, .min = 1, .max = MAX_ROUTES, .sub = route_options,
             .sub_size = sizeof(struct route_conf),
             .doc = "what is taken: { place = { on = \"POST /v1/orders\" ... } ... }"),
    WEIR_OPT(
        struct cfg, answers, WEIR_MAP,
        .doc = "outcome to HTTP status, [ \"accepted=201\", \"unknown-account=404\" ]; an outcome without one is 422"),
    WEIR_OPT(struct cfg, timeout, WEIR_DURATION, .def = "2s", .min = 1000000, .max = HOUR,
             .doc = "deadline of each event; past it stages refuse it, and the client hears 503"),
    WEIR_OPT(struct cfg, max_body, WEIR_SIZE, .def = "64KiB", .min = 1, .max = 16 << 20,
             .doc = "larger bodies get 413"),
    WEIR_OPT(struct cfg, max_header, WEIR_SIZE, .def = "8KiB", .min = 2048, .max = 1 << 20,
             .doc = "memory for a request's header and the header of its answer; larger ones get 431"),
    WEIR_OPT(struct cfg, max_connections, WEIR_INT, .def = "10000", .min = 1, .max = 1000000,
             .doc = "open connections of a lane; more wait to be accepted"),
    WEIR_OPT(struct cfg, header_timeout, WEIR_DURATION, .def = "10s", .min = 1000000, .max = HOUR,
             .doc = "from connecting, or from the request line, to the end of the header"),
    WEIR_OPT(struct cfg, body_timeout, WEIR_DURATION, .def = "30s", .min = 1000000, .max = HOUR,
             .doc = "to receive a body; to send an answer"),
    WEIR_OPT(struct cfg, idle_timeout, WEIR_DURATION, .def = "75s", .min = 1000000, .max = HOUR,
             .doc = "from an answer to the next request line on a kept connection"),
    WEIR_OPT(struct cfg, farewell, WEIR_DURATION, .def = "1s", .max = HOUR,
             .doc = "while stopping, how long kept connections may bring one last request before they are closed"),
    WEIR_OPT(struct cfg, hold, WEIR_DURATION, .def = "200ms", .max = 10 * SECOND,
             .doc =
                 "how long a small request waits for room in the pipeline, the newest first, before it gets its 503"),
    WEIR_OPT(struct cfg, unknown_fields, WEIR_ENUM, .def = "refuse", .choices = refuse_or_skip,
             .doc = "what a JSON field that the message does not have is: an error, or nothing"),
    WEIR_OPT(struct cfg, tokens, WEIR_STRING, .flags = WEIR_SECRET,
             .doc = "bearer tokens, one of which is needed, apart by white space: \"${file:/run/secrets/tokens}\""),
    WEIR_OPT(struct cfg, tls, WEIR_GROUP, .sub = tls_options, .doc = "serve HTTPS with this certificate"),
    WEIR_OPT_END};

static const char *const by_request[] = {"route", "code", NULL};
static const char *const by_reason[] = {"reason", NULL};
static const char *const by_phase[] = {"phase", NULL};
static const char *const by_route[] = {"route", NULL};

const struct weir_metric http_metrics[] = {
    [M_REQUESTS] = {"requests_total", WEIR_COUNTER, "Requests by route (none: \"\") and status (closed: no answer).",
                    by_request},
    [M_SECONDS] = {"request_seconds", WEIR_HISTOGRAM, "From the request line to the last byte of the answer.",
                   by_route},
    [M_CONNECTIONS] = {"connections", WEIR_GAUGE, "Open connections.", NULL},
    [M_RECEIVED] = {"received_bytes_total", WEIR_COUNTER, "Bytes of request bodies.", NULL},
    [M_SENT] = {"sent_bytes_total", WEIR_COUNTER, "Bytes of answers' bodies.", NULL},
    [M_UNAVAILABLE] = {"unavailable_total", WEIR_COUNTER,
                       "503s by reason: window, draining, memory, retry, unknown, refused.", by_reason},
    [M_EXPIRED] = {"expired_total", WEIR_COUNTER,
                   "Connections closed by a time-out, by phase: idle, header, body, send.", by_phase},
    {.name = NULL}};
