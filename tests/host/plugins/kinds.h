/* kinds.h - the cfg of the test plugin `kinds`, so that a test can look into what the conf filled. */
#ifndef WEIR_TEST_KINDS_H
#define WEIR_TEST_KINDS_H
#include <weir/plugin.h>

struct kinds_login {
    struct weir_slice user, password;
};
struct kinds_route {
    struct weir_slice name, on;
    uint64_t timeout;
    struct kinds_login login;
};
struct kinds_cfg {
    bool on;
    int64_t count;
    double ratio;
    uint64_t room, wait;
    struct weir_slice text;
    int mode;
    struct weir_field field;
    const struct weir_schema *message;
    struct weir_list properties, routes, keys;
    struct kinds_login login;
    int64_t old;
};
#endif
