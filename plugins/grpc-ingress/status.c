/* status.c - what became of an event, as a gRPC status: the conf's `answers` for outcomes, a table for the rest. */
#include "ingress.h"
#include <string.h>

static const char *const names[] = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};
enum { N_NAMES = sizeof names / sizeof *names };

bool status_by_name(struct weir_slice name, grpc_status_code *out)
{
    for (int i = 0; i < N_NAMES; i++)
        if (strlen(names[i]) == name.n && !memcmp(names[i], name.p, name.n)) {
            *out = (grpc_status_code)i;
            return true;
        }
    return false;
}

const char *status_name(grpc_status_code code)
{
    return (unsigned)code < N_NAMES ? names[code] : "UNKNOWN";
}

static bool answer_for(const struct cfg *cfg, const char *slug, grpc_status_code *out)
{
    const struct weir_pair *pairs = cfg->answers.items;
    for (uint32_t i = 0; i < cfg->answers.n; i++)
        if (pairs[i].name.n == strlen(slug) && !memcmp(pairs[i].name.p, slug, pairs[i].name.n))
            return status_by_name(pairs[i].value, out);
    return false;
}

struct verdict status_of(const struct cfg *cfg, const struct weir_result *r)
{
    static const struct verdict by_status[] = {
        [WEIR_OK] = {GRPC_STATUS_OK, "", ""},
        [WEIR_REJECT] = {GRPC_STATUS_INVALID_ARGUMENT, "rejected", "rejected"},
        [WEIR_RETRY] = {GRPC_STATUS_UNAVAILABLE, "not-executed", "not executed; send it again"},
        [WEIR_UNKNOWN] = {GRPC_STATUS_UNKNOWN, "unknown", "may have been executed; send it again with the same key"},
        [WEIR_FATAL] = {GRPC_STATUS_INTERNAL, "fatal", "the pipeline stops"},
    };
    struct verdict v = by_status[r->status];
    if (r->outcome_name && *r->outcome_name) {
        v.slug = r->outcome_name;
        if (r->status <= WEIR_REJECT) { /* an outcome never hides that something may have been executed */
            answer_for(cfg, v.slug, &v.code);
            v.message = v.slug;
        }
    }
    if (r->why && *r->why) v.message = r->why;
    return v;
}
