/* conf_text.c - reads conf files, follows @include relative to the including file, keeps the line map. */
#include "conf_text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, INCLUDE_DEPTH = 10 };

static int make_room(struct weir_text *t, size_t more)
{
    if (t->n_lines == t->cap_lines) {
        size_t cap = t->cap_lines ? t->cap_lines * 2 : 64;
        void *lines = reallocarray(t->lines, cap, sizeof *t->lines);
        if (!lines) return -1;
        t->lines = lines;
        t->cap_lines = cap;
    }
    if (t->cap - t->n < more) {
        size_t cap = (t->cap + more) * 2;
        char *out = realloc(t->out, cap);
        if (!out) return -1;
        t->out = out;
        t->cap = cap;
    }
    return 0;
}

void weir_text_put(struct weir_text *t, struct weir_place place, const char *p, size_t n)
{
    if (make_room(t, n + 2) < 0) {
        if (!t->bad) weir_errors_add(t->errs, place.file, place.line, "out of memory");
        t->bad = true;
        return;
    }
    const struct weir_place *last = t->n_lines ? &t->lines[t->n_lines - 1] : NULL;
    if (!last || last->file != place.file || last->line != place.line) {
        if (last) t->out[t->n++] = '\n';
        t->lines[t->n_lines++] = place;
    } else {
        t->out[t->n++] = ' ';
    }
    memcpy(t->out + t->n, p, n);
    t->n += n;
    t->out[t->n] = '\0';
}

static int read_all(int fd, struct weir_input *in)
{
    size_t cap = 0;
    for (;;) {
        if (cap - in->n < 4096) {
            cap = cap ? cap * 2 : 16384;
            char *bytes = realloc(in->bytes, cap);
            if (!bytes) return -1;
            in->bytes = bytes;
        }
        ssize_t got = read(fd, in->bytes + in->n, cap - in->n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return (int)got;
        in->n += (size_t)got;
        if (in->n > FILE_MAX) {
            errno = EFBIG;
            return -1;
        }
    }
}

/* Fills bytes, n, dev, ino; -1 with errno. */
static int open_input(struct weir_input *in)
{
    int fd = open(in->name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    struct stat st = {0};
    int rc = fstat(fd, &st);
    in->dev = st.st_dev;
    in->ino = st.st_ino;
    if (rc == 0) rc = read_all(fd, in);
    int saved = errno;
    close(fd);
    errno = saved;
    return rc;
}

static void fail(struct weir_text *t, const char *file, int line, const char *what, const char *why)
{
    weir_errors_add(t->errs, file, line, "%s: %s", what, why);
    t->bad = true;
}

int weir_text_file(struct weir_text *t, const char *path)
{
    struct weir_input in = {.name = weir_arena_copy(t->arena, path, strlen(path))};
    struct weir_scope scope = {0};
    if (!in.name)
        fail(t, path, 0, "cannot read the conf file", "out of memory");
    else if (open_input(&in) < 0)
        fail(t, path, 0, "cannot read the conf file", errno == EFBIG ? "it is larger than 1 MiB" : strerror(errno));
    else
        weir_syntax_parse(t, &in, &scope);
    free(in.bytes);
    return t->bad ? -1 : 0;
}

int weir_text_string(struct weir_text *t, const char *text, const char *name)
{
    struct weir_input in = {.name = weir_arena_copy(t->arena, name, strlen(name)), .n = strlen(text)};
    struct weir_scope scope = {0};
    in.bytes = strdup(text);
    if (!in.name || !in.bytes)
        fail(t, name, 0, "cannot read the conf", "out of memory");
    else
        weir_syntax_parse(t, &in, &scope);
    free(in.bytes);
    return t->bad ? -1 : 0;
}

void weir_text_free(struct weir_text *t)
{
    if (t->out) explicit_bzero(t->out, t->n); /* a conf may hold a password */
    free(t->out);
    free(t->lines);
    t->out = NULL;
    t->lines = NULL;
}

static const char *beside(struct weir_text *t, const char *file, const char *name)
{
    const char *slash = strrchr(file, '/');
    if (*name == '/' || !slash) return weir_arena_copy(t->arena, name, strlen(name));
    return weir_arena_printf(t->arena, "%.*s/%s", (int)(slash - file), file, name);
}

/* The chain of includes, when it comes back to the file it started from: "a.conf -> b.conf -> a.conf". */
static bool is_cycle(struct weir_text *t, const struct weir_input *in, int line)
{
    const struct weir_input *p = in->parent;
    while (p && !(p->dev == in->dev && p->ino == in->ino && p->ino)) p = p->parent;
    if (!p) return false;
    const char *chain = in->name;
    for (const struct weir_input *q = in->parent; chain && q != p->parent; q = q->parent)
        chain = weir_arena_printf(t->arena, "%s -> %s", q->name, chain);
    weir_errors_add(t->errs, in->parent->name, line, "@include goes in a circle: %s", chain ? chain : in->name);
    return t->bad = true;
}

void weir_text_include(struct weir_text *t, const struct weir_input *from, int line, const char *name,
                       struct weir_scope *scope)
{
    struct weir_input in = {.name = beside(t, from->name, name), .parent = from};
    int depth = 0;
    for (const struct weir_input *p = from; p; p = p->parent) depth++;
    if (!in.name) {
        fail(t, from->name, line, "@include", "out of memory");
    } else if (depth > INCLUDE_DEPTH) {
        fail(t, from->name, line, "@include", "more than 10 files deep");
    } else if (open_input(&in) < 0) {
        const char *why = errno == EFBIG ? "it is larger than 1 MiB" : strerror(errno);
        weir_errors_add(t->errs, from->name, line, "@include \"%s\": cannot read %s: %s", name, in.name, why);
        t->bad = true;
    } else if (!is_cycle(t, &in, line)) {
        weir_syntax_parse(t, &in, scope);
    }
    free(in.bytes);
}
