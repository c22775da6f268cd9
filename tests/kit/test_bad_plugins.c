/* test_bad_plugins.c - `weir check` of a conf whose plugin or schema file cannot be used: one line, which says where,
 * what was found, what was expected and what to do. Most files are compiled or cut here: nobody's build makes broken
 * ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, EXIT_USAGE = 2 };
static char folder[] = "/tmp/weir-bad-XXXXXX";

static void write_file(const char *name, const char *bytes, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void __attribute__((format(printf, 1, 2))) shell(const char *fmt, ...)
{
    char command[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof command);
    if (system(command) != 0) fail_msg("failed: %s", command);
}

static void compile(const char *name, const char *source, const char *more)
{
    write_file("x.c", source, strlen(source));
    shell("%s -shared -fPIC -I%s -o %s/%s %s/x.c %s", WEIR_CC, WEIR_INCLUDE, folder, name, folder, more);
}

/* Runs `weir check` on the conf: its exit code, or -signal; what it said on stderr. */
static int check(const char *conf, char said[TEXT_MAX])
{
    char path[256];
    int fd[2], status;
    size_t n = 0;
    write_file("bad.conf", conf, strlen(conf));
    snprintf(path, sizeof path, "%s/bad.conf", folder);
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (!pid) {
        dup2(fd[1], 2);
        close(fd[0]);
        close(fd[1]);
        execl(WEIR_BINARY, "weir", "check", path, (char *)NULL);
        _exit(127);
    }
    close(fd[1]);
    for (ssize_t got; n < TEXT_MAX - 1 && (got = read(fd[0], said + n, TEXT_MAX - 1 - n)) > 0;) n += (size_t)got;
    said[n] = '\0';
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* "@" of `wanted` stands for the folder. */
static void says(const char *conf_fmt, const char *wanted)
{
    char said[TEXT_MAX], line[TEXT_MAX] = "", conf[TEXT_MAX];
    for (size_t n = 0; *wanted; wanted++)
        n += (size_t)snprintf(line + n, sizeof line - n, *wanted == '@' ? "%s" : "%.1s",
                              *wanted == '@' ? folder : wanted);
    strcat(line, "\n");
    snprintf(conf, sizeof conf, conf_fmt, folder, folder);
    int code = check(conf, said);
    if (code != EXIT_USAGE || strcmp(said, line) != 0)
        fail_msg("exit code %d\n--- expected\n%s--- found\n%s", code, line, said);
}

/* One stage, x, is of the file under test. */
static const char one[] = "pipelines = { a = { stages = {\n  clockwork = {}\n  x = { plugin = \"%s/x.so\" }\n} } }\n";
#define AT "@/bad.conf:3: x: @/x.so: "

#define DESCRIPTOR(...)                                                                                             \
    "#include <weir/plugin.h>\n"                                                                                    \
    "static void push(struct weir_ctx *ctx, struct weir_batch *b) { ctx->host->release(ctx, b); }\n"                \
    "WEIR_EXPORT const struct weir_plugin weir_plugin_v1 = { .magic = WEIR_MAGIC, .abi = WEIR_ABI, .size = "        \
    "sizeof(struct weir_plugin), .opt_size = sizeof(struct weir_opt), .metric_size = sizeof(struct weir_metric), "  \
    ".outcome_size = sizeof(struct weir_outcome), .host_size = sizeof(struct weir_host), .version = \"1\", .doc = " \
    "\"d\", .roles = WEIR_SINK, .name = \"x\", .push = push, " #__VA_ARGS__ " };\n"

static void what_is_no_plugin(void **state)
{
    (void)state;
    says(one, AT "No such file or directory");
    write_file("x.so", "", 0);
    says(one, AT "is empty; expected a shared object: copy or build it again");
    write_file("x.so", "#!/bin/sh\n", 10);
    says(one, AT "starts with 23 21 2f 62, a shared object with 7f 45 4c 46 (ELF); name the file that was built");
    write_file("x.so", "\x7f", 1);
    says(one, AT "starts with 7f 00 00 00, a shared object with 7f 45 4c 46 (ELF); name the file that was built");
    write_file("x.so",
               "\x7f"
               "ELF",
               4);
    says(one, AT "is cut short: it has 4 bytes, its ELF headers speak of 64; copy or build it again");
    shell("rm %s/x.so && mkdir %s/x.so", folder, folder);
    says(one, AT "is no file; expected a shared object");
    shell("rmdir %s/x.so", folder);
    compile("x.so", "int other;\n", "");
    says(one, AT "exports no symbol weir_plugin_v1; is it built with weir_add_plugin or weir_add_schema?");
    compile("x.so", "int weir_plugin_v1;\n", "");
    says(one, AT "weir_plugin_v1 has 4 bytes, expected at least 32; build it again with this host's headers");
}

static void what_is_for_another_host(void **state)
{
    (void)state;
    compile("x.so", DESCRIPTOR(.magic = 42), "");
    says(one, AT "`weir_plugin_v1` is not a plugin descriptor; expected the one that WEIR_PLUGIN() makes");
    compile("x.so", DESCRIPTOR(.abi = 7), "");
    says(one, AT "built for plugin ABI 7, this host has ABI 1; rebuild it against this host's headers");
    compile("x.so", DESCRIPTOR(.name = ""), "");
    says(one, AT "the plugin's descriptor lacks a name");
    compile("x.so", DESCRIPTOR(.roles = 0), "");
    says(one, AT "the plugin's descriptor lacks a role");
    compile("x.so", DESCRIPTOR(.push = NULL), "");
    says(one, AT "the plugin's descriptor lacks push(), which filters and sinks need");
    compile("x.so", DESCRIPTOR(.roles = WEIR_SOURCE), "");
    says(one, AT "the plugin's descriptor lacks done(), which sources need");
}

/* The sizes are this host's, so only what is said about them is compared. */
static void sizes_that_do_not_fit(void **state)
{
    static const struct {
        const char *source, *found, *todo;
    } all[] = {
        {DESCRIPTOR(.size = 16), ": descriptor of 16 bytes in an object of ",
         "; rebuild it against this host's headers\n"},
        {DESCRIPTOR(.opt_size = 8), " bytes in an object of ", "; rebuild it against this host's headers\n"},
        {DESCRIPTOR(.size = 4096), ": built with newer headers than this host's (",
         "; use a newer weir, or rebuild it"},
        {DESCRIPTOR(.host_size = 4096), ": built with newer headers than this host's (4096/",
         "; use a newer weir, or "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char said[TEXT_MAX], conf[TEXT_MAX], where[TEXT_MAX];
        compile("x.so", all[i].source, "");
        snprintf(conf, sizeof conf, one, folder);
        snprintf(where, sizeof where, "%s/bad.conf:3: x: %s/x.so: ", folder, folder);
        int code = check(conf, said);
        if (code != EXIT_USAGE || strncmp(said, where, strlen(where)) != 0 || !strstr(said, all[i].found) ||
            !strstr(said, all[i].todo) || strchr(said, '\n') != said + strlen(said) - 1)
            fail_msg("%zu: exit code %d: %s", i, code, said);
    }
}

static void what_cannot_be_linked(void **state)
{
    char flags[256];
    (void)state;
    compile("x.so", DESCRIPTOR() "void nowhere(void); void call(void); void call(void) { nowhere(); }\n", "");
    says(one, AT "cannot be loaded: undefined symbol: nowhere; link what defines it, and build it again");
    compile("libgone.so", "void gone(void); void gone(void) {}\n", "");
    snprintf(flags, sizeof flags, "-L%s -lgone", folder);
    compile("x.so", DESCRIPTOR() "void gone(void); void call(void); void call(void) { gone(); }\n", flags);
    shell("rm %s/libgone.so", folder);
    says(one, AT "cannot be loaded: libgone.so: cannot open shared object file: No such file or directory; install the "
                 "library, or put it where ld.so looks");
}

/* Whatever is missing at the end: one line, never a crash. */
static void what_was_cut_short(void **state)
{
    char bytes[1 << 16], path[256], conf[TEXT_MAX];
    (void)state;
    compile("x.so", DESCRIPTOR(), "-s");
    snprintf(path, sizeof path, "%s/x.so", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_true(n > 4096 && n < sizeof bytes);
    snprintf(conf, sizeof conf, one, folder);
    char said[TEXT_MAX];
    if (check(conf, said) != 0) fail_msg("%s", said); /* whole, it is a plugin */
    for (size_t cut = 64; cut < n; cut += cut + 1024 < n || cut == n - 1 ? 1024 : n - 1 - cut) {
        char line[TEXT_MAX];
        write_file("x.so", bytes, cut);
        int code = check(conf, said);
        snprintf(line, sizeof line,
                 "%s/bad.conf:3: x: %s: is cut short: it has %zu bytes, its ELF headers speak of %zu; copy or build it "
                 "again\n",
                 folder, path, cut, n);
        if (code != EXIT_USAGE || strcmp(said, line) != 0)
            fail_msg("cut at %zu of %zu: exit code %d\n--- expected\n%s--- found\n%s", cut, n, code, line, said);
    }
}

static void what_others_can_write(void **state)
{
    (void)state;
    compile("x.so", DESCRIPTOR(), "");
    shell("chmod 0757 %s/x.so", folder);
    says(one, AT "the file can be written by everybody (mode 0757); say chmod o-w @/x.so");
    shell("chmod 0755 %s/x.so && chmod 0777 %s", folder, folder);
    says(one, "@/bad.conf:3: x: @: the folder can be written by everybody (mode 0777); say chmod o-w @");
    shell("chmod 0700 %s", folder);
}

static void two_files_of_one_name(void **state)
{
    static const char two[] = "pipelines = { a = { stages = {\n  clockwork = {}\n  x = { plugin = \"%s/x.so\" } } }\n"
                              "b = { stages = {\n  clockwork = {}\n  y = { plugin = \"%s/y.so\" } } } }\n";
    char said[TEXT_MAX], conf[TEXT_MAX];
    (void)state;
    compile("x.so", DESCRIPTOR(), "");
    compile("y.so", DESCRIPTOR(.version = "2"), "");
    says(two, "@/bad.conf:6: y: @/y.so: calls itself \"x\", as does @/x.so, which is loaded; expected one file of that "
              "name: rename or remove one");
    shell("ln -sf x.so %s/y.so", folder); /* one file by two paths is one plugin */
    snprintf(conf, sizeof conf, two, folder, folder);
    if (check(conf, said) != 0) fail_msg("%s", said);
}

static void a_table_that_is_wrong(void **state)
{
    (void)state;
#define IN " (in @/x.so, whose author has to correct it)"
#define WITH(option)                                                                                                  \
    "#include <weir/plugin.h>\nstruct cfg { int64_t n; };\n"                                                          \
    "static const struct weir_opt options[] = { WEIR_OPT(struct cfg, n, WEIR_INT, " option "), WEIR_OPT_END };\n"     \
    "static void push(struct weir_ctx *ctx, struct weir_batch *b) { ctx->host->release(ctx, b); }\n"                  \
    "WEIR_PLUGIN(.name = \"x\", .version = \"1\", .doc = \"d\", .roles = WEIR_SINK, .cfg_size = sizeof(struct cfg), " \
    ".opts = options, .push = push);\n"
    compile("x.so", WITH(".def = \"many\""), "");
    says(one, "@/bad.conf:3: x.n: the plugin's own default is wrong: expected an integer, found \"many\"" IN);
    compile("x.so", WITH(".def = \"10\", .min = 1, .max = 9"), "");
    says(one, "@/bad.conf:3: x.n: the plugin's own default is wrong: 10 is above the largest, 9" IN);
    compile("x.so", WITH(".min = 2, .max = 1"), "");
    says(one, "@/bad.conf:3: x.n: the plugin's option table is wrong: `min` is above `max`" IN);
}

static void a_stage_out_of_place(void **state)
{
    (void)state;
    compile("x.so", DESCRIPTOR(), "");
    says("pipelines = { a = { stages = {\n  x = { plugin = \"%s/x.so\" }\n  y = { plugin = \"%s/x.so\" }\n} } }\n",
         "@/bad.conf:2: x: the first stage must be a source, but x is a sink");
    says("pipelines = { a = { stages = {\n  clockwork = {}\n  x = { plugin = \"%s/x.so\" }\n"
         "  y = { plugin = \"%s/x.so\" }\n} } }\n",
         "@/bad.conf:3: x: a stage between first and last must be a filter, but x is a sink");
}

/* A module of one message, t.Thing, with so many of its two fields. */
#define SCHEMA(n_fields)                                                                                           \
    "#include <weir/schema.h>\n#define FIELD(name, id) { name, id, PROTOBUF_C_LABEL_NONE, PROTOBUF_C_TYPE_INT64, " \
    "0, 0, 0, 0, 0, 0, 0, 0 }\n"                                                                                   \
    "static const ProtobufCFieldDescriptor fields[] = { FIELD(\"a\", 1), FIELD(\"b\", 2) };\n"                     \
    "static const unsigned sorted[] = { 0, 1 };\n"                                                                 \
    "static const ProtobufCIntRange ranges[] = { { 1, 0 }, { 0, " #n_fields " } };\n"                              \
    "static const ProtobufCMessageDescriptor m = { PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, \"t.Thing\", \"Thing\", " \
    "\"T__Thing\", \"t\", 0, " #n_fields ", fields, sorted, 1, ranges, 0, 0, 0, 0 };\n"                            \
    "static const ProtobufCMessageDescriptor *const all[] = { &m, 0 };\n"                                          \
    "const struct weir_schema_module weir_schema_module_v1 = { WEIR_SCHEMA_MAGIC, WEIR_SCHEMA_ABI, sizeof(struct " \
    "weir_schema_module), \"t\", all };\n"

static void a_schema_that_cannot_be_used(void **state)
{
    static const char named[] = "plugin_path = [ \"%s\" ]\npipelines = { a = { stages = {\n"
                                "  clockwork = {}\n  x = { plugin = \"%s/x.so\" }\n} } }\n";
    (void)state;
    compile("x.so", DESCRIPTOR(), "");
    write_file("a.schema.so", "", 0);
    says(named, "@/a.schema.so: is empty; expected a shared object: copy or build it again");
    compile("a.schema.so", "int other;\n", "");
    says(named, "@/a.schema.so: exports no symbol weir_schema_module_v1; is it built with weir_add_plugin or "
                "weir_add_schema?");
    compile("a.schema.so", SCHEMA(1), "");
    compile("b.schema.so", SCHEMA(2), "");
    says(named, "@/b.schema.so: message t.Thing differs from the one in @/a.schema.so; keep one of the two modules");
    shell("rm %s/b.schema.so", folder);
    compile("x.so",
            "#include <weir/plugin.h>\nstruct cfg { const struct weir_schema *event; };\n"
            "static const struct weir_opt options[] = { WEIR_OPT(struct cfg, event, WEIR_MESSAGE), WEIR_OPT_END };\n"
            "static void push(struct weir_ctx *ctx, struct weir_batch *b) { ctx->host->release(ctx, b); }\n"
            "WEIR_PLUGIN(.name = \"x\", .version = \"1\", .doc = \"d\", .roles = WEIR_SINK, "
            ".cfg_size = sizeof(struct cfg), .opts = options, .push = push);\n",
            "");
    says("plugin_path = [ \"%s\" ]\npipelines = { a = { stages = {\n  clockwork = {}\n"
         "  x = { plugin = \"%s/x.so\"\n    event = \"no.such.v1.Message\" }\n} } }\n",
         "@/bad.conf:5: x.event: no message \"no.such.v1.Message\" is loaded; put the *.schema.so that has it into a "
         "plugin folder");
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    char command[256];
    (void)state;
    snprintf(command, sizeof command, "chmod 0700 '%s' && rm -rf '%s'", folder, folder);
    return system(command);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_no_plugin),     EACH(what_is_for_another_host),
        EACH(sizes_that_do_not_fit), EACH(what_cannot_be_linked),
        EACH(what_was_cut_short),    EACH(what_others_can_write),
        EACH(two_files_of_one_name), EACH(a_table_that_is_wrong),
        EACH(a_stage_out_of_place),  EACH(a_schema_that_cannot_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
