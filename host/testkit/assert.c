/* assert.c - the macros' other half: they fail with the test's own file and line. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdio.h>

static const char *status_name(enum weir_status status)
{
    static const char *const names[] = {"OK", "REJECT", "RETRY", "UNKNOWN", "FATAL"};
    return (unsigned)status < 5 ? names[status] : "no status";
}

static void failed(const char *file, int line, const char *msg)
{
    print_error("%s\n", msg);
    _fail(file, line);
}

static bool numbered(const struct weir_kit *kit, uint64_t number, const char *file, int line)
{
    char msg[128];
    if (number && number <= kit->n_pushed) return true;
    snprintf(msg, sizeof msg, "event %llu was never pushed", (unsigned long long)number);
    failed(file, line, msg);
    return false;
}

void weir_kit_assert_settled_at(struct weir_kit *kit, uint64_t number, enum weir_status status, const char *outcome,
                                const char *file, int line)
{
    char msg[512];
    if (!numbered(kit, number, file, line)) return;
    const struct weir_result *r = weir_kit_settled(kit, number);
    if (!outcome) outcome = "";
    if (r && r->status == status && !strcmp(r->outcome_name, outcome)) return;
    int n = snprintf(msg, sizeof msg, "plugin %s: event %llu: expected %s \"%s\", found ", kit->under->plugin->name,
                     (unsigned long long)number, status_name(status), outcome);
    if (r)
        snprintf(msg + n, sizeof msg - (size_t)n, "%s \"%s\"%s%s", status_name(r->status), r->outcome_name,
                 r->why ? ": " : "", r->why ? r->why : "");
    else
        snprintf(msg + n, sizeof msg - (size_t)n, "it not settled");
    failed(file, line, msg);
}

void weir_kit_assert_not_settled_at(struct weir_kit *kit, uint64_t number, const char *file, int line)
{
    char msg[512];
    if (!numbered(kit, number, file, line)) return;
    const struct weir_result *r = weir_kit_settled(kit, number);
    if (!r) return;
    snprintf(msg, sizeof msg, "plugin %s: event %llu: expected it not settled, found %s \"%s\"%s%s",
             kit->under->plugin->name, (unsigned long long)number, status_name(r->status), r->outcome_name,
             r->why ? ": " : "", r->why ? r->why : "");
    failed(file, line, msg);
}

struct weir_event *weir_kit_assert_forwarded_at(struct weir_kit *kit, const char *file, int line)
{
    char msg[256];
    struct weir_event *ev = weir_kit_forwarded(kit);
    if (ev) return ev;
    snprintf(msg, sizeof msg, "plugin %s: expected an event to come out, found none that was not taken",
             kit->under->plugin->name);
    failed(file, line, msg);
    return NULL;
}

void weir_kit_assert_nothing_forwarded_at(struct weir_kit *kit, const char *file, int line)
{
    char msg[256];
    const struct weir_event *ev = weir_kit_forwarded(kit);
    if (!ev) return;
    snprintf(msg, sizeof msg, "plugin %s: expected nothing to come out, found the event at position %llu",
             kit->under->plugin->name, (unsigned long long)ev->position);
    failed(file, line, msg);
}

void weir_kit_assert_state_at(struct weir_kit *kit, enum weir_state state, const char *file, int line)
{
    static const char *const names[] = {"STARTING", "READY", "DEGRADED", "DRAINED", "FAILED"};
    char msg[512];
    const char *why;
    enum weir_state found = weir_kit_state(kit, &why);
    if (found == state) return;
    snprintf(msg, sizeof msg, "plugin %s: expected state %s, found %s%s%s", kit->under->plugin->name, names[state],
             names[found], *why ? ": " : "", why);
    failed(file, line, msg);
}
