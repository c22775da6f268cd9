/* pg_bench.c - set-up and shorthand for the tests of pg-sink. */
#include "pg_bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static PGconn *connect_db(struct bench *b, const char *db)
{
    const char *keys[] = {"host", "port", "user", "password", "dbname", NULL};
    const char *values[] = {b->host, b->port, b->user, b->password, db, NULL};
    PGconn *c = PQconnectdbParams(keys, values, 0);
    if (PQstatus(c) != CONNECTION_OK) fail_msg("%s", PQerrorMessage(c));
    PQsetNoticeReceiver(c, NULL, NULL);
    return c;
}

static void option(char *to, size_t size, const PQconninfoOption *o, const char *name, const char *otherwise)
{
    for (; o->keyword; o++)
        if (strcmp(o->keyword, name) == 0) snprintf(to, size, "%s", o->val && *o->val ? o->val : otherwise);
}

static void exec(PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);
    ExecStatusType is = PQresultStatus(r);
    if (is != PGRES_COMMAND_OK && is != PGRES_TUPLES_OK) fail_msg("%s: %s", sql, PQresultErrorMessage(r));
    PQclear(r);
}

int bench_set_up(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct timespec now;
    char sql[128];
    *state = b;
    const char *url = getenv("WEIR_TEST_PG");
    if (!url) return 0;
    PQconninfoOption *o = PQconninfoParse(url, NULL);
    if (!o) fail_msg("WEIR_TEST_PG is not a connection string");
    option(b->host, sizeof(b->host), o, "host", "127.0.0.1");
    option(b->port, sizeof(b->port), o, "port", "5432");
    option(b->user, sizeof(b->user), o, "user", "postgres");
    option(b->password, sizeof(b->password), o, "password", "");
    PQconninfoFree(o);
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(b->db, sizeof(b->db), "weir_test_%d_%lld", (int)getpid(),
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    b->admin = connect_db(b, "postgres");
    snprintf(sql, sizeof(sql), "create database %s", b->db);
    exec(b->admin, sql);
    b->conn = connect_db(b, b->db);
    return 0;
}

int bench_tear_down(void **state)
{
    struct bench *b = *state;
    char sql[128];
    if (b->conn) {
        PQfinish(b->conn);
        snprintf(sql, sizeof(sql), "drop database %s with (force)", b->db);
        exec(b->admin, sql);
        PQfinish(b->admin);
    }
    free(b);
    return 0;
}

struct bench *bench(void **state)
{
    struct bench *b = *state;
    if (!b->conn) skip();
    return b;
}

void run_sql(struct bench *b, const char *fmt, ...)
{
    char sql[4096];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sql, sizeof(sql), fmt, args);
    va_end(args);
    exec(b->conn, sql);
}

void answers(struct bench *b, const char *sql, const char *expected)
{
    char is[4096] = "";
    PGresult *r = PQexec(b->conn, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) fail_msg("%s: %s", sql, PQresultErrorMessage(r));
    for (int row = 0; row < PQntuples(r); row++) {
        for (int f = 0; f < PQnfields(r); f++) {
            const char *value = PQgetisnull(r, row, f) ? "NULL" : PQgetvalue(r, row, f);
            snprintf(is + strlen(is), sizeof(is) - strlen(is), "%s%s", f ? "|" : row ? "\n" : "", value);
        }
    }
    PQclear(r);
    assert_string_equal(is, expected);
}

void open_sink(struct bench *b, unsigned port, const char *more)
{
    char conf[2048], own[16];
    snprintf(own, sizeof(own), "%u", port);
    snprintf(conf, sizeof(conf),
             "database = \"host=%s port=%s user=%s password='%s' dbname=%s sslmode=disable\"\nevent = \"" EVENT
             "\"\n%s",
             port ? "127.0.0.1" : b->host, port ? own : b->port, b->user, b->password, b->db, more);
    b->kit = weir_kit_open_with("pg-sink", conf, WEIR_KIT_REAL_CLOCK);
}

uint64_t push_parcel(struct bench *b, const Parcels__V1__Parcel *p)
{
    size_t n = parcels__v1__parcel__get_packed_size(p);
    uint8_t *wire = malloc(n + 1);
    const struct weir_kit_event e = {.message = EVENT, .value = {wire, parcels__v1__parcel__pack(p, wire)}};
    uint64_t number = weir_kit_push(b->kit, &e);
    free(wire);
    return number;
}

uint64_t push_note(struct bench *b, int64_t id, const char *note)
{
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    p.id = id;
    p.note = (char *)(uintptr_t)note;
    return push_parcel(b, &p);
}

void settles(struct bench *b, uint64_t number, enum weir_status status)
{
    const char *why;
    if (!weir_kit_wait_settled(b->kit, number, WAIT)) {
        enum weir_state is = weir_kit_state(b->kit, &why);
        fail_msg("event %d was not settled; state %d %s", (int)number, is, why);
    }
    const struct weir_result *r = weir_kit_settled(b->kit, number);
    if (r->status != status) fail_msg("event %d: status %d, %s", (int)number, r->status, r->why ? r->why : "");
}

struct wanted {
    struct bench *b;
    enum weir_state state;
    const char *why;
};

static bool is_reached(void *arg)
{
    const struct wanted *w = arg;
    const char *why;
    return weir_kit_state(w->b->kit, &why) == w->state && (!w->why || strstr(why, w->why));
}

void reaches(struct bench *b, enum weir_state state, const char *part)
{
    struct wanted w = {b, state, part};
    const char *why;
    if (weir_kit_wait(b->kit, is_reached, &w, WAIT)) return;
    enum weir_state is = weir_kit_state(b->kit, &why);
    fail_msg("state %d (%s), expected %d (%s)", is, why, state, part ? part : "");
}
