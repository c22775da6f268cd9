/* text.h - characters on their way out: UTF-8 made valid, JSON and HTML escapes, times for people. */
#ifndef WEIR_TEXT_H
#define WEIR_TEXT_H
#include <stdint.h>
#include <stdio.h>

/* Length of the valid UTF-8 sequence at s (1 to 4), or 0: a stray byte. NUL ends the text and is never part of one. */
size_t weir_utf8_len(const char *s);
/* Takes one character from *s (moving it on) and writes it as it stands inside a JSON string. Returns the length, at
 * most 6; a byte that is no UTF-8 becomes U+FFFD. */
size_t weir_json_char(char out[8], const char **s);
/* "text" with its quotes; NULL gives null. */
void weir_put_json(FILE *, const char *text);
void weir_put_html(FILE *, const char *text);
/* 2026-01-31T23:59:59.123Z of nanoseconds since 1970. */
void weir_rfc3339(char out[32], uint64_t wall_ns);
#endif
