/* conf_lex.c - the scanner. A bare run of characters is cut out first and then told what it is, so that "5ms" or
 * "compression.type" come out whole and an error can quote them. */
#include "conf_lex.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char punctuation[] = "=:;,{}[]()";

void weir_lex_start(struct weir_lexer *lx, const char *text, size_t n)
{
    *lx = (struct weir_lexer){.p = text, .end = text + n, .line_start = text, .line = 1, .at_start = true};
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) lx->p += 3; /* a byte order mark is harmless */
}

static bool starts_comment(const char *p, const char *end)
{
    return *p == '#' || (end - p > 1 && *p == '/' && (p[1] == '/' || p[1] == '*'));
}

static void newline(struct weir_lexer *lx)
{
    lx->line++;
    lx->line_start = ++lx->p;
    lx->at_start = true;
}

static void skip_block_comment(struct weir_lexer *lx)
{
    int line = lx->line;
    lx->p += 2;
    while (lx->p < lx->end) {
        if (lx->end - lx->p > 1 && lx->p[0] == '*' && lx->p[1] == '/') {
            lx->p += 2;
            return;
        }
        if (*lx->p == '\n')
            newline(lx);
        else
            lx->p++;
    }
    lx->open_comment = line;
}

static void skip_blank(struct weir_lexer *lx)
{
    while (lx->p < lx->end) {
        if (*lx->p == '\n')
            newline(lx);
        else if (isspace((unsigned char)*lx->p))
            lx->p++;
        else if (!starts_comment(lx->p, lx->end))
            return;
        else if (lx->p[0] == '/' && lx->p[1] == '*')
            skip_block_comment(lx);
        else
            while (lx->p < lx->end && *lx->p != '\n') lx->p++;
    }
}

static int indent_of(const struct weir_lexer *lx)
{
    int columns = 0;
    for (const char *p = lx->line_start; p < lx->end && (*p == ' ' || *p == '\t'); p++)
        columns = *p == '\t' ? (columns / 8 + 1) * 8 : columns + 1;
    return columns;
}

/* libconfig keeps an unknown escape as it is and cuts a string at \x00; both would surprise. */
static const char *check_escape(const char *p, const char *end)
{
    if (p < end && strchr("nrtf\\\"", *p) && *p) return NULL;
    if (end - p < 3 || *p != 'x' || !isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]))
        return "unknown escape in a string: \\n \\r \\t \\f \\\" \\\\ and \\xHH are known; a backslash is written \\\\";
    return p[1] == '0' && p[2] == '0' ? "a string cannot hold \\x00" : NULL;
}

static void lex_string(struct weir_lexer *lx, struct weir_token *t)
{
    const char *p = lx->p + 1;
    t->kind = WEIR_TOK_STRING;
    while (p < lx->end && *p != '"' && *p != '\n') {
        if ((unsigned char)*p < ' ' && *p != '\t' && *p != '\r') t->wrong = "a control character in a string";
        if (*p == '\\') {
            const char *wrong = check_escape(p + 1, lx->end);
            if (wrong) t->wrong = wrong;
            if (p + 1 < lx->end && p[1] != '\n') p++;
        }
        p++;
    }
    t->broken = p >= lx->end || *p != '"';
    lx->p = t->broken ? p : p + 1;
}

static bool ends_run(const char *p, const char *end)
{
    return p >= end || isspace((unsigned char)*p) || *p == '"' || *p == '\0' || strchr(punctuation, *p) ||
           starts_comment(p, end);
}

static bool is_name(const char *p, size_t n)
{
    if (!isalpha((unsigned char)*p) && *p != '*') return false;
    for (size_t i = 1; i < n; i++)
        if (!isalnum((unsigned char)p[i]) && !strchr("-_*", p[i])) return false;
    return true;
}

/* Sets `wrong` when an integer does not fit: libconfig would silently keep its low 32 bits. */
static bool is_int(struct weir_token *t)
{
    char copy[40];
    size_t n = t->n;
    while (n && t->n - n < 2 && t->p[n - 1] == 'L') n--; /* libconfig's own mark of a 64-bit integer */
    size_t i = n && (*t->p == '-' || *t->p == '+');
    bool hex = !i && n > 2 && t->p[0] == '0' && (t->p[1] == 'x' || t->p[1] == 'X');
    if (hex) i = 2;
    if (i >= n) return false;
    for (size_t k = i; k < n; k++)
        if (hex ? !isxdigit((unsigned char)t->p[k]) : !isdigit((unsigned char)t->p[k])) return false;
    errno = n < sizeof copy ? 0 : ERANGE;
    if (!errno) {
        memcpy(copy, t->p, n);
        copy[n] = '\0';
        t->value = strtoll(copy, NULL, hex ? 16 : 10);
    }
    if (errno) t->wrong = "the integer does not fit 64 bits";
    return true;
}

