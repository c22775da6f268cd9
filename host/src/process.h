/* process.h - the process_* metrics that every Prometheus client has. */
#ifndef WEIR_PROCESS_H
#define WEIR_PROCESS_H
#include <stdio.h>

/* CPU seconds, resident bytes, descriptors, threads and start time of this process, read from /proc at the call, in
 * Prometheus text format. What cannot be read is left out. ANY THREAD. */
void weir_process_write(FILE *);
#endif
