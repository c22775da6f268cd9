/* conf_syntax.c - the grammar, read downwards with recovery: every mistake is named with its fix, and parsing goes on
 * as if it had been made right. What is right is handed to libconfig, token by token. */
#include "conf_syntax.h"
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 4096 };

/* The name was read and a value must follow, but what follows is the next setting. */
static bool next_setting_instead(struct weir_syntax *s, const struct weir_token *name)
{
    bool is_name = s->tok.kind == WEIR_TOK_NAME && s->tok.line > name->line;
    if (!is_name && !(s->tok.kind == WEIR_TOK_AT && s->tok.first)) return false;
    struct weir_token after = weir_lex_peek(&s->lx);
    return s->tok.kind == WEIR_TOK_AT || weir_assigns(&after) || weir_token_is(&after, '{');
}

static void claim(struct weir_syntax *s, struct weir_scope *scope, const struct weir_token *tok)
{
    if (scope->n >= NAMES_MAX) {
        weir_mistake(s, tok, "more than %d names in one group", NAMES_MAX);
        return;
    }
    for (const struct weir_scope_name *it = scope->names; it; it = it->next) {
        if (it->n != tok->n || memcmp(it->p, tok->p, tok->n) != 0) continue;
        weir_errors_add(&s->repeated, s->in->name, tok->line, "\"%.*s\" is given twice: first at %s:%d", (int)tok->n,
                        tok->p, it->place.file, it->place.line);
        return;
    }
    struct weir_scope_name *name = weir_arena_alloc(s->t->arena, sizeof *name);
    char *text = name ? weir_arena_copy(s->t->arena, tok->p, tok->n) : NULL; /* outlives an included file */
    if (!text) {
        weir_mistake(s, tok, "out of memory");
        return;
    }
    *name = (struct weir_scope_name){scope->names, text, tok->n, {s->in->name, tok->line}};
    scope->names = name;
    scope->n++;
}

static void parse_include(struct weir_syntax *s, struct weir_scope *scope)
{
    struct weir_token at = s->tok;
    weir_advance(s);
    if (at.n != 8 || memcmp(at.p, "@include", 8) != 0) {
        weir_mistake(s, &at, "unknown directive \"%.*s\": only @include \"FILE\" is known",
                     (int)(at.n < WEIR_QUOTE_MAX ? at.n : WEIR_QUOTE_MAX), at.p);
    } else if (s->tok.kind != WEIR_TOK_STRING || s->tok.broken || s->tok.line != at.line) {
        weir_mistake(s, &at, "@include needs a file name in quotes: @include \"FILE\"");
    } else {
        const char *name = weir_arena_copy(s->t->arena, s->tok.p + 1, s->tok.n - 2);
        if (name) weir_text_include(s->t, s->in, at.line, name, scope);
    }
    if (s->tok.line == at.line && s->tok.kind != WEIR_TOK_END && !weir_closes(&s->tok)) weir_advance(s);
}

/* What stands where a name should, but is none. True when it can be taken as one. */
static bool odd_name(struct weir_syntax *s)
{
    char buf[WEIR_QUOTE_MAX + 8];
    s->name = (struct weir_token){0};
    const char *text = weir_shown(s, &s->tok, buf);
    const char *dot = strchr(text, '.');
    struct weir_token ahead = weir_lex_peek(&s->lx);
    bool named = weir_assigns(&ahead) || weir_token_is(&ahead, '{');
    if (s->tok.kind == WEIR_TOK_STRING)
        weir_mistake(s, &s->tok, named ? "a name is not quoted: write %.*s" : "a value without a name: %.*s",
                     (int)strlen(text) - (named ? 2 : 0), text + (named ? 1 : 0));
    else if (s->tok.kind == WEIR_TOK_BOOL)
        weir_mistake(s, &s->tok, "\"%s\" is a value, not a name", text);
    else if (s->tok.kind == WEIR_TOK_WORD && dot && dot > text && named)
        weir_mistake(s, &s->tok,
                     "\"%s\": a name cannot hold a dot; write %.*s = { ... }, or in an option that takes properties "
                     "[ \"%s=value\" ]",
                     text, (int)(dot - text), text, text);
    else if (named)
        weir_mistake(s, &s->tok, "\"%s\" is not a name: names begin with a letter, then letters, digits, - and _",
                     text);
    else
        weir_mistake(s, &s->tok, "expected \"name = value\", found %s", text);
    return named;
}

