/* test_verdict.c - what confs guarantee, by what their plugins promise. */
#include "promised_confs.h"

static int verdict(bool strict)
{
    struct weir_errors errs = {0};
    size_t n = 0, m = 0;
    free(said);
    free(errors_said);
    FILE *out = open_memstream(&said, &n), *err = open_memstream(&errors_said, &m);
    assert_non_null(out);
    assert_non_null(err);
    int windows = weir_verdict(&conf, strict, out, &errs);
    weir_errors_print(&errs, err);
    fclose(out);
    fclose(err);
    weir_errors_free(&errs);
    return windows;
}

/* ---- what is promised */

static void replayed_and_made_once(void **state)
{
    (void)state;
    pipeline("record");
    stage("in", &replaying);
    stage("sink", &once);
    assert_int_equal(verdict(true), 0);
    assert_string_equal(said, "record (t.conf:100): in ▸ sink\n"
                              "  reads: log:orders\n"
                              "  writes: table:orders\n"
                              "  guarantee: at-least-once, made once by (epoch, seq)\n"
                              "  loss window: none\n");
    assert_string_equal(errors_said, "");
}

static void answered_when_durable(void **state)
{
    (void)state;
    pipeline("orders");
    stage("web", &web);
    stage("limit", &refusing);
    stage("sink", &durable);
    assert_int_equal(verdict(true), 0);
    has_line(said, "guarantee: answered only when durable\n");
    has_line(said, "loss window: none\n");
}

static void ok_before_durable(void **state)
{
    (void)state;
    pipeline("orders");
    stage("in", &replaying);
    stage("print", &loose);
    assert_int_equal(verdict(false), 1);
    assert_string_equal(errors_said, "");
    has_line(said, "guarantee: at-least-once only as far as `print`, which says OK before an event is durable\n");
    has_line(said, "loss window: what `print` does: `print` says OK before an event is durable; a crash loses");
    assert_int_equal(verdict(true), 1);
    has_line(errors_said, "t.conf:102: print: loss window on what `print` does");
    has_line(errors_said, "settle events by a stage that is durable when it says OK");
}

static void no_promise_is_never_safe(void **state)
{
    (void)state;
    pipeline("orders");
    stage("in", &replaying);
    stage("odd", NULL);
    stage("sink", &once);
    assert_int_equal(verdict(false), 1);
    has_line(said, "guarantee: unknown: `odd` (plugin silent) makes no promise\n");
    has_line(said, "loss window: unknown\n");
    assert_int_equal(verdict(true), 1);
    has_line(errors_said, "t.conf:102: odd: plugin silent makes no promise");
}

/* ---- early answers and who repairs what they may lose */

static void relay(struct weir_promise *sink)
{
    pipeline("relay");
    stage("missing", &repairing);
    stage("publish", sink);
}

static void early_answer_alone(void **state)
{
    (void)state;
    take_orders(&publishing);
    assert_int_equal(verdict(false), 1);
    has_line(said, "guarantee: answered only when durable at `ask`, made once by (id); `publish` has it after that "
                   "answer, at-most-once\n");
    has_line(said,
             "loss window: log:orders: what `ask` has answered and `publish` has not yet made durable is lost in a "
             "crash; nothing repairs it\n");
    assert_string_equal(errors_said, "");
    assert_int_equal(verdict(true), 1);
    has_line(errors_said, "t.conf:102: ask: loss window on log:orders");
    has_line(errors_said, "add a pipeline whose source repairs log:orders to the confs given");
}

static void early_answer_repaired(void **state)
{
    (void)state;
    take_orders(&publishing);
    relay(&publishing);
    assert_int_equal(verdict(true), 0);
    has_line(said, "`publish` has it after that answer, at-least-once\n");
    has_line(said, "loss window: none, `relay` repairs log:orders\n");
    assert_string_equal(errors_said, "");
}

static void a_repair_must_hold(void **state)
{
    (void)state;
    take_orders(&publishing);
    relay(&durable); /* writes somewhere else */
    assert_int_equal(verdict(false), 1);
    has_line(said, "`relay` claims to repair it, but does not itself write it there durably");
    end(state);
    begin(state);
    take_orders(&publishing);
    relay(&loose_publishing); /* not durable */
    assert_int_equal(verdict(false), 2);
}

/* What was answered is where the call's server put it: a repair from elsewhere does not have it. */
static void a_repair_reads_what_was_answered(void **state)
{
    (void)state;
    struct weir_promise elsewhere = ledger;
    strcpy(elsewhere.writes, "ledger:other");
    take_orders(&publishing);
    relay(&publishing);
    pipeline("ledger");
    stage("calls", &serving);
    stage("ledger", &ledger);
    assert_int_equal(verdict(true), 0);
    has_line(said, "loss window: none, `relay` repairs log:orders\n");
    stages[n_stages - 1].cfg = &elsewhere;
    assert_int_equal(verdict(false), 1);
    has_line(said, "`relay` claims to repair it, but does not read what was answered");
}

/* Whoever confirms too early hides the loss from the one who repairs. */
static void repair_does_not_help_a_sink_that_lies(void **state)
{
    (void)state;
    take_orders(&loose_publishing);
    relay(&publishing);
    assert_int_equal(verdict(false), 1);
    has_line(said, "loss window: log:orders: `publish` says OK before an event is durable");
}

static void require_is_strict_for_one(void **state)
{
    (void)state;
    take_orders(&publishing);
    pipelines[0].require_no_loss = true;
    pipeline("print");
    stage("in", &replaying);
    stage("print", &loose);
    assert_int_equal(verdict(false), 2);
    has_line(errors_said, "t.conf:102: ask:");
    assert_null(strstr(errors_said, "print:"));
}

