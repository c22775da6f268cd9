/* kafka_conf.c - builds a librdkafka configuration from a stage's options.
 * Order: our properties, brokers and security, then the user's own, which may not touch what is fixed. */
#include "kafka_conf.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const protocols[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl", NULL};
static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL};
enum { PROTOCOL_SSL = 1, PROTOCOL_SASL = 2 }; /* bits of the index into protocols */

const struct weir_opt kafka_security_options[] = {
    WEIR_OPT(struct kafka_security, protocol, WEIR_ENUM, .def = "plaintext", .choices = protocols,
             .doc = "encryption and login of the listener"),
    WEIR_OPT(struct kafka_security, mechanism, WEIR_ENUM, .def = "SCRAM-SHA-256", .choices = mechanisms,
             .doc = "login mechanism, for the sasl protocols"),
    WEIR_OPT(struct kafka_security, username, WEIR_STRING, .doc = "user to log in as, for the sasl protocols"),
    WEIR_OPT(struct kafka_security, password, WEIR_STRING, .flags = WEIR_SECRET, .doc = "the user's password"),
    WEIR_OPT(struct kafka_security, ca, WEIR_STRING,
             .doc = "file with the authorities to trust, for the ssl protocols; the system's when not given"),
    WEIR_OPT(struct kafka_security, certificate, WEIR_STRING,
             .doc = "file with the client's certificate, for mutual TLS"),
    WEIR_OPT(struct kafka_security, key, WEIR_STRING, .doc = "file with the key of the client's certificate"),
    WEIR_OPT(struct kafka_security, key_password, WEIR_STRING, .flags = WEIR_SECRET, .doc = "password of that key"),
    WEIR_OPT_END};

/* For every client: be back soon after a broker is, take the log as events, and never let a default commit anything. */
static const struct kafka_property common[] = {
    {"client.id", "weir", NULL},
    {"reconnect.backoff.ms", "100", NULL},
    {"reconnect.backoff.max.ms", "1000", NULL},
    {"socket.keepalive.enable", "true", NULL},
    {"log.queue", "true", "the log goes through the host"},
    {"bootstrap.servers", NULL, "use the option brokers"},
    {"metadata.broker.list", NULL, "use the option brokers"},
    {"security.protocol", NULL, "use the option security.protocol"},
    {"sasl.username", NULL, "use the option security.username"},
    {"sasl.password", NULL, "use the option security.password, which is never printed"},
    {"ssl.key.password", NULL, "use the option security.key_password, which is never printed"},
    {"plugin.library.paths", NULL, "libraries are not loaded by configuration"},
    {NULL, NULL, NULL},
};

static int fail(struct weir_err *err, const char *option, const char *msg)
{
    err->status = WEIR_FATAL;
    snprintf(err->option, sizeof err->option, "%s", option);
    snprintf(err->msg, sizeof err->msg, "%s", msg);
    return -1;
}

int kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, const char *option, struct weir_err *err)
{
    char text[sizeof err->msg];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK) return 0;
    return fail(err, option, text);
}

int kafka_conf_set_ms(rd_kafka_conf_t *conf, const char *name, uint64_t ns, const char *option, struct weir_err *err)
{
    char value[32];
    snprintf(value, sizeof value, "%.3f", (double)ns / 1e6);
    char *dot = strchr(value, '.');
    /* Only linger takes fractions; the rest refuses "5.000". */
    if (dot && (strcmp(dot, ".000") == 0 || strcmp(name, "linger.ms") != 0)) *dot = '\0';
    return kafka_conf_set(conf, name, value, option, err);
}

static bool given(const struct weir_slice *s)
{
    return s->p && s->n > 0;
}

static int set_given(rd_kafka_conf_t *conf, const char *name, const struct weir_slice *s, const char *option,
                     struct weir_err *err)
{
    return given(s) ? kafka_conf_set(conf, name, (const char *)s->p, option, err) : 0;
}

static int set_security(rd_kafka_conf_t *conf, const struct kafka_security *s, struct weir_err *err)
{
    if (kafka_conf_set(conf, "security.protocol", protocols[s->protocol], "security.protocol", err)) return -1;
    if (s->protocol & PROTOCOL_SASL) {
        if (!given(&s->username) || !given(&s->password)) {
            char text[128];
            snprintf(text, sizeof text, "%s needs security.username and security.password", protocols[s->protocol]);
            return fail(err, given(&s->username) ? "security.password" : "security.username", text);
        }
        if (kafka_conf_set(conf, "sasl.mechanism", mechanisms[s->mechanism], "security.mechanism", err) ||
            set_given(conf, "sasl.username", &s->username, "security.username", err) ||
            set_given(conf, "sasl.password", &s->password, "security.password", err))
            return -1;
    }
    if (!(s->protocol & PROTOCOL_SSL)) return 0;
    return set_given(conf, "ssl.ca.location", &s->ca, "security.ca", err) ||
                   set_given(conf, "ssl.certificate.location", &s->certificate, "security.certificate", err) ||
                   set_given(conf, "ssl.key.location", &s->key, "security.key", err) ||
                   set_given(conf, "ssl.key.password", &s->key_password, "security.key_password", err)
               ? -1
               : 0;
}

