/* schemas.c - all message types of the process, from the *.schema.so of the plugin folders. */
#include "schemas.h"
#include "module.h"
#include "wire.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct weir_schema schema;
    char *file; /* where it came from, for the message about a clash */
};
struct weir_schemas {
    struct entry **by_id; /* entries do not move: plugins keep pointers to their schema */
    uint32_t n, cap;
    char **paths; /* every field path, for "did you mean" */
    size_t n_paths, cap_paths;
};

enum { SUGGESTED_PATHS_MAX = 8192 };

struct weir_schemas *weir_schemas_new(void)
{
    return calloc(1, sizeof(struct weir_schemas));
}

void weir_schemas_free(struct weir_schemas *all)
{
    if (!all) return;
    for (uint32_t i = 0; i < all->n; i++) {
        free(all->by_id[i]->file);
        free(all->by_id[i]);
    }
    for (size_t i = 0; i < all->n_paths; i++) free(all->paths[i]);
    free(all->by_id);
    free(all->paths);
    free(all);
}

static void *grow(void *array, size_t n, size_t *cap, size_t item)
{
    if (n < *cap) return array;
    size_t wanted = *cap ? *cap * 2 : 32;
    void *more = reallocarray(array, wanted, item);
    if (more) *cap = wanted;
    return more;
}

/* ---- equal shape: two modules may carry the same message (timestamps are in every one) */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool same_enum(const ProtobufCEnumDescriptor *a, const ProtobufCEnumDescriptor *b)
{
    if (!same_text(a->name, b->name) || a->n_values != b->n_values) return false;
    for (unsigned i = 0; i < a->n_values; i++)
        if (a->values[i].value != b->values[i].value || !same_text(a->values[i].name, b->values[i].name)) return false;
    return true;
}

/* depth ends the comparison of messages that contain themselves; what differs further down is itself a message of both
 * modules and compared there. */
static bool same_message(const ProtobufCMessageDescriptor *a, const ProtobufCMessageDescriptor *b, int depth)
{
    if (a == b || depth == 0) return true;
    if (!same_text(a->name, b->name) || a->n_fields != b->n_fields) return false;
    for (unsigned i = 0; i < a->n_fields; i++) {
        const ProtobufCFieldDescriptor *x = &a->fields[i], *y = &b->fields[i];
        if (x->id != y->id || x->label != y->label || x->type != y->type || !same_text(x->name, y->name)) return false;
        if ((x->flags ^ y->flags) & (PROTOBUF_C_FIELD_FLAG_PACKED | PROTOBUF_C_FIELD_FLAG_ONEOF)) return false;
        if (x->type == PROTOBUF_C_TYPE_ENUM && !same_enum(x->descriptor, y->descriptor)) return false;
        if (x->type == PROTOBUF_C_TYPE_MESSAGE && !same_message(x->descriptor, y->descriptor, depth - 1)) return false;
    }
    return true;
}

/* ---- field paths for suggestions */

static void collect_paths(struct weir_schemas *all, const ProtobufCMessageDescriptor *m, const char *prefix, int depth)
{
    for (unsigned i = 0; i < m->n_fields && all->n_paths < SUGGESTED_PATHS_MAX; i++) {
        const ProtobufCFieldDescriptor *f = &m->fields[i];
        if (f->label == PROTOBUF_C_LABEL_REPEATED) continue;
        char **paths = grow(all->paths, all->n_paths, &all->cap_paths, sizeof(*paths));
        if (!paths) return; /* only a suggestion less */
        all->paths = paths;
        char *path = NULL;
        if (asprintf(&path, "%s%s%s", prefix, *prefix ? "." : "", f->name) < 0) return;
        all->paths[all->n_paths++] = path;
        if (f->type == PROTOBUF_C_TYPE_MESSAGE && depth > 1) collect_paths(all, f->descriptor, path, depth - 1);
    }
}

/* ---- loading */

