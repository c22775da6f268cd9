/* dead_letters.h - the letters of one topic, and what may be done with them. */
#ifndef DEAD_LETTERS_H
#define DEAD_LETTERS_H
#include <librdkafka/rdkafka.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What kafka-consumer writes after a record's own headers; this one is the first. */
#define LETTER_HEADER "weir.dead.topic"
#define ATTEMPT_HEADER "weir.attempt"      /* of a record that was put back */
#define RETRIED_HEADER "weir.dead.retried" /* of a mark: this letter was put back */
#define WAIT_MS 20000                      /* for anything that a broker is asked */

enum command { LIST, SHOW, RETRY };
struct range { /* of letters: "0:17" or "0:17-42" */
    int32_t partition;
    int64_t first, last;
};
struct heard { /* what a client has said beside its answers */
    char text[256];
    bool refused; /* it is in vain to go on */
};
struct options {
    enum command command;
    const char *kafka, *topic, *user, *password_file, *protocol;
    const char *group, *class, *plugin; /* NULL: any */
    struct range *ranges;
    size_t n_ranges;
    bool all, dry_run, help;
    char password[256]; /* read once: the file may be a pipe */
    struct heard *heard;
};

struct source { /* which record, read by whom: what makes two letters the same one */
    char *group, *topic;
    int32_t partition;
    int64_t offset;
};
struct letter {
    int32_t partition;
    int64_t offset, ms;
    struct source from;
    char *pipeline, *stage, *plugin, *class, *error, *event; /* "" when not said */
    int attempt;
    bool chosen;
    int64_t retried_ms; /* 0: has not been put back */
};
struct mark {
    struct source of;
    int64_t ms;
};
struct letters {
    struct letter *v; /* by partition and offset */
    struct mark *marks;
    size_t n, cap, n_marks, cap_marks;
};

/* Where the last word of every failure stands; dead_letters.c prints it. */
extern char trouble[512];
int cannot(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* -1 */

/* client.c. NULL: cannot() was called. */
rd_kafka_t *client_new(const struct options *, rd_kafka_type_t);
/* Hands every record of those ranges that is there now to fn, in order within a partition; the message is the callee's
 * only during the call. With n == 0: the whole topic. Stops and returns what fn returns unless 0; -1 after cannot(). */
int topic_read(const struct options *, const struct range *, size_t n, int (*fn)(void *arg, const rd_kafka_message_t *),
               void *arg);
void client_heard(const struct options *, int err, const char *reason);
const char *client_error(const struct options *,
                         rd_kafka_resp_err_t); /* in the words of the last error that came, when one did */

/* letters.c: 0, or -1 after cannot() */
int letters_read(const struct options *, struct letters *);
void letters_choose(struct letters *, const struct options *);
struct letter *letters_at(const struct letters *, int32_t partition, int64_t offset); /* NULL: none */
void letters_free(struct letters *);
/* The value of the last header with that name, as malloc'ed text; "" when it is not there, NULL without memory. */
char *header_text(const rd_kafka_headers_t *, const char *name);

/* schemas.c: the message type of that name from the plugin folders, or NULL. Descriptors live for ever. */
const ProtobufCMessageDescriptor *schema_find(const char *full_name);

/* show.c */
void list_letters(const struct letters *, const struct options *);
int show_letters(const struct letters *, const struct options *);
void print_time(int64_t ms);

/* retry.c: an exit code */
int retry_letters(struct letters *, const struct options *);
#endif
