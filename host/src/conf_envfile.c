/* conf_envfile.c - the env file: NAME=value lines, comments, quotes. Its values may be secrets: no message shows one.
 */
#include "conf_vars.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct weir_vars *vars;
    struct weir_errors *errs;
    const char *path;
    int line;
    bool bad;
};

static void fail(struct reader *r, const char *what)
{
    weir_errors_add(r->errs, r->path, r->line, "%s", what);
    r->bad = true;
}

static void cut_blanks(char *text)
{
    size_t n = strlen(text);
    while (n && isspace((unsigned char)text[n - 1])) text[--n] = '\0';
}

/* "in quotes" with \n \" \\ \$, 'as it is', or bare until a comment. NULL after an error. */
static char *unquote(struct reader *r, char *p)
{
    char quote = *p;
    if (quote != '"' && quote != '\'') {
        for (char *c = p; *c; c++)
            if (*c == '#' && (c == p || isspace((unsigned char)c[-1]))) *c = '\0';
        cut_blanks(p);
        return p;
    }
    char *out = p, *text = p++;
    for (; *p && *p != quote; p++) {
        if (*p == '\\' && quote == '"' && p[1]) {
            p++;
            *out++ = *p == 'n' ? '\n' : *p;
        } else {
            *out++ = *p;
        }
    }
    bool closed = *p == quote;
    if (closed)
        for (p++; isspace((unsigned char)*p);) p++;
    if (!closed || (*p && *p != '#')) {
        fail(r, closed ? "text after the closing quote" : "missing closing quote");
        return NULL;
    }
    *out = '\0';
    return text;
}

static void keep(struct reader *r, const char *name, const char *value)
{
    for (const struct weir_var *v = r->vars->file; v; v = v->next)
        if (strcmp(v->name, name) == 0) {
            weir_errors_add(r->errs, r->path, r->line, "%s is given twice: first in line %d", name, v->line);
            r->bad = true;
            return;
        }
    struct weir_var *var = weir_arena_alloc(r->vars->arena, sizeof *var);
    char *n = weir_arena_copy(r->vars->arena, name, strlen(name));
    char *v = weir_arena_copy(r->vars->arena, value, strlen(value));
    if (!var || !n || !v) {
        fail(r, "out of memory");
        return;
    }
    *var = (struct weir_var){r->vars->file, n, v, r->line};
    r->vars->file = var;
}

static void read_line(struct reader *r, char *p)
{
    while (isspace((unsigned char)*p)) p++;
    if (!*p || *p == '#') return;
    if (strncmp(p, "export ", 7) == 0)
        for (p += 7; isspace((unsigned char)*p);) p++;
    char *end = p;
    while (isalnum((unsigned char)*end) || *end == '_') end++;
    if (*end != '=' || end == p || isdigit((unsigned char)*p)) {
        fail(r, "expected NAME=value: letters, digits and _, no blank around \"=\"");
        return;
    }
    *end = '\0';
    char *value = unquote(r, end + 1);
    if (value) keep(r, p, value);
}

int weir_vars_read(struct weir_vars *vars, const char *path, struct weir_errors *errs)
{
    struct reader r = {.vars = vars, .errs = errs, .path = path};
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = 0;
    errno = f ? 0 : errno;
    while (f && (n = getline(&line, &cap, f)) >= 0) {
        r.line++;
        if (memchr(line, '\0', (size_t)n))
            fail(&r, "a NUL byte: this is not a text file");
        else
            read_line(&r, line);
    }
    if (!f || ferror(f)) {
        weir_errors_add(errs, path, 0, "cannot read the env file: %s", strerror(errno));
        r.bad = true;
    }
    if (line) explicit_bzero(line, cap);
    free(line);
    if (f) fclose(f);
    return r.bad ? -1 : 0;
}
