/* test_branches.c - a pipeline that is a tree: copies into branches, one branch by name, tickets, drain. */
#include "lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum { STAGES_MAX = 8 };
static struct {
    struct weir_conf conf;
    struct weir_conf_pipeline pc;
    struct weir_conf_stage stages[STAGES_MAX];
    struct weir_metrics *metrics;
    struct pipeline *pipeline;
    struct lane *lane;
    struct weir_batch *held[STAGES_MAX]; /* the last batch a sink was given */
    uint32_t n_done;
    enum weir_status worst;
    uint32_t broken;
} t;

static void done(struct weir_ctx *ctx, void *cookie, const struct weir_result *r)
{
    (void)ctx;
    (void)cookie;
    t.n_done++;
    t.worst = r->status;
}

static void hold(struct weir_ctx *ctx, struct weir_batch *b)
{
    t.held[stage_of(ctx)->index] = b;
}

/* ---- malloc of the host, which is linked in, can fail: the n-th from 1 on; 0: never */
static uint64_t fail_in;
void *__real_malloc(size_t);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return fail_in && !--fail_in ? NULL : __real_malloc(n);
}

static uint64_t fail_forward_at;
static void pass(struct weir_ctx *ctx, struct weir_batch *b)
{
    fail_in = fail_forward_at;
    weir_forward(ctx, b);
    fail_in = 0;
}

static void second(struct weir_ctx *ctx, struct weir_batch *b)
{
    ctx->host->forward_to(ctx, b, 1);
}

static void beyond(struct weir_ctx *ctx, struct weir_batch *b)
{
    ctx->host->forward_to(ctx, b, ctx->n_outputs);
}

static const struct weir_plugin source = {.name = "source", .roles = WEIR_SOURCE, .done = done},
                                sink = {.name = "sink", .roles = WEIR_SINK, .push = hold},
                                filter = {.name = "filter", .roles = WEIR_FILTER, .push = pass},
                                router = {.name = "router", .roles = WEIR_FILTER, .push = second},
                                astray = {.name = "astray", .roles = WEIR_FILTER, .push = beyond};
static const struct weir_loaded a_source = {&source, ""}, a_sink = {&sink, ""}, a_filter = {&filter, ""},
                                a_router = {&router, ""}, an_astray = {&astray, ""};

static void stage(const char *name, const struct weir_loaded *l, uint32_t parent, const char *branch)
{
    t.stages[t.pc.n_stages++] =
        (struct weir_conf_stage){.name = name, .loaded = l, .file = "t", .parent = parent, .branch = branch};
}

static void broke(void *arg, struct stage *s, const char *rule)
{
    (void)arg;
    (void)s;
    (void)rule;
    t.broken++;
}

static void start(void)
{
    static const struct lane_hooks hooks = {broke, NULL};
    struct weir_err err = {0};
    struct stage *at;
    t.pipeline = pipeline_create(&t.conf, &t.pc, t.metrics, NULL, -1);
    assert_non_null(t.pipeline);
    t.lane = &t.pipeline->lanes[0];
    t.lane->fake_clock = true;
    t.lane->hooks = &hooks;
    assert_int_equal(lane_init(t.lane, t.pipeline, 0), 0);
    assert_int_equal(lane_open(t.lane, &err, &at), 0);
}

static int begin(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.metrics = weir_metrics_new();
    t.conf.watchdog_ns = 60000000000;
    t.pc = (struct weir_conf_pipeline){.name = "tree",
                                       .lanes = 1,
                                       .window_events = 10000,
                                       .window_bytes = 1 << 20,
                                       .drain_timeout_ns = 1000000000,
                                       .stages = t.stages};
    return t.metrics ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    lane_close(t.lane);
    pipeline_destroy(t.pipeline);
    weir_metrics_free(t.metrics);
    return 0;
}

static void emit(uint32_t n)
{
    struct weir_ctx *ctx = &t.lane->stages[0].ctx;
    struct weir_batch *b = host_calls.batch_new(ctx, n);
    assert_non_null(b);
    for (; b->n < n; b->n++) {
        uint8_t *bytes = host_calls.batch_alloc(b, 3);
        memcpy(bytes, "abc", 3);
        b->ev[b->n].value = (struct weir_slice){bytes, 3};
        b->ev[b->n].ticket = host_calls.ticket_new(ctx, NULL, 1);
        assert_non_null(b->ev[b->n].ticket);
    }
    lane_enter(t.lane);
    host_calls.forward(ctx, b);
    lane_leave(t.lane);
}

static void settle(uint32_t stage, enum weir_status status)
{
    assert_non_null(t.held[stage]);
    assert_memory_equal(t.held[stage]->ev[0].value.p, "abc", 3); /* ASan would tell */
    lane_enter(t.lane);
    host_calls.settle_all(&t.lane->stages[stage].ctx, t.held[stage], status, NULL);
    lane_leave(t.lane);
    t.held[stage] = NULL;
}

static void drain(void)
{
    lane_enter(t.lane);
    lane_start_drain(t.lane);
    lane_leave(t.lane);
}

