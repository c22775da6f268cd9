/* keys.c - the tables behind keys.h. */
#include "keys.h"

const char *const status_names[] = {"ok", "reject", "retry", "unknown", "fatal", NULL};
const char *const state_names[] = {"starting", "ready", "degraded", "drained", "failed", NULL};
static const char *const flow_names[] = {"open", "closed", NULL};

#define KEY(T, member, called, ty, ...)                                      \
    {                                                                        \
        .name = called, .type = ty, .offset = (uint32_t)offsetof(T, member), \
        .size = (uint32_t)sizeof(((T *)0)->member), __VA_ARGS__              \
    }
#define EVENT(member, called, ty, ...) KEY(struct event_keys, member, called, ty, __VA_ARGS__)
#define RESULT(member, called, ty, ...) KEY(struct result_keys, member, called, ty, __VA_ARGS__)
#define HTTP(member, called, ty, ...) KEY(struct http_keys, member, called, ty, __VA_ARGS__)
#define STEP(member, called, ty, ...) KEY(struct step_keys, member, called, ty, __VA_ARGS__)
#define TEST(member, called, ty, ...) KEY(struct test_keys, member, called, ty, __VA_ARGS__)
#define FILE_KEY(member, called, ty, ...) KEY(struct file_keys, member, called, ty, __VA_ARGS__)
#define AT_DOC "the fake, as \"stage\" or \"pipeline.stage\"; may be left out when only one can be meant"
#define NANOS_MAX INT64_MAX

static const struct weir_opt text_options[] = {{.name = "name",
                                                .type = WEIR_STRING,
                                                .offset = 0,
                                                .size = sizeof(struct weir_slice),
                                                .flags = WEIR_REQUIRED,
                                                .doc = "a text"},
                                               WEIR_OPT_END};

static const struct weir_opt any_text_options[] =
    {/* it may be empty */
     {.name = "name", .type = WEIR_STRING, .offset = 0, .size = sizeof(struct weir_slice), .doc = "a text"},
     WEIR_OPT_END};

static const struct weir_opt push_options[] = {
    EVENT(at, "at", WEIR_STRING, .doc = AT_DOC),
    EVENT(name, "name", WEIR_STRING, .doc = "how `settled` calls it"),
    EVENT(content.message, "message", WEIR_MESSAGE, .doc = "the message type of the value"),
    EVENT(content.fields, "fields", WEIR_GROUP,
          .doc = "the message: scalars by name, messages as groups, repeated fields as lists; a bytes field may be "
                 "{ message = ..., fields = ... }"),
    EVENT(content.value, "value", WEIR_STRING, .doc = "the value's bytes, instead of `message`"),
    EVENT(key, "key", WEIR_STRING, .doc = "the event's key"),
    EVENT(content.headers, "headers", WEIR_MAP, .doc = "the event's headers"),
    EVENT(position, "position", WEIR_INT, .def = "0", .min = 0, .max = INT64_MAX,
          .doc = "offset or sequence in the source; 0: the number of the push"),
    EVENT(partition, "partition", WEIR_INT, .def = "0", .min = 0, .max = UINT32_MAX,
          .doc = "partition or shard in the source"),
    EVENT(attempt, "attempt", WEIR_INT, .def = "0", .min = 0, .max = UINT16_MAX,
          .doc = "how often it was emitted before"),
    EVENT(deadline, "deadline", WEIR_DURATION, .min = 0, .max = NANOS_MAX, .doc = "from now; none when not given"),
    WEIR_OPT_END};

