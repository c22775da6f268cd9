/* elf.c - the names that a shared object gives to others: its dynamic symbol table, read from the file. */
#include "conform.h"
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
    const uint8_t *p;
    size_t n;
};

/* NULL: not wholly in the file. */
static const void *at(const struct image *m, uint64_t offset, uint64_t size)
{
    return offset <= m->n && size <= m->n - offset ? m->p + offset : NULL;
}

/* Older linkers mark the ends of sections, sanitizers what they instrumented. Weak ones are the C++ library's
 * templates, which every object that uses them has. */
static bool counts(const ElfW(Sym) * s, const char *name)
{
    static const char *const linkers[] = {"_init", "_fini", "_end", "_edata", "__bss_start", NULL};
    if (s->st_shndx == SHN_UNDEF || s->st_shndx == SHN_ABS || ELF64_ST_BIND(s->st_info) != STB_GLOBAL) return false;
    if (ELF64_ST_VISIBILITY(s->st_other) != STV_DEFAULT && ELF64_ST_VISIBILITY(s->st_other) != STV_PROTECTED)
        return false;
    for (int i = 0; linkers[i]; i++)
        if (!strcmp(linkers[i], name)) return false;
    return strncmp(name, "__odr_asan", 10) && strncmp(name, "___asan", 7);
}

static bool walk(const struct image *m, const ElfW(Shdr) * symbols, const ElfW(Shdr) * strings,
                 void (*each)(void *, const char *), void *arg)
{
    const ElfW(Sym) *s = at(m, symbols->sh_offset, symbols->sh_size);
    const char *names = at(m, strings->sh_offset, strings->sh_size);
    if (!s || !names || !strings->sh_size || names[strings->sh_size - 1]) return false;
    for (size_t i = 0; i < symbols->sh_size / sizeof *s; i++) {
        if (s[i].st_name >= strings->sh_size) return false;
        if (counts(&s[i], names + s[i].st_name)) each(arg, names + s[i].st_name);
    }
    return true;
}

static const char *read_image(const struct image *m, void (*each)(void *, const char *), void *arg)
{
    const ElfW(Ehdr) *head = at(m, 0, sizeof *head);
    if (!head || memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_shentsize != sizeof(ElfW(Shdr)))
        return "not an ELF file of this machine";
    const ElfW(Shdr) *sections = at(m, head->e_shoff, (uint64_t)head->e_shnum * sizeof *sections);
    for (unsigned i = 0; sections && i < head->e_shnum; i++)
        if (sections[i].sh_type == SHT_DYNSYM && sections[i].sh_link < head->e_shnum &&
            walk(m, &sections[i], &sections[sections[i].sh_link], each, arg))
            return NULL;
    return "its table of dynamic symbols cannot be read; was it stripped of its section headers?";
}

int conform_exports(const char *path, void (*each)(void *, const char *), void *arg, char *why, size_t size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        snprintf(why, size, "%s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return -1;
    }
    void *p = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    const struct image m = {p, (size_t)st.st_size};
    const char *wrong = p == MAP_FAILED ? "cannot be read" : read_image(&m, each, arg);
    if (p != MAP_FAILED) munmap(p, m.n);
    if (wrong) snprintf(why, size, "%s: %s", path, wrong);
    return wrong ? -1 : 0;
}
