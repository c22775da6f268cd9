/* pg_text.c - conninfo and error texts: what may be shown of them, and what an SQLSTATE means.
 * A connection string holds a password, so no message here ever quotes one. */
#include "pg_conn.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *weir_pg_option(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0) return options->val && *options->val ? options->val : NULL;
    return NULL;
}

void weir_pg_describe(const PQconninfoOption *options, char *buf, size_t size)
{
    const char *host = weir_pg_option(options, "host"), *port = weir_pg_option(options, "port");
    const char *db = weir_pg_option(options, "dbname");
    if (!host) host = weir_pg_option(options, "hostaddr");
    snprintf(buf, size, "%s:%s/%s", host ? host : "local", port ? port : "5432", db ? db : "");
}

/* A password with an unescaped '/' or '@' ends up as port or host: such a text must not be quoted further down. */
static bool sane_list(const char *text, bool digits)
{
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == ',') continue;
        if (digits ? !isdigit(c) : (c <= ' ' || c == '@' || c == 0x7f)) return false;
    }
    return true;
}

int weir_pg_check(const char *conninfo, struct weir_err *err)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo ? conninfo : "", &message);
    bool good = options != NULL;
    PQfreemem(message); /* quotes the string, password and all */
    if (good && weir_pg_option(options, "host") && weir_pg_option(options, "host")[0] != '/')
        good = sane_list(weir_pg_option(options, "host"), false);
    if (good) good = sane_list(weir_pg_option(options, "port"), true);
    PQconninfoFree(options);
    if (good) return 0;
    snprintf(err->msg, sizeof err->msg,
             "not a connection string; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full or "
             "\"host=... dbname=...\"; escape / : @ in the password as %%2F %%3A %%40");
    return -1;
}

/* "options" takes -c name=value with blanks and backslashes escaped by a backslash. */
static size_t escape(char *out, const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        if (*text == ' ' || *text == '\\') out[n++] = '\\';
        out[n++] = *text;
    }
    return n;
}

char *weir_pg_session(const PQconninfoOption *options, const char *const *settings)
{
    const char *own = weir_pg_option(options, "options");
    size_t size = (own ? strlen(own) : 0) + 2;
    for (const char *const *s = settings; s && *s; s++) size += 2 * strlen(*s) + 4;
    char *out = (char *)malloc(size);
    if (!out) return NULL;
    size_t n = 0;
    for (const char *const *s = settings; s && *s; s++) {
        memcpy(out + n, "-c ", 3);
        n += 3;
        n += escape(out + n, *s);
        out[n++] = ' ';
    }
    if (own) memcpy(out + n, own, strlen(own)), n += strlen(own); /* last: what the conf says wins */
    out[n] = 0;
    return out;
}

void weir_pg_one_line(char *text, const char *secret)
{
    size_t n = secret ? strlen(secret) : 0;
    for (char *at = n >= 3 ? strstr(text, secret) : NULL; at; at = strstr(at + 3, secret)) {
        memcpy(at, "***", 3);
        memmove(at + 3, at + n, strlen(at + n) + 1);
    }
    size_t end = strlen(text);
    while (end && (unsigned char)text[end - 1] <= ' ') text[--end] = 0;
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
}

bool weir_pg_names_only(const char *hosts)
{
    for (const char *h = hosts; h && *h;) {
        if (*h != '/' && *h != '@' && *h != ',') return true;
        h = strchr(h, ',');
        if (h) h++;
    }
    return false;
}

/* First match wins; a state is five characters, a row may be a prefix. */
static const struct {
    const char *prefix;
    enum weir_pg_class class;
} classes[] = {
    {"22", WEIR_PG_DATA},        {"23", WEIR_PG_DATA},    {"40001", WEIR_PG_CONFLICT}, {"40P01", WEIR_PG_CONFLICT},
    {"55P03", WEIR_PG_CONFLICT}, {"08", WEIR_PG_AWAY},    {"53", WEIR_PG_AWAY},        {"57P", WEIR_PG_AWAY},
    {"25P03", WEIR_PG_AWAY},     {"25006", WEIR_PG_AWAY}, /* read only: a replica after a failover */
};

enum weir_pg_class weir_pg_class_of(const char *sqlstate)
{
    if (!sqlstate || !*sqlstate) return WEIR_PG_AWAY;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0) return classes[i].class;
    return WEIR_PG_SETUP;
}

const char *weir_pg_sqlstate(const PGresult *result)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    return state ? state : "";
}

enum weir_pg_class weir_pg_result_class(const PGresult *result)
{
    return weir_pg_class_of(weir_pg_sqlstate(result));
}

const char *weir_pg_message(const PGresult *result, char *buf, size_t size)
{
    const char *primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (!primary) primary = result ? PQresultErrorMessage(result) : "no answer";
    const char *state = weir_pg_sqlstate(result);
    snprintf(buf, size, "%s%s%s", state, *state ? " " : "", primary);
    weir_pg_one_line(buf, NULL);
    return buf;
}
