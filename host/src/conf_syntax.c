/* conf_syntax.c - the grammar, read downwards with recovery: every mistake is named with its fix, and parsing goes on
 * as if it had been made. What is right is handed to libconfig, token by token. */
#include "conf_lex.h"
#include "conf_text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH_MAX = 32, ERRORS_MAX = 20, NAMES_MAX = 4096, QUOTE_MAX = 60 };

struct syntax {
    struct weir_text *t;
    const struct weir_input *in;
    struct weir_lexer lx;
    struct weir_token tok;
    struct weir_errors repeated; /* names given twice; said only when the brackets are right */
    struct weir_token name;      /* of the setting whose value is being read */
    int depth, lists;            /* how deep, and how many [ or ( are open */
    int last_line;               /* of the last error: one a line is enough */
    int n_errors;
    bool brackets, damaged; /* brackets do not match; a lost quote or comment may be why */
};

static void parse_settings(struct syntax *, struct weir_scope *);
static void parse_value(struct syntax *);

static struct weir_place place_of(const struct syntax *s, const struct weir_token *tok)
{
    return (struct weir_place){s->in->name, tok->line};
}

__attribute__((format(printf, 3, 4))) static void mistake(struct syntax *s, const struct weir_token *tok,
                                                          const char *fmt, ...)
{
    char msg[512];
    s->t->bad = true;
    if (tok->line == s->last_line || s->n_errors >= ERRORS_MAX) return;
    s->last_line = tok->line;
    s->n_errors++;
    if (weir_lex_line_lacks_quote(&s->lx, s->in->bytes, tok->p)) {
        s->damaged = true;
        weir_errors_add(s->t->errs, s->in->name, tok->line,
                        "missing quote (\"): a string ends on the line where it begins");
        return;
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    weir_errors_add(s->t->errs, s->in->name, tok->line, "%s", msg);
}

static void advance(struct syntax *s)
{
    s->tok = weir_lex_next(&s->lx);
    if (s->tok.broken || s->tok.wrong) mistake(s, &s->tok, "%s", s->tok.wrong ? s->tok.wrong : "missing quote");
}

static void emit(struct syntax *s, const struct weir_token *tok)
{
    weir_text_put(s->t, place_of(s, tok), tok->p, tok->n);
}

static void emit_text(struct syntax *s, const struct weir_token *at, const char *text)
{
    weir_text_put(s->t, place_of(s, at), text, strlen(text));
}

/* For messages: the token, cut when long, dots when it may be a secret. */
static const char *shown(const struct syntax *s, const struct weir_token *tok, char buf[QUOTE_MAX + 8])
{
    static const char *const private[] = {"pass", "secret", "token", "credential"};
    char name[QUOTE_MAX + 1] = "";
    if (s->name.p) memcpy(name, s->name.p, s->name.n < QUOTE_MAX ? s->name.n : QUOTE_MAX);
    for (size_t i = 0; i < sizeof private / sizeof *private; i++)
        if (strcasestr(name, private[i])) return "...";
    snprintf(buf, QUOTE_MAX + 8, "%.*s%s", (int)(tok->n < QUOTE_MAX ? tok->n : QUOTE_MAX), tok->p,
             tok->n > QUOTE_MAX ? "..." : "");
    return buf;
}

static bool closes(const struct weir_token *tok)
{
    return tok->kind == WEIR_TOK_END || weir_token_is(tok, '}') || weir_token_is(tok, ']') || weir_token_is(tok, ')');
}

static bool assigns(const struct weir_token *tok)
{
    return weir_token_is(tok, '=') || weir_token_is(tok, ':');
}

static bool opens(const struct weir_token *tok)
{
    return weir_token_is(tok, '{') || weir_token_is(tok, '[') || weir_token_is(tok, '(');
}

/* An unquoted value. The token grows to what was meant as one: localhost:8080, ${LANES:-2}, 'text'. */
static void unquoted(struct syntax *s)
{
    char buf[QUOTE_MAX + 8];
    struct weir_token tok = s->tok;
    weir_lex_extend(&s->lx, &tok);
    const char *text = shown(s, &tok, buf);
    size_t len = strlen(text);
    if (s->tok.kind == WEIR_TOK_AT)
        mistake(s, &s->tok, "%s stands where a value should: @include takes the place of settings", text);
    else if (*text == '\'' && len > 1 && text[len - 1] == '\'')
        mistake(s, &s->tok, "strings are quoted with \", not with ': write \"%.*s\"", (int)len - 2, text + 1);
    else
        mistake(s, &s->tok, "%s needs quotes: write \"%s\"", text, text);
    advance(s);
}

/* The name was read and a value must follow, but what follows is the next setting. */
static bool next_setting_instead(struct syntax *s, const struct weir_token *name)
{
    bool is_name = s->tok.kind == WEIR_TOK_NAME && s->tok.line > name->line;
    if (!is_name && !(s->tok.kind == WEIR_TOK_AT && s->tok.first)) return false;
    struct weir_token after = weir_lex_peek(&s->lx);
    return s->tok.kind == WEIR_TOK_AT || assigns(&after) || weir_token_is(&after, '{');
}

static void parse_group_body(struct syntax *s, struct weir_scope *scope)
{
    s->depth++;
    parse_settings(s, scope);
    s->depth--;
    if (weir_token_is(&s->tok, '}')) {
        emit(s, &s->tok);
        advance(s);
    } else {
        s->brackets = true;
    }
}

static void parse_group(struct syntax *s)
{
    struct weir_scope scope = {0};
    emit(s, &s->tok);
    advance(s);
    parse_group_body(s, &scope);
}

/* One element of [ ] or ( ). False when there is none. */
static bool parse_element(struct syntax *s, bool array)
{
    if (closes(&s->tok) || assigns(&s->tok) || weir_token_is(&s->tok, ';')) return false;
    if (array && opens(&s->tok))
        mistake(s, &s->tok, "[ ] holds plain values; a list of groups is written ( { ... }, { ... } )");
    if (s->tok.kind == WEIR_TOK_STRING) { /* not parse_value(): libconfig would glue neighbours into one string */
        emit(s, &s->tok);
        advance(s);
    } else {
        parse_value(s);
    }
    return true;
}

static void separate(struct syntax *s, char close)
{
    char buf[QUOTE_MAX + 8];
    if (weir_token_is(&s->tok, ',')) {
        struct weir_token comma = s->tok;
        advance(s);
        if (weir_token_is(&s->tok, close))
            mistake(s, &comma, "trailing comma: remove the \",\" before \"%c\"", close);
        else if (weir_token_is(&s->tok, ','))
            mistake(s, &s->tok, "a value is missing between two commas");
        else
            emit(s, &comma);
        while (weir_token_is(&s->tok, ',')) advance(s);
    } else if (assigns(&s->tok)) {
        mistake(s, &s->tok, "%s",
                close == ']' ? "[ ] holds values without names: write \"name=value\", or use { }"
                             : "( ) holds values without names: names go into { }");
        advance(s);
    } else if (weir_token_is(&s->tok, ';')) {
        mistake(s, &s->tok, "values are separated by \",\", not by \";\"");
        advance(s);
    } else if (!closes(&s->tok)) {
        mistake(s, &s->tok, "missing comma before %s", shown(s, &s->tok, buf));
    }
}

/* [ ] and ( ) both go out as libconfig's list: its arrays refuse 1 beside 2.5, and the option's own parser knows best.
 */
static void parse_list(struct syntax *s, char close)
{
    bool array = close == ']';
    s->depth++;
    s->lists++;
    emit_text(s, &s->tok, "(");
    advance(s);
    if (weir_token_is(&s->tok, ',')) mistake(s, &s->tok, "a value is missing before \",\"");
    while (!closes(&s->tok)) {
        if (!parse_element(s, array) || !weir_token_is(&s->tok, close)) separate(s, close);
    }
    s->lists--;
    s->depth--;
    if (weir_token_is(&s->tok, close)) {
        emit_text(s, &s->tok, ")");
        advance(s);
    } else {
        s->brackets = true;
    }
}

static void parse_strings(struct syntax *s)
{
    while (s->tok.kind == WEIR_TOK_STRING) { /* neighbours are one string, for long texts */
        struct weir_token ahead = weir_lex_peek(&s->lx);
        if (assigns(&ahead) && s->tok.first) return; /* a quoted name on the next line */
        emit(s, &s->tok);
        advance(s);
    }
}

static void parse_number(struct syntax *s)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64 "L", s->tok.value);
    emit_text(s, &s->tok, text);
    advance(s);
}