static const struct weir_opt arrives_options[] = {
    EVENT(at, "at", WEIR_STRING, .doc = AT_DOC),
    EVENT(name, "name", WEIR_STRING, .doc = "how `settle` and `pass` call it from here on"),
    EVENT(content.message, "message", WEIR_MESSAGE, .doc = "its message type"),
    EVENT(content.fields, "fields", WEIR_GROUP, .doc = "the whole message; a field not given must have its default"),
    EVENT(content.has, "has", WEIR_GROUP, .doc = "these fields of the message, whatever the others are"),
    EVENT(content.value, "value", WEIR_STRING, .doc = "the value's bytes"),
    EVENT(key, "key", WEIR_STRING, .doc = "its key"),
    EVENT(content.headers, "headers", WEIR_MAP, .doc = "headers that it has, among others"),
    EVENT(position, "position", WEIR_INT, .def = "-1", .min = -1, .max = INT64_MAX, .doc = "its position; -1: any"),
    EVENT(partition, "partition", WEIR_INT, .def = "-1", .min = -1, .max = UINT32_MAX, .doc = "its partition; -1: any"),
    EVENT(attempt, "attempt", WEIR_INT, .def = "-1", .min = -1, .max = UINT16_MAX, .doc = "its attempt; -1: any"),
    EVENT(deadline, "deadline", WEIR_DURATION, .min = 0, .max = NANOS_MAX, .doc = "its deadline, from now"),
    WEIR_OPT_END};

static const struct weir_opt pass_options[] = {
    KEY(struct pass_keys, at, "at", WEIR_STRING, .doc = AT_DOC),
    KEY(struct pass_keys, name, "name", WEIR_STRING,
        .doc = "the event, as `arrives` named it; the oldest one when not given"),
    KEY(struct pass_keys, to, "to", WEIR_STRING,
        .doc = "into this branch alone; a fake that stands for a stage which chooses has to say it"),
    WEIR_OPT_END};

static const struct weir_opt settle_options[] = {
    RESULT(at, "at", WEIR_STRING, .doc = AT_DOC),
    RESULT(name, "name", WEIR_STRING, .doc = "the event, as `arrives` named it; the oldest one when not given"),
    RESULT(status, "status", WEIR_ENUM, .def = "ok", .choices = status_names, .doc = "what became of it"),
    RESULT(outcome, "outcome", WEIR_STRING, .doc = "an outcome of the plugin that the fake stands for"),
    RESULT(why, "why", WEIR_STRING, .doc = "for people"),
    RESULT(content.message, "message", WEIR_MESSAGE, .doc = "the message type of the reply"),
    RESULT(content.fields, "fields", WEIR_GROUP, .doc = "the reply, as in `push`"),
    RESULT(content.headers, "headers", WEIR_MAP, .doc = "headers of the result"),
    RESULT(retry_after, "retry_after", WEIR_DURATION, .min = 0, .max = NANOS_MAX, .doc = "when it may be tried again"),
    WEIR_OPT_END};

static const struct weir_opt settled_options[] = {
    RESULT(at, "at", WEIR_STRING, .doc = AT_DOC),
    RESULT(name, "name", WEIR_STRING,
           .doc = "the event, as `push` named it; the oldest one not yet asked for when not given"),
    RESULT(status, "status", WEIR_ENUM, .def = "ok", .choices = status_names, .doc = "what became of it"),
    RESULT(outcome, "outcome", WEIR_STRING, .doc = "the outcome; none when not given"),
    RESULT(why, "why", WEIR_STRING, .doc = "a part of the reason"),
    RESULT(content.message, "message", WEIR_MESSAGE, .doc = "the message type of the reply"),
    RESULT(content.fields, "fields", WEIR_GROUP, .doc = "the whole reply"),
    RESULT(content.has, "has", WEIR_GROUP, .doc = "these fields of the reply"),
    RESULT(content.headers, "headers", WEIR_MAP, .doc = "headers that the result has, among others"),
    WEIR_OPT_END};

