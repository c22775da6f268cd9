/* test_conf.c - good confs: every type of option filled, several files, includes, variables, host keys. */
#include "conf.h"
#include "plugins/kinds.h"
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/weir-conf-XXXXXX";

static char *write_file(const char *name, const char *text)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* All errors as one text; the caller frees it. */
static char *said(struct weir_errors *errs)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    weir_errors_print(errs, out);
    fclose(out);
    weir_errors_free(errs);
    return text;
}

static struct weir_conf *load(const struct weir_conf_source *source)
{
    struct weir_errors errs = {0};
    struct weir_conf *conf = weir_conf_load(source, &errs);
    assert_non_null(conf);
    char *text = said(&errs);
    if (*text) fail_msg("%s", text);
    free(text);
    return conf;
}

static struct weir_conf *load_text(const char *text)
{
    return load(&(struct weir_conf_source){.text = text, .text_name = "text"});
}

static void refuses(const struct weir_conf_source *source, const char *expected)
{
    struct weir_errors errs = {0};
    struct weir_conf *conf = weir_conf_load(source, &errs);
    assert_non_null(conf);
    char *text = said(&errs);
    assert_string_equal(text, expected);
    free(text);
    weir_conf_free(conf);
}

#define AROUND(kinds)                                                       \
    "pipelines = { p = { stages = { origin = { } kinds = {\n" kinds "\n}\n" \
    "ending = { target = \"x\" } } } }"

static const struct kinds_cfg *kinds_of(const struct weir_conf *conf)
{
    assert_int_equal(conf->n_pipelines, 1);
    assert_int_equal(conf->pipelines[0].n_stages, 3);
    return conf->pipelines[0].stages[1].cfg;
}

static void assert_slice(struct weir_slice s, const char *text)
{
    assert_non_null(s.p);
    assert_string_equal((const char *)s.p, text);
    assert_int_equal(s.n, strlen(text));
}

/* ---- options */

static void defaults(void **state)
{
    (void)state;
    struct weir_conf *conf = load_text(AROUND(""));
    const struct kinds_cfg *k = kinds_of(conf);
    assert_true(k->on);
    assert_int_equal(k->count, 10);
    assert_true(fabs(k->ratio - 0.5) < 1e-12);
    assert_int_equal(k->room, 65536);
    assert_int_equal(k->wait, 5000000);
    assert_null(k->text.p);
    assert_int_equal(k->mode, 0);
    assert_null(k->field.path);
    assert_null(k->message);
    assert_int_equal(k->properties.n, 2);
    const struct weir_pair *pairs = k->properties.items;
    assert_slice(pairs[0].name, "a");
    assert_slice(pairs[1].value, "two words");
    assert_int_equal(k->routes.n, 0);
    assert_int_equal(k->keys.n, 1);
    assert_slice(((const struct weir_slice *)k->keys.items)[0], "id");
    assert_null(k->login.user.p);
    weir_conf_free(conf);
}

static void every_type(void **state)
{
    (void)state;
    struct weir_conf *conf =
        load_text(AROUND("on = false  count = 99; ratio = 1, room = 2048\nwait : \"1.5s\"\n"
                         "text = \"long \" # in two parts\n  \"text\\n\"\nmode = \"fast\"\n"
                         "field = \"buyer.name\" message = \"shop.v1.Order\"\n"
                         "properties = { accepted = 201, open = true /* why not */ }\n"
                         "keys = [ \"epoch\", \"shard\" ]\n"
                         "login = { user = \"u\", password = \"p\" }\n"
                         "routes = {\n  place = { on = \"/a\" }\n  other-one = { on = \"/b\", timeout = \"2s\",\n"
                         "    login = { user = \"x\" } }\n}"));
    const struct kinds_cfg *k = kinds_of(conf);
    assert_false(k->on);
    assert_int_equal(k->count, 99);
    assert_true(fabs(k->ratio - 1) < 1e-12);
    assert_int_equal(k->room, 2048);
    assert_int_equal(k->wait, 1500000000);
    assert_slice(k->text, "long text\n");
    assert_int_equal(k->mode, 1);
    assert_string_equal(k->field.path, "buyer.name");
    assert_string_equal(k->message->full_name, "shop.v1.Order");
    assert_int_equal(k->keys.n, 2);
    const struct weir_pair *pairs = k->properties.items;
    assert_slice(pairs[0].name, "accepted");
    assert_slice(pairs[0].value, "201");
    assert_slice(pairs[1].value, "true");
    const struct kinds_route *routes = k->routes.items;
    assert_int_equal(k->routes.n, 2);
    assert_int_equal(k->routes.stride, sizeof *routes);
    assert_slice(routes[0].name, "place");
    assert_int_equal(routes[0].timeout, 1000000000);
    assert_slice(routes[1].name, "other-one");
    assert_slice(routes[1].login.user, "x");
    weir_conf_free(conf);
}

