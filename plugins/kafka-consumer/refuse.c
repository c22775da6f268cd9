/* refuse.c - records that are wrong before any stage has looked at them. */
#include "kafka_consumer.h"
#include <stdio.h>
#include <string.h>

const struct weir_outcome refusals[] = {
    WEIR_OUTCOME_NONE,
    [TOO_LARGE] = {"too-large", "the value is larger than `max_value`"},
    [NO_VALUE] = {"no-value", "the record has no value (a tombstone), but `event` says that it is a message"},
    [MISSING_HEADER] = {"missing-header", "a header that `headers` names is not there"},
    [WRONG_SCHEMA] = {"wrong-schema", "the header `schema_header` names another message than `event`"},
    WEIR_OUTCOME_END};

static bool is(struct weir_slice a, struct weir_slice b)
{
    return a.n == b.n && !memcmp(a.p, b.p, a.n);
}

/* Mostly they are the first ones, in the order of the list. */
static const struct header_cfg *missing_header(const struct consumer *c, const struct weir_event *ev)
{
    const struct weir_list *list = &c->cfg->headers;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct header_cfg *h = (const void *)((const char *)list->items + (size_t)i * list->stride);
        bool found = i < ev->n_headers && is(ev->headers[i].name, h->name);
        for (uint32_t k = 0; !found && k < ev->n_headers; k++) found = is(ev->headers[k].name, h->name);
        if (!found) return h;
    }
    return NULL;
}

/* What its header says that it is, when that is not what is expected. The last one of that name counts. */
static bool other_schema(const struct consumer *c, const struct weir_event *ev, struct weir_slice *found)
{
    if (!c->cfg->schema_header.n || !c->cfg->event) return false;
    const char *expected = c->cfg->event->full_name;
    for (uint32_t i = ev->n_headers; i-- > 0;) {
        if (!is(ev->headers[i].name, c->cfg->schema_header)) continue;
        *found = ev->headers[i].value;
        return !is(*found, (struct weir_slice){(const uint8_t *)expected, strlen(expected)});
    }
    return false;
}

static bool refuse(struct weir_result *r, uint32_t outcome, const char *why)
{
    *r = (struct weir_result){
        .status = WEIR_REJECT, .outcome = outcome, .outcome_name = refusals[outcome].name, .why = why};
    return true;
}

bool refuse_size(const struct consumer *c, const struct slot *s, struct weir_result *r, char why[200])
{
    if (s->n_value <= c->cfg->max_value) return false;
    snprintf(why, 200, "the value has %u bytes, max_value is %llu", s->n_value, (unsigned long long)c->cfg->max_value);
    return refuse(r, TOO_LARGE, why);
}

bool refuse_event(const struct consumer *c, const struct weir_event *ev, struct weir_result *r, char why[200])
{
    const struct header_cfg *missing;
    struct weir_slice found;
    if (!ev->value.p && c->cfg->event) {
        snprintf(why, 200, "the record has no value, expected a %.150s", c->cfg->event->full_name);
        return refuse(r, NO_VALUE, why);
    }
    if ((missing = missing_header(c, ev))) {
        snprintf(why, 200, "the record has no header \"%.150s\"", (const char *)missing->name.p);
        return refuse(r, MISSING_HEADER, why);
    }
    if (other_schema(c, ev, &found)) {
        snprintf(why, 200, "the record says that it is a \"%.*s\", expected %.100s", found.n < 60 ? (int)found.n : 60,
                 (const char *)found.p, c->cfg->event->full_name);
        return refuse(r, WRONG_SCHEMA, why);
    }
    return false;
}

/* Anything that is not a plain number is somebody else's header, and 0. */
uint16_t attempts_before(struct weir_slice text)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || (n = n * 10 + (text.p[i] - '0')) >= UINT16_MAX) return 0;
    }
    return (uint16_t)n;
}
