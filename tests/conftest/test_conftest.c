/* test_conftest.c - weir test: what each expectation that is not met is told. */
#include "conftest_case.h"
#include <stdio.h>
#include <string.h>

#define STAGES(text) "pipelines = {\n  p = {\n    stages = {\n" text "\n    }\n  }\n}\n"
static const char hello[] = STAGES("generator = { rate = 1 value = \"hello {seq}\" key = \"k\" }\n stdout = {}");
static const char filter[] = STAGES("generator = { value = \"v\" }\n kinds = {}\n null = {}");
static const char typed[] = STAGES("generator = { event = \"bets.v1.PlaceBet\" }\n stake-limit = {}\n null = {}");
#define BET "message = \"bets.v1.PlaceBet\" fields = { bet_id = \"b\" stake_minor = 5 }"
#define BOTH "fakes = [ \"generator\", \"stdout\" ]\n"

static const struct conftest_case passes[] = {
    {"a source alone",
     hello,
     "fakes = [ \"stdout\" ] steps = ( { arrives = { value = \"hello 1\" key = \"k\" position = 1 } } )",
     0,
     {"ok      it.test.conf:3: it (", "1 passed, 0 failed"}},
    {"a filter between fakes, in message and reply",
     typed,
     "steps = ( { push = { " BET " headers = [ \"h=1\" ] partition = 2 attempt = 3 deadline = \"1s\" }\n"
     "arrives = { " BET " headers = [ \"h=1\" ] partition = 2 attempt = 3 deadline = \"1s\" }\n"
     "settle = { why = \"because\" message = \"bets.v1.BetAccepted\" fields = { bet_id = \"b\" } headers = [ \"x=y\" ] "
     "}\n"
     "settled = { why = \"cau\" message = \"bets.v1.BetAccepted\" fields = { bet_id = \"b\" } headers = [ \"x=y\" ] } "
     "} )",
     0,
     {"1 passed"}},
    {"a filter that refuses",
     STAGES("generator = { value = \"v\" }\n stake-limit = { max = 4 }\n null = {}"),
     "steps = ( { push = { " BET " } settled = { outcome = \"stake-too-large\" }\n"
     "metrics = [ \"weir_settled_total{stage=stake-limit,outcome=stake-too-large}=1\" ] } )",
     0,
     {"1 passed"}},
    {"a fake filter passes on, answers and sends of its own",
     filter,
     "fakes = [ \"generator\", \"kinds\", \"null\" ]\n"
     "steps = ( { push = { at = \"generator\" name = \"one\" value = \"1\" } },\n"
     "{ push = { at = \"generator\" name = \"two\" value = \"2\" } },\n"
     "{ arrives = { at = \"kinds\" name = \"first\" value = \"1\" } }, { arrives = { at = \"kinds\" name = \"second\" "
     "} },\n"
     "{ settle = { at = \"kinds\" name = \"second\" outcome = \"too-many\" } },\n"
     "{ settled = { at = \"generator\" name = \"two\" outcome = \"too-many\" } },\n"
     "{ pass = { at = \"kinds\" name = \"first\" } }, { arrives = { at = \"null\" value = \"1\" } },\n"
     "{ push = { at = \"kinds\" value = \"3\" } }, { arrives = { at = \"null\" value = \"3\" name = \"third\" } },\n"
     "{ settle = { at = \"null\" name = \"third\" status = \"reject\" } }, { settled = { at = \"kinds\" status = "
     "\"reject\" } },\n"
     "{ settle = { at = \"null\" } }, { settled = { at = \"generator\" name = \"one\" } },\n"
     "{ metrics = [ \"weir_events_in_total=2\", \"weir_events_out_total{status=ok}=2\", \"weir_window_events=0\",\n"
     "\"weir_events_total{stage=kinds}=2\", \"weir_settled_total{stage=kinds}=1\", "
     "\"weir_forwarded_total{stage=kinds}=1\" ] } )",
     0,
     {"1 passed"}},
    {"a window that is shut",
     hello,
     BOTH "steps = ( { flow = \"closed\" push = { value = \"x\" }\n metrics = [ \"weir_window_events=0\" ] },\n"
          "{ flow = \"open\" arrives = { value = \"x\" } } )",
     0,
     {"1 passed"}},
    {"a drain waits for what is in flight",
     hello,
     BOTH "steps = ( { push = {} arrives = {} drain = true drained = false },\n{ settle = {} settled = {} drained = "
          "true } )",
     0,
     {"1 passed"}},
    {"a real sink prints",
     hello,
     "fakes = [ \"generator\" ]\nsteps = ( { push = { value = \"x\" } settled = {} prints = [ \"x\" ] } )",
     0,
     {"1 passed"}},
    {"loose", hello, "fakes = [] loose = true steps = ( { advance = \"3s\" } )", 0, {"1 passed"}},
    {"refused as expected",
     STAGES("generator = { rat = 1 }\n stdout = {}"),
     "refused = [ \"did you mean \\\"rate\\\"\" ]",
     0,
     {"1 passed"}},
};