static int add_message(struct weir_schemas *all, const ProtobufCMessageDescriptor *m, const char *file,
                       struct weir_errors *errs)
{
    if (m->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC || !m->name) {
        weir_errors_add(errs, file, 0, "a message descriptor starts with %08x, expected %08x; build the module again",
                        (unsigned)m->magic, (unsigned)PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC);
        return -1;
    }
    const struct weir_schema *known = weir_schemas_find(all, m->name);
    if (known) {
        if (same_message(known->descriptor, m, WEIR_WIRE_DEPTH)) return 0;
        weir_errors_add(errs, file, 0, "message %s differs from the one in %s; keep one of the two modules", m->name,
                        all->by_id[known->id - 1]->file);
        return -1;
    }
    size_t cap = all->cap;
    struct entry **by_id = grow(all->by_id, all->n, &cap, sizeof(struct entry *));
    if (by_id) {
        all->by_id = by_id;
        all->cap = (uint32_t)cap;
    }
    struct entry *e = by_id ? calloc(1, sizeof(*e)) : NULL;
    char *copy = e ? strdup(file) : NULL;
    if (!copy) {
        free(e);
        weir_errors_add(errs, file, 0, "out of memory");
        return -1;
    }
    *e = (struct entry){{all->n + 1, m->name, m}, copy};
    all->by_id[all->n++] = e;
    collect_paths(all, m, "", WEIR_WIRE_DEPTH);
    return 0;
}

static int load_module(struct weir_schemas *all, const char *file, struct weir_errors *errs)
{
    char msg[512];
    const struct weir_schema_module *m =
        weir_module_open(file, "weir_schema_module_v1", sizeof(struct weir_schema_module), msg, sizeof(msg));
    if (!m) {
        size_t n = strlen(file); /* the message starts with the file, and so does the list's line */
        const char *text = strncmp(msg, file, n) == 0 && msg[n] == ':' ? msg + n + 2 : msg;
        weir_errors_add(errs, file, 0, "%s", text);
        return -1;
    }
    if (m->magic != WEIR_SCHEMA_MAGIC) {
        weir_errors_add(errs, file, 0, "starts with %016llx, expected %016llx: no schema module",
                        (unsigned long long)m->magic, (unsigned long long)WEIR_SCHEMA_MAGIC);
        return -1;
    }
    if (m->abi != WEIR_SCHEMA_ABI || m->size < sizeof(*m)) {
        weir_errors_add(errs, file, 0, "has schema ABI %u and size %u, expected ABI %u and size %zu; build it again",
                        m->abi, m->size, WEIR_SCHEMA_ABI, sizeof(*m));
        return -1;
    }
    int rc = 0;
    for (const ProtobufCMessageDescriptor *const *d = m->messages; d && *d; d++)
        if (add_message(all, *d, file, errs) != 0) rc = -1;
    return rc;
}

static int is_module(const struct dirent *d)
{
    size_t n = strlen(d->d_name), end = sizeof(".schema.so") - 1;
    return n > end && strcmp(d->d_name + n - end, ".schema.so") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* the same order under every locale */
}

int weir_schemas_load_folder(struct weir_schemas *all, const char *folder, struct weir_errors *errs)
{
    struct dirent **found = NULL;
    int n = scandir(folder, &found, is_module, by_bytes);
    if (n < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return 0;
        weir_errors_add(errs, folder, 0, "cannot be listed: %s", strerror(errno));
        return -1;
    }
    int rc = 0;
    for (int i = 0; i < n; i++) {
        char *file = NULL;
        if (asprintf(&file, "%s/%s", folder, found[i]->d_name) < 0) {
            weir_errors_add(errs, folder, 0, "out of memory");
            rc = -1;
        } else {
            if (load_module(all, file, errs) != 0) rc = -1;
            free(file);
        }
        free(found[i]);
    }
    free(found);
    return rc;
}

/* ---- asking */

const struct weir_schema *weir_schemas_find(const struct weir_schemas *all, const char *full_name)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (strcmp(all->by_id[i]->schema.full_name, full_name) == 0) return &all->by_id[i]->schema;
    return NULL;
}

const struct weir_schema *weir_schemas_by_id(const struct weir_schemas *all, uint32_t id)
{
    return id > 0 && id <= all->n ? &all->by_id[id - 1]->schema : NULL;
}

uint32_t weir_schemas_count(const struct weir_schemas *all)
{
    return all->n;
}

bool weir_schemas_has_path(const struct weir_schemas *all, const char *path, const char **nearest)
{
    struct weir_wire_path resolved;
    if (nearest) *nearest = NULL;
    for (uint32_t i = 0; i < all->n; i++)
        if (weir_wire_resolve(all->by_id[i]->schema.descriptor, path, &resolved)) return true;
    if (nearest) *nearest = weir_nearest(path, (const char *const *)all->paths, all->n_paths);
    return false;
}

bool weir_schemas_get(const struct weir_schema *schema, struct weir_slice wire, const char *path,
                      struct weir_value *out)
{
    struct weir_wire_path resolved;
    return schema && path && weir_wire_resolve(schema->descriptor, path, &resolved) &&
           weir_wire_read(&resolved, wire, out);
}
