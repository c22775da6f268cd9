/* test_new.c - `weir new`: what it writes compiles without a warning, passes its own test, fails it when the plugin
 * does nothing, and runs by the commands that were printed; what it refuses it refuses without a trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARNINGS "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
#define LIBRARIES "$(pkg-config --libs libconfig libuv libprotobuf-c libmicrohttpd cmocka) -ldl -lm -pthread"

static char out[32768]; /* what the last command said on both streams */

/* Runs a shell command in the test's folder; its exit code. */
__attribute__((format(printf, 1, 2))) static int sh(const char *fmt, ...)
{
    char command[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    assert_true(n > 0 && (size_t)n < sizeof command);
    char *all = NULL;
    assert_true(asprintf(&all, "{ %s\n} 2>&1", command) > 0);
    FILE *f = popen(all, "r");
    free(all);
    assert_non_null(f);
    size_t got = fread(out, 1, sizeof out - 1, f);
    out[got] = 0;
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define good(...)                                                        \
    do {                                                                 \
        int rc_ = sh(__VA_ARGS__);                                       \
        if (rc_) fail_msg("exit %d of: %s\n%s", rc_, #__VA_ARGS__, out); \
    } while (0)

static void snake_of(const char *name, char snake[64])
{
    snprintf(snake, 64, "%s", name);
    for (char *c = snake; *c; c++)
        if (*c == '-') *c = '_';
}

/* The plugin, where its build would put it. */
static void compile_plugin(const char *folder, const char *name, const char *flags)
{
    char snake[64];
    snake_of(name, snake);
    good("mkdir -p '%s'/build/plugins && " WEIR_CC " -std=c11 " WEIR_CFLAGS
         " %s -shared -fPIC -fvisibility=hidden -I" WEIR_INCLUDE " -o '%s'/build/plugins/%s.so '%s'/%s.c",
         folder, flags, folder, name, folder, snake);
}

static void compile_test(const char *name)
{
    char snake[64];
    snake_of(name, snake);
    good(WEIR_CC " -std=c11 " WEIR_CFLAGS " " WARNINGS " -I" WEIR_INCLUDE " -o %s/build/test %s/test_%s.c " WEIR_KIT
                 " " WEIR_CORE " " LIBRARIES,
         name, name, snake);
}

static int own_test(const char *name)
{
    return sh("WEIR_PLUGIN_PATH=%s/build/plugins:$WEIR_PLUGIN_PATH %s/build/test", name, name);
}

/* From the command to a plugin that is built, tested and checked. */
static void make(const char *kind, const char *name)
{
    good(WEIR_BINARY " new %s %s", kind, name);
    assert_int_equal(sh("grep -rE '@[A-Z]+@' %s", name), 1); /* every place is filled */
    good("grep -q 'weir_add_plugin(%s SOURCES' %s/CMakeLists.txt", name, name);
    compile_plugin(name, name, WARNINGS);
    compile_test(name);
    if (own_test(name)) fail_msg("its own test fails:\n%s", out);
    good(WEIR_BINARY " check %s/%s.conf", name, name);
    assert_non_null(strstr(out, "guarantee: "));
    assert_null(strstr(out, "guarantee: unknown"));
}

/* A test that the plugin passes by doing nothing is none. */
static void fails_once_changed(const char *name, const char *from, const char *to)
{
    char snake[64];
    snake_of(name, snake);
    good("cp %s/%s.c kept.c && sed -i 's/%s/%s/' %s/%s.c && ! cmp -s kept.c %s/%s.c", name, snake, from, to, name,
         snake, name, snake);
    compile_plugin(name, name, "-w");
    int rc = own_test(name);
    if (!rc || !strstr(out, "FAILED")) fail_msg("exit %d of the test of a %s that does nothing:\n%s", rc, name, out);
    good("mv kept.c %s/%s.c", name, snake);
}

static void a_filter(void **state)
{
    (void)state;
    make("filter", "size-limit");
    good(WEIR_BINARY " run size-limit/size-limit.conf 2>err");
    assert_string_equal(out, "hello 1\nhello 2\nhello 3\nhello 4\nhello 5\nhello 6\nhello 7\nhello 8\nhello 9\n");
    fails_once_changed("size-limit", "if (outcome)", "if (outcome \\&\\& false)");
}

static void a_sink(void **state)
{
    (void)state;
    make("sink", "tally2");
    good(WEIR_BINARY " run tally2/tally2.conf 2>err\n"
                     "grep -oE '[0-9]+ events, [0-9]+ bytes' err | awk '{e += $1; b += $3} END {print e, b}'");
    assert_string_equal(out, "12 87\n");
    fails_once_changed("tally2", "\\[s->n_held++\\] = batch;", "[s->n_held++] = batch; write_held(s);");
}

static void a_source(void **state)
{
    (void)state;
    make("source", "slow-clock-2");
    good(WEIR_BINARY " run slow-clock-2/slow-clock-2.conf >lines 2>err & run=$!\n"
                     "for i in $(seq 400); do [ \"$(wc -l <lines)\" -ge 2 ] && break; sleep 0.05; done\n"
                     "kill -TERM $run; wait $run; rc=$?; head -n 2 lines; exit $rc");
    assert_string_equal(out, "hello 1\nhello 2\n");
    fails_once_changed("slow-clock-2", "emit(s);", "(void)emit;");
}

/* The three commands, in a folder whose name a shell would take apart. */
static void the_commands_can_be_typed(void **state)
{
    (void)state;
    good("mkdir \"it's a \\$HOME\" && " WEIR_BINARY " new filter limit-2 --dir \"it's a \\$HOME/\" >next");
    good("grep -c '^  cmake -S .*cmake --build .*ctest --test-dir ' next");
    assert_string_equal(out, "1\n");
    good("grep -cF \"cmake -S 'it'\\\\''s a \\$HOME/limit-2' -B 'it'\\\\''s a \\$HOME/limit-2'/build \" next");
    good("d=\"it's a \\$HOME/limit-2\" && mkdir -p \"$d/build/plugins\" && " WEIR_CC " " WEIR_CFLAGS
         " -shared -fPIC -I" WEIR_INCLUDE " -o \"$d/build/plugins/limit-2.so\" \"$d/limit_2.c\"");
    good("grep '^  .* check ' next | sh");
    assert_non_null(strstr(out, "guarantee: "));
    good("grep '^  .* run ' next | sh 2>/dev/null");
    assert_non_null(strstr(out, "hello 9\n"));
}

/* CMake finds an installed weir that is not in PATH only when it is told. */
static void an_installed_weir_says_where_it_is(void **state)
{
    (void)state;
    good("mkdir -p prefix/bin && cp " WEIR_BINARY " prefix/bin/ && prefix/bin/weir new sink by-path");
    assert_non_null(strstr(out, "/build -DCMAKE_PREFIX_PATH=/"));
    assert_non_null(strstr(out, "/prefix && cmake --build by-path/build "));
    assert_null(strstr(out, "--install"));
    assert_non_null(strstr(out, "\n  prefix/bin/weir run by-path/by-path.conf\n"));
    good("PATH=$PWD/prefix/bin:$PATH; weir new sink by-name");
    assert_null(strstr(out, "CMAKE_PREFIX_PATH"));
    assert_non_null(strstr(out, "\n  weir run by-name/by-name.conf\n"));
    good(WEIR_BINARY " new sink by-build");
    assert_non_null(strstr(out, "\n  cmake --install "));
    assert_non_null(strstr(out, "/installed && cmake --build "));
}

/* ---- what it refuses */

static void refuses(const char *args, const char *words)
{
    good("ls -A >before");
    int rc = sh(WEIR_BINARY " %s", args);
    if (rc != 2 || !strstr(out, words)) fail_msg("weir %s: exit %d, found:\n%sexpected: %s", args, rc, out, words);
    if (strchr(out, '\n') != out + strlen(out) - 1) fail_msg("weir %s: expected one line, found:\n%s", args, out);
    if (sh("ls -A | cmp before -")) fail_msg("weir %s: left something behind: %s", args, out);
}

static void wrong_orders(void **state)
{
    (void)state;
    good("touch a-file");
    refuses("new", "expected `weir new source|filter|sink NAME`");
    refuses("new filter", "expected `weir new source|filter|sink NAME`");
    refuses("new filter limit more", "expected `weir new source|filter|sink NAME`");
    refuses("new filter --dirr limit", "unknown option --dirr");
    refuses("new filtre limit", "found \"filtre\"; expected source, filter or sink; did you mean \"filter\"?");
    refuses("new plugin limit", "found \"plugin\"; expected source, filter or sink\n");
    refuses("new filter limit --dir nowhere", "nowhere: No such file or directory; expected a folder");
    refuses("new filter limit --dir a-file", "a-file: is no folder; expected a folder");
}

static void wrong_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"My_Filter", "try \"my-filter\""},
        {"rate--limit", "try \"rate-limit\""},
        {"rate-", "try \"rate\""},
        {"2nd-try", "try \"nd-try\""},
        {"../escape", "try \"escape\""},
        {"/tmp/absolute", "try \"tmp-absolute\""},
        {"'a b'", "try \"a-b\""},
        {"''", "try \"rate-limit\""},
        {"x", "2 to 40 small letters and digits"},
        {"a123456789012345678901234567890123456789x", "try \"a123456789012345678901234567890123456789\""},
        {"test", "try \"my-test\""},
        {"weir", "try \"my-weir\""},
        {"generator", "a plugin \"generator\" is there already: /"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char args[128];
        snprintf(args, sizeof args, "new sink %s", names[i][0]);
        refuses(args, names[i][1]);
    }
    good(WEIR_BINARY " new sink a12345678901234567890123456789012345678x"); /* 40 */
}

static void never_writes_over(void **state)
{
    (void)state;
    good("mkdir mine && echo precious >mine/mine.c && ln -s nowhere link && touch plain");
    refuses("new filter mine", "mine: is there already; choose another name, or remove it first");
    refuses("new filter link", "link: is there already");
    refuses("new filter plain", "plain: is there already");
    good("cat mine/*");
    assert_string_equal(out, "precious\n");
}

/* A full disk: files of more than a block cannot be written, the first ones are small and can. */
static void leaves_nothing_of_a_failure(void **state)
{
    (void)state;
    int rc = sh("trap '' XFSZ; ulimit -f 2; " WEIR_BINARY " new filter full");
    assert_int_equal(rc, 2);
    assert_non_null(strstr(out, "full: "));
    assert_non_null(strstr(out, " cannot be written: File too large; nothing of it was left\n"));
    assert_int_equal(access("full", F_OK), -1);
}

static int in_a_folder(void **state)
{
    static char folder[] = "/tmp/weir-new-XXXXXX";
    umask(022);
    if (!mkdtemp(folder) || chdir(folder)) return -1;
    *state = folder;
    return 0;
}

static int gone(void **state)
{
    const char *folder = *state;
    return chdir("/") || sh("rm -rf '%s'", folder);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter),
        cmocka_unit_test(a_sink),
        cmocka_unit_test(a_source),
        cmocka_unit_test(the_commands_can_be_typed),
        cmocka_unit_test(an_installed_weir_says_where_it_is),
        cmocka_unit_test(wrong_orders),
        cmocka_unit_test(wrong_names),
        cmocka_unit_test(never_writes_over),
        cmocka_unit_test(leaves_nothing_of_a_failure),
    };
    return cmocka_run_group_tests(tests, in_a_folder, gone);
}