static int set_properties(rd_kafka_conf_t *conf, const struct kafka_property *p, struct weir_err *err)
{
    for (; p->name; p++)
        if (p->value && kafka_conf_set(conf, p->name, p->value, "rdkafka", err)) return -1;
    return 0;
}

static const struct kafka_property *fixed(const struct kafka_property *p, const char *name)
{
    for (; p->name; p++)
        if (p->why && strcmp(p->name, name) == 0) return p;
    return NULL;
}

static int set_users(rd_kafka_conf_t *conf, const struct kafka_conf_in *in, struct weir_err *err)
{
    for (uint32_t i = 0; i < in->rdkafka->n; i++) {
        const struct weir_pair *pair =
            (const void *)((const char *)in->rdkafka->items + (size_t)i * in->rdkafka->stride);
        char name[128], value[1024];
        if (pair->name.n >= sizeof name || pair->value.n >= sizeof value)
            return fail(err, "rdkafka", "name or value of a property is too long: names up to 127, values up to 1023");
        snprintf(name, sizeof name, "%.*s", (int)pair->name.n, (const char *)pair->name.p);
        snprintf(value, sizeof value, "%.*s", (int)pair->value.n, pair->value.n ? (const char *)pair->value.p : "");
        const struct kafka_property *p = fixed(common, name);
        if (!p) p = fixed(in->properties, name);
        if (p) {
            char text[sizeof err->msg];
            snprintf(text, sizeof text, "%s cannot be set here: %s", name, p->why);
            return fail(err, "rdkafka", text);
        }
        if (kafka_conf_set(conf, name, value, "rdkafka", err)) return -1;
    }
    return 0;
}

/* "host:port, host" with nothing empty between the commas: the library would say so only at run time, and quietly. */
static int set_brokers(rd_kafka_conf_t *conf, const struct weir_slice *brokers, struct weir_err *err)
{
    bool name = false;
    for (size_t i = 0; i <= brokers->n; i++) {
        char c = i < brokers->n ? (char)brokers->p[i] : ',';
        if (c == ',' && !name) return fail(err, "brokers", "expected host:port, host:port with none of them empty");
        name = c != ',' && (name || c != ' ');
    }
    return kafka_conf_set(conf, "bootstrap.servers", (const char *)brokers->p, "brokers", err);
}

rd_kafka_conf_t *kafka_conf_new(const struct kafka_conf_in *in, struct weir_err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (set_properties(conf, common, err) || set_properties(conf, in->properties, err) ||
        set_brokers(conf, &in->brokers, err) || set_security(conf, in->security, err) || set_users(conf, in, err)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

void kafka_conf_blame(const struct kafka_security *s, struct weir_err *err)
{
    const struct {
        const char *property, *option, *advice;
        const struct weir_slice *file;
    } files[] = {
        {"ssl.ca.location", "security.ca", "no PEM file of certificates", &s->ca},
        {"ssl.certificate.location", "security.certificate", "no PEM file of certificates", &s->certificate},
        {"ssl.key.location", "security.key", "no PEM file of a key, or security.key_password is not its password",
         &s->key},
    };
    char said[sizeof err->msg];
    snprintf(said, sizeof said, "%.*s", (int)strcspn(err->msg, "\n"), err->msg);
    snprintf(err->option, sizeof err->option, "rdkafka");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!strstr(said, files[i].property) || !given(files[i].file)) continue;
        const char *path = (const char *)files[i].file->p;
        snprintf(err->option, sizeof err->option, "%s", files[i].option);
        snprintf(err->msg, sizeof err->msg, "%.100s: %s (%.100s)", path,
                 access(path, R_OK) ? strerror(errno) : files[i].advice, said);
        return;
    }
}

void kafka_log(struct weir_ctx *ctx, rd_kafka_event_t *event)
{
    const char *facility, *text;
    int syslog_level;
    if (rd_kafka_event_log(event, &facility, &text, &syslog_level)) return;
    /* The library calls a refused connection an error; it reconnects by itself and the stage's state tells. */
    enum weir_level level = syslog_level <= 2   ? WEIR_ERROR
                            : syslog_level <= 4 ? WEIR_WARN
                            : syslog_level <= 6 ? WEIR_INFO
                                                : WEIR_DEBUG;
    weir_log(ctx, level, "librdkafka %s: %s", facility, text);
}

uint64_t kafka_backoff_next(struct kafka_backoff *b)
{
    uint64_t most = 100000000ull << (b->failures < 6 ? b->failures : 6);
    if (most > 5000000000ull) most = 5000000000ull;
    b->failures++;
    b->seed = b->seed * 1664525u + 1013904223u;
    return most / 2 + most / 2 * (b->seed >> 16) / 65536;
}
