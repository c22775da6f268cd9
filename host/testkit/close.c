/* close.c - drains, closes, and says which rule the plugin broke. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdio.h>
#include <stdlib.h>

void weir_kit_drain(struct weir_kit *kit)
{
    lane_enter(kit->lane);
    lane_start_drain(kit->lane);
    lane_leave(kit->lane);
    weir_kit_run(kit);
}

bool weir_kit_drained(struct weir_kit *kit)
{
    return kit->lane->phase == LANE_CLOSING;
}

static bool is_drained(void *arg)
{
    return weir_kit_drained(arg);
}

static void free_kit(struct weir_kit *kit)
{
    pipeline_unshare(kit->pipeline);
    pipeline_destroy(kit->pipeline);
    weir_metrics_free(kit->metrics);
    weir_conf_free(kit->conf);
    for (uint64_t i = 0; i < kit->n_pushed; i++) {
        free(kit->pushed[i]->copy);
        free(kit->pushed[i]->result_copy);
        free(kit->pushed[i]);
    }
    free(kit->pushed);
    free(kit);
}

static void drain_for_close(struct weir_kit *kit)
{
    kit_settle_rest(kit);
    weir_kit_drain(kit);
    int rounds = kit->under->state == WEIR_FAILED ? 250 : 1000; /* as the host: what failed has 5 s to leave in order */
    for (int i = 0; i < rounds && !weir_kit_drained(kit); i++) {
        kit_settle_rest(kit);
        if (kit->lane->fake_clock && timers_next(&kit->lane->timers) != UINT64_MAX)
            weir_kit_advance(kit, timers_next(&kit->lane->timers) - kit->lane->fake_now);
        else
            weir_kit_wait(kit, is_drained, kit, 20);
    }
    if (!weir_kit_drained(kit) && kit->under->state != WEIR_FAILED)
        fail_msg("close: plugin %s does not drain: %u tickets, %u batches, %u works left", kit->under->plugin->name,
                 kit->under->tickets, kit->under->batches, kit->under->works);
}

void weir_kit_close(struct weir_kit *kit)
{
    char open_events[128] = "";
    drain_for_close(kit);
    bool failed = kit->under->state == WEIR_FAILED;
    for (uint64_t i = 0; i < kit->n_pushed && !failed; i++)
        if (!kit->pushed[i]->settled && !*open_events)
            snprintf(open_events, sizeof open_events, "close: event %llu was never settled", (unsigned long long)i + 1);
    for (struct held *h = kit->held, *next; h; h = next) {
        next = h->next;
        host_calls.settle_all(&kit->right->ctx, h->batch, WEIR_UNKNOWN, "the test ended");
        free(h);
    }
    lane_close(kit->lane);
    char rule[512];
    snprintf(rule, sizeof rule, "%s", kit->broken);
    free_kit(kit);
    if (*rule) fail_msg("%s", rule);
    if (*open_events) fail_msg("%s", open_events);
}
