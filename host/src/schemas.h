/* schemas.h - all message types of the process: loads *.schema.so, numbers messages, reads fields of wire bytes. */
#ifndef WEIR_SCHEMAS_H
#define WEIR_SCHEMAS_H
#include "errors.h"
#include <weir/schema.h>

struct weir_schemas;

struct weir_schemas *weir_schemas_new(void); /* NULL: no memory */
void weir_schemas_free(struct weir_schemas *);
/* Loads every *.schema.so of `folder` (sorted by name; a folder that is not there is fine). The same module twice (same
 * file, or a message of equal name and equal shape) is fine; a message that differs is an error naming both files.
 * Returns -1 when errors were added. */
int weir_schemas_load_folder(struct weir_schemas *, const char *folder, struct weir_errors *);
const struct weir_schema *weir_schemas_find(const struct weir_schemas *, const char *full_name); /* NULL: none */
const struct weir_schema *weir_schemas_by_id(const struct weir_schemas *, uint32_t id);
uint32_t weir_schemas_count(const struct weir_schemas *); /* ids are 1..count */

/* True when some loaded message has this field path ("amount" or "player.id"); `nearest` gets a near path or NULL. */
bool weir_schemas_has_path(const struct weir_schemas *, const char *path, const char **nearest);
/* Reads one field of a message's wire form; field paths of depth up to 4. A field without presence that is not on the
 * wire gives its default; the last one on the wire wins; repeated fields are not read (false). Never reads outside
 * `wire`; malformed bytes give false. Thread-safe. */
bool weir_schemas_get(const struct weir_schema *, struct weir_slice wire, const char *path, struct weir_value *);
#endif
