/* conf_lex.h - one conf file cut into tokens, each with its line and how far its line is indented.
 *
 * libconfig says "syntax error" to everything, so mistakes are found here, before it sees the text. */
#ifndef WEIR_CONF_LEX_H
#define WEIR_CONF_LEX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum weir_token_kind {
    WEIR_TOK_END,
    WEIR_TOK_PUNCT, /* one of = : ; , { } [ ] ( ) */
    WEIR_TOK_NAME,
    WEIR_TOK_STRING, /* with its quotes; when `broken`, to the end of the line */
    WEIR_TOK_INT,
    WEIR_TOK_FLOAT,
    WEIR_TOK_BOOL,
    WEIR_TOK_AT,  /* "@include" or another word that begins with @ */
    WEIR_TOK_WORD /* anything else: something that should have been quoted */
};

struct weir_token {
    enum weir_token_kind kind;
    const char *p;
    size_t n;
    int line, indent;
    bool first;  /* the first token of its line */
    bool broken; /* WEIR_TOK_STRING without its closing quote */
    int64_t value;
    const char *wrong; /* what is wrong with the token itself, or NULL */
};

struct weir_lexer {
    const char *p, *end, *line_start;
    int line;
    int open_comment; /* line of a comment that never ends, or 0 */
    bool at_start;    /* no token on this line yet */
};

void weir_lex_start(struct weir_lexer *, const char *text, size_t n);
struct weir_token weir_lex_next(struct weir_lexer *);
/* The token after the current one, without moving on. */
struct weir_token weir_lex_peek(const struct weir_lexer *);
/* Makes *tok the whole of an unquoted value ("localhost:8080", "${LANES:-2}", 'text') and moves on behind it. */
void weir_lex_extend(struct weir_lexer *, struct weir_token *tok);
/* True when a string on the line that holds p lacks a quote. */
bool weir_lex_line_lacks_quote(const struct weir_lexer *, const char *text, const char *p);

static inline bool weir_token_is(const struct weir_token *t, char c)
{
    return t->kind == WEIR_TOK_PUNCT && *t->p == c;
}
#endif
