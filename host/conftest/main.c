/* main.c - `weir test FILE...`: runs the tests of conf test files and says how they went. */
#include "crash.h"
#include "describe_impl.h"
#include "log.h"
#include "rig.h"
#include "verdict.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EXIT_OK, EXIT_TEST_FAILED, EXIT_USAGE };

static const char help[] =
    "weir test: runs pipelines of confs without their servers, and compares what comes out\n"
    "\n"
    "  weir test [--only TEST] [--list] [--logs] FILE...\n"
    "\n"
    "  --only TEST    only the test of this name; may be given several times\n"
    "  --list         print the tests instead of running them\n"
    "  --logs         write the log lines of plugins and host to stderr\n"
    "  --markdown     print the reference of what a test file may say\n"
    "\n"
    "Plugins are looked for in plugin_path of the confs, WEIR_PLUGIN_PATH, and the install folder.\n"
    "Exit codes: 0 all passed; 1 a test failed; 2 usage, or a mistake in a test file.\n";

struct args {
    const char **files, **only;
    size_t n_files, n_only;
    bool list, logs;
};
struct session {
    struct args args;
    FILE *out; /* our stdout; descriptor 1 is the plugins' */
    int prints, server;
    unsigned port; /* of 127.0.0.1, on which server listens */
    char dir[64];
    unsigned passed, failed;
};

static int usage(const char *what, const char *which)
{
    fprintf(stderr, "weir test: %s%s; `weir test --help` says more\n", what, which);
    return EXIT_USAGE;
}

/* ---- one test */
static char *errors_text(struct weir_errors *errs)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) return NULL;
    weir_errors_print(errs, out);
    if (!fclose(out)) return text;
    free(text);
    return NULL;
}

static void put_indented(const char *text, FILE *out)
{
    for (const char *end; text && *text; text = end + (*end == '\n')) {
        end = text + strcspn(text, "\n");
        fprintf(out, "      %.*s\n", (int)(end - text), text);
    }
}

/* True when each text is in it. */
static bool expect_texts(struct rig *rig, const struct weir_list *texts, const char *in, const char *what)
{
    const struct weir_slice *t = texts->items;
    for (uint32_t i = 0; i < texts->n; i++) {
        if (in && strstr(in, (const char *)t[i].p)) continue;
        rig_fail(rig, rig->test->at, "%s: expected \"%s\" in:", what, (const char *)t[i].p);
        put_indented(in ? in : "out of memory", rig->out);
        return false;
    }
    return true;
}

/* The confs are as they should be, or refused as they should be; true when they can run. */
static bool expect_conf(struct rig *rig, struct test *t)
{
    char *text = errors_text(&t->conf_errors);
    bool refused = t->conf_errors.n != 0;
    if (t->keys.refused.n && !refused)
        rig_fail(rig, t->at, "refused: the confs have no mistake");
    else if (t->keys.refused.n)
        expect_texts(rig, &t->keys.refused, text, "refused");
    else if (refused) {
        rig_fail(rig, t->at, "the confs are refused:");
        put_indented(text, rig->out);
    }
    free(text);
    return !refused;
}

static void expect_verdict(struct rig *rig, struct test *t)
{
    struct weir_errors errs = {0};
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (out) weir_verdict(t->conf, false, out, &errs);
    size_t refusals = errs.n;
    if (out) weir_errors_print(&errs, out);
    if (!out || fclose(out)) {
        free(text);
        text = NULL;
    }
    if (refusals && !t->keys.check.n) {
        rig_fail(rig, t->at, "`weir check` refuses the confs:");
        put_indented(text, rig->out);
    }
    expect_texts(rig, &t->keys.check, text, "check");
    weir_errors_free(&errs);
    free(text);
}

static void run_steps(struct rig *rig, struct test *t, struct session *s, FILE *out)
{
    if (rig_open(rig, t, out, s->prints, s->server)) {
        for (size_t i = 0; i < t->n_steps && !rig->failed; i++) step_run(rig, &t->steps[i]);
        if (!rig->failed) expect_nothing_else(rig);
        if (rig->failed) show_rest(rig);
    }
    rig_close(rig);
}

static void empty_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) unlinkat(dirfd(dir), e->d_name, 0);
    if (dir) closedir(dir);
}

