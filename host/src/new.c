/* new.c - `weir new KIND NAME`: checks the order, has the files written, says what to type next. */
#include "new.h"
#include "loader.h"
#include "new_files.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MIN = 2, NAME_LONGEST = 40 };

static const char *const kinds[] = {"source", "filter", "sink"};
/* Names that a build gives to targets and libraries of its own. */
static const char *const taken[] = {"all", "clean", "dl", "help", "install", "package", "rt", "test", "weir"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- the order */

static bool listed(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0) return true;
    return false;
}

static int check_kind(const char *kind, struct weir_errors *errs)
{
    if (listed(kind, kinds, COUNT(kinds))) return 0;
    const char *near = weir_nearest(kind, kinds, COUNT(kinds));
    weir_errors_add(errs, NULL, 0, "weir new: found \"%s\"; expected source, filter or sink%s%s%s", kind,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return -1;
}

static bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Words of small letters and digits, joined by single dashes, a letter first. */
static bool good_name(const char *name)
{
    size_t n = strlen(name);
    if (n < NAME_MIN || n > NAME_LONGEST || !is_small(name[0]) || name[n - 1] == '-') return false;
    for (size_t i = 1; i < n; i++) {
        bool dash = name[i] == '-' && name[i - 1] != '-';
        if (!is_small(name[i]) && !is_digit(name[i]) && !dash) return false;
    }
    return true;
}

/* The good name that is nearest to a bad one: "My_Filter" gives "my-filter". False: there is none. */
static bool mend_name(const char *name, char mended[NAME_LONGEST + 1])
{
    size_t n = 0;
    for (; *name && n < NAME_LONGEST; name++) {
        char c = (char)tolower((unsigned char)*name);
        if (is_small(c) || (is_digit(c) && n > 0))
            mended[n++] = c;
        else if (n > 0 && mended[n - 1] != '-')
            mended[n++] = '-';
    }
    while (n > 0 && mended[n - 1] == '-') n--;
    mended[n] = '\0';
    return good_name(mended);
}

/* A plugin of that name which weir finds would be hidden by the new one, or hide it. Nothing of it is loaded. */
static int check_free(const char *name, struct weir_errors *errs)
{
    const char *const *folders;
    char path[PATH_MAX];
    struct weir_loader *loader = weir_loader_new();
    bool ok = loader && weir_loader_defaults(loader) == 0;
    size_t n = ok ? weir_loader_folders(loader, &folders) : 0, before = errs->n;
    if (!ok) weir_errors_add(errs, NULL, 0, "weir new: out of memory");
    for (size_t i = 0; i < n && errs->n == before; i++) {
        int length = snprintf(path, sizeof(path), "%s/%s.so", folders[i], name);
        if (length < 0 || (size_t)length >= sizeof(path) || access(path, F_OK) != 0) continue;
        weir_errors_add(errs, NULL, 0, "weir new: a plugin \"%s\" is there already: %s; choose another name", name,
                        path);
    }
    weir_loader_free(loader);
    return errs->n == before ? 0 : -1;
}

static int check_name(const char *name, struct weir_errors *errs)
{
    char mended[NAME_LONGEST + 1];
    if (!good_name(name)) {
        bool can = mend_name(name, mended);
        weir_errors_add(errs, NULL, 0,
                        "weir new: \"%s\" cannot be a plugin's name; expected %d to %d small letters and digits, a "
                        "letter first, words joined by single dashes; try \"%s\"",
                        name, NAME_MIN, NAME_LONGEST, can ? mended : "rate-limit");
        return -1;
    }
    if (listed(name, taken, COUNT(taken))) {
        weir_errors_add(errs, NULL, 0,
                        "weir new: \"%s\" is a name that every build has for something else; try \"my-%s\"", name,
                        name);
        return -1;
    }
    return check_free(name, errs);
}

static int check_folder(const char *folder, struct weir_errors *errs)
{
    struct stat st;
    int rc = stat(folder, &st);
    if (rc == 0 && S_ISDIR(st.st_mode)) return 0;
    weir_errors_add(errs, folder, 0, "%s; expected a folder to put the new one into",
                    rc == 0 ? "is no folder" : strerror(errno));
    return -1;
}

/* ---- what to type next */

/* As a shell reads it back. */
static void put_word(const char *word, FILE *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+:@%,=-";
    bool quote = !*word || word[strspn(word, plain)];
    if (quote) fputc('\'', out);
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    }
    if (quote) fputc('\'', out);
}

