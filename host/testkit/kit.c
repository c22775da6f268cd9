/* kit.c - opens one plugin between the kit's ends, runs its lane under the test's clock, checks at close. */
#include "kit.h"
#include "cmocka_include.h"
#include "log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void broken(void *arg, struct stage *s, const char *rule)
{
    struct weir_kit *kit = arg;
    if (!*kit->broken) snprintf(kit->broken, sizeof kit->broken, "plugin %s broke a rule: %s", s->plugin->name, rule);
}

static void check_rules(struct weir_kit *kit)
{
    if (*kit->broken) fail_msg("%s", kit->broken);
}

/* ---- open */
static uint32_t roles_of(const char *name)
{
    struct weir_loader *loader = weir_loader_new();
    char msg[512];
    if (!loader || weir_loader_defaults(loader)) fail_msg("out of memory");
    const struct weir_loaded *l = weir_loader_get(loader, name, msg, sizeof msg);
    if (!l) fail_msg("%s", msg);
    uint32_t roles = l->plugin->roles;
    weir_loader_free(loader);
    return roles;
}

/* The stage's group begins on line 1, as the test wrote it. */
static struct weir_conf *load(const char *name, const char *conf, unsigned flags, struct weir_errors *errs)
{
    static const struct weir_plugin *const ends[] = {&kit_left, &kit_right, NULL};
    uint32_t roles = roles_of(name);
    const char *base = strrchr(name, '/');
    char stage[128], *text = NULL;
    snprintf(stage, sizeof stage, "%s", base ? base + 1 : name);
    stage[strcspn(stage, ".")] = 0;
    bool source = roles == WEIR_SOURCE, sink = !(roles & WEIR_FILTER) || (flags & WEIR_KIT_LAST);
    if (source) sink = false;
    if (asprintf(&text, "pipelines = { kit = { stages = { %s %s = { plugin = \"%s\" \n%s\n} %s } } }\n",
                 source ? "" : "kit-left = {}", stage, name, conf ? conf : "", sink ? "" : "kit-right = {}") < 0)
        fail_msg("out of memory");
    const struct weir_conf_source from = {.text = text, .text_name = "conf", .builtins = ends};
    struct weir_conf *c = weir_conf_load(&from, errs);
    free(text);
    if (!c) fail_msg("out of memory");
    /* the line that the kit put before the test's own */
    for (size_t i = 0; i < errs->n; i++)
        if (errs->v[i].line > 1) errs->v[i].line--;
    return c;
}

static char *errors_text(struct weir_errors *errs)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f) fail_msg("out of memory");
    weir_errors_print(errs, f);
    fclose(f);
    weir_errors_free(errs);
    return text;
}

char *weir_kit_refuses(const char *name, const char *conf)
{
    struct weir_errors errs = {0};
    weir_conf_free(load(name, conf, 0, &errs));
    return errs.n ? errors_text(&errs) : NULL;
}

static void find_sides(struct weir_kit *kit)
{
    for (uint32_t i = 0; i < kit->lane->n_stages; i++) {
        struct stage *s = &kit->lane->stages[i];
        if (!strcmp(s->plugin->name, kit_left.name))
            kit->left = s;
        else if (!strcmp(s->plugin->name, kit_right.name))
            kit->right = s;
        else
            kit->under = s;
    }
    if (kit->left) kit->pipeline->shared[kit->left->index] = kit;
    if (kit->right) kit->pipeline->shared[kit->right->index] = kit;
}

static void open_lane(struct weir_kit *kit, unsigned flags)
{
    struct weir_errors errs = {0};
    struct weir_err err = {0};
    struct stage *at = NULL;
    kit->lane = &kit->pipeline->lanes[0];
    kit->lane->fake_clock = !(flags & WEIR_KIT_REAL_CLOCK);
    kit->lane->fake_now = 1000000000;
    kit->hooks = (struct lane_hooks){broken, kit};
    kit->lane->hooks = &kit->hooks;
    for (uint32_t i = 0; i < kit->pipeline->conf->n_stages; i++)
        if (weir_loader_init(kit->conf->loader, kit->pipeline->conf->stages[i].loaded, &err))
            fail_msg("init: %s", err.msg);
    if (pipeline_share(kit->pipeline, &errs)) fail_msg("%s", errors_text(&errs));
    if (lane_init(kit->lane, kit->pipeline, 0)) fail_msg("out of memory");
    find_sides(kit);
    if (lane_open(kit->lane, &err, &at)) fail_msg("open of %s: %s %s", at->ctx.stage, err.option, err.msg);
}

struct weir_kit *weir_kit_open_with(const char *name, const char *conf, unsigned flags)
{
    struct weir_errors errs = {0};
    struct weir_kit *kit = calloc(1, sizeof *kit);
    if (!kit) fail_msg("out of memory");
    weir_log_setup(getenv("WEIR_KIT_DEBUG") ? WEIR_DEBUG : WEIR_ERROR, false);
    kit->held_tail = &kit->held;
    kit->conf = load(name, conf, flags, &errs);
    if (errs.n) fail_msg("%s was refused:\n%s", name, errors_text(&errs));
    weir_errors_free(&errs);
    kit->metrics = weir_metrics_new();
    if (!kit->metrics) fail_msg("out of memory");
    kit->pipeline = pipeline_create(kit->conf, &kit->conf->pipelines[0], kit->metrics, NULL, -1);
    if (!kit->pipeline) fail_msg("out of memory");
    open_lane(kit, flags);
    weir_kit_run(kit);
    return kit;
}

