/* ledger_db.c - makes and drops the tests' ledgers, and asks them. */
#include "ledger_db.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void run(const char *const *argv)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static PGconn *connect_to(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    if (PQstatus(conn) != CONNECTION_OK) fail_msg("WEIR_TEST_PG: %s", PQerrorMessage(conn));
    return conn;
}

static PGresult *ask(PGconn *conn, const char *sql)
{
    PGresult *r = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail_msg("%s: %s", sql, PQresultErrorMessage(r));
    return r;
}

static void quiet(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

void ledger_db_make(struct ledger_db *db, unsigned shards)
{
    static unsigned made;
    const char *server = getenv("WEIR_TEST_PG");
    if (!server) skip();
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(db->name, sizeof db->name, "weir_test_%d_%u_%ld", (int)getpid(), ++made, t.tv_nsec);
    /* scheme://user@host:port[/database][?parameters] */
    const char *authority = strstr(server, "//");
    assert_non_null(authority);
    size_t head = (size_t)(authority - server) + 2 + strcspn(authority + 2, "/?");
    const char *parameters = strchr(server, '?');
    snprintf(db->url, sizeof db->url, "%.*s/%s%s", (int)head, server, db->name, parameters ? parameters : "");
    char sql[128];
    PGconn *conn = connect_to(server);
    snprintf(sql, sizeof sql, "create database %s", db->name);
    PQclear(ask(conn, sql));
    PQfinish(conn);
    char count[16];
    snprintf(count, sizeof count, "%u", shards);
    const char *const apply[] = {WEIR_SQL "/apply", "--ledger", db->url, "--shards", count, "--no-roles", NULL};
    if (shards) run(apply);
    db->conn = connect_to(db->url);
    PQsetNoticeProcessor(db->conn, quiet, NULL);
}

void ledger_db_drop(struct ledger_db *db)
{
    PQfinish(db->conn);
    PGconn *conn = connect_to(getenv("WEIR_TEST_PG"));
    char sql[128];
    snprintf(sql, sizeof sql, "drop database %s with (force)", db->name);
    PQclear(ask(conn, sql));
    PQfinish(conn);
}

void ledger_db_do(struct ledger_db *db, const char *sql)
{
    PQclear(ask(db->conn, sql));
}

int64_t ledger_db_number(struct ledger_db *db, const char *sql)
{
    PGresult *r = ask(db->conn, sql);
    assert_int_equal(PQntuples(r), 1);
    int64_t n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return n;
}

void ledger_db_audit(struct ledger_db *db)
{
    assert_number(db,
                  "select count(*) from ledger.accounts a where balance_minor <> (select coalesce(sum(case kind when "
                  "'credit' then amount_minor when 'debit' then -amount_minor else 0 end), 0) from ledger.entries e "
                  "where e.account_id = a.account_id and outcome = 'accepted')",
                  0);
    assert_number(db,
                  "select count(*) from ledger.shards s where last_seq <> (select count(*) from ledger.entries e where "
                  "e.shard = s.shard) or last_seq <> (select coalesce(max(seq), 0) from ledger.entries e where "
                  "e.shard = s.shard)",
                  0);
    assert_number(db, "select count(*) from ledger.entries where seq is not null and event is null", 0);
}
