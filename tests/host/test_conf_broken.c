/* test_conf_broken.c - every conf/NAME.conf that has a NAME.expected is loaded; what weir says must be that very text.
 * WEIR_TEST_UPDATE=1 writes the expected files anew: read the difference before you commit it. */
#include "conf.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 16384, CONFS_MAX = 256 };

static void hide(char *text, const char *what, const char *by)
{
    for (char *hit; *what && (hit = strstr(text, what));) {
        memmove(hit + strlen(by), hit + strlen(what), strlen(hit + strlen(what)) + 1);
        memcpy(hit, by, strlen(by));
    }
}

/* The folders that were searched differ from machine to machine: @FOLDERS@ in expected files, @FOLDER@ for one. */
static void hide_folders(const struct weir_conf *conf, char *text)
{
    const char *const *folders;
    char list[4096] = "";
    size_t n = weir_loader_folders(conf->loader, &folders);
    for (size_t i = 0; i < n; i++) {
        if (i) strncat(list, ", ", sizeof list - strlen(list) - 1);
        strncat(list, folders[i], sizeof list - strlen(list) - 1);
    }
    hide(text, list, "@FOLDERS@");
    for (size_t i = 0; i < n; i++) hide(text, folders[i], "@FOLDER@");
}

static void load(const char *path, char text[TEXT_MAX])
{
    struct weir_errors errs = {0};
    struct weir_conf_source source = {.paths = &path, .n_paths = 1};
    struct weir_conf *conf = weir_conf_load(&source, &errs);
    assert_non_null(conf);
    FILE *out = fmemopen(text, TEXT_MAX, "w");
    assert_non_null(out);
    weir_errors_print(&errs, out);
    assert_int_equal(fclose(out), 0);
    hide_folders(conf, text);
    weir_errors_free(&errs);
    weir_conf_free(conf);
}

static void read_text(const char *path, char text[TEXT_MAX])
{
    FILE *f = fopen(path, "r");
    text[0] = '\0';
    if (!f) return;
    text[fread(text, 1, TEXT_MAX - 1, f)] = '\0';
    fclose(f);
}

static void says_what_is_expected(const char *conf)
{
    char path[300], found[TEXT_MAX] = "", expected[TEXT_MAX];
    snprintf(path, sizeof path, "%.*s.expected", (int)strlen(conf) - 5, conf);
    load(conf, found);
    if (getenv("WEIR_TEST_UPDATE")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(found, f);
        fclose(f);
    }
    read_text(path, expected);
    if (strcmp(found, expected) != 0)
        fail_msg("%s\n--- expected\n%s--- found\n%s", conf, *expected ? expected : "(no .expected file)\n", found);
    assert_string_not_equal(found, "");
    assert_null(strstr(found, "hunter2")); /* the secret of secret.txt */
}

static int ends_in_conf(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0;
}

static void every_broken_conf(void **state)
{
    (void)state;
    struct dirent **list;
    int n = scandir(".", &list, ends_in_conf, alphasort);
    assert_true(n >= 25 && n < CONFS_MAX);
    for (int i = 0; i < n; i++) {
        says_what_is_expected(list[i]->d_name);
        free(list[i]);
    }
    free(list);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(every_broken_conf)};
    setenv("WEIR_PLUGIN_PATH", WEIR_BUILD_DIR "/plugins-test", 1);
    setenv("WEIR_TEST_LANES", "0", 1);
    unsetenv("WEIR_NOT_SET");
    if (chdir(WEIR_SOURCE_DIR "/tests/host/conf") < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
