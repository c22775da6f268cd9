/* module_whole.c - is a file a shared object, and all of it? dlopen maps what the ELF headers speak of: touching what a
 * file that was cut short does not have is a SIGBUS, not an error. */
#include "module.h"
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ORDER ELFDATA2LSB
#else
#define OUR_ORDER ELFDATA2MSB
#endif
#define OUR_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

struct object {
    const char *path;
    int fd;
    uint64_t size;
    ElfW(Ehdr) head;
    char *msg;
    size_t msg_size;
};

static int refuse(struct object *o, const char *what)
{
    snprintf(o->msg, o->msg_size, "%s: %s", o->path, what);
    return -1;
}

static int cut_short(struct object *o, uint64_t needed)
{
    snprintf(o->msg, o->msg_size, "%s: is cut short: it has %llu bytes, its ELF headers speak of %llu; %s", o->path,
             (unsigned long long)o->size, (unsigned long long)needed, "copy or build it again");
    return -1;
}

/* Where a part of the file ends; UINT64_MAX when that does not fit. */
static uint64_t end_of(uint64_t offset, uint64_t n)
{
    return n > UINT64_MAX - offset ? UINT64_MAX : offset + n;
}

static int check_segments(struct object *o)
{
    size_t n = o->head.e_phnum;
    uint64_t needed = end_of(o->head.e_phoff, n * sizeof(ElfW(Phdr)));
    uint64_t sections = o->head.e_shoff ? end_of(o->head.e_shoff, (uint64_t)o->head.e_shnum * o->head.e_shentsize) : 0;
    if (needed > o->size) return cut_short(o, sections > needed ? sections : needed);
    ElfW(Phdr) *all = calloc(n ? n : 1, sizeof *all);
    if (!all) return refuse(o, "out of memory");
    if (pread(o->fd, all, n * sizeof *all, (off_t)o->head.e_phoff) != (ssize_t)(n * sizeof *all)) {
        free(all);
        return refuse(o, "cannot be read");
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t end = end_of(all[i].p_offset, all[i].p_filesz);
        if (end > needed) needed = end;
    }
    free(all);
    if (sections > needed) needed = sections;
    return needed > o->size ? cut_short(o, needed) : 0;
}

static int check(struct object *o)
{
    struct stat st;
    char found[64];
    if (fstat(o->fd, &st) != 0) return refuse(o, strerror(errno));
    if (!S_ISREG(st.st_mode)) return refuse(o, "is no file; expected a shared object");
    if (st.st_size == 0) return refuse(o, "is empty; expected a shared object: copy or build it again");
    o->size = (uint64_t)st.st_size;
    ssize_t got = pread(o->fd, &o->head, sizeof o->head, 0);
    if (got < 0) return refuse(o, strerror(errno));
    if (got < SELFMAG || memcmp(o->head.e_ident, ELFMAG, SELFMAG) != 0) {
        const unsigned char *b = o->head.e_ident;
        snprintf(found, sizeof found, "starts with %02x %02x %02x %02x", b[0], b[1], b[2], b[3]);
        snprintf(o->msg, o->msg_size, "%s: %s, a shared object with 7f 45 4c 46 (ELF); name the file that was built",
                 o->path, found);
        return -1;
    }
    if ((size_t)got < sizeof o->head) return cut_short(o, sizeof o->head);
    if (o->head.e_ident[EI_CLASS] != OUR_CLASS || o->head.e_ident[EI_DATA] != OUR_ORDER ||
        o->head.e_phentsize != sizeof(ElfW(Phdr)))
        return 0; /* for another machine: dlopen says so */
    return check_segments(o);
}

int weir_module_whole(const char *path, char *msg, size_t size)
{
    struct object o = {.path = path, .msg = msg, .msg_size = size};
    o.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (o.fd < 0) return refuse(&o, strerror(errno));
    int rc = check(&o);
    close(o.fd);
    return rc;
}