static void an_event_goes_into_each_branch(void **state)
{
    (void)state;
    stage("in", &a_source, 0, NULL);
    stage("a", &a_sink, 0, "left");
    stage("b", &a_sink, 0, "middle");
    stage("c", &a_sink, 0, "right");
    start();
    assert_int_equal(t.lane->stages[0].ctx.n_outputs, 3);
    assert_string_equal(t.lane->stages[0].ctx.outputs[2], "right");
    assert_false(t.lane->stages[0].ctx.last);
    assert_true(t.lane->stages[1].ctx.last && t.lane->stages[2].ctx.last && t.lane->stages[3].ctx.last);
    emit(2);
    assert_int_equal(t.lane->used_events, 2); /* charged once, however many branches */
    settle(1, WEIR_OK);
    settle(3, WEIR_RETRY);
    assert_int_equal(t.n_done, 0);
    drain();
    assert_int_equal(t.lane->phase, LANE_DRAINING); /* one branch still has them */
    settle(2, WEIR_OK);
    assert_int_equal(t.n_done, 2);
    assert_int_equal(t.worst, WEIR_UNKNOWN); /* the others have had it */
    assert_int_equal(t.lane->used_events, 0);
    assert_int_equal(t.lane->used_bytes, 0);
    assert_int_equal(t.lane->phase, LANE_CLOSING);
    assert_int_equal(t.broken, 0);
}

static void branches_may_nest(void **state)
{
    (void)state;
    stage("in", &a_source, 0, NULL);
    stage("pass", &a_filter, 0, "one");
    stage("a", &a_sink, 1, "one-a");
    stage("b", &a_sink, 1, "one-b");
    stage("c", &a_sink, 0, "two");
    start();
    emit(1);
    settle(4, WEIR_OK);
    settle(2, WEIR_OK);
    assert_int_equal(t.n_done, 0);
    settle(3, WEIR_UNKNOWN);
    assert_int_equal(t.n_done, 1);
    assert_int_equal(t.worst, WEIR_UNKNOWN);
    drain();
    assert_int_equal(t.lane->phase, LANE_CLOSING);
    assert_int_equal(t.broken, 0);
}

static void a_router_chooses_a_branch(void **state)
{
    (void)state;
    stage("in", &a_source, 0, NULL);
    stage("route", &a_router, 0, NULL);
    stage("a", &a_sink, 1, "left");
    stage("b", &a_sink, 1, "right");
    start();
    assert_int_equal(t.lane->stages[0].ctx.n_outputs, 0);
    emit(1);
    assert_null(t.held[2]);
    settle(3, WEIR_OK);
    assert_int_equal(t.n_done, 1);
    drain();
    assert_int_equal(t.lane->phase, LANE_CLOSING);
    assert_int_equal(t.broken, 0);
}

static void without_memory_nothing_goes_anywhere(void **state)
{
    (void)state;
    uint32_t failed = 0;
    stage("in", &a_source, 0, NULL);
    stage("pass", &a_filter, 0, NULL);
    stage("a", &a_sink, 1, "left");
    stage("b", &a_sink, 1, "middle");
    stage("c", &a_sink, 1, "right");
    start();
    for (uint64_t n = 1;; n++) {
        t.n_done = 0;
        fail_forward_at = n;
        emit(3000); /* too large for the pool's lists: every copy asks malloc */
        fail_forward_at = 0;
        if (t.held[2]) break;
        failed++;
        assert_null(t.held[3]);
        assert_null(t.held[4]);
        assert_int_equal(t.n_done, 3000);
        assert_int_equal(t.worst, WEIR_RETRY);
        t.worst = WEIR_OK;
    }
    assert_true(failed >= 2);
    for (uint32_t i = 2; i < 5; i++) settle(i, WEIR_OK);
    assert_int_equal(t.n_done, 3000);
    assert_int_equal(t.worst, WEIR_OK);
    drain();
    assert_int_equal(t.lane->phase, LANE_CLOSING);
    assert_int_equal(t.broken, 0);
}

static void a_busy_branch_closes_the_flow_of_all(void **state)
{
    (void)state;
    stage("in", &a_source, 0, NULL);
    stage("a", &a_sink, 0, "left");
    stage("b", &a_sink, 0, "right");
    start();
    assert_true(host_calls.room(&t.lane->stages[0].ctx) > 0);
    host_calls.busy(&t.lane->stages[2].ctx, true);
    assert_int_equal(host_calls.room(&t.lane->stages[0].ctx), 0);
    host_calls.busy(&t.lane->stages[1].ctx, true);
    host_calls.busy(&t.lane->stages[2].ctx, false);
    assert_int_equal(host_calls.room(&t.lane->stages[0].ctx), 0);
    host_calls.busy(&t.lane->stages[1].ctx, false);
    assert_true(host_calls.room(&t.lane->stages[0].ctx) > 0);
    drain();
    assert_int_equal(t.lane->phase, LANE_CLOSING);
}

static void an_output_that_is_none_breaks_a_rule(void **state)
{
    (void)state;
    stage("in", &a_source, 0, NULL);
    stage("route", &an_astray, 0, NULL);
    stage("a", &a_sink, 1, "left");
    stage("b", &a_sink, 1, "right");
    start();
    emit(1);
    assert_true(t.broken > 0);
    assert_int_equal(t.n_done, 1);
    assert_int_equal(t.worst, WEIR_UNKNOWN);
    drain();
    assert_int_equal(t.lane->phase, LANE_CLOSING);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {TEST(an_event_goes_into_each_branch),
                                       TEST(branches_may_nest),
                                       TEST(a_router_chooses_a_branch),
                                       TEST(without_memory_nothing_goes_anywhere),
                                       TEST(a_busy_branch_closes_the_flow_of_all),
                                       TEST(an_output_that_is_none_breaks_a_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
