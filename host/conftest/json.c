/* json.c - a group of a test file as JSON: the body of a request, or of an answer. */
#include "fields.h"
#include "options_impl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

static void put_value(struct weir_cursor *, const config_setting_t *, FILE *, int depth);

static void put_string(const char *text, size_t n, FILE *out)
{
    fputc('"', out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void put_aggregate(struct weir_cursor *c, const config_setting_t *value, FILE *out, int depth)
{
    bool group = config_setting_type(value) == CONFIG_TYPE_GROUP;
    fputc(group ? '{' : '[', out);
    for (unsigned i = 0; i < (unsigned)config_setting_length(value); i++) {
        const config_setting_t *item = config_setting_get_elem((config_setting_t *)value, i);
        const char *name = config_setting_name(item);
        if (i) fputc(',', out);
        if (group) put_string(name, strlen(name), out);
        if (group) fputc(':', out);
        put_value(c, item, out, depth + 1);
    }
    fputc(group ? '}' : ']', out);
}

static void put_value(struct weir_cursor *c, const config_setting_t *value, FILE *out, int depth)
{
    struct weir_scalar s;
    c->where = weir_doc_place(value);
    if (depth > DEPTH_MAX)
        weir_cursor_error(c, "more than %d deep", DEPTH_MAX);
    else if (config_setting_is_aggregate(value))
        put_aggregate(c, value, out, depth);
    else if (!weir_scalar_read(c, value, &s))
        return;
    else if (s.form == WEIR_FORM_STRING)
        put_string(s.text, s.n, out);
    else
        fputs(s.text, out);
}

const char *fields_json(const struct weir_options *o, const char *path, const config_setting_t *group)
{
    struct weir_cursor c = {.o = o, .where = weir_doc_place(group)};
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    weir_cursor_push(&c, path);
    if (out) put_value(&c, group, out, 0);
    bool written = out && fclose(out) == 0;
    const char *copy = written && !c.bad ? weir_arena_copy(o->arena, text, n) : NULL;
    if (!copy && !c.bad) weir_cursor_error(&c, "out of memory");
    free(text);
    return copy;
}
