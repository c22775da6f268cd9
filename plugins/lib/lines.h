/* lines.h - events as lines of text, one an event, and the batches of a sink that writes them.
 *
 *   text   key TAB value; the value as JSON when its message type is known, else as it is; control bytes, a backslash
 *          and what is not UTF-8 are escaped, so that an event is always exactly one line
 *   json   {"ts":"...","key":"...","schema":"orders.v1.Placed","headers":{...},"value":...}
 *   hex    key TAB value in hexadecimal digits
 */
#ifndef WEIR_LIB_LINES_H
#define WEIR_LIB_LINES_H
#include "json_pb.h"
#include <weir/plugin.h>

enum weir_line_form { WEIR_LINE_TEXT, WEIR_LINE_JSON, WEIR_LINE_HEX };
extern const char *const weir_line_forms[]; /* choices of an option */

/* Appends one line. False when memory or out->max is gone; out is as it was. */
bool weir_line_put(struct weir_ctx *, enum weir_line_form, const struct weir_event *, struct weir_json_buf *out);

struct weir_lines { /* zeroed; the first n_rendered batches are in buf */
    struct weir_batch **batch;
    uint32_t n, cap, n_rendered;
    struct weir_json_buf buf;
};
/* Takes the batch; without memory its events are settled as RETRY. */
void weir_lines_add(struct weir_lines *, struct weir_ctx *, struct weir_batch *);
/* Renders what waits, about a MiB at a time, when nothing is rendered yet. False: nothing to write. */
bool weir_lines_render(struct weir_lines *, struct weir_ctx *, enum weir_line_form);
/* Settles and releases the rendered batches and empties buf. */
void weir_lines_settle(struct weir_lines *, struct weir_ctx *, enum weir_status, const char *why);
/* The same with all of them, and frees everything. */
void weir_lines_close(struct weir_lines *, struct weir_ctx *, enum weir_status, const char *why);
#endif
