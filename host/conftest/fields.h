/* fields.h - groups of a test file as messages and as JSON. */
#ifndef WEIR_CONFTEST_FIELDS_H
#define WEIR_CONFTEST_FIELDS_H
#include "options.h"

/* The wire form of a group, in the options' arena. `path` begins its errors. False after an error. */
bool fields_encode(const struct weir_options *, const char *path, const struct weir_schema *, const config_setting_t *,
                   struct weir_slice *out);
/* {"name":value,...}, without spaces; NULL after an error. */
const char *fields_json(const struct weir_options *, const char *path, const config_setting_t *);
#endif
