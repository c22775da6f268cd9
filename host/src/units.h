/* units.h - how people write numbers in a conf: "64KiB", "5ms", "0x1F", and how weir writes them back. */
#ifndef WEIR_UNITS_H
#define WEIR_UNITS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each returns NULL and fills *out, or says what was wrong: "expected ... such as ...". The whole text must fit. */
const char *weir_parse_bool(const char *text, bool *out);
const char *weir_parse_int(const char *text, int64_t *out);
const char *weir_parse_float(const char *text, double *out);
const char *weir_parse_size(const char *text, uint64_t *out);
const char *weir_parse_duration(const char *text, uint64_t *out);

enum { WEIR_UNIT_TEXT = 32 };
/* The shortest exact form: 65536 is "64KiB", 1500000 is "1500us". Returns buf. */
const char *weir_format_size(uint64_t bytes, char buf[WEIR_UNIT_TEXT]);
const char *weir_format_duration(uint64_t ns, char buf[WEIR_UNIT_TEXT]);
#endif
