/* analysed.c - every row of ClickHouse's reader view, as tab-separated text over HTTP. */
#include "audit.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct audit *audit;
    char *line; /* what came of the present line */
    size_t n, cap;
    bool failed;
};

/* TabSeparated escapes \t \n \\ and a few more by a backslash. */
static void unescape(char *s)
{
    static const char from[] = "bfrntv0", to[] = "\b\f\r\n\t\v";
    char *out = s;
    for (; *s; s++) {
        const char *at = *s == '\\' && s[1] ? strchr(from, s[1]) : NULL;
        if (*s != '\\' || !s[1]) {
            *out++ = *s;
            continue;
        }
        s++;
        *out++ = at ? to[at - from] : *s;
    }
    *out = 0;
}

static void row(struct audit *a, char *line)
{
    char *field[3 + N_COLUMNS];
    for (int i = 0; i < 3 + N_COLUMNS; i++) {
        field[i] = strsep(&line, "\t");
        if (!field[i]) return;
        unescape(field[i]);
    }
    const struct identity id = {.epoch = strtoll(field[0], NULL, 10),
                                .shard = (int32_t)strtol(field[1], NULL, 10),
                                .seq = strtoll(field[2], NULL, 10)};
    const char *columns[N_COLUMNS];
    for (int i = 0; i < N_COLUMNS; i++) columns[i] = field[3 + i];
    struct event *e = audit_find(a, id);
    a->analysis_rows++;
    if (!e) {
        audit_found(a, STRAY_ANALYSIS, "bet %s of account %s (epoch %" PRId64 ", shard %d, seq %" PRId64 ")",
                    columns[BET_ID], columns[ACCOUNT_ID], id.epoch, id.shard, id.seq);
        return;
    }
    e->in_analysis++;
    audit_compare(a, e, columns, DIFFERS_ANALYSIS);
}

static bool keep(struct reader *r, const char *p, size_t n)
{
    if (r->n + n + 1 > r->cap) {
        size_t cap = (r->n + n + 1) * 2;
        char *line = realloc(r->line, cap);
        if (!line) return false;
        r->line = line;
        r->cap = cap;
    }
    memcpy(r->line + r->n, p, n);
    r->n += n;
    r->line[r->n] = 0;
    return true;
}

static size_t received(char *p, size_t one, size_t n, void *arg)
{
    struct reader *r = arg;
    (void)one;
    for (size_t left = n; left;) {
        const char *end = memchr(p, '\n', left);
        size_t part = end ? (size_t)(end - p) : left;
        if (!keep(r, p, part)) return 0;
        if (!end) break;
        if (!r->failed) row(r->audit, r->line);
        r->n = 0;
        p += part + 1;
        left -= part + 1;
    }
    return n;
}

/* An error that comes after the first rows is in the body only: ask for it to be a broken answer instead. */
static const char settings[] = "/?wait_end_of_query=1&default_format=TabSeparated";

static int ask(struct audit *a, CURL *curl, struct reader *r, const char *sql)
{
    char url[512], why[CURL_ERROR_SIZE] = "", password[256] = "";
    long status = 0;
    snprintf(url, sizeof url, "%s%s", a->opt->clickhouse, settings);
    if (a->opt->ch_password_file && !audit_read_file(a->opt->ch_password_file, password, sizeof password))
        return audit_cannot(a, "ClickHouse: cannot read %s", a->opt->ch_password_file);
    if (a->opt->ch_user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, a->opt->ch_user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sql);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, received);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (rc) return audit_cannot(a, "ClickHouse: %s", *why ? why : curl_easy_strerror(rc));
    if (status != 200) return audit_cannot(a, "ClickHouse: HTTP %ld: %.300s", status, r->n ? r->line : "");
    return 0;
}

int analysed_read(struct audit *a)
{
    char sql[512];
    struct reader r = {.audit = a};
    CURL *curl = curl_easy_init();
    if (!curl) return audit_cannot(a, "out of memory");
    snprintf(sql, sizeof sql,
             "SELECT epoch, shard, seq, bet_id, account_id, stake_minor, currency, selection, odds_milli,"
             " balance_after_minor, toUnixTimestamp64Micro(accepted_at) FROM %s",
             a->opt->ch_table);
    int rc = ask(a, curl, &r, sql);
    curl_easy_cleanup(curl);
    free(r.line);
    return rc;
}
