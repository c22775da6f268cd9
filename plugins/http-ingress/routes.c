/* routes.c - the routes of the conf as a table, and the look-up of a request in it.
 * A path is cut at its slashes once; literals compare by length and bytes, so a look-up costs a few compares a route.
 */
#include "http_ingress.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const methods[N_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

const char *method_name(enum method m)
{
    return methods[m];
}

/* ---- making the table: every rule across the options is checked here */

static int bad(struct weir_err *err, const struct route_conf *conf, const char *option, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int bad(struct weir_err *err, const struct route_conf *conf, const char *option, const char *fmt, ...)
{
    va_list args;
    err->status = WEIR_REJECT;
    if (conf)
        snprintf(err->option, sizeof err->option, "routes.%.*s.%s", (int)conf->name.n, (const char *)conf->name.p,
                 option);
    else
        snprintf(err->option, sizeof err->option, "%s", option);
    va_start(args, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, args);
    va_end(args);
    return -1;
}

static int text_field(const struct route_conf *conf, const char *option, const char *name,
                      const ProtobufCFieldDescriptor **field, struct weir_err *err)
{
    const ProtobufCMessageDescriptor *type = conf->event->descriptor;
    *field = protobuf_c_message_descriptor_get_field_by_name(type, name);
    if (!*field) return bad(err, conf, option, "%s has no field \"%.64s\"", type->name, name);
    if (weir_json_takes_text(*field)) return 0;
    return bad(err, conf, option, "a text cannot go into field \"%.64s\" of %s: it is repeated or a message", name,
               type->name);
}

static bool plain_segment(struct weir_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("{}%?#", s.p[i])) return false;
    return s.n > 0;
}

static int make_segment(struct route *r, struct weir_slice s, struct weir_err *err)
{
    char name[128];
    struct segment *seg = &r->segments[r->n_segments++];
    if (plain_segment(s)) {
        seg->text = s;
        return 0;
    }
    if (s.n < 3 || s.p[0] != '{' || s.p[s.n - 1] != '}' || s.n >= sizeof name)
        return bad(err, r->conf, "on", "expected a path like /v1/orders/{id}, found the part \"%.*s\"",
                   (int)(s.n < 64 ? s.n : 64), (const char *)s.p);
    memcpy(name, s.p + 1, s.n - 2);
    name[s.n - 2] = '\0';
    if (text_field(r->conf, "on", name, &seg->field, err) < 0) return -1;
    for (unsigned i = 0; i + 1 < r->n_segments; i++)
        if (r->segments[i].field == seg->field)
            return bad(err, r->conf, "on", "{%.64s} stands twice in the path", name);
    return 0;
}

static int make_path(struct route *r, struct weir_err *err)
{
    struct path path;
    const char *on = (const char *)r->conf->on.p, *space = strchr(on, ' ');
    size_t n = space ? (size_t)(space - on) : 0;
    for (r->method = GET; r->method < N_METHODS; r->method++)
        if (strlen(methods[r->method]) == n && strncmp(methods[r->method], on, n) == 0) break;
    if (r->method == N_METHODS || !path_split(&path, space + 1))
        return bad(err, r->conf, "on",
                   "expected GET, POST, PUT, PATCH or DELETE and a path of at most 16 parts, as \"POST /v1/orders\", "
                   "found \"%.80s\"",
                   on);
    for (unsigned i = 0; i < path.n; i++)
        if (make_segment(r, path.segments[i], err) < 0) return -1;
    return 0;
}

static bool is_token(struct weir_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", s.p[i])) return false;
    return s.n > 0;
}

static unsigned params_of(const struct route *r)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r->n_segments; i++) n += r->segments[i].field != NULL;
    return n;
}

static int make_headers(struct route *r, struct weir_err *err)
{
    const struct weir_pair *pairs = r->conf->headers.items;
    if (r->conf->headers.n + params_of(r) > MAX_GIVEN)
        return bad(err, r->conf, "headers", "at most %d headers and path parameters together", MAX_GIVEN);
    for (uint32_t i = 0; i < r->conf->headers.n; i++) {
        struct header_field *h = &r->headers[r->n_headers++];
        if (!is_token(pairs[i].name)) return bad(err, r->conf, "headers", "expected \"Header-Name=field\"");
        h->header = (const char *)pairs[i].name.p;
        if (text_field(r->conf, "headers", (const char *)pairs[i].value.p, &h->field, err) < 0) return -1;
        for (unsigned k = 0; k < r->n_segments; k++)
            if (r->segments[k].field == h->field)
                return bad(err, r->conf, "headers", "field \"%.64s\" comes from the path already", h->field->name);
    }
    unsigned given = params_of(r) + r->n_headers;
    r->needs_body = r->method != GET && r->method != DELETE && r->conf->event->descriptor->n_fields > given;
    return 0;
}

static int add_answers(struct route *r, const struct weir_list *list, const struct route_conf *conf,
                       struct weir_err *err)
{
    const struct weir_pair *pairs = list->items;
    for (uint32_t i = 0; i < list->n; i++) {
        char *end = NULL;
        const char *value = (const char *)pairs[i].value.p;
        unsigned long status = value ? strtoul(value, &end, 10) : 0;
        if (!pairs[i].name.n || !value || *end || pairs[i].value.n != 3 || status < 200 || status > 599)
            return bad(err, conf, "answers",
                       "expected \"outcome=status\" with a status from 200 to 599, found \"%.48s=%.48s\"",
                       pairs[i].name.p ? (const char *)pairs[i].name.p : "", value ? value : "");
        r->answers[r->n_answers++] = (struct answer_status){(const char *)pairs[i].name.p, (unsigned)status};
    }
    return 0;
}

