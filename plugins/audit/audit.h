/* audit.h - the accepted bets as the ledger has them, and what was seen of each elsewhere. */
#ifndef AUDIT_H
#define AUDIT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { FINDINGS_SHOWN = 10 };

struct identity {
    int64_t epoch, seq;
    int32_t shard;
};
struct event { /* one accepted bet of the ledger */
    struct identity id;
    uint8_t *bytes;
    uint32_t n;
    uint32_t in_topic, in_record, in_analysis;
    unsigned dead; /* bits of enum refuser: it has a dead letter there that was not put back */
    bool trimmed;  /* bytes: made from the ledger's row, without selection and odds */
};
enum refuser { RECORD = 1, ANALYSIS = 2 };
struct dead_letter { /* by where its record stands in the topic; several of one record are one */
    int32_t partition;
    int64_t offset;
    unsigned by;         /* one bit of enum refuser */
    bool put_back;       /* its record is in the topic once more: that one counts */
    struct event *event; /* the accepted bet that it is, bytes and all; NULL: none */
};

/* The columns of one stored bet as text, in this order, whatever the store: what the audit compares. */
enum column { BET_ID, ACCOUNT_ID, STAKE, CURRENCY, SELECTION, ODDS, BALANCE_AFTER, ACCEPTED_AT_US, N_COLUMNS };
extern const char *const column_names[N_COLUMNS];

struct finding { /* one kind of difference: a count and the first ids */
    const char *name, *text;
    uint64_t n;
    char *first[FINDINGS_SHOWN];
};
enum kind {
    LOST_TOPIC,
    LOST_RECORD,
    LOST_ANALYSIS, /* in the ledger, not there */
    DOUBLED_RECORD,
    DOUBLED_ANALYSIS, /* more than once where once is promised */
    STRAY_TOPIC,
    STRAY_RECORD,
    STRAY_ANALYSIS, /* there, not an accepted bet of the ledger */
    DIFFERS_TOPIC,
    DIFFERS_RECORD,
    DIFFERS_ANALYSIS, /* there with other content */
    GAP,
    UNREADABLE,
    MONEY, /* the ledger itself */
    N_KINDS
};

struct options {
    const char *ledger, *record, *table, *kafka, *topic, *kafka_user, *kafka_password_file, *kafka_protocol;
    const char *dead_topic, *record_group, *analysis_group; /* dead_topic "": there are no dead letters */
    const char *clickhouse, *ch_table, *ch_user, *ch_password_file, *json;
    int wait_s;
    bool help;
};

struct audit {
    const struct options *opt;
    struct event *events; /* sorted by identity */
    size_t n, cap;
    uint64_t accepted, refused, accounts, topic_records, topic_repeats, record_rows, analysis_rows;
    struct dead_letter *letters; /* sorted */
    size_t n_letters, cap_letters;
    uint64_t dead_record, dead_analysis, dead_records; /* bets without a row; records of the topic that are no bet */
    struct finding found[N_KINDS];
    char error[512]; /* why the audit could not run */
};

/* truth.c */
void audit_init(struct audit *, const struct options *);
void audit_free(struct audit *);
int audit_add(struct audit *, struct identity, const uint8_t *bytes, size_t n, bool trimmed);
struct event *audit_find(struct audit *, struct identity); /* after ledger_read */
void audit_found(struct audit *, enum kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Compares a row's columns with what the event's bytes say; reports to `differs`. */
void audit_compare(struct audit *, struct event *, const char *const columns[N_COLUMNS], enum kind differs);
void audit_count_missing(struct audit *);
int audit_cannot(struct audit *, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* -1 */
bool audit_read_file(const char *path, char *out, size_t size); /* first line of a secret's file */

int ledger_read(struct audit *); /* ledger.c: events, gaps, money */
int topic_read(struct audit *);  /* topic.c */
struct rd_kafka_message_s;
struct rd_kafka_headers_s;
bool audit_header(const struct rd_kafka_headers_s *, const char *name, int64_t *out); /* a number */
/* Every record that is in that topic now. */
int topic_each(struct audit *, const char *topic, int (*fn)(struct audit *, const struct rd_kafka_message_s *));
int dead_read(struct audit *); /* dead.c, after the ledger and before the topic */
unsigned dead_by(const struct audit *, int32_t partition, int64_t offset); /* who has a letter of that record */
int recorded_read(struct audit *);                                         /* recorded.c: PostgreSQL */
int analysed_read(struct audit *);                                         /* analysed.c: ClickHouse */

/* report.c */
uint64_t audit_lost(const struct audit *);
uint64_t audit_doubled(const struct audit *);
uint64_t audit_differences(const struct audit *);
void report_text(const struct audit *, FILE *);
int report_json(const struct audit *, const char *path);
#endif
