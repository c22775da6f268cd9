/* test_ch_aggregates.c - the shipped aggregates (manifests/sql/clickhouse) when ch-sink ends between ClickHouse's
 * commit and the offset's: the same bets come again, in blocks with other boundaries, and each is still counted once.
 */
#include "bets/v1/bets.pb-c.h"
#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/testkit.h>

#include <cmocka.h>

enum { WAIT = 30000, BETS = 600, MINUTES = 7, FIRST = 1700000040 /* a whole minute */ };
static const char *const currencies[] = {"EUR", "USD"};

struct text {
    char p[8192];
    size_t n;
};

static size_t gather(char *p, size_t size, size_t n, void *arg)
{
    struct text *t = arg;
    if (t->n + size * n >= sizeof t->p) return 0;
    memcpy(t->p + t->n, p, size * n);
    t->n += size * n;
    t->p[t->n] = '\0';
    return size * n;
}

static void ask(const char *url, struct text *out, const char *fmt, const char *db)
{
    char sql[1024];
    long status = 0;
    *out = (struct text){.n = 0};
    snprintf(sql, sizeof sql, fmt, db, db);
    CURL *c = curl_easy_init();
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, sql);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, gather);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    if (rc != CURLE_OK || status != 200) fail_msg("%s: %s %s", sql, curl_easy_strerror(rc), out->p);
}

static uint64_t push_bet(struct weir_kit *kit, int i)
{
    char bet[16], account[16];
    uint8_t wire[256];
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Bets__V1__BetPlaced m = BETS__V1__BET_PLACED__INIT;
    snprintf(bet, sizeof bet, "b%d", i);
    snprintf(account, sizeof account, "a%d", i % 9);
    at.seconds = FIRST + i % (60 * MINUTES);
    m.epoch = 77, m.shard = (uint32_t)i % 4, m.seq = i / 4 + 1;
    m.bet_id = bet, m.account_id = account, m.selection = "home", m.odds_milli = 1850;
    m.currency = (char *)(uintptr_t)currencies[i % 2];
    m.stake_minor = 100 + i, m.accepted_at = &at;
    assert_true(bets__v1__bet_placed__get_packed_size(&m) <= sizeof wire);
    const struct weir_kit_event e = {
        .message = "bets.v1.BetPlaced", .value = {wire, bets__v1__bet_placed__pack(&m, wire)}, .position = (uint64_t)i};
    return weir_kit_push(kit, &e);
}

/* Bets from..to in blocks of at most `block`, all of them in ClickHouse when it returns. Then the process is gone: what
 * it told its source nobody has written down. */
static void worker(const char *url, const char *db, int from, int to, int block)
{
    char conf[512];
    snprintf(conf, sizeof conf,
             "url = \"%s\"; database = \"%s\"; table = \"bets_raw\"; event = \"bets.v1.BetPlaced\"\n"
             "key = [ \"epoch\", \"shard\", \"seq\" ]; max_rows = %d",
             url, db, block);
    struct weir_kit *kit = weir_kit_open_with("ch-sink", conf, WEIR_KIT_REAL_CLOCK);
    uint64_t first = 0, last = 0;
    for (int i = from; i < to; i++) {
        last = push_bet(kit, i);
        if (!first) first = last;
    }
    for (uint64_t n = first; n <= last; n++) {
        if (!weir_kit_wait_settled(kit, n, WAIT)) fail_msg("bet %d was not stored", (int)n);
        assert_int_equal(weir_kit_settled(kit, n)->status, WEIR_OK);
    }
    weir_kit_close(kit);
}

static void truth(struct text *out)
{
    out->n = 0;
    for (int minute = 0; minute < MINUTES; minute++)
        for (int c = 0; c < 2; c++) {
            int64_t bets = 0, stake = 0;
            for (int i = 0; i < BETS; i++)
                if (i % (60 * MINUTES) / 60 == minute && i % 2 == c) bets++, stake += 100 + i;
            out->n += (size_t)snprintf(out->p + out->n, sizeof out->p - out->n, "%d\t%s\t%lld\t%lld\n",
                                       FIRST + 60 * minute, currencies[c], (long long)bets, (long long)stake);
        }
}

static const char naive[] = "CREATE MATERIALIZED VIEW %s.naive ENGINE = SummingMergeTree ORDER BY currency AS SELECT "
                            "currency, count() AS bets FROM %s.bets_raw GROUP BY currency";

static void a_replay_changes_no_aggregate(void **state)
{
    (void)state;
    const char *url = getenv("WEIR_TEST_CH");
    struct text got, want;
    char db[64], command[1024];
    if (!url) skip();
    snprintf(db, sizeof db, "weir_test_aggregates_%d", (int)getpid());
    snprintf(command, sizeof command, "WEIR_CLICKHOUSE_DATABASE=%s %s/apply --clickhouse '%s'", db, WEIR_SQL, url);
    assert_int_equal(system(command), 0);
    ask(url, &got, naive, db); /* what a plain one would say: the test must be able to fail */
    worker(url, db, 0, 400, 100);
    worker(url, db, 130, BETS, 70); /* begins at an offset that was committed, with other boundaries */
    worker(url, db, 0, 50, 50);
    ask(url, &got, "SELECT sum(bets) FROM %s.naive", db);
    assert_true(atoi(got.p) > BETS);
    ask(url, &got, "SYSTEM REFRESH VIEW %s.bets_by_minute", db);
    ask(url, &got, "SYSTEM WAIT VIEW %s.bets_by_minute", db);
    ask(url, &got,
        "SELECT toUnixTimestamp(minute), currency, bets, stake_minor FROM %s.bets_by_minute ORDER BY ALL FORMAT TSV",
        db);
    truth(&want);
    assert_string_equal(got.p, want.p);
    ask(url, &got, "DROP DATABASE %s SYNC", db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_replay_changes_no_aggregate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
