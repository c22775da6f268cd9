/* describe_impl.h - between describe.c (for people) and describe_markdown.c (the reference). */
#ifndef WEIR_DESCRIBE_IMPL_H
#define WEIR_DESCRIBE_IMPL_H
#include "conf.h"
#include "options.h"

enum { WEIR_PHRASE = 512 };
/* `a duration`, `"logfmt" or "json"`, `a list of strings`. Returns buf. */
const char *weir_phrase_type(const struct weir_opt *, char buf[WEIR_PHRASE]);
/* `1ms to 1min`, `at least 1`, or "". Returns buf. */
const char *weir_phrase_bounds(const struct weir_opt *, char buf[WEIR_PHRASE]);
/* `required`, a default as it would be written, or "". Returns buf. */
const char *weir_phrase_default(const struct weir_opt *, char buf[WEIR_PHRASE]);
/* The options below this one, or NULL when it has none that need saying. */
const struct weir_opt *weir_phrase_sub(const struct weir_opt *);
/* One Markdown table: a row an option, nested ones by their path; `what` heads the first column. */
void weir_describe_table(const struct weir_opt *, const char *what, FILE *);
/* weir_<plugin>_<name> with _ for what Prometheus does not take. Returns buf. */
const char *weir_phrase_metric(const struct weir_plugin *, const struct weir_metric *, char buf[WEIR_PHRASE]);
#endif
