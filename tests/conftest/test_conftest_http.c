/* test_conftest_http.c - weir test: requests to a kept source, and requests of a kept sink. */
#include "conftest_case.h"

static const char http[] =
    "pipelines = {\n  p = {\n    stages = {\n      http-ingress = {\n        listen = \"${HTTP}\"\n"
    "        routes = { place = { on = \"POST /bets\" event = \"bets.v1.PlaceBet\" } }\n      }\n"
    "      null = {}\n    }\n  }\n}\n";
#define ENV "env = [ \"HTTP=unix:${TEST_DIR}/http\" ] fakes = [ \"null\" ]\n"
#define TO "to = \"unix:${TEST_DIR}/http\" on = \"POST /bets\""
#define REQUEST "request = { " TO " json = { bet_id = \"b\\\"\\\\\" stake_minor = 5 } }\n"

static const struct conftest_case incoming[] = {
    {"a request and its answer",
     http,
     ENV "steps = ( { " REQUEST
         "arrives = { message = \"bets.v1.PlaceBet\" fields = { bet_id = \"b\\\"\\\\\" stake_minor = 5 } }\n settle = "
         "{ message = \"bets.v1.BetAccepted\" fields = { bet_id = \"b\" } }\n answer = { status = 200 headers = [ "
         "\"content-TYPE=application/json\" ] body_has = [ \"bet_id\", \"stake\" ] } } )",
     0,
     {"1 passed"}},
    {"two at once, by name",
     http,
     ENV "steps = ( { request = { name = \"one\" " TO
         " body = \"{}\" headers = [ \"Content-Type=application/json\" ] } },\n { request = { name = \"two\" " TO
         " body = \"[\" headers = [ \"Content-Type=application/json\" ] } },\n { answer = { name = \"two\" status = "
         "400 } },\n { settle = {} answer = { name = \"one\" status = 202 } } )",
     0,
     {"1 passed"}},
    {"a client that hangs up",
     http,
     ENV "steps = ( { request = { name = \"it\" " TO " json = {} } arrives = {} hang_up = \"it\" settle = {} } )",
     0,
     {"1 passed"}},
    {"another answer",
     http,
     ENV "steps = ( { " REQUEST "settle = {} },\n{ answer = { status = 201 body = \"x\" headers = [ \"a=b\" ] } } )",
     1,
     {": answer: what was answered is not as expected", "-status: 201\n", "+status: 202\n", "-header a: b\n",
      "-body: x\n"}},
    {"no answer",
     http,
     ENV "steps = ( { " REQUEST "arrives = {} answer = { status = 200 } } )",
     1,
     {"answer: the request is still open"}},
    {"no request", http, ENV "steps = ( { answer = { status = 200 } } )", 1, {"answer: no request is left to ask for"}},
    {"an answer that nobody expects",
     http,
     ENV "steps = ( { " REQUEST "settle = {} } )",
     1,
     {"more came than is expected",
      "the request at line 5 was answered, and no `answer` expects it:\n      +status: 202\n"}},
    {"nobody listens",
     http,
     ENV "steps = ( { request = { to = \"unix:${TEST_DIR}/htp\" on = \"GET /\" } } )",
     1,
     {"cannot connect to unix:", "No such file"}},
    {"a listener that cannot open",
     http,
     "env = [ \"HTTP=unix:/nowhere/http\" ] fakes = [ \"null\" ] steps = ( { advance = \"1s\" } )",
     1,
     {"it.conf:4: http-ingress", "No such file"}},
};

static const char sink[] =
    "pipelines = {\n  p = {\n    stages = {\n      generator = { value = \"v\" }\n      ch-sink = {\n"
    "        url = \"http://127.0.0.1:${TEST_PORT}\"\n        database = \"d\"\n        table = \"t\"\n"
    "        event = \"bets.v1.PlaceBet\"\n        linger = \"1ms\"\n      }\n    }\n  }\n}\n";
#define FAKE "fakes = [ \"generator\" ]\n"
#define TABLE                                                                                                    \
    "reply = { strings = [ \"column\", \"bet_id\", \"String\", \"01 \", \"engine\", \"MergeTree\", \"bet_id\", " \
    "\"MergeTree\" ] }\n"

static const struct conftest_case outgoing[] = {
    {"asked and answered",
     sink,
     FAKE
     "steps = ( { asked = { on_has = [ \"POST /?\", \"param_table=t\" ] body_has = [ \"system.columns\" ] }\n" TABLE
     "push = { message = \"bets.v1.PlaceBet\" fields = { bet_id = \"b\" } } advance = \"1ms\" },\n{ asked = { name = "
     "\"insert\" on_has = [ \"INSERT INTO `d`.`t` (`bet_id`) FORMAT Native\" ] body = "
     "\"\\x01\\x01\\x06bet_id\\x06String\\x01b\" }\nreply = { name = \"insert\" } settled = {} } )",
     0,
     {"1 passed"}},
    {"an answer in JSON, a status, a header",
     sink,
     FAKE "steps = ( { asked = {} reply = { status = 404 headers = [ \"X-ClickHouse-Exception-Code=60\" ] json = { a = "
          "( 1, true, \"x\" ) } }\nstate = { stage = \"ch-sink\" is = \"degraded\" why = "
          "\"{\\\"a\\\":[1,true,\\\"x\\\"]}\" } } )",
     0,
     {"1 passed"}},
    {"another request",
     sink,
     FAKE "steps = ( { asked = { on = \"GET /\" on_has = [ \"param_db=x\" ] headers = [ \"Host=h\" ] body_has = [ "
          "\"nothing\" ] } } )",
     1,
     {": asked: the request is not as expected", "-on: GET /\n      +on: POST /?", "-on: ... param_db=x ...\n",
      "-header host: h\n", "-body: ... nothing ...\n"}},
    {"no request",
     sink,
     FAKE "steps = ( { asked = {} },\n{ asked = {} } )",
     1,
     {"it.test.conf:6: asked: no request came to 127.0.0.1"}},
    {"a request that nobody expects",
     sink,
     FAKE "steps = ( { advance = \"1ms\" } )",
     1,
     {"more came than is expected", "a request came to 127.0.0.1 that no `asked` expects:\n      +on: POST /?"}},
    {"a reply twice",
     sink,
     FAKE "steps = ( { asked = {} reply = {} },\n{ reply = {} } )",
     1,
     {"it.test.conf:6: reply: no request that `asked` has seen waits for it"}},
};

static void to_a_source(void **state)
{
    (void)state;
    conftest_run(incoming, sizeof incoming / sizeof *incoming);
}

static void from_a_sink(void **state)
{
    (void)state;
    conftest_run(outgoing, sizeof outgoing / sizeof *outgoing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(to_a_source), cmocka_unit_test(from_a_sink)};
    return cmocka_run_group_tests(tests, conftest_make_folder, conftest_remove_folder);
}