static void parse_value(struct syntax *s)
{
    if (s->depth >= DEPTH_MAX && opens(&s->tok)) {
        mistake(s, &s->tok, "more than %d levels deep", DEPTH_MAX);
        s->tok.kind = WEIR_TOK_END; /* nothing good can follow */
        s->lx.p = s->lx.end;
        return;
    }
    struct weir_token ahead = weir_lex_peek(&s->lx);
    bool touches = (s->tok.kind == WEIR_TOK_INT || s->tok.kind == WEIR_TOK_FLOAT) && weir_token_is(&ahead, ':') &&
                   ahead.p == s->tok.p + s->tok.n;
    if (weir_token_is(&s->tok, '{')) {
        parse_group(s);
    } else if (opens(&s->tok)) {
        parse_list(s, weir_token_is(&s->tok, '[') ? ']' : ')');
    } else if (touches || s->tok.kind == WEIR_TOK_NAME || s->tok.kind == WEIR_TOK_WORD || s->tok.kind == WEIR_TOK_AT) {
        unquoted(s);
    } else if (s->tok.kind == WEIR_TOK_INT) {
        parse_number(s);
    } else if (s->tok.kind == WEIR_TOK_STRING) {
        parse_strings(s);
    } else if (s->tok.kind == WEIR_TOK_FLOAT || s->tok.kind == WEIR_TOK_BOOL) {
        emit(s, &s->tok);
        advance(s);
    } else {
        mistake(s, &s->tok, "expected a value, found \"%.*s\"", (int)s->tok.n, s->tok.p);
        if (!closes(&s->tok)) advance(s);
    }
}

