/* conf_value.c - values: scalars, groups and lists, with recovery from what is missing between them. */
#include "conf_syntax.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* An unquoted value. The token grows to what was meant as one: localhost:8080, ${LANES:-2}, 'text'. */
static void unquoted(struct weir_syntax *s)
{
    char buf[WEIR_QUOTE_MAX + 8];
    struct weir_token tok = s->tok;
    weir_lex_extend(&s->lx, &tok);
    const char *text = weir_shown(s, &tok, buf);
    size_t len = strlen(text);
    if (s->tok.kind == WEIR_TOK_AT)
        weir_mistake(s, &s->tok, "%s stands where a value should: @include takes the place of settings", text);
    else if (*text == '\'' && len > 1 && text[len - 1] == '\'')
        weir_mistake(s, &s->tok, "strings are quoted with \", not with ': write \"%.*s\"", (int)len - 2, text + 1);
    else if (text != buf)
        weir_mistake(s, &s->tok, "the value needs quotes: write %.*s = \"...\"", (int)s->name.n, s->name.p);
    else
        weir_mistake(s, &s->tok, "%s needs quotes: write \"%s\"", text, text);
    weir_advance(s);
}

void weir_parse_group_body(struct weir_syntax *s, struct weir_scope *scope)
{
    s->depth++;
    weir_parse_settings(s, scope);
    s->depth--;
    if (weir_token_is(&s->tok, '}')) {
        weir_emit(s, &s->tok);
        weir_advance(s);
    } else {
        s->brackets = true;
    }
}

static void parse_group(struct weir_syntax *s)
{
    struct weir_scope scope = {0};
    weir_emit(s, &s->tok);
    weir_advance(s);
    weir_parse_group_body(s, &scope);
}

/* One element of [ ] or ( ). False when there is none. */
static bool parse_element(struct weir_syntax *s, bool array)
{
    if (weir_closes(&s->tok) || weir_assigns(&s->tok) || weir_token_is(&s->tok, ';')) return false;
    if (array && weir_opens(&s->tok))
        weir_mistake(s, &s->tok, "[ ] holds plain values; a list of groups is written ( { ... }, { ... } )");
    struct weir_token ahead = weir_lex_peek(&s->lx);
    if (s->tok.kind == WEIR_TOK_NAME && weir_assigns(&ahead)) {
        weir_mistake(s, &s->tok,
                     array ? "[ ] holds values without names: write \"name=value\", or use { }"
                           : "( ) holds values without names: names go into { }");
        weir_advance(s);
        weir_advance(s);
        if (weir_closes(&s->tok)) return false;
    }
    if (s->tok.kind == WEIR_TOK_STRING) { /* not weir_parse_value(): libconfig would glue neighbours into one string */
        weir_emit(s, &s->tok);
        weir_advance(s);
    } else {
        weir_parse_value(s);
    }
    return true;
}

/* A setting on a line of its own: the list above it was never closed. */
static bool next_setting(const struct weir_syntax *s)
{
    struct weir_token ahead = weir_lex_peek(&s->lx);
    return s->tok.kind == WEIR_TOK_NAME && s->tok.first && weir_assigns(&ahead);
}

static void separate(struct weir_syntax *s, char close)
{
    char buf[WEIR_QUOTE_MAX + 8];
    if (weir_token_is(&s->tok, ',')) {
        struct weir_token comma = s->tok;
        weir_advance(s);
        if (weir_token_is(&s->tok, close))
            weir_mistake(s, &comma, "trailing comma: remove the \",\" before \"%c\"", close);
        else if (weir_token_is(&s->tok, ','))
            weir_mistake(s, &s->tok, "a value is missing between two commas");
        else
            weir_emit(s, &comma);
        while (weir_token_is(&s->tok, ',')) weir_advance(s);
    } else if (weir_assigns(&s->tok)) {
        weir_mistake(s, &s->tok, "a value is missing before \"%c\"", *s->tok.p);
        weir_advance(s);
    } else if (weir_token_is(&s->tok, ';')) {
        weir_mistake(s, &s->tok, "values are separated by \",\", not by \";\"");
        weir_advance(s);
    } else if (!weir_closes(&s->tok)) {
        weir_mistake(s, &s->last,
                     s->last.kind == WEIR_TOK_PUNCT ? "missing comma after \"%s\"" : "missing comma after %s",
                     weir_shown(s, &s->last, buf));
    }
}

/* [ ] and ( ) both go out as libconfig's list: its arrays refuse 1 beside 2.5, and the option's own parser knows best.
 */
static void parse_list(struct weir_syntax *s, char close)
{
    bool array = close == ']';
    s->depth++;
    s->lists++;
    weir_emit_text(s, &s->tok, "(");
    weir_advance(s);
    if (weir_token_is(&s->tok, ',')) weir_mistake(s, &s->tok, "a value is missing before \",\"");
    while (!weir_closes(&s->tok)) {
        bool any = parse_element(s, array);
        if (next_setting(s)) break;
        if (!any || !weir_token_is(&s->tok, close)) separate(s, close);
    }
    s->lists--;
    s->depth--;
    if (weir_token_is(&s->tok, close)) {
        weir_emit_text(s, &s->tok, ")");
        weir_advance(s);
    } else {
        s->brackets = true;
    }
}

static void parse_strings(struct weir_syntax *s)
{
    while (s->tok.kind == WEIR_TOK_STRING) { /* neighbours are one string, for long texts */
        struct weir_token ahead = weir_lex_peek(&s->lx);
        if (weir_assigns(&ahead) && s->tok.first) return; /* a quoted name on the next line */
        weir_emit(s, &s->tok);
        weir_advance(s);
    }
}

static void parse_number(struct weir_syntax *s)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64 "L", s->tok.value);
    weir_emit_text(s, &s->tok, text);
    weir_advance(s);
}

void weir_parse_value(struct weir_syntax *s)
{
    if (s->depth >= WEIR_DEPTH_MAX && weir_opens(&s->tok)) {
        weir_mistake(s, &s->tok, "more than %d levels deep", WEIR_DEPTH_MAX);
        s->tok.kind = WEIR_TOK_END; /* nothing good can follow */
        s->lx.p = s->lx.end;
        return;
    }
    struct weir_token ahead = weir_lex_peek(&s->lx);
    bool touches = (s->tok.kind == WEIR_TOK_INT || s->tok.kind == WEIR_TOK_FLOAT) && weir_token_is(&ahead, ':') &&
                   ahead.p == s->tok.p + s->tok.n;
    if (weir_token_is(&s->tok, '{')) {
        parse_group(s);
    } else if (weir_opens(&s->tok)) {
        parse_list(s, weir_token_is(&s->tok, '[') ? ']' : ')');
    } else if (touches || s->tok.kind == WEIR_TOK_NAME || s->tok.kind == WEIR_TOK_WORD || s->tok.kind == WEIR_TOK_AT) {
        unquoted(s);
    } else if (s->tok.kind == WEIR_TOK_INT) {
        parse_number(s);
    } else if (s->tok.kind == WEIR_TOK_STRING) {
        parse_strings(s);
    } else if (s->tok.kind == WEIR_TOK_FLOAT || s->tok.kind == WEIR_TOK_BOOL) {
        weir_emit(s, &s->tok);
        weir_advance(s);
    } else {
        weir_mistake(s, &s->tok, "expected a value, found \"%.*s\"", (int)s->tok.n, s->tok.p);
        if (!weir_closes(&s->tok)) weir_advance(s);
    }
}
