/* alloc.c - the n-th allocation of a plugin fails: host calls that need memory (calls.c), and its own malloc and kin
 * (alloc_libc.c). */
#include "kit.h"
#include <link.h>
#include <stdlib.h>

_Thread_local struct kit_open *kit_opening;

bool kit_alloc_fails(struct weir_kit *kit)
{
    struct kit_allocs *a = &kit->open->allocs;
    if (++a->n != a->fail_at) return false;
    a->failed = true;
    return true;
}

void weir_kit_fail_alloc(struct weir_kit *kit, uint64_t n)
{
    struct kit_allocs *a = &kit->open->allocs;
    a->failed = false;
    a->fail_at = n ? a->n + n : 0;
}

uint64_t weir_kit_allocs(struct weir_kit *kit)
{
    return kit->open->allocs.n;
}

bool weir_kit_alloc_failed(struct weir_kit *kit)
{
    return kit->open->allocs.failed;
}

/* ---- where each plugin's code lies */
struct wanted {
    uintptr_t at;
    struct kit_range range;
};

static int find_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct wanted *w = arg;
    struct kit_range r = {UINTPTR_MAX, 0};
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD) continue;
        uintptr_t from = info->dlpi_addr + p->p_vaddr;
        if (from < r.from) r.from = from;
        if (from + p->p_memsz > r.to) r.to = from + p->p_memsz;
    }
    if (w->at < r.from || w->at >= r.to) return 0;
    if (*info->dlpi_name) w->range = r; /* else it is part of the program */
    return 1;
}

int kit_allocs_init(struct kit_allocs *a, const struct weir_conf_pipeline *p)
{
    a->ranges = calloc(p->n_stages, sizeof *a->ranges);
    if (!a->ranges) return -1;
    a->n_ranges = p->n_stages;
    for (uint32_t i = 0; i < p->n_stages; i++) {
        struct wanted w = {.at = (uintptr_t)p->stages[i].loaded->plugin->name};
        dl_iterate_phdr(find_object, &w);
        a->ranges[i] = w.range;
    }
    return 0;
}

static bool in_plugin(const struct kit_allocs *a, uintptr_t caller)
{
    for (uint32_t i = 0; i < a->n_ranges; i++)
        if (caller >= a->ranges[i].from && caller < a->ranges[i].to) return true;
    return false;
}

bool kit_malloc_fails(const void *caller)
{
    struct weir_kit *kit = NULL;
    if (!weir_blame.callback) return false;
    if (!weir_blame.stage)
        kit = kit_opening ? kit_opening->lanes : NULL;
    else if (weir_blame.stage->lane->hooks)
        kit = weir_blame.stage->lane->hooks->arg;
    if (!kit || kit->open->flags & WEIR_KIT_LIBRARY_INSIDE) return false;
    if (!in_plugin(&kit->open->allocs, (uintptr_t)caller) || !kit_alloc_fails(kit)) return false;
    return true;
}