static const struct conftest_case fails[] = {
    {"another value",
     hello,
     "fakes = [ \"stdout\" ]\nsteps = ( { arrives = {\n value = \"hello 7\" } } )",
     1,
     {"FAILED  it.test.conf:3: it (", "    it.test.conf:5: arrives: what came to stdout is not as expected\n",
      "      --- expected\n      +++ seen\n      -value: hello 7\n      +value: hello 1\n", "0 passed, 1 failed"}},
    {"another field, a missing and one too many",
     typed,
     "steps = ( { push = { " BET
     " } },\n{ arrives = { message = \"bets.v1.PlaceBet\" fields = { stake_minor = 6 currency = \"EUR\" } } } )",
     1,
     {"it.test.conf:5: arrives", "       message: bets.v1.PlaceBet\n", "-fields.bet_id: \n", "+fields.bet_id: b\n",
      "-fields.stake_minor: 6\n", "+fields.stake_minor: 5\n", "-fields.currency: EUR\n"}},
    {"a zero that is five",
     typed,
     "steps = ( { push = { " BET " } arrives = { message = \"bets.v1.PlaceBet\" has = { stake_minor = 0 } } } )",
     1,
     {"-fields.stake_minor: 0\n", "+fields.stake_minor: 5\n"}},
    {"a header that is not there",
     hello,
     BOTH "steps = ( { push = {} arrives = { headers = [ \"h=1\" ] } } )",
     1,
     {"-header h: 1\n"}},
    {"bytes that are no text",
     hello,
     BOTH "steps = ( { push = { value = \"a\\x01\\xff\" } arrives = { value = \"a\" } } )",
     1,
     {"-value: a\n", "+value: a\\x01\\xff\n"}},
    {"nothing came",
     hello,
     BOTH "steps = (\n{ arrives = {} } )",
     1,
     {"    it.test.conf:6: arrives: nothing came to stdout\n"}},
    {"more came",
     hello,
     "fakes = [ \"stdout\" ] steps = ( { drained = false } )",
     1,
     {"    it.test.conf:3: more came than is expected\n", "      stdout got an event that no `arrives` expects:\n",
      "+value: hello 1\n"}},
    {"more was settled",
     hello,
     "fakes = [ \"generator\" ]\nsteps = ( { push = { value = \"x\" } prints = [ \"x\" ] } )",
     1,
     {"more came than",
      "the event that generator pushed at line 5 was settled, and no `settled` expects it:\n      +status: ok\n"}},
    {"more was printed",
     hello,
     "fakes = [ \"generator\" ]\nsteps = ( { push = { value = \"x\" } settled = {} } )",
     1,
     {"these lines were written to stdout, and no `prints` expects them:\n      +fields line 1: x\n"}},
    {"another status",
     hello,
     BOTH "steps = ( { push = {} settle = { status = \"unknown\" why = \"lost\" } settled = { status = \"retry\" why = "
          "\"away\" } } )",
     1,
     {"settled: what became of the event of generator is not as expected", "-status: retry\n", "+status: unknown\n",
      "-why: ... away ...\n", "+why: lost\n"}},
    {"another outcome",
     typed,
     "steps = ( { push = { " BET " } settle = { } settled = { outcome = \"stake-too-large\" } } )",
     1,
     {"-outcome: stake-too-large\n", "+outcome: \n"}},
    {"another reply",
     typed,
     "steps = ( { push = { " BET " } settle = { message = \"bets.v1.BetAccepted\" fields = { bet_id = \"b\" } } "
     "settled = { message = \"bets.v1.PlaceBet\" has = { bet_id = \"c\" } } } )",
     1,
     {"-message: bets.v1.PlaceBet\n", "+message: bets.v1.BetAccepted\n", "-fields.bet_id: c\n", "+fields.bet_id: b\n"}},
    {"still open",
     hello,
     BOTH "steps = ( { push = {} arrives = {} settled = {} } )",
     1,
     {"settled: the event is still open"}},
    {"asked twice",
     hello,
     BOTH "steps = ( { push = {} settle = {} settled = {} },\n{ settled = {} } )",
     1,
     {"it.test.conf:6: settled: no event of generator is left to ask for"}},
    {"nothing to settle", hello, BOTH "steps = ( { settle = {} } )", 1, {"settle: no event is at stdout"}},
    {"settled twice",
     hello,
     BOTH
     "steps = ( { push = {} arrives = { name = \"it\" } settle = { name = \"it\" } }, { settle = { name = \"it\" } } )",
     1,
     {"settle: the event \"it\" at stdout is settled or passed on already"}},
    {"another line",
     hello,
     "fakes = [ \"generator\" ]\nsteps = ( { push = { value = \"x\" } settled = {} prints = [ \"y\", \"z\" ] } )",
     1,
     {"prints: what was written to stdout is not as expected", "-fields line 1: y\n", "+fields line 1: x\n",
      "-fields line 2: z\n"}},
    {"another count",
     hello,
     "fakes = [] loose = true\nsteps = ( { metrics = [ \"weir_events_total{stage=generator}=2\" ] } )",
     1,
     {"it.test.conf:5: metrics: what was counted is not as expected", "-weir_events_total{stage=generator}: 2\n",
      "+weir_events_total{stage=generator}: 1\n"}},
    {"no such series",
     hello,
     BOTH "steps = ( { metrics = [ \"weir_events_total{stage=gen}=0\" ] } )",
     1,
     {"+weir_events_total{stage=gen}: no such series; weir_events_total{pipeline=\"p\",stage="}},
    {"another state",
     hello,
     BOTH "steps = ( { state = { stage = \"p.stdout\" is = \"degraded\" why = \"away\" } } )",
     1,
     {"state: what is said of itself by stdout is not as expected", "-is: degraded\n", "+is: ready\n",
      "-why: ... away ...\n"}},
    {"not drained", hello, BOTH "steps = ( { drained = true } )", 1, {"drained: p was not told to drain"}},
    {"drained after all",
     hello,
     BOTH "steps = ( { drain = true drained = false } )",
     1,
     {"drained: every pipeline has drained"}},
    {"a pipeline fails",
     hello,
     BOTH
     "steps = ( { push = {} settle = { status = \"fatal\" why = \"no table\" } settled = { status = \"fatal\" } } )",
     1,
     {"it.test.conf:3: pipeline p.generator: no table"}},
    {"a message that the conf does not name",
     typed,
     "steps = ( {\npush = { message = \"bets.v1.BetAccepted\" } } )",
     1,
     {"it.test.conf:5: generator gives bets.v1.BetAccepted, but it.conf:4 names only: bets.v1.PlaceBet"}},
    {"a rule that is broken",
     STAGES("generator = { value = \"v\" }\n faulty = { fault = \"releases-unsettled\" }"),
     "fakes = [ \"generator\" ] steps = ( { push = {} } )",
     1,
     {"it.test.conf:3: plugin faulty broke a rule: release: "}},
    {"a stage that never drains",
     STAGES("generator = { value = \"v\" }\n faulty = { fault = \"never-settles\" }"),
     "fakes = [ \"generator\" ] steps = ( { push = {} } )",
     1,
     {"it.test.conf:3: p does not drain: stage generator holds 1 tickets"}},
    {"another verdict",
     hello,
     "check = [ \"loss window: never\" ]",
     1,
     {"it.test.conf:3: check: expected \"loss window: never\" in:\n", "      p (it.conf:2): generator ▸ stdout\n"}},
    {"a conf that is refused",
     STAGES("generator = { rat = 1 }\n stdout = {}"),
     "steps = ( { advance = \"1s\" } )",
     1,
     {"it.test.conf:3: the confs are refused:\n      it.conf:4: generator.rat: unknown option; did you mean "
      "\"rate\"?\n"}},
    {"a conf that is not there", NULL, "steps = ()", 1, {"it.test.conf:3: the confs are refused:\n      it.conf: "}},
    {"a variable of the caller's",
     STAGES("generator = { value = \"${HOME}\" }\n stdout = {}"),
     "env = [ \"A=b\" ]",
     1,
     {"the variable HOME is not set"}},
    {"refused for another reason",
     STAGES("generator = { rat = 1 }\n stdout = {}"),
     "refused = [ \"no such plugin\" ]",
     1,
     {"refused: expected \"no such plugin\" in:\n"}},
    {"not refused", hello, "refused = [ \"rate\" ]", 1, {"refused: the confs have no mistake"}},
};

