/* conftest_case.c - see conftest_case.h. */
#include "conftest_case.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-conftest-XXXXXX";

static void write_file(const char *name, const char *head, const char *text, const char *tail)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    if (!text) return;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "%s%s%s", head, text, tail);
    assert_int_equal(fclose(f), 0);
}

void conftest_write(const struct conftest_case *c)
{
    bool whole = !strncmp(c->body, "conf =", 6);
    write_file("it.conf", "", c->conf, "");
    write_file("it.test.conf", whole ? "" : "conf = [ \"it.conf\" ]\ntests = {\n  it = {\n", c->body,
               whole ? "" : "\n  }\n}\n");
}

int conftest_command(const char *args, char *text, size_t size)
{
    char command[512];
    snprintf(command, sizeof command, "cd %s && " WEIR_TEST " %s 2>&1", folder, args);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    size_t n = fread(text, 1, size - 1, p);
    text[n] = 0;
    int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What is wrong, or NULL. */
static const char *wrong_with(const struct conftest_case *c, int code, const char *text)
{
    for (size_t k = 0; k < 8 && c->says[k]; k++)
        if (!strstr(text, c->says[k])) return c->says[k];
    return code == c->code ? NULL : "the right exit code";
}

void conftest_run(const struct conftest_case *cases, size_t n)
{
    static char text[1 << 16];
    int bad = 0;
    for (const struct conftest_case *c = cases; c < cases + n; c++) {
        conftest_write(c);
        int code = conftest_command("it.test.conf", text, sizeof text);
        const char *wrong = wrong_with(c, code, text);
        if (wrong) print_error("%s: exit %d, lacks \"%s\":\n%s\n", c->name, code, wrong, text);
        bad += wrong != NULL;
    }
    if (bad) fail_msg("%d of %zu cases", bad, n);
}

int conftest_make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

int conftest_remove_folder(void **state)
{
    (void)state;
    write_file("it.conf", "", NULL, "");
    write_file("it.test.conf", "", NULL, "");
    return rmdir(folder);
}
