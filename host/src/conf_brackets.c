/* conf_brackets.c - when brackets do not match, finds which one is missing or too much. The end of the file, where it
 * shows, is no help; how people indent is. */
#include "conf_lex.h"
#include "conf_text.h"
#include <string.h>

enum { OPEN_MAX = 64, REPORTS_MAX = 3 };

struct open {
    struct weir_token tok, name; /* the bracket; the setting it is the value of */
    bool indented, seen;         /* what it holds is indented more than its line */
};

struct brackets {
    struct weir_text *t;
    const char *file;
    struct open open[OPEN_MAX];
    size_t n;
    struct weir_token odd; /* first closer that stands further in than its opener */
    int reports;
};

static char closer_of(const struct open *o)
{
    return *o->tok.p == '{' ? '}' : *o->tok.p == '[' ? ']' : ')';
}

static bool is_closer(const struct weir_token *t)
{
    return weir_token_is(t, '}') || weir_token_is(t, ']') || weir_token_is(t, ')');
}

/* A line that is not further in than an indented group began after that group's end. */
static bool leaves(const struct open *o, const struct weir_token *t)
{
    if (!o->indented || t->line == o->tok.line) return false;
    return is_closer(t) ? t->indent < o->tok.indent : t->indent <= o->tok.indent;
}

static void say_missing(struct brackets *b, const struct weir_token *before)
{
    const struct open *o = &b->open[--b->n];
    if (b->reports++ >= REPORTS_MAX) return;
    const char *of = o->name.n ? " of " : "";
    int n = (int)(o->name.n < 40 ? o->name.n : 40);
    if (before->kind == WEIR_TOK_END)
        weir_errors_add(b->t->errs, b->file, o->tok.line, "missing \"%c\": the \"%c\"%s%.*s is never closed",
                        closer_of(o), *o->tok.p, of, n, o->name.n ? o->name.p : "");
    else if (before->line == o->tok.line)
        weir_errors_add(b->t->errs, b->file, before->line, "missing \"%c\" before \"%c\"", closer_of(o), *before->p);
    else
        weir_errors_add(b->t->errs, b->file, before->line,
                        "missing \"%c\" before this line: the \"%c\"%s%.*s (line %d) is not closed", closer_of(o),
                        *o->tok.p, of, n, o->name.n ? o->name.p : "", o->tok.line);
}

static void say_extra(struct brackets *b, const struct weir_token *t)
{
    if (b->reports++ < REPORTS_MAX)
        weir_errors_add(b->t->errs, b->file, t->line, "\"%c\" closes nothing: remove it", *t->p);
}

static void wrong_closer(struct brackets *b, const struct weir_token *t)
{
    const struct open *top = &b->open[b->n - 1];
    bool below = b->n > 1 && closer_of(top - 1) == *t->p;
    if (below && (t->line == top->tok.line || !t->first)) {
        say_missing(b, t);
        b->n--;
    } else if (t->first && t->indent == top->tok.indent) {
        if (b->reports++ < REPORTS_MAX)
            weir_errors_add(b->t->errs, b->file, t->line,
                            "expected \"%c\" to close the \"%c\" of line %d, found \"%c\"", closer_of(top), *top->tok.p,
                            top->tok.line, *t->p);
        b->n--;
    } else {
        say_extra(b, t);
    }
}

static void close_one(struct brackets *b, const struct weir_token *t)
{
    if (!b->n) {
        say_extra(b, b->odd.p ? &b->odd : t);
    } else if (closer_of(&b->open[b->n - 1]) != *t->p) {
        wrong_closer(b, t);
    } else {
        const struct open *top = &b->open[--b->n];
        if (t->first && top->indented && t->indent > top->tok.indent && !b->odd.p) b->odd = *t;
    }
}

static void step(struct brackets *b, const struct weir_token *t, const struct weir_token *name, bool setting)
{
    if (t->first && b->n) {
        struct open *top = &b->open[b->n - 1];
        if (!top->seen) {
            top->seen = true;
            top->indented = t->indent > top->tok.indent || is_closer(t);
        }
        while (b->n && (leaves(&b->open[b->n - 1], t) || (setting && *b->open[b->n - 1].tok.p != '{')))
            say_missing(b, t); /* no setting stands in [ ] or ( ) */
    }
    if (is_closer(t))
        close_one(b, t);
    else if ((weir_token_is(t, '{') || weir_token_is(t, '[') || weir_token_is(t, '(')) && b->n < OPEN_MAX)
        b->open[b->n++] = (struct open){.tok = *t, .name = *name};
}

void weir_brackets_explain(struct weir_text *t, const struct weir_input *in)
{
    struct brackets b = {.t = t, .file = in->name};
    struct weir_lexer lx;
    weir_lex_start(&lx, in->bytes, in->n);
    struct weir_token tok, name = {0}, none = {0};
    while ((tok = weir_lex_next(&lx)).kind != WEIR_TOK_END) {
        struct weir_token next = weir_lex_peek(&lx);
        bool assigns = weir_token_is(&tok, '=') || weir_token_is(&tok, ':');
        bool setting = tok.kind == WEIR_TOK_NAME && (weir_token_is(&next, '=') || weir_token_is(&next, ':'));
        step(&b, &tok, &name, setting);
        if (tok.kind == WEIR_TOK_NAME)
            name = tok;
        else if (!assigns)
            name = none;
    }
    while (b.n && b.reports < REPORTS_MAX) say_missing(&b, &tok);
    if (!b.reports) weir_errors_add(t->errs, in->name, tok.line, "brackets do not match");
    t->bad = true;
}
