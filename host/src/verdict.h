/* verdict.h - what a set of confs guarantees, from promise() alone, and how it looks as a graph. */
#ifndef WEIR_VERDICT_H
#define WEIR_VERDICT_H
#include "conf.h"

enum weir_graph_form { WEIR_GRAPH_TEXT, WEIR_GRAPH_DOT, WEIR_GRAPH_MERMAID };

/* Prints one paragraph a pipeline. Returns the number of loss windows found (pipelines with unknown stages count);
 * what is always refused, and windows of pipelines with require = "no-loss" (of all, when strict), go to errs. */
int weir_verdict(const struct weir_conf *, bool strict, FILE *out, struct weir_errors *errs);
void weir_graph(const struct weir_conf *, enum weir_graph_form, FILE *out);
#endif
