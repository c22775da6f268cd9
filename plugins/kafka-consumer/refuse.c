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

static const struct header_cfg *missing_header(const struct consumer *c, const rd_kafka_message_t *m)
{
    const struct weir_list *list = &c->cfg->headers;
    rd_kafka_headers_t *headers = NULL;
    if (list->n && rd_kafka_message_headers(m, &headers)) headers = NULL;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct header_cfg *h = (const void *)((const char *)list->items + (size_t)i * list->stride);
        const void *value;
        size_t n;
        if (!headers || rd_kafka_header_get_last(headers, (const char *)h->name.p, &value, &n)) return h;
    }
    return NULL;
}

/* What its header says that it is, when that is not what is expected. */
static bool other_schema(const struct consumer *c, const rd_kafka_message_t *m, struct weir_slice *is)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    if (!c->cfg->schema_header.n || !c->cfg->event || rd_kafka_message_headers(m, &headers)) return false;
    if (rd_kafka_header_get_last(headers, (const char *)c->cfg->schema_header.p, &value, &is->n)) return false;
    is->p = value;
    const char *expected = c->cfg->event->full_name;
    return is->n != strlen(expected) || memcmp(is->p, expected, is->n) != 0;
}

static bool refuse(struct weir_result *r, uint32_t outcome, const char *why)
{
    *r = (struct weir_result){
        .status = WEIR_REJECT, .outcome = outcome, .outcome_name = refusals[outcome].name, .why = why};
    return true;
}

bool refuse_record(const struct consumer *c, const rd_kafka_message_t *m, struct weir_result *r, char why[200])
{
    const struct header_cfg *missing;
    struct weir_slice is;
    if (m->len > c->cfg->max_value) {
        snprintf(why, 200, "the value has %zu bytes, max_value is %llu", m->len, (unsigned long long)c->cfg->max_value);
        return refuse(r, TOO_LARGE, why);
    }
    if (!m->payload && c->cfg->event) {
        snprintf(why, 200, "the record has no value, expected a %.150s", c->cfg->event->full_name);
        return refuse(r, NO_VALUE, why);
    }
    if ((missing = missing_header(c, m))) {
        snprintf(why, 200, "the record has no header \"%.150s\"", (const char *)missing->name.p);
        return refuse(r, MISSING_HEADER, why);
    }
    if (other_schema(c, m, &is)) {
        snprintf(why, 200, "the record says that it is a \"%.*s\", expected %.100s", is.n < 60 ? (int)is.n : 60,
                 (const char *)is.p, c->cfg->event->full_name);
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
