/* conf_syntax.h - between conf_syntax.c (settings and includes), conf_value.c (what stands behind "=") and
 * conf_mistake.c (how a mistake is said). */
#ifndef WEIR_CONF_SYNTAX_H
#define WEIR_CONF_SYNTAX_H
#include "conf_lex.h"
#include "conf_text.h"

enum { WEIR_DEPTH_MAX = 32, WEIR_QUOTE_MAX = 60 };

struct weir_syntax {
    struct weir_text *t;
    const struct weir_input *in;
    struct weir_lexer lx;
    struct weir_token tok, last; /* at hand, and the one before */
    struct weir_errors repeated; /* names given twice; said only when the brackets are right */
    struct weir_token name;      /* of the setting whose value is being read */
    int depth, lists;            /* how deep, and how many [ or ( are open */
    int last_line;               /* of the last error: one a line is enough */
    int n_errors;
    bool brackets, damaged; /* brackets do not match; a lost quote or comment may be why */
};

/* Names the mistake at the token, once a line. A lost quote on that line is always the first thing to say. */
__attribute__((format(printf, 3, 4))) void weir_mistake(struct weir_syntax *, const struct weir_token *,
                                                        const char *fmt, ...);
/* For messages: the token, cut when long, dots when it may be a secret. */
const char *weir_shown(const struct weir_syntax *, const struct weir_token *, char buf[WEIR_QUOTE_MAX + 8]);
void weir_advance(struct weir_syntax *);
/* Hands a token, or a text in its place, to libconfig. */
void weir_emit(struct weir_syntax *, const struct weir_token *);
void weir_emit_text(struct weir_syntax *, const struct weir_token *at, const char *text);

void weir_parse_settings(struct weir_syntax *, struct weir_scope *);
void weir_parse_value(struct weir_syntax *);
/* What stands between { and }, with the }. */
void weir_parse_group_body(struct weir_syntax *, struct weir_scope *);

static inline bool weir_closes(const struct weir_token *tok)
{
    return tok->kind == WEIR_TOK_END || weir_token_is(tok, '}') || weir_token_is(tok, ']') || weir_token_is(tok, ')');
}

static inline bool weir_assigns(const struct weir_token *tok)
{
    return weir_token_is(tok, '=') || weir_token_is(tok, ':');
}

static inline bool weir_opens(const struct weir_token *tok)
{
    return weir_token_is(tok, '{') || weir_token_is(tok, '[') || weir_token_is(tok, '(');
}
#endif
