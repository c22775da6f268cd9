/* tables.h - a plugin's tables in this host's layout. */
#ifndef WEIR_TABLES_H
#define WEIR_TABLES_H
#include "conf_arena.h"
#include <weir/plugin.h>

/* Makes `plugin`, a copy of a descriptor that may be of older headers, point to tables with this host's strides; what
 * an older entry lacks reads as zero. Tables that have these strides stay where they are, the others are copied into
 * the arena. NULL, or what is wrong. */
const char *weir_tables_widen(struct weir_arena *, struct weir_plugin *);
#endif
