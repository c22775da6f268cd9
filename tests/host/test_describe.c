/* test_describe.c - what weir says of a plugin and of its own keys, and that conf/README.md says the same. */
#include "conf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *described(void (*describe)(const struct weir_plugin *, FILE *), const struct weir_plugin *plugin)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    describe(plugin, out);
    fclose(out);
    return text;
}

static void describes_a_plugin(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "kinds 1.2.3 (filter)\n",
        "  wait             a duration, 1ms to 2s, default \"5ms\"\n      time\n",
        "  mode             \"slow\" or \"fast\", default \"slow\"\n",
        "  keys             a list of strings, 1 to 8 entries, default [ \"id\" ]\n",
        "      on               a string, required\n          path, begins with /\n",
        "      password         a string, secret\n",
        "  old              an integer, deprecated\n",
        "  too-many             more than `count`\n",
        "  weir_kinds_seen_total (counter; by mode)\n      events seen\n",
    };
    static const char *const members[] = {
        "{\"name\":\"kinds\",\"version\":\"1.2.3\",",
        ",\"roles\":[\"filter\"],\"chooses_branch\":false,\"options\":[{",
        "{\"name\":\"wait\",\"type\":\"duration\",\"default\":\"5ms\",\"min\":1000000,\"max\":2000000000,",
        "{\"name\":\"password\",\"type\":\"string\",\"default\":null,\"required\":false,\"secret\":true,",
        "\"choices\":[\"slow\",\"fast\"]",
        "{\"name\":\"weir_kinds_seen_total\",\"type\":\"counter\",\"labels\":[\"mode\"],\"doc\":\"events seen\"}",
        "{\"name\":\"too-many\",\"doc\":\"more than `count`\"}",
    };
    char msg[512];
    struct weir_loader *loader = weir_loader_new();
    assert_non_null(loader);
    assert_int_equal(weir_loader_defaults(loader), 0);
    const struct weir_loaded *loaded = weir_loader_get(loader, "kinds", msg, sizeof msg);
    assert_non_null(loaded);
    const struct weir_plugin *plugin = loaded->plugin;
    char *text = described(weir_describe, plugin);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i])) fail_msg("%s\nlacks: %s", text, lines[i]);
    free(text);
    text = described(weir_describe_markdown, plugin);
    assert_non_null(strstr(text, "\n| `routes.NAME.timeout` | a duration, 1ms to 2s | `\"1s\"` | how long"));
    assert_non_null(strstr(text, "\n| `routes.NAME` | its name | | name of the route |\n"));
    assert_non_null(strstr(text, "\n| `routes.NAME.on` | a string | **required** | path, begins with / |\n"));
    assert_non_null(strstr(text, "\n| `login.password` | a string |  | and with what (secret: never shown) |\n"));
    assert_non_null(strstr(text, "\n| `old` | an integer |  | Deprecated. use count |\n"));
    assert_non_null(strstr(text, "\n| `too-many` | more than `count` |\n"));
    assert_non_null(strstr(text, "\n| `weir_kinds_seen_total` | counter | mode | events seen |\n"));
    free(text);
    text = described(weir_describe_json, plugin);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!strstr(text, members[i])) fail_msg("%s\nlacks: %s", text, members[i]);
    free(text);
    weir_loader_free(loader);
}

/* What means something in a table is shown as it is written, `code` stays code. */
static void markdown_takes_any_words(void **state)
{
    (void)state;
    static const struct weir_opt options[] = {
        {.name = "odd", .type = WEIR_STRING, .def = "a|b", .doc = "<x> or *, a|b\nor `<y*|z>`"}, WEIR_OPT_END};
    static const struct weir_plugin plugin = {.name = "odd", .version = "1", .doc = "odd", .opts = options};
    char *text = described(weir_describe_markdown, &plugin);
    const char *row = "\n| `odd` | a string | `\"a\\|b\"` | \\<x> or \\*, a\\|b or `<y*\\|z>` |\n";
    if (!strstr(text, row)) fail_msg("%s\nlacks: %s", text, row);
    free(text);
}

/* The host's keys, in each form. */
static void describes_the_host(void **state)
{
    (void)state;
    static const struct {
        void (*describe)(FILE *);
        const char *line;
    } forms[] = {
        {weir_describe_host_keys, "          bytes            a size, 64KiB to 1TiB, default \"64MiB\"\n"},
        {weir_describe_host_keys_markdown,
         "\n| `pipelines.NAME.window.bytes` | a size, 64KiB to 1TiB | `\"64MiB\"` | "},
        {weir_describe_host_keys_json, "{\"name\":\"bytes\",\"type\":\"size\",\"default\":\"64MiB\",\"min\":65536,"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *text = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);
        assert_non_null(out);
        forms[i].describe(out);
        fclose(out);
        if (!strstr(text, forms[i].line)) fail_msg("%s\nlacks: %s", text, forms[i].line);
        free(text);
    }
}

/* What people may write into a doc stays one JSON text. */
static void json_takes_any_words(void **state)
{
    (void)state;
    static const double buckets[] = {0.1, 2, 0};
    static const struct weir_metric metrics[] = {
        {.name = "odd_seconds", .type = WEIR_HISTOGRAM, .help = "h", .buckets = buckets}, {.name = NULL}};
    static const struct weir_opt options[] = {
        {.name = "quote", .type = WEIR_STRING, .def = "a\"b\\", .doc = "tab\tand\nline"}, WEIR_OPT_END};
    static const struct weir_plugin plugin = {.name = "odd",
                                              .version = "1",
                                              .doc = "caf\xc3\xa9 \xff",
                                              .roles = WEIR_SINK,
                                              .opts = options,
                                              .metrics = metrics};
    char *text = described(weir_describe_json, &plugin);
    assert_string_equal(
        text, "{\"name\":\"odd\",\"version\":\"1\",\"doc\":\"caf\xc3\xa9 "
              "\\ufffd\",\"roles\":[\"sink\"],\"chooses_branch\":false,"
              "\"options\":[{\"name\":\"quote\",\"type\":\"string\",\"default\":\"a\\\"b\\\\\","
              "\"required\":false,\"secret\":false,\"deprecated\":false,"
              "\"doc\":\"tab\\tand\\nline\"}],\"outcomes\":[],\"metrics\":[{\"name\":\"weir_odd_odd_seconds\","
              "\"type\":\"histogram\",\"labels\":[],\"buckets\":[0.1,2],\"doc\":\"h\"}]}\n");
    free(text);
}

/* conf/README.md holds the reference of the host's keys as weir itself writes it. */
static void readme_is_fresh(void **state)
{
    (void)state;
    char *keys = NULL, *readme = calloc(1, 1 << 17);
    size_t n = 0;
    FILE *out = open_memstream(&keys, &n), *f = fopen(WEIR_SOURCE_DIR "/conf/README.md", "r");
    assert_non_null(out);
    assert_non_null(f);
    assert_non_null(readme);
    weir_describe_host_keys_markdown(out);
    fclose(out);
    readme[fread(readme, 1, (1 << 17) - 1, f)] = '\0';
    fclose(f);
    if (!strstr(readme, keys)) fail_msg("conf/README.md is stale: run plugins/describe");
    free(keys);
    free(readme);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_a_plugin),       cmocka_unit_test(describes_the_host),
        cmocka_unit_test(markdown_takes_any_words), cmocka_unit_test(json_takes_any_words),
        cmocka_unit_test(readme_is_fresh),
    };
    setenv("WEIR_PLUGIN_PATH", WEIR_BUILD_DIR "/plugins-test", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
