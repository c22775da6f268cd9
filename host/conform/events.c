/* events.c - what is pushed into a plugin under test. */
#include "conform.h"
#include "kit.h"
#include <stdlib.h>
#include <string.h>

static struct weir_slice text(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static void any_headers(struct random_event *e, struct rng *r)
{
    static const char *const names[] = {"traceparent", "x-test", "", "content-type"};
    static const char *const values[] = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "", "a",
                                         "\xff\xfe"};
    e->event.headers = e->headers;
    e->event.n_headers = rng_below(r, 4);
    for (uint32_t i = 0; i < e->event.n_headers; i++)
        e->headers[i] = (struct weir_pair){text(names[rng_below(r, 4)]), text(values[rng_below(r, 4)])};
}

static const struct weir_schema *any_schema(struct rng *r, struct weir_ctx *ctx)
{
    uint32_t n = 0;
    while (ctx->host->schema_by_id(ctx, n + 1)) n++;
    return n && rng_below(r, 4) ? ctx->host->schema_by_id(ctx, 1 + rng_below(r, n)) : NULL;
}

static void any_value(struct random_event *e, struct rng *r, struct weir_ctx *ctx)
{
    const struct weir_schema *schema = any_schema(r, ctx);
    size_t n = rng_below(r, rng_below(r, 4) ? 64 : 1000);
    if (schema) {
        e->value = random_message(r, schema->descriptor, &n);
        e->event.message = schema->full_name;
        if (n && rng_below(r, 8) == 0) n = rng_below(r, (uint32_t)n); /* cut short */
    } else {
        e->value = malloc(n + 1);
        if (!e->value) abort();
        for (size_t i = 0; i < n; i++) e->value[i] = (uint8_t)rng_next(r);
    }
    e->event.value = (struct weir_slice){e->value, n};
}

static void given_value(struct random_event *e, struct rng *r, const struct conform *c, struct weir_ctx *ctx)
{
    char why[256];
    size_t n;
    uint32_t i = rng_below(r, c->n_messages);
    const struct weir_schema *schema = ctx->host->schema(ctx, c->messages[i].message);
    if (!schema) conform_fail("--message: no schema module has the message \"%s\"", c->messages[i].message);
    e->value = kit_encode(schema, c->messages[i].fields, &n, why, sizeof why);
    if (!e->value) conform_fail("--message: %s", why);
    e->event.message = schema->full_name;
    e->event.value = (struct weir_slice){e->value, n};
}

void random_event(struct random_event *e, struct rng *r, const struct conform *c, struct weir_ctx *ctx)
{
    uint32_t key = rng_below(r, rng_below(r, 4) ? 12 : sizeof e->key);
    *e = (struct random_event){.event = {.partition = rng_below(r, 4), .attempt = rng_below(r, 8) == 0}};
    for (uint32_t i = 0; i < key; i++) e->key[i] = (uint8_t)rng_next(r);
    e->event.key = (struct weir_slice){e->key, key};
    any_headers(e, r);
    if (rng_below(r, 8) == 0) e->event.deadline_ns = 1; /* long past */
    if (c->n_messages)
        given_value(e, r, c, ctx);
    else
        any_value(e, r, ctx);
}

void random_event_free(struct random_event *e)
{
    free(e->value);
}