/* ---- settings */

static void claim(struct syntax *s, struct weir_scope *scope, const struct weir_token *tok)
{
    for (const struct weir_scope_name *it = scope->names; it; it = it->next) {
        if (it->n != tok->n || memcmp(it->p, tok->p, tok->n) != 0) continue;
        weir_errors_add(&s->repeated, s->in->name, tok->line, "\"%.*s\" is given twice: first at %s:%d", (int)tok->n,
                        tok->p, it->place.file, it->place.line);
        return;
    }
    struct weir_scope_name *name = weir_arena_alloc(s->t->arena, sizeof *name);
    char *text = name ? weir_arena_copy(s->t->arena, tok->p, tok->n) : NULL; /* outlives an included file */
    if (!text || scope->n >= NAMES_MAX) {
        mistake(s, tok, "%s", text ? "more than 4096 names in one group" : "out of memory");
        return;
    }
    *name = (struct weir_scope_name){scope->names, text, tok->n, place_of(s, tok)};
    scope->names = name;
    scope->n++;
}

static void parse_include(struct syntax *s, struct weir_scope *scope)
{
    struct weir_token at = s->tok;
    advance(s);
    if (at.n != 8 || memcmp(at.p, "@include", 8) != 0) {
        mistake(s, &at, "unknown directive \"%.*s\": only @include \"FILE\" is known",
                (int)(at.n < QUOTE_MAX ? at.n : QUOTE_MAX), at.p);
    } else if (s->tok.kind != WEIR_TOK_STRING || s->tok.broken || s->tok.line != at.line) {
        mistake(s, &at, "@include needs a file name in quotes: @include \"FILE\"");
    } else {
        const char *name = weir_arena_copy(s->t->arena, s->tok.p + 1, s->tok.n - 2);
        if (name) weir_text_include(s->t, s->in, at.line, name, scope);
    }
    if (s->tok.line == at.line && s->tok.kind != WEIR_TOK_END && !closes(&s->tok)) advance(s);
}

/* What stands where a name should, but is none. True when it can be taken as one. */
static bool odd_name(struct syntax *s)
{
    char buf[QUOTE_MAX + 8];
    s->name = (struct weir_token){0};
    const char *text = shown(s, &s->tok, buf);
    const char *dot = strchr(text, '.');
    struct weir_token ahead = weir_lex_peek(&s->lx);
    bool named = assigns(&ahead) || weir_token_is(&ahead, '{');
    if (s->tok.kind == WEIR_TOK_STRING)
        mistake(s, &s->tok, named ? "a name is not quoted: write %.*s" : "a value without a name: %.*s",
                (int)strlen(text) - (named ? 2 : 0), text + (named ? 1 : 0));
    else if (s->tok.kind == WEIR_TOK_BOOL)
        mistake(s, &s->tok, "\"%s\" is a value, not a name", text);
    else if (s->tok.kind == WEIR_TOK_WORD && dot && dot > text && named)
        mistake(s, &s->tok,
                "\"%s\": a name cannot hold a dot; write %.*s = { ... }, or in an option that takes properties "
                "[ \"%s=value\" ]",
                text, (int)(dot - text), text, text);
    else if (named)
        mistake(s, &s->tok, "\"%s\" is not a name: names begin with a letter, then letters, digits, - and _", text);
    else
        mistake(s, &s->tok, "expected \"name = value\", found %s", text);
    return named;
}

