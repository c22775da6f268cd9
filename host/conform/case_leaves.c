/* case_leaves.c - threads and descriptors that are still there after close. */
#include "life.h"
#include <dirent.h>
#include <time.h>

enum { LIVES = 4, PATIENCE_MS = 1000, LOOK_MS = 10 };

static unsigned entries_of(const char *folder)
{
    unsigned n = 0;
    DIR *d = opendir(folder);
    if (!d) conform_fail("%s cannot be read", folder);
    while (readdir(d)) n++;
    closedir(d);
    return n;
}

/* Libraries end theirs in their own time: waits while there are more than before. */
static unsigned count_down_to(const char *folder, unsigned before)
{
    const struct timespec look = {0, LOOK_MS * 1000000};
    unsigned n = entries_of(folder);
    for (unsigned ms = 0; n > before && ms < PATIENCE_MS; ms += LOOK_MS, n = entries_of(folder)) nanosleep(&look, NULL);
    return n;
}

/* What a library keeps for the process is there after the first life, or after the second; what a life leaves is one
 * more after each. */
void case_leaves(const struct conform *c)
{
    static const struct {
        const char *folder, *what;
    } kinds[] = {{"/proc/self/fd", "descriptors"}, {"/proc/self/task", "threads"}};
    unsigned n[2][LIVES];
    struct life l;
    for (unsigned i = 0; i < LIVES; i++) {
        life_open(&l, c, 40 + i);
        life_work(&l, 12);
        life_close(&l);
        for (unsigned k = 0; k < 2; k++) n[k][i] = count_down_to(kinds[k].folder, i ? n[k][i - 1] : UINT32_MAX);
    }
    for (unsigned k = 0; k < 2; k++)
        if (n[k][3] > n[k][2] && n[k][2] > n[k][1])
            conform_fail("close: it leaves %s behind: %u more after each life", kinds[k].what, n[k][3] - n[k][2]);
}