static void what_is_as_expected_passes(void **state)
{
    (void)state;
    conftest_run(passes, sizeof passes / sizeof *passes);
}

static void what_is_not_fails(void **state)
{
    (void)state;
    conftest_run(fails, sizeof fails / sizeof *fails);
}

static void the_command_line(void **state)
{
    static char text[1 << 16];
    static const struct conftest_case two = {.conf = hello,
                                             .body = "conf = [ \"it.conf\" ]\ntests = {\n  good = { check = [ "
                                                     "\"writes: stdout\" ] }\n  bad = { check = [ \"never\" ] }\n}\n"};
    static const struct {
        const char *args;
        int code;
        const char *says;
    } lines[] = {
        {"it.test.conf", 1, "1 passed, 1 failed"},
        {"--only good it.test.conf", 0, "1 passed, 0 failed"},
        {"--only good --only bad it.test.conf", 1, "1 passed, 1 failed"},
        {"--only none it.test.conf", 2, "no test has the name none"},
        {"--list it.test.conf", 0, "it.test.conf:3: good\nit.test.conf:4: bad\n"},
        {"it.test.conf it.test.conf", 1, "2 passed, 2 failed"},
        {"none.test.conf", 2, "none.test.conf: "},
        {"--fast it.test.conf", 2, "unknown option --fast"},
        {"", 2, "expected at least one test file"},
        {"--help", 0, "Exit codes: 0 all passed; 1 a test failed; 2 usage"},
    };
    (void)state;
    conftest_write(&two);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int code = conftest_command(lines[i].args, text, sizeof text);
        if (code != lines[i].code || !strstr(text, lines[i].says))
            fail_msg("weir-test %s: exit %d, expected %d and \"%s\":\n%s", lines[i].args, code, lines[i].code,
                     lines[i].says, text);
    }
}

/* conf/README.md holds the reference of test files as weir test writes it. */
static void readme_is_fresh(void **state)
{
    static char reference[1 << 17], readme[1 << 18];
    (void)state;
    assert_int_equal(conftest_command("--markdown", reference, sizeof reference), 0);
    FILE *f = fopen(WEIR_SOURCE_DIR "/conf/README.md", "r");
    assert_non_null(f);
    readme[fread(readme, 1, sizeof readme - 1, f)] = 0;
    fclose(f);
    assert_true(strlen(reference) > 1000);
    if (!strstr(readme, reference)) fail_msg("conf/README.md is stale; between its marks belongs:\n%s", reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_as_expected_passes),
                                       cmocka_unit_test(what_is_not_fails), cmocka_unit_test(the_command_line),
                                       cmocka_unit_test(readme_is_fresh)};
    return cmocka_run_group_tests(tests, conftest_make_folder, conftest_remove_folder);
}