/* The forms that libconfig's scanner takes: 1. .5 1.5 1e5 1.5e-3, with a sign. */
static bool is_float(const struct weir_token *t)
{
    const char *p = t->p, *end = p + t->n;
    size_t digits = 0;
    bool dot = false, exponent = false;
    if (p < end && (*p == '-' || *p == '+')) p++;
    for (; p < end && isdigit((unsigned char)*p); p++) digits++;
    if (p < end && *p == '.') {
        dot = true;
        for (p++; p < end && isdigit((unsigned char)*p); p++) digits++;
    }
    if (digits && p < end && (*p == 'e' || *p == 'E')) {
        const char *from = ++p;
        if (p < end && (*p == '-' || *p == '+')) from = ++p;
        while (p < end && isdigit((unsigned char)*p)) p++;
        exponent = p > from;
    }
    return digits && p == end && (dot || exponent) && p[-1] != 'e' && p[-1] != 'E';
}

static void lex_run(struct weir_lexer *lx, struct weir_token *t)
{
    const char *p = lx->p;
    while (!ends_run(p, lx->end)) p++;
    t->n = (size_t)(p - t->p);
    lx->p = p;
    bool truth = (t->n == 4 && strncasecmp(t->p, "true", 4) == 0) || (t->n == 5 && strncasecmp(t->p, "false", 5) == 0);
    if (truth)
        t->kind = WEIR_TOK_BOOL;
    else if (is_name(t->p, t->n))
        t->kind = WEIR_TOK_NAME;
    else if (is_int(t))
        t->kind = WEIR_TOK_INT;
    else if (is_float(t))
        t->kind = WEIR_TOK_FLOAT;
    else
        t->kind = *t->p == '@' ? WEIR_TOK_AT : WEIR_TOK_WORD;
}

struct weir_token weir_lex_next(struct weir_lexer *lx)
{
    skip_blank(lx);
    struct weir_token t = {.p = lx->p, .line = lx->line, .indent = indent_of(lx), .first = lx->at_start};
    if (lx->p >= lx->end) return t;
    lx->at_start = false;
    if (*lx->p == '"') {
        lex_string(lx, &t);
    } else if (*lx->p == '\0') {
        t.kind = WEIR_TOK_WORD;
        t.wrong = "a NUL byte: this is not a text file";
        lx->p++;
    } else if (strchr(punctuation, *lx->p)) {
        t.kind = WEIR_TOK_PUNCT;
        lx->p++;
    } else {
        lex_run(lx, &t);
    }
    t.n = (size_t)(lx->p - t.p);
    return t;
}

struct weir_token weir_lex_peek(const struct weir_lexer *lx)
{
    struct weir_lexer ahead = *lx;
    return weir_lex_next(&ahead);
}

void weir_lex_extend(struct weir_lexer *lx, struct weir_token *t)
{
    const char *p = t->p, *end = lx->end;
    if (*p == '\'') {
        const char *close = p + 1;
        while (close < end && *close != '\'' && *close != '\n') close++;
        p = close < end && *close == '\'' ? close + 1 : p;
    }
    for (; p < end && !isspace((unsigned char)*p) && !strchr(";,{}[]()\"", *p); p++)
        if (*p == '$' && end - p > 1 && p[1] == '{')
            while (p + 1 < end && *p != '}' && p[1] != '\n') p++;
    if (p <= t->p) return;
    t->n = (size_t)(p - t->p);
    lx->p = p > lx->p ? p : lx->p;
}

bool weir_lex_line_lacks_quote(const struct weir_lexer *lx, const char *text, const char *p)
{
    const char *from = p;
    while (from > text && from[-1] != '\n') from--;
    struct weir_lexer line;
    weir_lex_start(&line, from, (size_t)(lx->end - from));
    for (;;) {
        struct weir_token t = weir_lex_next(&line);
        if (t.kind == WEIR_TOK_END || t.line > 1) return false;
        if (t.broken) return true;
    }
}