/* Each ~ of the form is the next word. */
static void put(FILE *out, const char *form, ...)
{
    va_list words;
    va_start(words, form);
    for (; *form; form++) {
        if (*form == '~')
            put_word(va_arg(words, const char *), out);
        else
            fputc(*form, out);
    }
    va_end(words);
}

/* Where CMake finds weir. One that was called by name it finds by PATH itself, and `prefix` is "". Else it is the
 * folder above bin/; or this weir runs in its build folder, and has to be installed first. */
struct where {
    char build[PATH_MAX]; /* "": not in a build folder */
    char prefix[PATH_MAX + sizeof("/installed")];
};

static void find_weir(const char *weir, struct where *w)
{
    char exe[PATH_MAX], cache[PATH_MAX + sizeof("/CMakeCache.txt")];
    *w->build = *w->prefix = '\0';
    ssize_t n = strchr(weir, '/') ? readlink("/proc/self/exe", exe, sizeof(exe) - 1) : -1;
    if (n <= 0) return;
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    snprintf(cache, sizeof(cache), "%s/CMakeCache.txt", exe);
    if (access(cache, F_OK) == 0) {
        snprintf(w->build, sizeof(w->build), "%s", exe);
        snprintf(w->prefix, sizeof(w->prefix), "%s/installed", exe);
        return;
    }
    char *bin = strrchr(exe, '/');
    if (bin && strcmp(bin, "/bin") == 0) snprintf(w->prefix, sizeof(w->prefix), "%.*s", (int)(bin - exe), exe);
}

static void put_next(const struct weir_new *o, const char *path, FILE *out)
{
    struct where w;
    find_weir(o->weir, &w);
    fprintf(out, "%s: a %s that builds, passes its test and runs. Next:\n\n", path, o->kind);
    if (*w.build) {
        fprintf(out, "  # this weir is in its build folder; plugins are built against an installed one\n");
        put(out, "  cmake --install ~ --prefix ~\n", w.build, w.prefix);
    }
    put(out, "  cmake -S ~ -B ~/build", path, path);
    if (*w.prefix) put(out, " -DCMAKE_PREFIX_PATH=~", w.prefix);
    put(out, " && cmake --build ~/build && ctest --test-dir ~/build --output-on-failure\n", path, path);
    put(out, "  ~ check ~/~.conf\n", o->weir, path, o->name);
    put(out, "  ~ run ~/~.conf\n\n", o->weir, path, o->name);
    fprintf(out, "%s/README.md says what is where, and where to go on.\n", path);
}

/* ---- */

static int write_all(const struct weir_new *o, const char *path, struct weir_errors *errs)
{
    char snake[NAME_LONGEST + 1];
    size_t n = strlen(o->name);
    for (size_t i = 0; i <= n; i++) snake[i] = o->name[i] == '-' ? '_' : o->name[i];
    const struct weir_place places[] = {{"@NAME@", o->name}, {"@SNAKE@", snake}, {"@KIND@", o->kind}, {NULL, NULL}};
    struct weir_new_file files[] = {
        {"CMakeLists.txt", "CMakeLists.txt"}, {"README.md", "README.md"}, {"", ""}, {"", ""}, {"", ""}};
    const char *const ends[] = {".conf", ".c", ".c"};
    for (size_t i = 0; i < COUNT(ends); i++) {
        const char *begin = i == 2 ? "test_" : "";
        struct weir_new_file *file = &files[2 + i];
        snprintf(file->template, sizeof(file->template), "%s%s%s", begin, o->kind, ends[i]);
        snprintf(file->name, sizeof(file->name), "%s%s%s", begin, i ? snake : o->name, ends[i]);
    }
    return weir_new_files(path, files, COUNT(files), places, errs);
}

int weir_new(const struct weir_new *o, FILE *out, struct weir_errors *errs)
{
    if (check_kind(o->kind, errs) != 0 || check_name(o->name, errs) != 0) return -1;
    if (o->folder && check_folder(o->folder, errs) != 0) return -1;
    size_t n = o->folder ? strlen(o->folder) : 0;
    while (n > 1 && o->folder[n - 1] == '/') n--;
    char *path = NULL;
    bool root = n == 1 && *o->folder == '/';
    if (asprintf(&path, "%.*s%s%s", (int)n, o->folder ? o->folder : "", n && !root ? "/" : "", o->name) < 0) {
        weir_errors_add(errs, NULL, 0, "weir new: out of memory");
        return -1;
    }
    int rc = write_all(o, path, errs);
    if (rc == 0) put_next(o, path, out);
    free(path);
    return rc;
}
