/* new_files.c - makes a folder of files from templates, whole or not at all. */
#include "new_files.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *text_of(const char *template)
{
    const struct weir_template *t = weir_templates;
    while (t->name && strcmp(t->name, template) != 0) t++;
    return t->text;
}

/* The place that begins at `at`, or NULL: any other @ stands for itself. */
static const struct weir_place *place_at(const char *at, const struct weir_place *places)
{
    for (; places->place; places++)
        if (strncmp(at, places->place, strlen(places->place)) == 0) return places;
    return NULL;
}

static void fill(const char *text, const struct weir_place *places, FILE *out)
{
    while (*text) {
        const struct weir_place *p = place_at(text, places);
        if (p) {
            fputs(p->text, out);
            text += strlen(p->place);
        } else {
            size_t n = 1 + strcspn(text + 1, "@");
            fwrite(text, 1, n, out); /* a failure shows in ferror() */
            text += n;
        }
    }
}

/* 0, or errno. */
static int write_file(int folder, const struct weir_new_file *file, const struct weir_place *places)
{
    const char *text = text_of(file->template);
    if (!text) return ENOENT;
    int fd = openat(folder, file->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) return errno;
    FILE *out = fdopen(fd, "w");
    if (!out) {
        int why = errno;
        close(fd);
        return why;
    }
    errno = 0;
    fill(text, places, out);
    int why = ferror(out) ? (errno ? errno : EIO) : 0;
    if (fclose(out) != 0 && !why) why = errno;
    return why;
}

/* Only what was made here: the n files, then the folder. */
static bool remove_files(const char *path, int folder, const struct weir_new_file *files, size_t n)
{
    bool gone = true;
    for (size_t i = 0; i < n; i++)
        if (unlinkat(folder, files[i].name, 0) != 0 && errno != ENOENT) gone = false;
    return rmdir(path) == 0 && gone;
}

int weir_new_files(const char *path, const struct weir_new_file *files, size_t n, const struct weir_place *places,
                   struct weir_errors *errs)
{
    if (mkdir(path, 0755) != 0) {
        bool exists = errno == EEXIST;
        weir_errors_add(errs, path, 0, "%s%s", exists ? "is there already" : "cannot be made: ",
                        exists ? "; choose another name, or remove it first" : strerror(errno));
        return -1;
    }
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), why = folder < 0 ? errno : 0;
    size_t done = 0;
    while (!why && done < n) {
        why = write_file(folder, &files[done], places);
        done++;
    }
    if (why) {
        bool gone = remove_files(path, folder, files, done);
        weir_errors_add(errs, path, 0, "%s cannot be written: %s; %s", done ? files[done - 1].name : "the folder",
                        strerror(why), gone ? "nothing of it was left" : "remove what is left of it");
    }
    if (folder >= 0) close(folder);
    return why ? -1 : 0;
}
