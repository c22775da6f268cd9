/* kinds.c - a filter with one option of each type. It passes everything on; the tests are about its options. */
#include "kinds.h"
#include <stdio.h>
#include <string.h>

static const char *const modes[] = {"slow", "fast", NULL};

static const struct weir_opt login_options[] = {
    WEIR_OPT(struct kinds_login, user, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "who logs in"),
    WEIR_OPT(struct kinds_login, password, WEIR_STRING, .flags = WEIR_SECRET, .doc = "and with what"), WEIR_OPT_END};

static const struct weir_opt route_options[] = {
    WEIR_OPT(struct kinds_route, name, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "name of the route"),
    WEIR_OPT(struct kinds_route, on, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "path, begins with /"),
    WEIR_OPT(struct kinds_route, timeout, WEIR_DURATION, .def = "1s", .min = 1000000, .max = 2000000000,
             .doc = "how long an answer may take"),
    WEIR_OPT(struct kinds_route, login, WEIR_GROUP, .sub = login_options, .doc = "login of this route"), WEIR_OPT_END};

static const struct weir_opt key_options[] = {
    {.name = "name", .type = WEIR_STRING, .size = sizeof(struct weir_slice), .flags = WEIR_REQUIRED, .doc = "column"},
    WEIR_OPT_END};

static const struct weir_opt options[] = {
    WEIR_OPT(struct kinds_cfg, on, WEIR_BOOL, .def = "true", .doc = "switch"),
    WEIR_OPT(struct kinds_cfg, count, WEIR_INT, .def = "10", .min = -5, .max = 5000000000, .doc = "how many"),
    WEIR_OPT(struct kinds_cfg, ratio, WEIR_FLOAT, .def = "0.5", .min = 0, .max = 1, .doc = "share"),
    WEIR_OPT(struct kinds_cfg, room, WEIR_SIZE, .def = "64KiB", .min = 1024, .max = 1 << 20, .doc = "bytes"),
    WEIR_OPT(struct kinds_cfg, wait, WEIR_DURATION, .def = "5ms", .min = 1000000, .max = 2000000000, .doc = "time"),
    WEIR_OPT(struct kinds_cfg, text, WEIR_STRING, .doc = "any text"),
    WEIR_OPT(struct kinds_cfg, mode, WEIR_ENUM, .def = "slow", .choices = modes, .doc = "how it works"),
    WEIR_OPT(struct kinds_cfg, field, WEIR_FIELD, .doc = "a field of the event"),
    WEIR_OPT(struct kinds_cfg, message, WEIR_MESSAGE, .doc = "a message type"),
    WEIR_OPT(struct kinds_cfg, properties, WEIR_MAP, .def = "[ \"a=1\", \"b=two words\" ]", .max = 3,
             .doc = "properties"),
    WEIR_OPT(struct kinds_cfg, routes, WEIR_LIST, .sub = route_options, .sub_size = sizeof(struct kinds_route),
             .doc = "routes"),
    WEIR_OPT(struct kinds_cfg, keys, WEIR_LIST, .def = "[ \"id\" ]", .sub = key_options,
             .sub_size = sizeof(struct weir_slice), .min = 1, .max = 8, .doc = "columns of the key"),
    WEIR_OPT(struct kinds_cfg, login, WEIR_GROUP, .sub = login_options, .doc = "login"),
    WEIR_OPT(struct kinds_cfg, old, WEIR_INT, .flags = WEIR_DEPRECATED, .doc = "use count"),
    WEIR_OPT_END};

static const struct weir_outcome outcomes[] = {WEIR_OUTCOME_NONE, {"too-many", "more than `count`"}, WEIR_OUTCOME_END};
static const char *const labels[] = {"mode", NULL};
static const struct weir_metric metrics[] = {
    {.name = "seen_total", .type = WEIR_COUNTER, .help = "events seen", .labels = labels}, {.name = NULL}};

static int check(const void *p, struct weir_err *err)
{
    const struct kinds_cfg *cfg = p;
    const struct kinds_route *routes = cfg->routes.items;
    for (uint32_t i = 0; i < cfg->routes.n; i++)
        if (*routes[i].on.p != '/') {
            snprintf(err->option, sizeof err->option, "routes.%s.on", (const char *)routes[i].name.p);
            snprintf(err->msg, sizeof err->msg, "\"%s\" is no path: begin it with /", (const char *)routes[i].on.p);
            return -1;
        }
    if (cfg->mode == 1 && cfg->count > 100) {
        snprintf(err->option, sizeof err->option, "count");
        snprintf(err->msg, sizeof err->msg, "at most 100 when mode is \"fast\"; the password is %s",
                 cfg->login.password.p ? (const char *)cfg->login.password.p : "none");
        return -1;
    }
    return 0;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    weir_forward(ctx, batch);
}

WEIR_PLUGIN(.name = "kinds", .version = "1.2.3", .doc = "Has an option of each type.", .roles = WEIR_FILTER,
            .cfg_size = sizeof(struct kinds_cfg), .opts = options, .metrics = metrics, .outcomes = outcomes,
            .check = check, .push = push);
