/* conf_mistake.c - how a mistake in a conf's text is said, and how what is right goes on to libconfig. */
#include "conf_syntax.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ERRORS_MAX = 20 };

static struct weir_place place_of(const struct weir_syntax *s, const struct weir_token *tok)
{
    return (struct weir_place){s->in->name, tok->line};
}

void weir_mistake(struct weir_syntax *s, const struct weir_token *tok, const char *fmt, ...)
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

void weir_advance(struct weir_syntax *s)
{
    s->last = s->tok;
    s->tok = weir_lex_next(&s->lx);
    if (s->tok.broken || s->tok.wrong) weir_mistake(s, &s->tok, "%s", s->tok.wrong ? s->tok.wrong : "missing quote");
}

void weir_emit(struct weir_syntax *s, const struct weir_token *tok)
{
    weir_text_put(s->t, place_of(s, tok), tok->p, tok->n);
}

void weir_emit_text(struct weir_syntax *s, const struct weir_token *at, const char *text)
{
    weir_text_put(s->t, place_of(s, at), text, strlen(text));
}

const char *weir_shown(const struct weir_syntax *s, const struct weir_token *tok, char buf[WEIR_QUOTE_MAX + 8])
{
    static const char *const private[] = {"pass", "secret", "token", "credential"};
    char name[WEIR_QUOTE_MAX + 1] = "";
    if (s->name.p) memcpy(name, s->name.p, s->name.n < WEIR_QUOTE_MAX ? s->name.n : WEIR_QUOTE_MAX);
    for (size_t i = 0; i < sizeof private / sizeof *private; i++)
        if (strcasestr(name, private[i])) return "...";
    snprintf(buf, WEIR_QUOTE_MAX + 8, "%.*s%s", (int)(tok->n < WEIR_QUOTE_MAX ? tok->n : WEIR_QUOTE_MAX), tok->p,
             tok->n > WEIR_QUOTE_MAX ? "..." : "");
    return buf;
}
