/* test_loader.c - plugins that must be refused, each with its path, what was found, what was expected, what to do. */
#include "loader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-loader-XXXXXX";

static void copy(const char *from, const char *to)
{
    static char buf[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (in < 0 || out < 0) fail_msg("cannot copy %s to %s", from, to);
    for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;) assert_int_equal(write(out, buf, (size_t)n), n);
    close(in);
    close(out);
}

/* Loads `so` (a file of BROKEN_DIR) as plugin `name` from a folder of its own; msg gets what the loader says. */
static const struct weir_loaded *try(const char *so, const char *name, mode_t mode, mode_t folder_mode, char *msg)
{
    char from[512], to[512];
    struct weir_loader *l = weir_loader_new();
    snprintf(from, sizeof from, BROKEN_DIR "/%s", so);
    snprintf(to, sizeof to, "%s/%s.so", folder, name);
    copy(from, to);
    chmod(to, mode);
    chmod(folder, folder_mode);
    assert_int_equal(weir_loader_add_folder(l, folder), 0);
    const struct weir_loaded *loaded = weir_loader_get(l, name, msg, 512);
    chmod(folder, 0700);
    unlink(to);
    weir_loader_free(l);
    return loaded;
}

static void each_misfit_is_explained(void **state)
{
    (void)state;
    static const struct {
        const char *so, *says;
    } misfits[] = {
        {"broken_no_symbol.so", "exports no symbol weir_plugin_v1"},
        {"broken_magic.so", "is not a plugin descriptor; expected the one that WEIR_PLUGIN() makes"},
        {"broken_abi.so", "built for plugin ABI 2, this host has ABI 1; rebuild it against this host's headers"},
        {"broken_stride.so", "rebuild it against this host's headers"},
        {"broken_newer.so", "built with newer headers than this host's"},
        {"broken_calls.so", "use a newer weir, or rebuild it with this host's headers"},
        {"broken_push.so", "the plugin's descriptor lacks push(), which filters and sinks need"},
        {"faulty.so", "the plugin calls itself \"faulty\"; the file must be named after it"},
    };
    for (size_t i = 0; i < sizeof misfits / sizeof *misfits; i++) {
        char msg[512] = "", name[32];
        snprintf(name, sizeof name, "misfit%zu", i); /* dlopen knows a path it has seen */
        if (try(misfits[i].so, name, 0755, 0700, msg) || !strstr(msg, misfits[i].says) || !strstr(msg, folder))
            fail_msg("%s: \"%s\"", misfits[i].so, msg);
    }
}

static void a_file_or_folder_that_others_can_write_is_refused(void **state)
{
    char msg[512] = "";
    (void)state;
    assert_null(try("faulty.so", "faulty", 0777, 0700, msg));
    assert_non_null(strstr(msg, "can be written by everybody"));
    assert_null(try("faulty.so", "faulty", 0755, 0777, msg));
    assert_non_null(strstr(msg, "can be written by everybody"));
}

static void what_is_no_shared_object_is_refused(void **state)
{
    char msg[512] = "", path[512];
    (void)state;
    struct weir_loader *l = weir_loader_new();
    snprintf(path, sizeof path, "%s/text.so", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0755);
    assert_int_equal(write(fd, "hello", 5), 5);
    close(fd);
    assert_null(weir_loader_get(l, path, msg, sizeof msg));
    assert_non_null(strstr(msg, path));
    assert_null(weir_loader_get(l, "a/b", msg, sizeof msg));
    assert_non_null(strstr(msg, "expected a plugin's name or an absolute path"));
    unlink(path);
    weir_loader_free(l);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_misfit_is_explained),
        cmocka_unit_test(a_file_or_folder_that_others_can_write_is_refused),
        cmocka_unit_test(what_is_no_shared_object_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