static void integers_of_64_bits(void **state)
{
    (void)state;
    struct weir_conf *conf = load_text(AROUND("count = 5000000000"));
    assert_true(kinds_of(conf)->count == 5000000000); /* libconfig alone makes 705032704 of it */
    weir_conf_free(conf);
    conf = load_text(AROUND("count = 0x10"));
    assert_int_equal(kinds_of(conf)->count, 16);
    weir_conf_free(conf);
}

static void strings_for_any_scalar(void **state)
{
    (void)state;
    setenv("WEIR_T_COUNT", "42", 1);
    unsetenv("WEIR_T_NONE");
    struct weir_conf *conf =
        load_text(AROUND("on = \"${WEIR_T_NONE:-no}\" count = \"${WEIR_T_COUNT}\" ratio = \"0.${WEIR_T_COUNT}\"\n"
                         "room = \"${WEIR_T_NONE:-2}KiB\" mode = \"${WEIR_T_NONE:-fast}\"\n"
                         "properties = [ \"a=${WEIR_T_COUNT}\", \"$${x}=y\" ] keys = [ \"k${WEIR_T_COUNT}\" ]\n"
                         "routes = ( { name = \"r${WEIR_T_COUNT}\", on = \"/${WEIR_T_COUNT}\" } )"));
    const struct kinds_cfg *k = kinds_of(conf);
    assert_false(k->on);
    assert_int_equal(k->count, 42);
    assert_int_equal(k->room, 2048);
    assert_int_equal(k->mode, 1);
    const struct weir_pair *pairs = k->properties.items;
    assert_slice(pairs[0].value, "42");
    assert_slice(pairs[1].name, "${x}");
    assert_slice(((const struct weir_slice *)k->keys.items)[0], "k42");
    assert_slice(((const struct kinds_route *)k->routes.items)[0].name, "r42");
    weir_conf_free(conf);
}

/* ---- host keys, pipelines, files */

#define SMALL "stages = { origin = { } ending = { target = \"x\" } }"

static void host_keys(void **state)
{
    (void)state;
    setenv("WEIR_T_LANES", "3", 1);
    struct weir_conf *conf = load_text(
        "admin = { listen = \"127.0.0.1:0\" } log = { level = \"debug\", format = \"json\" }\n"
        "watchdog = \"200ms\" drain_timeout = \"7s\" plugin_path = [ \"/nowhere\" ]\n"
        "pipelines = {\n  a = { lanes = \"${WEIR_T_LANES}\" " SMALL " }\n"
        "  b = { window = { events = 5, bytes = \"1MiB\" } drain_timeout = \"1s\" require = \"no-loss\" " SMALL " } }");
    assert_string_equal(conf->admin.listen, "127.0.0.1:0");
    assert_int_equal(conf->log.level, WEIR_DEBUG);
    assert_true(conf->log.json);
    assert_int_equal(conf->watchdog_ns, 200000000);
    assert_int_equal(conf->n_pipelines, 2);
    const struct weir_conf_pipeline *a = &conf->pipelines[0], *b = &conf->pipelines[1];
    assert_string_equal(a->name, "a");
    assert_int_equal(a->lanes, 3);
    assert_int_equal(a->window_events, 8192);
    assert_int_equal(a->window_bytes, 64 << 20);
    assert_int_equal(a->drain_timeout_ns, 7000000000);
    assert_false(a->require_no_loss);
    assert_int_equal(a->line, 4);
    assert_string_equal(a->file, "text");
    assert_int_equal(b->lanes, 1);
    assert_int_equal(b->window_events, 5);
    assert_int_equal(b->window_bytes, 1 << 20);
    assert_int_equal(b->drain_timeout_ns, 1000000000);
    assert_true(b->require_no_loss);
    assert_string_equal(b->stages[1].name, "ending");
    assert_string_equal(b->stages[1].loaded->plugin->name, "ending");
    const char *const *folders;
    assert_true(weir_loader_folders(conf->loader, &folders) > 1);
    assert_string_equal(folders[0], "/nowhere");
    weir_conf_free(conf);
}

static void host_defaults(void **state)
{
    (void)state;
    struct weir_conf *conf = load_text("pipelines = { a = { " SMALL " } }");
    assert_null(conf->admin.listen);
    assert_int_equal(conf->log.level, WEIR_INFO);
    assert_int_equal(conf->watchdog_ns, 100000000);
    assert_int_equal(conf->pipelines[0].drain_timeout_ns, 30000000000);
    weir_conf_free(conf);
}