static const struct weir_opt request_options[] = {
    HTTP(name, "name", WEIR_STRING, .doc = "how `answer` and `hang_up` call it"),
    HTTP(to, "to", WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "\"unix:/path\" that a kept source listens on"),
    HTTP(on, "on", WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "method and path"),
    HTTP(headers, "headers", WEIR_MAP, .doc = "headers of the request"),
    HTTP(json, "json", WEIR_GROUP, .doc = "the body, as JSON of the same names and values"),
    HTTP(body, "body", WEIR_STRING, .doc = "the body as it is, instead of `json`"),
    WEIR_OPT_END};

static const struct weir_opt answer_options[] = {
    HTTP(name, "name", WEIR_STRING, .doc = "the request; the oldest one not yet answered when not given"),
    HTTP(status, "status", WEIR_INT, .flags = WEIR_REQUIRED, .min = 100, .max = 599, .doc = "the HTTP status"),
    HTTP(headers, "headers", WEIR_MAP, .doc = "headers that it has, among others"),
    HTTP(json, "json", WEIR_GROUP, .doc = "the whole body, as compact JSON of the same names, values and order"),
    HTTP(body, "body", WEIR_STRING, .doc = "the whole body as it is"),
    HTTP(body_has, "body_has", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "texts that are in the body"),
    WEIR_OPT_END};

static const struct weir_opt asked_options[] = {
    HTTP(name, "name", WEIR_STRING, .doc = "how `reply` calls it from here on"),
    HTTP(on, "on", WEIR_STRING, .doc = "method and path, percent signs decoded"),
    HTTP(on_has, "on_has", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "texts that are in method and path"),
    HTTP(headers, "headers", WEIR_MAP, .doc = "headers that it has, among others"),
    HTTP(body, "body", WEIR_STRING, .doc = "the whole body"),
    HTTP(body_has, "body_has", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "texts that are in the body"),
    WEIR_OPT_END};

static const struct weir_opt reply_options[] = {
    HTTP(name, "name", WEIR_STRING, .doc = "the request, as `asked` named it; the oldest one when not given"),
    HTTP(status, "status", WEIR_INT, .def = "200", .min = 100, .max = 599, .doc = "the HTTP status"),
    HTTP(headers, "headers", WEIR_MAP, .doc = "headers of the answer"),
    HTTP(json, "json", WEIR_GROUP, .doc = "the body, as JSON of the same names and values"),
    HTTP(body, "body", WEIR_STRING, .doc = "the body as it is, instead of `json`"),
    HTTP(strings, "strings", WEIR_LIST, .sub = any_text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "the body as texts, each with its length before it (a varint), instead of `json`"),
    WEIR_OPT_END};

static const struct weir_opt state_options[] = {
    KEY(struct state_keys, stage, "stage", WEIR_STRING, .flags = WEIR_REQUIRED,
        .doc = "any stage, as \"stage\" or \"pipeline.stage\""),
    KEY(struct state_keys, is, "is", WEIR_ENUM, .def = "ready", .choices = state_names,
        .doc = "what it says of itself"),
    KEY(struct state_keys, why, "why", WEIR_STRING, .doc = "a part of the reason"), WEIR_OPT_END};