static void refusal_after_an_effect(void **state)
{
    (void)state;
    pipeline("orders");
    stage("web", &web);
    stage("ask", &asking);
    stage("limit", &refusing);
    stage("publish", &publishing);
    relay(&publishing);
    verdict(false);
    assert_string_equal(
        errors_said, "t.conf:103: limit: may refuse an event after `ask` (t.conf:102) has had an effect that a refusal "
                     "cannot undo; move it before `ask`\n");
}

static void each_branch_has_its_guarantee(void **state)
{
    (void)state;
    pipeline("record");
    stage("in", &replaying);
    stage("sink", &once);
    branch("keep", 0);
    stage("pass", &loose);
    branch("show", 0);
    stage("screen", &loose);
    assert_int_equal(verdict(false), 1);
    assert_string_equal(said,
                        "record (t.conf:100): in ▸ { keep: sink | show: pass ▸ screen }\n"
                        "  reads: log:orders\n"
                        "  writes: table:orders\n"
                        "  guarantee: to `sink`: at-least-once, made once by (epoch, seq)\n"
                        "             to `screen`: at-least-once only as far as `screen`, which says OK before an "
                        "event is durable\n"
                        "  loss window: what `screen` does: `screen` says OK before an event is durable; a crash "
                        "loses what it still held\n");
    assert_string_equal(errors_said, "");
}

static void an_answer_in_one_branch_is_none_in_another(void **state)
{
    (void)state;
    pipeline("orders");
    stage("web", &web);
    stage("ask", &asking);
    branch("ledger", 0);
    stage("publish", &publishing);
    stage("sink", &durable);
    branch("copy", 0);
    assert_int_equal(verdict(false), 1);
    has_line(said, "to `publish`: answered only when durable at `ask`, made once by (id); `publish` has it after that "
                   "answer, at-most-once\n");
    has_line(said, "to `sink`: answered only when durable\n");
    has_line(said, "  loss window: log:orders: what `ask` has answered and `publish` has not yet made durable");
}

static void no_refusal_beside_an_effect(void **state)
{
    (void)state;
    pipeline("orders");
    stage("web", &web);
    stage("ask", &asking);
    branch("ledger", 0);
    stage("keep", &durable);
    stage("limit", &refusing);
    branch("copy", 0);
    stage("also", &durable);
    verdict(false);
    assert_string_equal(
        errors_said, "t.conf:104: limit: may refuse an event of which `ask` (t.conf:102) has an effect that a refusal "
                     "cannot undo; move it before `ask`\n");
}

/* Each event goes one way: what one branch does is no concern of another. */
static void a_choice_parts_effects_from_refusals(void **state)
{
    (void)state;
    pipeline("orders");
    stage("web", &web);
    stage("choose", &loose);
    stages[1].loaded = &choosing;
    stage("ask", &asking);
    branch("ledger", 1);
    stage("keep", &durable);
    stage("limit", &refusing);
    branch("copy", 1);
    stage("also", &durable);
    verdict(false);
    assert_string_equal(errors_said, "");
}

static void a_repair_that_chooses_is_none(void **state)
{
    (void)state;
    take_orders(&publishing);
    pipeline("relay");
    stage("from", &repairing);
    stage("choose", &loose);
    stages[4].loaded = &choosing;
    stage("publish", &publishing);
    branch("a", 1);
    stage("keep", &durable);
    branch("b", 1);
    assert_int_equal(verdict(false), 1);
    has_line(said, "`relay` claims to repair it, but does not itself write it there durably");
    stages[4].loaded = &with_promise; /* a copy in each branch */
    assert_int_equal(verdict(false), 0);
}

static void joins_by_name(void **state)
{
    (void)state;
    take_orders(&publishing);
    pipeline("ledger");
    stage("calls", &serving);
    stage("ledger", &ledger);
    pipeline("record");
    stage("in", &replaying);
    stage("sink", &once);
    verdict(false);
    has_line(said, "  calls: call:ledger (served by `ledger`)\n  writes: log:orders (read by `record`)\n");
    has_line(said, "  serves: call:ledger (called by `orders`)\n");
    has_line(said, "  reads: log:orders (written by `orders` with a loss window)\n");
    struct weir_promise writes_call = {.flags = WEIR_DURABLE_ON_OK, .writes = "call:ledger"};
    stages[1].cfg = &writes_call; /* a call may stand on the side of what a stage writes, too */
    verdict(false);
    has_line(said, "  calls: call:ledger (served by `ledger`)\n");
    has_line(said, "  serves: call:ledger (called by `orders`)\n");
}

static void odd_confs(void **state)
{
    (void)state;
    pipeline("empty");
    pipeline("alone");
    stage("in", &replaying);
    verdict(false);
    has_line(said, "guarantee: none: a pipeline needs a source and a stage that settles its events\n");
    stages[0].cfg = NULL; /* invalid: an error was reported before */
    stages[0].loaded = NULL;
    verdict(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(replayed_and_made_once),
        TEST(answered_when_durable),
        TEST(ok_before_durable),
        TEST(no_promise_is_never_safe),
        TEST(early_answer_alone),
        TEST(early_answer_repaired),
        TEST(a_repair_must_hold),
        TEST(a_repair_reads_what_was_answered),
        TEST(repair_does_not_help_a_sink_that_lies),
        TEST(require_is_strict_for_one),
        TEST(refusal_after_an_effect),
        TEST(each_branch_has_its_guarantee),
        TEST(an_answer_in_one_branch_is_none_in_another),
        TEST(no_refusal_beside_an_effect),
        TEST(a_choice_parts_effects_from_refusals),
        TEST(a_repair_that_chooses_is_none),
        TEST(joins_by_name),
        TEST(odd_confs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
