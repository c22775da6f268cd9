/* conf_doc.c - hands the prepared text to libconfig and keeps the line map beside its tree. */
#include "conf_doc.h"
#include <stdlib.h>
#include <string.h>
#include <weir/plugin.h>

static struct weir_place place_at(const struct weir_doc *doc, size_t line)
{
    if (!doc->n_lines) return (struct weir_place){doc->name, 0};
    if (line < 1) line = 1;
    return doc->lines[line <= doc->n_lines ? line - 1 : doc->n_lines - 1];
}

struct weir_place weir_doc_place(const config_setting_t *setting)
{
    const struct weir_doc *doc = weir_container(setting->config, struct weir_doc, config);
    return place_at(doc, setting->line);
}

static struct weir_doc *parse(struct weir_text *text, const char *name)
{
    struct weir_doc *doc = calloc(1, sizeof *doc);
    if (!doc) {
        weir_errors_add(text->errs, name, 0, "out of memory");
        return NULL;
    }
    config_init(&doc->config);
    doc->lines = text->lines;
    doc->n_lines = text->n_lines;
    doc->name = weir_arena_copy(text->arena, name, strlen(name));
    text->lines = NULL;
    if (config_read_string(&doc->config, text->out ? text->out : "")) return doc;
    /* Everything known was named before; this is what libconfig alone objects to. */
    struct weir_place at = place_at(doc, (size_t)config_error_line(&doc->config));
    weir_errors_add(text->errs, at.file, at.line, "%s", config_error_text(&doc->config));
    weir_doc_free(doc);
    return NULL;
}

struct weir_doc *weir_doc_file(const char *path, struct weir_arena *arena, struct weir_errors *errs)
{
    struct weir_text text = {.arena = arena, .errs = errs};
    struct weir_doc *doc = weir_text_file(&text, path) == 0 ? parse(&text, path) : NULL;
    weir_text_free(&text);
    return doc;
}

struct weir_doc *weir_doc_text(const char *source, const char *name, struct weir_arena *arena, struct weir_errors *errs)
{
    struct weir_text text = {.arena = arena, .errs = errs};
    struct weir_doc *doc = weir_text_string(&text, source, name) == 0 ? parse(&text, name) : NULL;
    weir_text_free(&text);
    return doc;
}

void weir_doc_free(struct weir_doc *doc)
{
    if (!doc) return;
    config_destroy(&doc->config);
    free(doc->lines);
    free(doc);
}
