/* look.c - what a test may ask of the plugin while it is open. */
#include "cmocka_include.h"
#include "kit.h"

const struct weir_result *weir_kit_settled(struct weir_kit *kit, uint64_t number)
{
    if (!number || number > kit->n_pushed)
        fail_msg("weir_kit_settled: event %llu was never pushed", (unsigned long long)number);
    struct pushed *p = kit->pushed[number - 1];
    return p->settled ? &p->result : NULL;
}

enum weir_state weir_kit_state(struct weir_kit *kit, const char **why)
{
    if (why) *why = kit->under->why;
    return kit->under->state;
}

double weir_kit_metric(struct weir_kit *kit, const char *name)
{
    return stage_metric_sum(kit->under, name);
}

struct weir_ctx *weir_kit_ctx(struct weir_kit *kit)
{
    return &kit->under->ctx;
}

const struct weir_schema *weir_kit_schema(struct weir_kit *kit, const char *full_name)
{
    const struct weir_schema *s = weir_schemas_find(kit->open->conf->schemas, full_name);
    if (!s) fail_msg("no schema module has the message \"%s\"", full_name);
    return s;
}