struct weir_kit *weir_kit_open(const char *name, const char *conf)
{
    return weir_kit_open_with(name, conf, 0);
}

/* ---- run */
static void turn(struct weir_kit *kit)
{
    lane_enter(kit->lane);
    kit_send_pushed(kit);
    lane_leave(kit->lane);
}

static void settle_down(struct weir_kit *kit)
{
    /* A plugin that is always ready would keep us here: enough is enough. */
    for (int quiet = 0, n = 0; quiet < 2 && n < 10000; n++) {
        uint64_t before = kit->lane->turns;
        uv_run(&kit->lane->loop, kit->under->works ? UV_RUN_ONCE : UV_RUN_NOWAIT);
        quiet = kit->lane->turns == before && !kit->under->works ? quiet + 1 : 0;
        if (kit->lane->phase == LANE_CLOSING) break;
    }
}

void weir_kit_run(struct weir_kit *kit)
{
    turn(kit);
    settle_down(kit);
    check_rules(kit);
}

void weir_kit_advance(struct weir_kit *kit, uint64_t ns)
{
    struct lane *lane = kit->lane;
    if (!lane->fake_clock) fail_msg("weir_kit_advance: the kit was opened with WEIR_KIT_REAL_CLOCK");
    uint64_t until = lane->fake_now + ns;
    weir_kit_run(kit);
    for (uint64_t due; (due = timers_next(&lane->timers)) <= until;) {
        if (due > lane->fake_now) lane->fake_now = due;
        lane_fire_timers(lane);
        weir_kit_run(kit);
    }
    lane->fake_now = until;
    weir_kit_run(kit);
}

static void woken(uv_timer_t *timer)
{
    (void)timer;
}

static uint64_t real_ms(void)
{
    return uv_hrtime() / 1000000;
}

bool weir_kit_wait(struct weir_kit *kit, bool (*cond)(void *), void *arg, unsigned timeout_ms)
{
    uint64_t until = real_ms() + timeout_ms;
    bool met;
    uv_timer_t look; /* the condition may depend on things outside the loop */
    uv_timer_init(&kit->lane->loop, &look);
    uv_timer_start(&look, woken, 5, 5);
    turn(kit);
    while (!(met = cond(arg)) && real_ms() < until && !*kit->broken && kit->lane->phase != LANE_CLOSING)
        uv_run(&kit->lane->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&look, NULL);
    settle_down(kit); /* lets the handle close before it goes out of scope */
    check_rules(kit);
    return met;
}

struct wanted {
    struct weir_kit *kit;
    uint64_t number;
    struct weir_event *ev;
    enum weir_state state;
};

static bool is_settled(void *arg)
{
    struct wanted *w = arg;
    return weir_kit_settled(w->kit, w->number) != NULL;
}

bool weir_kit_wait_settled(struct weir_kit *kit, uint64_t number, unsigned timeout_ms)
{
    struct wanted w = {kit, number, NULL, WEIR_STARTING};
    return weir_kit_wait(kit, is_settled, &w, timeout_ms);
}

static bool is_forwarded(void *arg)
{
    struct wanted *w = arg;
    if (!w->ev) w->ev = weir_kit_forwarded(w->kit);
    return w->ev != NULL;
}

struct weir_event *weir_kit_wait_forwarded(struct weir_kit *kit, unsigned timeout_ms)
{
    struct wanted w = {kit, 0, NULL, WEIR_STARTING};
    weir_kit_wait(kit, is_forwarded, &w, timeout_ms);
    return w.ev;
}

static bool is_state(void *arg)
{
    struct wanted *w = arg;
    return w->kit->under->state == w->state;
}

bool weir_kit_wait_state(struct weir_kit *kit, enum weir_state state, unsigned timeout_ms)
{
    struct wanted w = {kit, 0, NULL, state};
    return weir_kit_wait(kit, is_state, &w, timeout_ms);
}

/* ---- left side */
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

const struct weir_result *weir_kit_settled(struct weir_kit *kit, uint64_t number)
{
    if (!number || number > kit->n_pushed)
        fail_msg("weir_kit_settled: event %llu was never pushed", (unsigned long long)number);
    struct pushed *p = kit->pushed[number - 1];
    return p->settled ? &p->result : NULL;
}

/* ---- what else a test may ask */
void weir_kit_flow(struct weir_kit *kit, bool open)
{
    kit->lane->flow_pinned_shut = !open;
    weir_kit_run(kit);
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
    const struct weir_schema *s = weir_schemas_find(kit->conf->schemas, full_name);
    if (!s) fail_msg("no schema module has the message \"%s\"", full_name);
    return s;
}

/* ---- close */
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
