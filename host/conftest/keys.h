/* keys.h - what a test file may say: the option tables that parse it and that the reference is printed from. */
#ifndef WEIR_CONFTEST_KEYS_H
#define WEIR_CONFTEST_KEYS_H
#include "facts.h"
#include <libconfig.h>

struct content { /* what an event or a reply carries */
    const struct weir_schema *message;
    const config_setting_t *fields, *has;
    struct weir_slice value;
    struct weir_list headers;
    /* made of them by read.c */
    struct weir_slice wire; /* p NULL: none was given */
    struct facts expected;  /* of `fields` or `has` */
};
struct event_keys { /* push, arrives */
    struct weir_slice at, name, key;
    struct content content;
    int64_t position, partition, attempt;
    uint64_t deadline;
};
struct result_keys { /* settle, settled */
    struct weir_slice at, name, outcome, why;
    int status;
    struct content content;
    uint64_t retry_after;
};
struct pass_keys {
    struct weir_slice at, name, to;
};
struct http_keys { /* request, answer, asked, reply */
    struct weir_slice name, to, on, body;
    struct weir_list headers, on_has, body_has, strings;
    const config_setting_t *json;
    int64_t status;
};
struct state_keys {
    struct weir_slice stage, why;
    int is;
};

enum step_kind {
    STEP_PUSH,
    STEP_ARRIVES,
    STEP_PASS,
    STEP_SETTLE,
    STEP_SETTLED,
    STEP_REQUEST,
    STEP_ANSWER,
    STEP_HANG_UP,
    STEP_ASKED,
    STEP_REPLY,
    STEP_ADVANCE,
    STEP_FLOW,
    STEP_DRAIN,
    STEP_DRAINED,
    STEP_STATE,
    STEP_METRICS,
    STEP_PRINTS,
    STEP_KINDS
};
struct step_keys {
    struct event_keys push, arrives;
    struct pass_keys pass;
    struct result_keys settle, settled;
    struct http_keys request, answer, asked, reply;
    struct weir_slice hang_up;
    uint64_t advance;
    int flow;
    bool drain, drained;
    struct state_keys state;
    struct weir_list metrics, prints; /* of struct weir_slice */
};
struct test_keys {
    struct weir_list conf, env, pipelines, fakes, check, refused; /* of struct weir_slice; env of struct weir_pair */
    bool loose;
    struct weir_list steps; /* never filled here: read.c fills each of struct step_keys */
};
struct file_keys {
    struct weir_list conf, env;
    struct weir_list tests; /* never filled: read.c reads it */
};
extern const struct weir_opt file_options[], test_options[], step_options[STEP_KINDS + 1];
extern const char *const status_names[], *const state_names[];
#endif
