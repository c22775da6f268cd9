/* options_scalar.c - from a scalar in the conf to the member of the cfg struct: one small parser a type. */
#include "options_impl.h"
#include "units.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 80 };

bool weir_scalar_read(struct weir_cursor *c, const config_setting_t *setting, struct weir_scalar *out)
{
    char msg[512], text[64];
    struct weir_expanded e = {0};
    *out = (struct weir_scalar){.form = WEIR_FORM_STRING};
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        if (weir_vars_expand(c->o->vars, config_setting_get_string(setting), c->where.file, &e, msg, sizeof msg) < 0) {
            weir_cursor_error(c, "%s", msg);
            return false;
        }
        *out = (struct weir_scalar){e.text, e.n, WEIR_FORM_STRING, e.secret};
        return true;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        out->form = WEIR_FORM_INT;
        snprintf(text, sizeof text, "%lld", config_setting_get_int64(setting));
        break;
    case CONFIG_TYPE_FLOAT:
        out->form = WEIR_FORM_FLOAT;
        snprintf(text, sizeof text, "%.17g", config_setting_get_float(setting));
        break;
    case CONFIG_TYPE_BOOL:
        out->form = WEIR_FORM_BOOL;
        snprintf(text, sizeof text, "%s", config_setting_get_bool(setting) ? "true" : "false");
        break;
    default: return false; /* the caller has asked for a scalar */
    }
    out->n = strlen(text);
    out->text = weir_arena_copy(c->o->arena, text, out->n);
    if (!out->text) weir_cursor_error(c, "out of memory");
    return out->text != NULL;
}

/* The value as a message may show it. */
static const char *shown(const struct weir_opt *opt, const struct weir_scalar *s, char buf[SHOWN_MAX + 16])
{
    if (s->secret || (opt->flags & WEIR_SECRET)) return "a secret";
    const char *quote = s->form == WEIR_FORM_STRING ? "\"" : "";
    snprintf(buf, SHOWN_MAX + 16, "%s%.*s%s%s", quote, SHOWN_MAX, s->text, s->n > SHOWN_MAX ? "..." : "", quote);
    return buf;
}

static void wrong(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, const char *why)
{
    char buf[SHOWN_MAX + 16];
    weir_cursor_error(c, "%s, found %s", why, shown(opt, s, buf));
}

const char *weir_options_value(const struct weir_opt *opt, int64_t value, char buf[32])
{
    if (opt->type == WEIR_SIZE) return weir_format_size((uint64_t)value, buf);
    if (opt->type == WEIR_DURATION) return weir_format_duration((uint64_t)value, buf);
    snprintf(buf, 32, "%" PRId64, value);
    return buf;
}

/* side < 0: below the smallest; > 0: above the largest; 0: fine. */
static bool check_bounds(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, int side)
{
    char bound[32], buf[SHOWN_MAX + 16];
    if (!side || (!opt->min && !opt->max)) return true;
    const char *value = shown(opt, s, buf);
    size_t n = strlen(value);
    if (*value == '"' && n > 1) { /* 5s is above ...: no quotes around what is a number */
        buf[n - 1] = '\0';
        value++;
    }
    weir_cursor_error(c, "%s is %s the %s, %s", value, side < 0 ? "below" : "above", side < 0 ? "smallest" : "largest",
                      weir_options_value(opt, side < 0 ? opt->min : opt->max, bound));
    return false;
}

static void parse_bool(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    bool value;
    const char *why = s->form == WEIR_FORM_INT || s->form == WEIR_FORM_FLOAT ? "expected true or false"
                                                                             : weir_parse_bool(s->text, &value);
    if (why)
        wrong(c, opt, s, why);
    else
        *(bool *)member = value;
}

static void parse_int(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    int64_t value;
    const char *why = weir_parse_int(s->text, &value);
    if (why)
        wrong(c, opt, s, why);
    else if (check_bounds(c, opt, s, value < opt->min ? -1 : value > opt->max))
        *(int64_t *)member = value;
}

static void parse_float(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    double value;
    const char *why = s->form == WEIR_FORM_BOOL ? "expected a number" : weir_parse_float(s->text, &value);
    if (why)
        wrong(c, opt, s, why);
    else if (check_bounds(c, opt, s, value < (double)opt->min ? -1 : value > (double)opt->max))
        *(double *)member = value;
}

static void parse_quantity(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    uint64_t value;
    const char *why = opt->type == WEIR_SIZE ? weir_parse_size(s->text, &value) : weir_parse_duration(s->text, &value);
    int side = 0;
    if (why) {
        wrong(c, opt, s, why);
        return;
    }
    if (opt->min > 0 && value < (uint64_t)opt->min) side = -1;
    if (value > (opt->max > 0 ? (uint64_t)opt->max : 0)) side = side ? side : 1;
    if (check_bounds(c, opt, s, side)) *(uint64_t *)member = value;
}

