/* audit.c - weir-audit: reads the ledger, the topic and both stores, and says whether every bet is where it must be. */
#include "audit.h"
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "weir-audit: is every accepted bet of the ledger in the topic, in PostgreSQL and in ClickHouse, exactly as it was\n"
    "accepted, and does the money add up?\n"
    "\n"
    "  --ledger URL               PostgreSQL with the schema `ledger`                                     (required)\n"
    "  --record URL               PostgreSQL with the recorder's table                            (default: ledger's)\n"
    "  --table NAME               that table                                                     (default: "
    "record.bets)\n"
    "  --kafka HOST:PORT,...      brokers                                                                 (required)\n"
    "  --topic NAME                                                                              (default: "
    "bets.placed)\n"
    "  --kafka-user NAME, --kafka-password-file FILE, --kafka-protocol sasl_plaintext|sasl_ssl|plaintext|ssl\n"
    "  --dead-letters NAME        topic with what could not be stored; '' when there is none         (default: "
    "bets.dead)\n"
    "  --record-group NAME, --analysis-group NAME     who writes them                   (default: recorder, "
    "analytics)\n"
    "  --clickhouse URL           http://host:8123                                                        (required)\n"
    "  --ch-table NAME            the reader's view                                                (default: "
    "weir.bets)\n"
    "  --ch-user NAME, --ch-password-file FILE\n"
    "  --wait SECONDS             look again until it is exact, or so long\n"
    "  --json FILE                the result for programs\n"
    "\n"
    "Exit codes: 0 exact; 1 not exact; 2 could not run.\n";

static int parse(int argc, char **argv, struct options *o)
{
    const char *wait = NULL;
    const struct {
        const char *name, **value;
    } known[] = {{"--ledger", &o->ledger},
                 {"--record", &o->record},
                 {"--table", &o->table},
                 {"--kafka", &o->kafka},
                 {"--topic", &o->topic},
                 {"--kafka-user", &o->kafka_user},
                 {"--kafka-password-file", &o->kafka_password_file},
                 {"--kafka-protocol", &o->kafka_protocol},
                 {"--dead-letters", &o->dead_topic},
                 {"--record-group", &o->record_group},
                 {"--analysis-group", &o->analysis_group},
                 {"--clickhouse", &o->clickhouse},
                 {"--ch-table", &o->ch_table},
                 {"--ch-user", &o->ch_user},
                 {"--ch-password-file", &o->ch_password_file},
                 {"--wait", &wait},
                 {"--json", &o->json}};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        if (!strcmp(argv[i], "--help")) {
            o->help = true;
            return 0;
        }
        while (k < sizeof known / sizeof *known && strcmp(argv[i], known[k].name)) k++;
        if (k == sizeof known / sizeof *known || ++i == argc) {
            fprintf(stderr, "weir-audit: %s; `weir-audit --help` lists the options\n",
                    i == argc ? "an option without its value" : "unknown option");
            return -1;
        }
        *known[k].value = argv[i];
    }
    o->wait_s = wait ? atoi(wait) : 0;
    if (!o->record) o->record = o->ledger;
    if (o->ledger && o->kafka && o->clickhouse) return 0;
    fputs("weir-audit: expected --ledger, --kafka and --clickhouse; `weir-audit --help` lists the options\n", stderr);
    return -1;
}

static int look(struct audit *a, const struct options *o)
{
    audit_init(a, o);
    if (ledger_read(a) || dead_read(a) || topic_read(a) || recorded_read(a) || analysed_read(a)) return 2;
    audit_count_missing(a);
    return audit_differences(a) ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct options o = {.table = "record.bets",
                        .topic = "bets.placed",
                        .dead_topic = "bets.dead",
                        .record_group = "recorder",
                        .analysis_group = "analytics",
                        .ch_table = "weir.bets"};
    struct audit a;
    if (parse(argc, argv, &o)) return 2;
    if (o.help) return fputs(help, stdout) < 0 ? 2 : 0;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    time_t until = time(NULL) + o.wait_s;
    int rc = look(&a, &o);
    while (rc && time(NULL) < until) {
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
        audit_free(&a);
        rc = look(&a, &o);
    }
    if (rc == 2)
        fprintf(stderr, "weir-audit: %s\n", a.error);
    else
        report_text(&a, stdout);
    if (rc != 2 && o.json && report_json(&a, o.json)) rc = 2;
    audit_free(&a);
    curl_global_cleanup();
    return rc;
}