static void parse_setting(struct syntax *s)
{
    struct weir_token name = s->tok;
    s->name = name;
    emit(s, &name);
    advance(s);
    bool assigned = assigns(&s->tok);
    if (assigned) {
        emit_text(s, &s->tok, "=");
        advance(s);
        if (assigns(&s->tok)) {
            mistake(s, &s->tok, "one \"=\" is enough");
            advance(s);
        }
    } else if (name.n == 7 && memcmp(name.p, "include", 7) == 0 && s->tok.kind == WEIR_TOK_STRING) {
        mistake(s, &name, "write @include to include a file");
    } else if (!opens(&s->tok) && (closes(&s->tok) || s->tok.line != name.line || weir_token_is(&s->tok, ','))) {
        mistake(s, &name, "\"%.*s\" has no value: write %.*s = ...", (int)name.n, name.p, (int)name.n, name.p);
        return;
    } else {
        mistake(s, &name, "missing \"=\" after \"%.*s\"", (int)name.n, name.p);
    }
    bool nothing = closes(&s->tok) || weir_token_is(&s->tok, ',') || weir_token_is(&s->tok, ';');
    if (next_setting_instead(s, &name) && s->tok.indent > name.indent) {
        mistake(s, &name, "missing \"{\" after \"%.*s =\"", (int)name.n, name.p);
        struct weir_scope scope = {0};
        parse_group_body(s, &scope);
    } else if (nothing || next_setting_instead(s, &name)) {
        mistake(s, &name, "\"%.*s\" has no value: write %.*s = ...", (int)name.n, name.p, (int)name.n, name.p);
    } else {
        parse_value(s);
    }
}

static void end_setting(struct syntax *s)
{
    if (weir_token_is(&s->tok, ';') || weir_token_is(&s->tok, ',')) advance(s);
    if (!weir_token_is(&s->tok, ';') && !weir_token_is(&s->tok, ',')) return;
    mistake(s, &s->tok, "one \"%c\" is enough", *s->tok.p);
    while (weir_token_is(&s->tok, ';') || weir_token_is(&s->tok, ',')) advance(s);
}

/* Until the end of the group, or of the file. A closer that belongs to something further out ends the group too. */
static void parse_settings(struct syntax *s, struct weir_scope *scope)
{
    while (s->tok.kind != WEIR_TOK_END) {
        if (weir_token_is(&s->tok, '}') && s->depth) return;
        if (closes(&s->tok)) {
            s->brackets = true;
            if (s->lists) return;
            advance(s);
        } else if (s->tok.kind == WEIR_TOK_NAME) {
            claim(s, scope, &s->tok);
            parse_setting(s);
            end_setting(s);
        } else if (s->tok.kind == WEIR_TOK_AT) {
            parse_include(s, scope);
        } else if (s->tok.kind == WEIR_TOK_PUNCT) {
            mistake(s, &s->tok, "a name is missing before \"%c\"", *s->tok.p);
            if (assigns(&s->tok) || opens(&s->tok)) {
                if (assigns(&s->tok)) advance(s);
                parse_value(s);
            }
            end_setting(s);
        } else if (odd_name(s)) {
            parse_setting(s);
            end_setting(s);
        } else {
            advance(s);
        }
    }
}

void weir_syntax_parse(struct weir_text *t, const struct weir_input *in, struct weir_scope *scope)
{
    struct syntax s = {.t = t, .in = in};
    weir_lex_start(&s.lx, in->bytes, in->n);
    advance(&s);
    parse_settings(&s, scope);
    if (s.lx.open_comment) {
        weir_errors_add(t->errs, in->name, s.lx.open_comment, "the comment that begins here is never closed: */");
        s.damaged = true;
    } else if (s.brackets && !s.damaged) {
        weir_brackets_explain(t, in);
    } else if (!s.damaged) {
        for (size_t i = 0; i < s.repeated.n; i++)
            weir_errors_add(t->errs, s.repeated.v[i].file, s.repeated.v[i].line, "%s", s.repeated.v[i].msg);
    }
    if (s.damaged || s.brackets || s.repeated.n) t->bad = true;
    weir_errors_free(&s.repeated);
}
