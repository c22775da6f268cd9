/* test_pg_conn.c - a connection's texts, and its life: names, COPY with back-pressure, killed, refused, closed early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "pg_conn.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/testkit.h>

enum { WAIT_MS = 60000 };

static void sqlstates_have_classes(void **state)
{
    (void)state;
    assert_int_equal(weir_pg_class_of("22001"), WEIR_PG_DATA);
    assert_int_equal(weir_pg_class_of("23505"), WEIR_PG_DATA);
    assert_int_equal(weir_pg_class_of("40001"), WEIR_PG_CONFLICT);
    assert_int_equal(weir_pg_class_of("40P01"), WEIR_PG_CONFLICT);
    assert_int_equal(weir_pg_class_of("55P03"), WEIR_PG_CONFLICT);
    assert_int_equal(weir_pg_class_of("08006"), WEIR_PG_AWAY);
    assert_int_equal(weir_pg_class_of("57P01"), WEIR_PG_AWAY);
    assert_int_equal(weir_pg_class_of("53300"), WEIR_PG_AWAY);
    assert_int_equal(weir_pg_class_of(""), WEIR_PG_AWAY);
    assert_int_equal(weir_pg_class_of("42P01"), WEIR_PG_SETUP);
    assert_int_equal(weir_pg_class_of("40002"), WEIR_PG_SETUP);
}

static void no_message_shows_a_password(void **state)
{
    (void)state;
    static const char *const bad[] = {"postgresql://u:hush/hush@db:5432/x", "postgresql://u:hush@hush@db/x",
                                      "host=db password=hush hush", "postgresql://u:hu%sh@db/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct weir_err err = {0};
        assert_int_equal(weir_pg_check(bad[i], &err), -1);
        assert_null(strstr(err.msg, "hu"));
        assert_non_null(strstr(err.msg, "expected postgresql://"));
    }
    struct weir_err err = {0};
    assert_int_equal(weir_pg_check("postgresql://u:p%2Fw@db-1,db-2:5432/x?sslmode=verify-full", &err), 0);
    assert_int_equal(weir_pg_check("host=/var/run/postgresql dbname=x", &err), 0);
    char text[64] = "the password hush\n is hush ";
    weir_pg_one_line(text, "hush");
    assert_string_equal(text, "the password ***  is ***");
}

static struct weir_kit *probe(const char *server, const char *more)
{
    char conf[600];
    snprintf(conf, sizeof conf, "database = \"%s\"\n%s", server, more);
    return weir_kit_open_with("pg-probe", conf, WEIR_KIT_REAL_CLOCK);
}

static const char *server_or_skip(void)
{
    const char *server = getenv("WEIR_TEST_PG");
    if (!server) skip();
    return server;
}

static uint64_t sql(struct weir_kit *kit, const char *text)
{
    struct weir_kit_event ev = {.value = {(const uint8_t *)text, strlen(text)}};
    return weir_kit_push(kit, &ev);
}

static void expect(struct weir_kit *kit, uint64_t number, const char *why)
{
    assert_true(weir_kit_wait_settled(kit, number, WAIT_MS));
    assert_string_equal(weir_kit_settled(kit, number)->why, why);
}

static void answers_in_both_modes(void **state)
{
    (void)state;
    const char *server = server_or_skip();
    for (int pipeline = 0; pipeline < 2; pipeline++) {
        struct weir_kit *kit = probe(server, pipeline ? "pipeline = true" : "");
        expect(kit, sql(kit, "select current_setting('lock_timeout')"), "=11234ms");
        expect(kit, sql(kit, "select current_setting('search_path')"), "=1\"a b\",public");
        expect(kit, sql(kit, "select 1/0"), "22012 division by zero");
        expect(kit, sql(kit, "select current_setting('application_name')"), "=1weir pg-probe");
        weir_kit_close(kit);
    }
}

static void copies_more_than_the_socket_takes(void **state)
{
    (void)state;
    struct weir_kit *kit = probe(server_or_skip(), "rows = 300000"); /* 21 MB */
    expect(kit, sql(kit, "create temp table t (line text)"), "=");
    expect(kit, sql(kit, "copy t from stdin"), "=300000");
    expect(kit, sql(kit, "select count(*) from t"), "=1300000");
    weir_kit_close(kit);
}

static void comes_back_after_it_was_killed(void **state)
{
    (void)state;
    const char *server = server_or_skip();
    const char *why = NULL;
    for (int pipeline = 0; pipeline < 2; pipeline++) {
        struct weir_kit *kit = probe(server, pipeline ? "pipeline = true" : "");
        uint64_t killed = sql(kit, "select pg_terminate_backend(pg_backend_pid())");
        assert_true(weir_kit_wait_settled(kit, killed, WAIT_MS));
        assert_int_equal(weir_kit_settled(kit, killed)->status, WEIR_UNKNOWN);
        weir_kit_state(kit, &why);
        assert_non_null(strstr(weir_kit_settled(kit, killed)->why, "57P01"));
        expect(kit, sql(kit, "select 7"), "=17");
        weir_kit_close(kit);
    }
}

static void tells_notifications(void **state)
{
    (void)state;
    struct weir_kit *kit = probe(server_or_skip(), "");
    const char *why = NULL;
    expect(kit, sql(kit, "listen weir_test_channel"), "=");
    expect(kit, sql(kit, "select pg_notify('weir_test_channel', '')"), "=1");
    assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, WAIT_MS));
    weir_kit_state(kit, &why);
    assert_string_equal(why, "weir_test_channel");
    weir_kit_close(kit);
}

static void says_why_it_cannot_connect_and_closes_at_any_time(void **state)
{
    (void)state;
    static const struct {
        const char *url, *why;
    } cases[] = {
        {"postgresql://u:hush@no-such-host.invalid/x", "cannot resolve host no-such-host.invalid"},
        {"postgresql://u:hush@localhost:1/x", "refused"},
        {"host=/nowhere password=hush", "/nowhere"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why = NULL;
        struct weir_kit *kit = probe(cases[i].url, "");
        assert_true(weir_kit_wait_state(kit, WEIR_DEGRADED, WAIT_MS));
        weir_kit_state(kit, &why);
        assert_non_null(strstr(why, cases[i].why));
        assert_null(strstr(why, "hush"));
        weir_kit_close(kit);
        kit = probe(cases[i].url, ""); /* closed before the first turn, and during the look-up */
        weir_kit_close(kit);
        kit = probe(cases[i].url, "");
        weir_kit_run(kit);
        weir_kit_close(kit);
    }
}

static void finds_the_host_that_answers(void **state)
{
    (void)state;
    const char *server = server_or_skip();
    const char *host = strstr(server, "@"), *end = host ? strpbrk(host, "/?") : NULL;
    if (!host || !end || host[1] == '[') skip();
    char url[400];
    snprintf(url, sizeof url, "%.*s127.0.0.1:1,%s", (int)(host + 1 - server), server, host + 1);
    struct weir_kit *kit = probe(url, "");
    expect(kit, sql(kit, "select 7"), "=17");
    weir_kit_close(kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlstates_have_classes),
        cmocka_unit_test(no_message_shows_a_password),
        cmocka_unit_test(answers_in_both_modes),
        cmocka_unit_test(copies_more_than_the_socket_takes),
        cmocka_unit_test(comes_back_after_it_was_killed),
        cmocka_unit_test(tells_notifications),
        cmocka_unit_test(says_why_it_cannot_connect_and_closes_at_any_time),
        cmocka_unit_test(finds_the_host_that_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