static void parse_setting(struct weir_syntax *s)
{
    struct weir_token name = s->tok;
    s->name = name;
    weir_emit(s, &name);
    weir_advance(s);
    bool assigned = weir_assigns(&s->tok);
    if (assigned) {
        weir_emit_text(s, &s->tok, "=");
        weir_advance(s);
        if (weir_assigns(&s->tok)) {
            weir_mistake(s, &s->tok, "one \"=\" is enough");
            weir_advance(s);
        }
    } else if (name.n == 7 && memcmp(name.p, "include", 7) == 0 && s->tok.kind == WEIR_TOK_STRING) {
        weir_mistake(s, &name, "write @include to include a file");
    } else if (!weir_opens(&s->tok) &&
               (weir_closes(&s->tok) || s->tok.line != name.line || weir_token_is(&s->tok, ','))) {
        weir_mistake(s, &name, "\"%.*s\" has no value: write %.*s = ...", (int)name.n, name.p, (int)name.n, name.p);
        return;
    } else {
        weir_mistake(s, &name, "missing \"=\" after \"%.*s\"", (int)name.n, name.p);
    }
    bool nothing = weir_closes(&s->tok) || weir_token_is(&s->tok, ',') || weir_token_is(&s->tok, ';');
    if (next_setting_instead(s, &name) && s->tok.indent > name.indent) {
        weir_mistake(s, &name, "missing \"{\" after \"%.*s =\"", (int)name.n, name.p);
        struct weir_scope scope = {0};
        weir_parse_group_body(s, &scope);
    } else if (nothing || next_setting_instead(s, &name)) {
        weir_mistake(s, &name, "\"%.*s\" has no value: write %.*s = ...", (int)name.n, name.p, (int)name.n, name.p);
    } else {
        weir_parse_value(s);
    }
}

static void end_setting(struct weir_syntax *s)
{
    if (weir_token_is(&s->tok, ';') || weir_token_is(&s->tok, ',')) weir_advance(s);
    if (!weir_token_is(&s->tok, ';') && !weir_token_is(&s->tok, ',')) return;
    weir_mistake(s, &s->tok, "one \"%c\" is enough", *s->tok.p);
    while (weir_token_is(&s->tok, ';') || weir_token_is(&s->tok, ',')) weir_advance(s);
}

/* Until the end of the group, or of the file. A closer that belongs to something further out ends the group too. */
void weir_parse_settings(struct weir_syntax *s, struct weir_scope *scope)
{
    while (s->tok.kind != WEIR_TOK_END) {
        if (weir_token_is(&s->tok, '}') && s->depth) return;
        if (weir_closes(&s->tok)) {
            s->brackets = true;
            if (s->lists) return;
            weir_advance(s);
        } else if (s->tok.kind == WEIR_TOK_NAME) {
            claim(s, scope, &s->tok);
            parse_setting(s);
            end_setting(s);
        } else if (s->tok.kind == WEIR_TOK_AT) {
            parse_include(s, scope);
        } else if (s->tok.kind == WEIR_TOK_PUNCT) {
            weir_mistake(s, &s->tok, "a name is missing before \"%c\"", *s->tok.p);
            if (weir_assigns(&s->tok) || weir_opens(&s->tok)) {
                if (weir_assigns(&s->tok)) weir_advance(s);
                weir_parse_value(s);
            }
            end_setting(s);
        } else if (odd_name(s)) {
            parse_setting(s);
            end_setting(s);
        } else {
            weir_advance(s);
        }
    }
}

void weir_syntax_parse(struct weir_text *t, const struct weir_input *in, struct weir_scope *scope)
{
    struct weir_syntax s = {.t = t, .in = in};
    weir_lex_start(&s.lx, in->bytes, in->n);
    weir_advance(&s);
    weir_parse_settings(&s, scope);
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