static void several_files(void **state)
{
    (void)state;
    const char *paths[] = {
        write_file("one.conf", "log = { level = \"warn\" }\ndrain_timeout = \"1s\"\npipelines = { a = { " SMALL " } }"),
        write_file("two.conf", "log = { level = \"debug\" }\npipelines = { b = { " SMALL " }\n c = { " SMALL " } }")};
    struct weir_conf_source source = {.paths = paths, .n_paths = 2};
    struct weir_conf *conf = load(&source);
    assert_int_equal(conf->n_pipelines, 3);
    assert_string_equal(conf->pipelines[2].name, "c");
    assert_int_equal(conf->pipelines[2].line, 3);
    assert_int_equal(conf->log.level, WEIR_WARN); /* the first file that says it */
    assert_int_equal(conf->pipelines[0].drain_timeout_ns, 1000000000);
    assert_int_equal(conf->pipelines[1].drain_timeout_ns, 30000000000);
    weir_conf_free(conf);
    paths[1] = write_file("two.conf", "pipelines = {\n a = { " SMALL " } }");
    char expected[512];
    snprintf(expected, sizeof expected, "%s:2: a: a pipeline of this name is at %s:3 already\n", paths[1], paths[0]);
    refuses(&source, expected);
}

static void errors_of_all_files(void **state)
{
    (void)state;
    const char *paths[] = {write_file("one.conf", "pipelines = { a = { stages = 5 } }\nx = 5ms"),
                           write_file("two.conf", "pipelines = { a = { lanes = 0 " SMALL " } }"), "/nowhere.conf"};
    struct weir_conf_source source = {.paths = paths, .n_paths = 3};
    char expected[512];
    snprintf(expected, sizeof expected,
             "%s:2: 5ms needs quotes: write \"5ms\"\n/nowhere.conf: cannot read the conf file: No such file or "
             "directory\n%s:1: a.lanes: 0 is below the smallest, 1\n",
             paths[0], paths[1]);
    refuses(&source, expected);
}

static void includes_are_relative_to_their_file(void **state)
{
    (void)state;
    char sub[128];
    snprintf(sub, sizeof sub, "%s/sub", folder);
    mkdir(sub, 0700);
    write_file("sub/login.inc", "login = {\n  @include \"user.inc\"\n}\nplugin = \"kinds\"");
    write_file("sub/user.inc", "user = \"${file:user.txt}\"");
    write_file("sub/user.txt", "included\n");
    const char *path = write_file(
        "main.conf",
        "pipelines = { p = { stages = { origin = { }\n  second = {\n@include \"sub/login.inc\"\n count = 5 }\n"
        "ending = { target = \"x\" } } } }");
    struct weir_conf *conf = load(&(struct weir_conf_source){.paths = &path, .n_paths = 1});
    assert_slice(kinds_of(conf)->login.user, "included");
    assert_int_equal(conf->pipelines[0].stages[2].line, 5);
    assert_string_equal(conf->pipelines[0].stages[1].loaded->plugin->name, "kinds");
    weir_conf_free(conf);
}

static void env_file_goes_before_the_environment(void **state)
{
    (void)state;
    setenv("WEIR_T_COUNT", "42", 1);
    const char *env = write_file("env", "WEIR_T_COUNT=7\nTEXT='from the env file'\n");
    struct weir_conf_source source = {
        .text = AROUND("count = \"${WEIR_T_COUNT}\" text = \"${TEXT}\""), .text_name = "t", .env_file = env};
    struct weir_conf *conf = load(&source);
    assert_int_equal(kinds_of(conf)->count, 7);
    assert_slice(kinds_of(conf)->text, "from the env file");
    weir_conf_free(conf);
    source.env_file = "/nowhere.env";
    refuses(&source, "/nowhere.env: cannot read the env file: No such file or directory\n");
}

static void odd_but_good(void **state)
{
    (void)state;
    weir_conf_free(load_text("\xef\xbb\xbf# a byte order mark\r\npipelines = {\r\n a = {\r\n" SMALL "\r\n}\r\n}\r\n"));
    weir_conf_free(load_text("// comment\n/* another\n over lines */ pipelines : { a : { " SMALL "; }; };"));
    weir_conf_free(load_text(AROUND("text = \"# no comment // at all /* here\" count = +5")));
    weir_conf_free(load_text(AROUND("text = \"\" login = { user = \"\\x41\\\"\\\\\" }")));
}

static int remove_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(every_type),
        cmocka_unit_test(integers_of_64_bits),
        cmocka_unit_test(strings_for_any_scalar),
        cmocka_unit_test(host_keys),
        cmocka_unit_test(host_defaults),
        cmocka_unit_test(several_files),
        cmocka_unit_test(errors_of_all_files),
        cmocka_unit_test(includes_are_relative_to_their_file),
        cmocka_unit_test(env_file_goes_before_the_environment),
        cmocka_unit_test(odd_but_good),
    };
    setenv("WEIR_PLUGIN_PATH", WEIR_BUILD_DIR "/plugins-test", 1);
    if (!mkdtemp(folder)) return 1;
    return cmocka_run_group_tests(tests, NULL, remove_folder);
}