static void parse_string(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    char buf[SHOWN_MAX + 16];
    if (s->form != WEIR_FORM_STRING) {
        const char *value = shown(opt, s, buf);
        weir_cursor_error(c, "expected a string, found %s: write it in quotes", value);
        return;
    }
    *(struct weir_slice *)member = (struct weir_slice){(const uint8_t *)s->text, s->n};
    if (((opt->flags & WEIR_SECRET) || s->secret) && weir_vars_hide(c->o->vars, s->text, s->n) < 0)
        weir_cursor_error(c, "out of memory");
}

static size_t count(const char *const *names)
{
    size_t n = 0;
    while (names[n]) n++;
    return n;
}

static void parse_enum(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    char list[512] = "", buf[SHOWN_MAX + 16];
    size_t used = 0, n = count(opt->choices);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(opt->choices[i], s->text) == 0) {
            *(int *)member = (int)i;
            return;
        }
        int wrote =
            snprintf(list + used, sizeof list - used, "%s\"%s\"", i ? i + 1 < n ? ", " : " or " : "", opt->choices[i]);
        if (wrote > 0 && used + (size_t)wrote < sizeof list) used += (size_t)wrote;
    }
    const char *near = weir_nearest(s->text, opt->choices, n);
    if (near && !s->secret && !(opt->flags & WEIR_SECRET))
        weir_cursor_error(c, "expected %s, found %s; did you mean \"%s\"?", list, shown(opt, s, buf), near);
    else
        weir_cursor_error(c, "expected %s, found %s", list, shown(opt, s, buf));
}

static void parse_field(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    char buf[SHOWN_MAX + 16];
    const char *near = NULL;
    if (!s->n) return;
    if (s->form != WEIR_FORM_STRING) {
        wrong(c, opt, s, "expected the path of a field such as \"order.id\"");
        return;
    }
    bool known =
        !c->o->schemas || !weir_schemas_count(c->o->schemas) || weir_schemas_has_path(c->o->schemas, s->text, &near);
    if (known || c->from_default) /* a default may belong to a schema that this conf does not need */
        ((struct weir_field *)member)->path = s->text;
    else
        weir_cursor_error(c, "no loaded message has a field %s%s%s%s", shown(opt, s, buf),
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static const char *nearest_message(const struct weir_schemas *schemas, const char *text)
{
    uint32_t n = weir_schemas_count(schemas);
    const char **names = calloc(n ? n : 1, sizeof *names);
    for (uint32_t i = 0; names && i < n; i++) {
        const struct weir_schema *schema = weir_schemas_by_id(schemas, i + 1);
        names[i] = schema ? schema->full_name : NULL;
    }
    const char *near = names ? weir_nearest(text, names, n) : NULL;
    free(names);
    return near;
}

static void parse_message(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    char buf[SHOWN_MAX + 16];
    if (!s->n) return;
    if (s->form != WEIR_FORM_STRING) {
        wrong(c, opt, s, "expected the full name of a message type");
        return;
    }
    const struct weir_schema *schema = c->o->schemas ? weir_schemas_find(c->o->schemas, s->text) : NULL;
    if (schema) {
        *(const struct weir_schema **)member = schema;
        return;
    }
    if (!c->o->schemas || !weir_schemas_count(c->o->schemas)) {
        weir_cursor_error(c, "no message %s: no *.schema.so is in the plugin folders; build one with weir_add_schema",
                          shown(opt, s, buf));
        return;
    }
    const char *near = nearest_message(c->o->schemas, s->text);
    weir_cursor_error(c, "no message %s is loaded; %s%s%s", shown(opt, s, buf), near ? "did you mean \"" : "",
                      near ? near : "put the *.schema.so that has it into a plugin folder", near ? "\"?" : "");
}

void weir_scalar_parse(struct weir_cursor *c, const struct weir_opt *opt, const struct weir_scalar *s, void *member)
{
    static void (*const parsers[])(struct weir_cursor *, const struct weir_opt *, const struct weir_scalar *,
                                   void *) = {
        [WEIR_BOOL] = parse_bool,     [WEIR_INT] = parse_int,           [WEIR_FLOAT] = parse_float,
        [WEIR_SIZE] = parse_quantity, [WEIR_DURATION] = parse_quantity, [WEIR_STRING] = parse_string,
        [WEIR_ENUM] = parse_enum,     [WEIR_FIELD] = parse_field,       [WEIR_MESSAGE] = parse_message,
    };
    bool empty = s->form == WEIR_FORM_STRING && s->n == 0;
    if (empty && (opt->flags & WEIR_REQUIRED) && !c->from_default)
        weir_cursor_error(c, "required, but empty (%s)", opt->doc ? opt->doc : "no description");
    else
        parsers[opt->type](c, opt, s, member);
}
