/* run.h - `weir run`: a process from its first thread to its exit code. */
#ifndef WEIR_RUN_H
#define WEIR_RUN_H
#include "conf.h"

enum { WEIR_EXIT_OK, WEIR_EXIT_LEFT, WEIR_EXIT_USAGE, WEIR_EXIT_FAILED }; /* as in `weir --help` */
/* Runs every pipeline until SIGTERM or SIGINT, or until all have ended by themselves. */
int weir_run(const struct weir_conf *, struct weir_errors *errs);
#endif
