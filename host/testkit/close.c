/* close.c - drains, closes, and says which rule the plugin broke. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdio.h>
#include <stdlib.h>

static void drain_lane(struct weir_kit *kit)
{
    lane_enter(kit->lane);
    lane_start_drain(kit->lane);
    lane_leave(kit->lane);
    weir_kit_run(kit);
}

void weir_kit_drain(struct weir_kit *kit)
{
    kit_enter();
    drain_lane(kit);
    kit_leave();
}

bool weir_kit_drained(struct weir_kit *kit)
{
    return kit->lane->phase == LANE_CLOSING;
}

static bool is_drained(void *arg)
{
    return weir_kit_drained(arg);
}

static const char *first_unsettled(const struct weir_kit *kit, char *out, size_t size)
{
    for (uint64_t i = 0; i < kit->n_pushed; i++) {
        if (kit->pushed[i]->settled) continue;
        snprintf(out, size, "close: event %llu (at position %llu) was never settled", (unsigned long long)i + 1,
                 (unsigned long long)kit->pushed[i]->ev.position);
        return out;
    }
    return NULL;
}

/* How often to look, 20 ms apart. As the host, what failed has 5 s to leave in order; what waits for nothing that the
 * kit can see (a thread of its own may still post) has 2 s. */
static int patience(const struct weir_kit *kit)
{
    const struct stage *s = kit->under;
    if (s->state == WEIR_FAILED) return 250;
    return kit->lane->fake_clock && !s->watches && !s->works ? 100 : 1000;
}

/* False when it is never drained. */
static bool drain_for_close(struct weir_kit *kit)
{
    char event[128];
    const struct stage *s = kit->under;
    weir_kit_hold(kit, 0);
    kit_settle_rest(kit);
    drain_lane(kit);
    for (int i = 0; i < patience(kit) && !weir_kit_drained(kit); i++) {
        kit_settle_rest(kit);
        if (kit->lane->fake_clock && timers_next(&kit->lane->timers) != UINT64_MAX)
            weir_kit_advance(kit, timers_next(&kit->lane->timers) - kit->lane->fake_now);
        else
            weir_kit_wait(kit, is_drained, kit, 20);
    }
    if (weir_kit_drained(kit) || s->state == WEIR_FAILED) return true;
    const char *unsettled = first_unsettled(kit, event, sizeof event);
    kit_broke(kit, s->plugin->name, "%s, and it does not drain: %u tickets, %u batches, %u works left",
              unsettled ? unsettled : "close: all events are settled", s->tickets, s->batches, s->works);
    return false;
}

static void find_unsettled(struct weir_kit *kit)
{
    char event[128];
    const char *unsettled = kit->under->state == WEIR_FAILED ? NULL : first_unsettled(kit, event, sizeof event);
    if (unsettled) kit_broke(kit, kit->under->plugin->name, "%s", unsettled);
}

static void close_lane(struct weir_kit *kit)
{
    for (struct held *h = kit->held, *next; h; h = next) {
        next = h->next;
        kit_calls.settle_all(&h->at->ctx, h->batch, WEIR_UNKNOWN, "the test ended");
        free(h);
    }
    kit->held = NULL;
    lane_close(kit->lane);
    kit_free_posts(kit);
}

static void free_lane(struct weir_kit *kit)
{
    for (uint64_t i = 0; i < kit->n_pushed; i++) {
        free(kit->pushed[i]->copy);
        free(kit->pushed[i]->result_copy);
        free(kit->pushed[i]);
    }
    free(kit->pushed);
}

/* After the last lane: what the plugin shares goes, then its file's fini(); then nothing of it may be left. */
static void end(struct kit_open *o)
{
    char rule[512], left[400] = "", name[128] = "";
    if (o->pipeline) {
        snprintf(name, sizeof name, "%s", kit_plugin(o)->name);
        pipeline_unshare(o->pipeline);
        kit_exhume(o);
        pipeline_destroy(o->pipeline);
    }
    weir_metrics_free(o->metrics);
    weir_conf_free(o->conf);
    if (kit_account_close(name, o->flags | (*o->broken ? WEIR_KIT_NOT_ALONE : 0), left, sizeof left))
        kit_broke(o->lanes, name, "close: left behind %s", left);
    for (uint32_t i = 0; o->lanes && i < o->n_lanes; i++) free_lane(&o->lanes[i]);
    snprintf(rule, sizeof rule, "%s", o->broken);
    pthread_mutex_destroy(&o->lock);
    free(o->allocs.ranges);
    free(o->lanes);
    free(o);
    if (*rule) fail_msg("%s", rule);
}

/* As the host does when open() fails: what is open is closed without a drain. */
void kit_abandon(struct kit_open *o)
{
    if (o->pipeline) o->pipeline->failed = true;
    for (uint32_t i = 0; i < o->n_open; i++) close_lane(&o->lanes[i]);
    end(o);
}

void weir_kit_close(struct weir_kit *kit)
{
    struct kit_open *o = kit->open;
    if (kit != o->lanes) fail_msg("weir_kit_close: close the kit of lane 0, it closes them all");
    kit_enter();
    for (uint32_t i = 0; i < o->n_lanes; i++)
        if (!drain_for_close(&o->lanes[i])) kit_check_rules(kit); /* to close it now could crash it */
    for (uint32_t i = 0; i < o->n_lanes; i++) find_unsettled(&o->lanes[i]);
    for (uint32_t i = 0; i < o->n_lanes; i++) close_lane(&o->lanes[i]);
    end(o);
}
