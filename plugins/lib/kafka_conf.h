/* kafka_conf.h - from a stage's options to a librdkafka configuration, the same way for every client.
 *
 * A plugin's cfg has the three members brokers, security and rdkafka; KAFKA_OPTIONS(struct cfg) adds their options to
 * its table. What the plugin's guarantees need stands in a table of fixed properties, which `rdkafka` may not touch. */
#ifndef WEIR_KAFKA_CONF_H
#define WEIR_KAFKA_CONF_H
#include <librdkafka/rdkafka.h>
#include <weir/plugin.h>

struct kafka_security {
    int protocol, mechanism; /* indexes into the choices of kafka_security_options */
    struct weir_slice username, password, ca, certificate, key, key_password;
};
extern const struct weir_opt kafka_security_options[];

#define KAFKA_OPTIONS(T)                                                                                            \
    WEIR_OPT(T, brokers, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "brokers to ask first: host:port, host:port"), \
        WEIR_OPT(T, security, WEIR_GROUP, .sub = kafka_security_options, .sub_size = sizeof(struct kafka_security), \
                 .doc = "how to encrypt and log in"),                                                               \
        WEIR_OPT(T, rdkafka, WEIR_MAP,                                                                              \
                 .doc = "properties of librdkafka by their own names: [ \"compression.type=zstd\" ]")

struct kafka_property {
    const char *name, *value; /* value NULL: set by code */
    const char *why;          /* fixed: what to tell who sets it by `rdkafka`. NULL: a default that may be changed */
};

struct kafka_conf_in {
    struct weir_slice brokers;
    const struct kafka_security *security;
    const struct weir_list *rdkafka;
    const struct kafka_property *properties; /* ends with name == NULL */
};

/* A configuration of all that; NULL with err filled, in the library's own words and with the option at fault. No I/O:
 * good for check(), which destroys the result with rd_kafka_conf_destroy. */
rd_kafka_conf_t *kafka_conf_new(const struct kafka_conf_in *in, struct weir_err *err);
/* After rd_kafka_new() refused with err->msg: names the option, and the file when it is one of them. */
void kafka_conf_blame(const struct kafka_security *, struct weir_err *err);
/* One property from code. -1 with err filled. A NULL conf is passed over, so that calls can be chained. */
int kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, const char *option,
                   struct weir_err *err);
int kafka_conf_set_ms(rd_kafka_conf_t *conf, const char *name, uint64_t ns, const char *option, struct weir_err *err);

/* The client's log, which arrives as events (log.queue), to the host's. */
void kafka_log(struct weir_ctx *ctx, rd_kafka_event_t *event);

/* Between 100 ms and 5 s: doubles with each failure, half of it random, so that many clients do not come at once. */
struct kafka_backoff {
    uint32_t failures;
    uint32_t seed;
};
uint64_t kafka_backoff_next(struct kafka_backoff *b);

#endif