/* The key must be a scalar of the message, and what leads to it single messages. */
static int check_key(const struct route_conf *conf, struct weir_err *err)
{
    const ProtobufCMessageDescriptor *type = conf->event->descriptor;
    const ProtobufCFieldDescriptor *f = NULL;
    char name[128];
    for (const char *p = conf->key.path; p;) {
        size_t n = strcspn(p, ".");
        if (f && f->type != PROTOBUF_C_TYPE_MESSAGE)
            f = NULL;
        else if (f)
            type = f->descriptor;
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        f = f || type == conf->event->descriptor ? protobuf_c_message_descriptor_get_field_by_name(type, name) : NULL;
        if (!f || f->label == PROTOBUF_C_LABEL_REPEATED)
            return bad(err, conf, "key", "%s has no single field \"%.64s\"", conf->event->full_name, conf->key.path);
        p = p[n] ? p + n + 1 : NULL;
    }
    if (f && f->type == PROTOBUF_C_TYPE_MESSAGE)
        return bad(err, conf, "key", "field \"%.64s\" is a message; a key is a scalar", conf->key.path);
    return 0;
}

static bool same_pattern(const struct route *a, const struct route *b)
{
    if (a->method != b->method || a->n_segments != b->n_segments) return false;
    for (unsigned i = 0; i < a->n_segments; i++) {
        const struct segment *x = &a->segments[i], *y = &b->segments[i];
        if (!x->field != !y->field) return false;
        if (!x->field && (x->text.n != y->text.n || memcmp(x->text.p, y->text.p, x->text.n) != 0)) return false;
    }
    return true;
}

static int make(struct route *r, const struct route_conf *conf, const struct cfg *cfg, struct weir_err *err)
{
    uint32_t n = conf->answers.n + cfg->answers.n;
    r->conf = conf;
    r->name = (const char *)conf->name.p;
    r->answers = calloc(n ? n : 1, sizeof *r->answers);
    if (!r->answers) return bad(err, conf, "on", "no memory");
    if (make_path(r, err) < 0 || make_headers(r, err) < 0 || check_key(conf, err) < 0) return -1;
    if (add_answers(r, &conf->answers, conf, err) < 0) return -1;
    return add_answers(r, &cfg->answers, NULL, err);
}

int routes_make(struct routes *routes, const struct cfg *cfg, struct weir_err *err)
{
    const char *conf = cfg->routes.items;
    routes->n = 0;
    routes->all = calloc(cfg->routes.n ? cfg->routes.n : 1, sizeof *routes->all);
    if (!routes->all) return bad(err, NULL, "routes", "no memory");
    for (uint32_t i = 0; i < cfg->routes.n; i++) {
        struct route *r = &routes->all[routes->n++];
        int rc = make(r, (const struct route_conf *)(const void *)(conf + (size_t)i * cfg->routes.stride), cfg, err);
        for (uint32_t k = 0; rc == 0 && k < i; k++)
            if (same_pattern(r, &routes->all[k]))
                rc = bad(err, r->conf, "on", "route \"%.64s\" answers this method and path already",
                         routes->all[k].name);
        if (rc == 0) continue;
        routes_free(routes);
        return -1;
    }
    return 0;
}

void routes_free(struct routes *routes)
{
    for (unsigned i = 0; i < routes->n; i++) free(routes->all[i].answers);
    free(routes->all);
    routes->all = NULL;
    routes->n = 0;
}

/* ---- looking a request up */

bool path_split(struct path *path, const char *url)
{
    path->n = 0;
    if (*url != '/') return false;
    if (!url[1]) return true;
    while (*url == '/') {
        size_t n = strcspn(++url, "/");
        if (path->n == MAX_SEGMENTS || !n) return false; /* "//" and a slash at the end are no path of ours */
        path->segments[path->n++] = (struct weir_slice){(const uint8_t *)url, n};
        url += n;
    }
    return true;
}

static bool fits(const struct route *r, const struct path *path)
{
    if (r->n_segments != path->n) return false;
    for (unsigned i = 0; i < path->n; i++) {
        const struct segment *seg = &r->segments[i];
        if (seg->field) continue;
        if (seg->text.n != path->segments[i].n || memcmp(seg->text.p, path->segments[i].p, seg->text.n) != 0)
            return false;
    }
    return true;
}

static unsigned literals(const struct route *r)
{
    return r->n_segments - params_of(r);
}

int routes_match(const struct routes *routes, const char *method, const struct path *path, const struct route **found)
{
    int rc = NO_PATH;
    if (strcmp(method, "HEAD") == 0) method = methods[GET];
    *found = NULL;
    for (unsigned i = 0; i < routes->n; i++) {
        const struct route *r = &routes->all[i];
        if (!fits(r, path)) continue;
        if (strcmp(methods[r->method], method) != 0) {
            if (rc == NO_PATH) rc = NO_METHOD;
        } else if (!*found || literals(r) > literals(*found)) { /* /orders/latest before /orders/{id} */
            *found = r;
            rc = MATCHED;
        }
    }
    return rc;
}

void routes_allow(const struct routes *routes, const struct path *path, char *out, size_t size)
{
    bool has[N_METHODS] = {false};
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < routes->n; i++)
        if (fits(&routes->all[i], path)) has[routes->all[i].method] = true;
    for (unsigned m = 0; m < N_METHODS; m++)
        if (has[m] && n < size)
            n += (size_t)snprintf(out + n, size - n, "%s%s%s", n ? ", " : "", methods[m], m == GET ? ", HEAD" : "");
}

unsigned route_status(const struct route *r, const char *outcome)
{
    for (unsigned i = 0; i < r->n_answers; i++)
        if (strcmp(r->answers[i].outcome, outcome) == 0) return r->answers[i].status;
    return 0;
}