static void run_test(struct session *s, struct test *t)
{
    char *why = NULL;
    size_t n = 0;
    uint64_t began = uv_hrtime();
    FILE *out = open_memstream(&why, &n);
    struct rig rig = {.test = t, .out = out ? out : s->out};
    if (ftruncate(s->prints, 0) || lseek(s->prints, 0, SEEK_SET))
        rig_fail(&rig, t->at, "cannot empty the file for stdout");
    if (!rig.failed && expect_conf(&rig, t)) expect_verdict(&rig, t);
    if (!rig.failed && t->n_steps) run_steps(&rig, t, s, rig.out);
    if (out) fclose(out);
    fprintf(s->out, "%-6s  %s:%d: %s (%llu ms)\n%s", rig.failed ? "FAILED" : "ok", t->at.file, t->at.line, t->name,
            (unsigned long long)(uv_hrtime() - began) / 1000000, why ? why : "");
    fflush(s->out);
    s->passed += !rig.failed;
    s->failed += rig.failed;
    free(why);
    empty_folder(s->dir);
}

/* ---- files */
static bool is_wanted(const struct args *a, const char *name)
{
    for (size_t i = 0; i < a->n_only; i++)
        if (!strcmp(a->only[i], name)) return true;
    return !a->n_only;
}

static int run_file(struct session *s, const char *path)
{
    struct weir_errors errs = {0};
    struct test_file file = {.path = path, .dir = s->dir, .port = s->port};
    test_file_read(&file, &errs);
    int code = errs.n ? EXIT_USAGE : EXIT_OK;
    weir_errors_print(&errs, stderr);
    for (size_t i = 0; i < file.n_tests && !errs.n; i++) {
        struct test *t = &file.tests[i];
        if (!is_wanted(&s->args, t->name)) continue;
        if (s->args.list)
            fprintf(s->out, "%s:%d: %s\n", t->at.file, t->at.line, t->name);
        else
            run_test(s, t);
    }
    weir_errors_free(&errs);
    test_file_free(&file);
    return code;
}

/* Descriptor 1 becomes a file in memory, so that what a kept stage prints can be expected. */
static int take_stdout(struct session *s)
{
    int own = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    s->out = own >= 0 ? fdopen(own, "w") : NULL;
    s->prints = memfd_create("stdout", MFD_CLOEXEC);
    return s->out && s->prints >= 0 && dup2(s->prints, STDOUT_FILENO) >= 0 ? 0 : -1;
}

static int run_files(struct session *s)
{
    const char *tmp = getenv("TMPDIR");
    int code = EXIT_OK;
    snprintf(s->dir, sizeof s->dir, "%.40s/weir-test-XXXXXX", tmp && *tmp == '/' && strlen(tmp) <= 40 ? tmp : "/tmp");
    s->server = server_listen(&s->port);
    if (s->server < 0) return usage("cannot listen on 127.0.0.1: ", strerror(errno));
    if (take_stdout(s) || !mkdtemp(s->dir)) return usage("cannot make a folder or a file for the tests in ", s->dir);
    weir_log_setup(WEIR_INFO, false);
    int nowhere = s->args.logs ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0) weir_log_to(nowhere);
    for (size_t i = 0; i < s->args.n_files; i++)
        if (run_file(s, s->args.files[i])) code = EXIT_USAGE;
    rmdir(s->dir);
    if (!s->args.list) fprintf(s->out, "%u passed, %u failed\n", s->passed, s->failed);
    if (fclose(s->out)) return usage("cannot write to stdout", "");
    if (code) return code;
    if (s->args.n_only && !s->args.list && !s->passed && !s->failed)
        return usage("no test has the name ", s->args.only[0]);
    return s->failed ? EXIT_TEST_FAILED : EXIT_OK;
}

/* ---- the command line */
static int parse(int argc, char **argv, struct args *a)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--list"))
            a->list = true;
        else if (!strcmp(argv[i], "--logs"))
            a->logs = true;
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            a->only[a->n_only++] = argv[++i];
        else if (argv[i][0] == '-')
            return usage("unknown option ", argv[i]);
        else
            a->files[a->n_files++] = argv[i];
    }
    return a->n_files ? EXIT_OK : usage("expected at least one test file", "");
}

int main(int argc, char **argv)
{
    struct session s = {.prints = -1};
    if (argc == 2 && !strcmp(argv[1], "--help")) return fputs(help, stdout) < 0;
    if (argc == 2 && !strcmp(argv[1], "--markdown")) {
        weir_describe_table(file_options, "key", stdout);
        putchar('\n');
        weir_describe_table(step_options, "step", stdout);
        return EXIT_OK;
    }
    s.args.files = calloc((size_t)argc * 2, sizeof *s.args.files);
    if (!s.args.files) return usage("out of memory", "");
    s.args.only = s.args.files + argc;
    weir_crash_report();
    int code = parse(argc, argv, &s.args);
    if (!code) code = run_files(&s);
    free(s.args.files);
    return code;
}
