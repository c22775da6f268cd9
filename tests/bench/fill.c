/* fill.c - bench-fill BROKERS TOPIC N EPOCH: fills a topic with N accepted bets, each with an identity of its own in
 * that epoch and the headers that the ingress gives it, as fast as the broker takes them. */
#include <bets/v1/bets.pb-c.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <shard.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SHARDS = 64, ACCOUNTS = 10000, BYTES = 512 };

struct fill {
    rd_kafka_t *rk;
    const char *topic;
    int64_t epoch, seq[SHARDS];
    int64_t failed;
};

static void report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct fill *f = opaque;
    (void)rk;
    if (message->err) f->failed++;
}

static int start(struct fill *f, const char *brokers)
{
    static const char *const settings[] = {"acks",
                                           "all",
                                           "enable.idempotence",
                                           "true",
                                           "compression.type",
                                           "lz4",
                                           "partitioner",
                                           "murmur2_random",
                                           "linger.ms",
                                           "20",
                                           "queue.buffering.max.messages",
                                           "200000"};
    char err[256] = "out of memory";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, err, sizeof err);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i += 2)
        if (rd_kafka_conf_set(conf, settings[i], settings[i + 1], err, sizeof err)) break;
    rd_kafka_conf_set_dr_msg_cb(conf, report);
    rd_kafka_conf_set_opaque(conf, f);
    f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof err);
    if (!f->rk) fprintf(stderr, "bench-fill: %s\n", err);
    return f->rk ? 0 : -1;
}

static size_t pack(struct fill *f, int64_t i, const char *account, uint32_t shard, uint8_t *out)
{
    char bet_id[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(bet_id, sizeof bet_id, "bet-%012" PRId64, i);
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    at.seconds = now.tv_sec;
    at.nanos = (int32_t)(now.tv_nsec / 1000 * 1000);
    Bets__V1__BetPlaced bet = BETS__V1__BET_PLACED__INIT;
    bet.epoch = f->epoch;
    bet.shard = shard;
    bet.seq = f->seq[shard];
    bet.bet_id = bet_id;
    bet.account_id = (char *)(uintptr_t)account;
    bet.stake_minor = 250 + i % 1000;
    bet.currency = (char *)(uintptr_t) "EUR";
    bet.selection = (char *)(uintptr_t) "AJA-PSV:home";
    bet.odds_milli = 1850;
    bet.balance_after_minor = 1000000 - i % 1000000;
    bet.accepted_at = &at;
    return bets__v1__bet_placed__pack(&bet, out); /* far below BYTES */
}

static rd_kafka_resp_err_t produce(struct fill *f, int64_t i)
{
    uint8_t value[BYTES];
    char account[32], epoch[24], shard_text[12], seq[24];
    snprintf(account, sizeof account, "player-%" PRId64, i * 7919 % ACCOUNTS);
    uint32_t shard = weir_shard_of((struct weir_slice){(const uint8_t *)account, strlen(account)}, SHARDS);
    f->seq[shard]++;
    size_t n = pack(f, i, account, shard, value);
    snprintf(epoch, sizeof epoch, "%" PRId64, f->epoch);
    snprintf(shard_text, sizeof shard_text, "%" PRIu32, shard);
    snprintf(seq, sizeof seq, "%" PRId64, f->seq[shard]);
    for (;;) {
        rd_kafka_resp_err_t err = rd_kafka_producev(
            f->rk, RD_KAFKA_V_TOPIC(f->topic), RD_KAFKA_V_KEY(account, strlen(account)), RD_KAFKA_V_VALUE(value, n),
            RD_KAFKA_V_HEADER("epoch", epoch, -1), RD_KAFKA_V_HEADER("shard", shard_text, -1),
            RD_KAFKA_V_HEADER("seq", seq, -1), RD_KAFKA_V_HEADER("schema", "bets.v1.BetPlaced", -1),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) return err;
        rd_kafka_poll(f->rk, 100); /* reports make room */
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) return puts(rd_kafka_version_str()) < 0;
    struct fill f = {.topic = argc == 5 ? argv[2] : NULL, .epoch = argc == 5 ? atoll(argv[4]) : 0};
    int64_t n = argc == 5 ? atoll(argv[3]) : 0;
    if (n <= 0 || f.epoch <= 0) {
        fputs("bench-fill BROKERS TOPIC N EPOCH: fills a topic with N accepted bets\n", stderr);
        return 2;
    }
    if (start(&f, argv[1])) return 1;
    for (int64_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t err = produce(&f, i);
        if (err) {
            fprintf(stderr, "bench-fill: event %" PRId64 ": %s\n", i, rd_kafka_err2str(err));
            return 1;
        }
        if (i % 1000 == 0) rd_kafka_poll(f.rk, 0);
    }
    rd_kafka_flush(f.rk, 60000);
    int left = rd_kafka_outq_len(f.rk);
    if (left || f.failed)
        fprintf(stderr, "bench-fill: %d not sent, %" PRId64 " refused by the broker\n", left, f.failed);
    rd_kafka_destroy(f.rk);
    return left || f.failed ? 1 : 0;
}
