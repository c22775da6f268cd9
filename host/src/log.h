/* log.h - structured log lines on stderr (logfmt or JSON), rate-limited. ANY THREAD. */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H
#include <stdarg.h>
#include <weir/plugin.h>

void weir_log_setup(enum weir_level level, bool json);
void weir_log_off(void); /* from here on nothing is written */
enum weir_level weir_log_level(void);
/* One line: ts, level, pipeline, stage, lane (those that are not NULL / >= 0), msg. Control bytes and quotes escaped;
 * at most 4 KiB. The same (stage, format) above 10 lines a second is suppressed and counted in the next line. */
void weir_logv(enum weir_level, const char *pipeline, const char *stage, int lane, const char *fmt, va_list);
void weir_logf(enum weir_level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
