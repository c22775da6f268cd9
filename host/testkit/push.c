/* push.c - what the test pushes on the left. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdlib.h>
#include <string.h>

uint64_t weir_kit_push(struct weir_kit *kit, const struct weir_kit_event *e)
{
    if (!kit->left) fail_msg("weir_kit_push: %s is a source, it has no left side", kit->under->plugin->name);
    struct pushed *p = calloc(1, sizeof *p);
    size_t n = e->key.n + e->value.n + 2;
    for (uint32_t i = 0; i < e->n_headers; i++)
        n += sizeof(struct weir_pair) + e->headers[i].name.n + e->headers[i].value.n + 2;
    uint8_t *at = p ? calloc(1, n) : NULL;
    struct pushed **grown = at ? realloc(kit->pushed, (kit->n_pushed + 1) * sizeof *grown) : NULL;
    if (!grown) fail_msg("out of memory");
    kit->pushed = grown;
    grown[kit->n_pushed++] = p;
    const struct weir_schema *schema = e->message ? weir_kit_schema(kit, e->message) : NULL;
    p->kit = kit;
    p->copy = at;
    struct weir_pair *headers = (struct weir_pair *)(void *)at;
    at += e->n_headers * sizeof *headers;
    struct weir_slice *parts[2] = {&p->ev.key, &p->ev.value};
    const struct weir_slice given[2] = {e->key, e->value};
    p->ev = (struct weir_event){.n_headers = e->n_headers, .headers = headers, .schema = schema ? schema->id : 0};
    for (int i = 0; i < 2; i++) {
        *parts[i] = (struct weir_slice){given[i].p ? at : NULL, given[i].n};
        if (given[i].n) memcpy(at, given[i].p, given[i].n);
        at += given[i].n + 1;
    }
    for (uint32_t i = 0; i < e->n_headers; i++) {
        headers[i] = (struct weir_pair){{at, e->headers[i].name.n}, {NULL, e->headers[i].value.n}};
        memcpy(at, e->headers[i].name.p, e->headers[i].name.n);
        at += e->headers[i].name.n + 1;
        headers[i].value.p = at;
        if (e->headers[i].value.n) memcpy(at, e->headers[i].value.p, e->headers[i].value.n);
        at += e->headers[i].value.n + 1;
    }
    p->ev.ts_ns = e->ts_ns ? e->ts_ns : host_calls.wall(&kit->under->ctx);
    p->ev.deadline_ns = e->deadline_ns;
    p->ev.position = e->position ? e->position : kit->n_pushed;
    p->ev.partition = e->partition;
    p->ev.attempt = e->attempt;
    return kit->n_pushed;
}

uint64_t weir_kit_push_text(struct weir_kit *kit, const char *message, const char *fields)
{
    size_t n;
    char why[256];
    uint8_t *wire = kit_encode(weir_kit_schema(kit, message), fields, &n, why, sizeof why);
    if (!wire) fail_msg("weir_kit_push_text: %s", why);
    const struct weir_kit_event e = {.message = message, .value = {wire, n}};
    uint64_t number = weir_kit_push(kit, &e);
    free(wire);
    return number;
}