const struct weir_opt step_options[STEP_KINDS + 1] = {
    [STEP_PUSH] = STEP(push, "push", WEIR_GROUP, .sub = push_options,
                       .doc = "a fake source or filter sends an event downstream (a source: when its flow is open)"),
    [STEP_ARRIVES] = STEP(arrives, "arrives", WEIR_GROUP, .sub = arrives_options,
                          .doc = "expects the next event that a fake filter or sink got"),
    [STEP_PASS] =
        STEP(pass, "pass", WEIR_GROUP, .sub = pass_options, .doc = "a fake filter forwards an event as it came"),
    [STEP_SETTLE] = STEP(settle, "settle", WEIR_GROUP, .sub = settle_options,
                         .doc = "a fake says what became of an event; what is left at the end is settled as ok"),
    [STEP_SETTLED] = STEP(settled, "settled", WEIR_GROUP, .sub = settled_options,
                          .doc = "expects what became of an event that a fake pushed"),
    [STEP_REQUEST] = STEP(request, "request", WEIR_GROUP, .sub = request_options,
                          .doc = "sends an HTTP request to a kept source, on a connection of its own"),
    [STEP_ANSWER] = STEP(answer, "answer", WEIR_GROUP, .sub = answer_options, .doc = "expects the answer to a request"),
    [STEP_HANG_UP] = STEP(hang_up, "hang_up", WEIR_STRING, .doc = "closes the connection of the request of this name"),
    [STEP_ASKED] = STEP(asked, "asked", WEIR_GROUP, .sub = asked_options,
                        .doc = "expects the next HTTP request that a kept stage sends to 127.0.0.1:${TEST_PORT}"),
    [STEP_REPLY] = STEP(reply, "reply", WEIR_GROUP, .sub = reply_options, .doc = "answers such a request"),
    [STEP_ADVANCE] = STEP(advance, "advance", WEIR_DURATION, .min = 0, .max = NANOS_MAX,
                          .doc = "moves the clock on; timers fire in order"),
    [STEP_FLOW] = STEP(flow, "flow", WEIR_ENUM, .def = "open", .choices = flow_names,
                       .doc = "`closed` shuts the flow of every source, as a full window does"),
    [STEP_DRAIN] = STEP(drain, "drain", WEIR_BOOL, .doc = "true: every pipeline is told to stop"),
    [STEP_DRAINED] =
        STEP(drained, "drained", WEIR_BOOL, .doc = "expects that every pipeline has drained, or that some has not"),
    [STEP_STATE] = STEP(state, "state", WEIR_GROUP, .sub = state_options, .doc = "expects what a stage says of itself"),
    [STEP_METRICS] = STEP(metrics, "metrics", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
                          .doc = "expects sums over series, each as \"name=2\" or \"name{label=value,...}=2\""),
    [STEP_PRINTS] = STEP(prints, "prints", WEIR_LIST, .sub = any_text_options, .sub_size = sizeof(struct weir_slice),
                         .doc = "expects the lines written to stdout since the last `prints`"),
    WEIR_OPT_END};

const struct weir_opt test_options[] = {
    TEST(conf, "conf", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "instead of the file's `conf`"),
    TEST(env, "env", WEIR_MAP, .doc = "beside the file's `env`, and before it"),
    TEST(check, "check", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "texts that `weir check` says of the confs; what it refuses fails a test that does not expect it here"),
    TEST(refused, "refused", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "texts of the mistakes for which the confs must be refused; then nothing runs"),
    TEST(pipelines, "pipelines", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "which pipelines run; all of the confs when not given"),
    TEST(fakes, "fakes", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
         .doc = "stages that fakes take the place of; the first and the last of each pipeline when not given, none "
                "when empty"),
    TEST(loose, "loose", WEIR_BOOL, .def = "false", .doc = "true: what is not expected is no failure"),
    TEST(steps, "steps", WEIR_LIST,
         .doc = "a list of groups ( { ... }, { ... } ); the keys of a group are done in the order written. Without "
                "steps nothing runs"),
    WEIR_OPT_END};

const struct weir_opt file_options[] = {
    FILE_KEY(conf, "conf", WEIR_LIST, .sub = text_options, .sub_size = sizeof(struct weir_slice),
             .doc = "the confs under test, relative to this file"),
    FILE_KEY(env, "env", WEIR_MAP,
             .doc = "all that ${NAME} in the confs sees; ${TEST_DIR}, here and there, is a folder of the test's own, "
                    "${TEST_PORT} a port of 127.0.0.1 on which it listens"),
    FILE_KEY(tests, "tests", WEIR_LIST, .flags = WEIR_REQUIRED, .sub = test_options,
             .sub_size = sizeof(struct test_keys), .doc = "a group of tests, each `name = { ... }`"),
    WEIR_OPT_END};
