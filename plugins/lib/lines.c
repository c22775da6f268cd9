/* lines.c - the batches of a sink that writes lines: some rendered and being written, the rest gathering behind. */
#include "lines.h"
#include <stdlib.h>
#include <string.h>

enum { ROUND_BYTES = 1 << 20 }; /* rendered at a time: what gathers behind a slow disk stays small as events */
static const size_t most_bytes = (size_t)1 << 30;

void weir_lines_add(struct weir_lines *l, struct weir_ctx *ctx, struct weir_batch *batch)
{
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? 2 * l->cap : 16;
        struct weir_batch **more = reallocarray(l->batch, cap, sizeof(struct weir_batch *));
        if (!more) {
            ctx->host->settle_all(ctx, batch, WEIR_RETRY, "out of memory");
            return;
        }
        l->batch = more;
        l->cap = cap;
    }
    l->batch[l->n++] = batch;
}

static void render_batch(struct weir_lines *l, struct weir_ctx *ctx, enum weir_line_form form, struct weir_batch *batch)
{
    WEIR_EACH (ev, batch)
        if (!weir_line_put(ctx, form, ev, &l->buf)) weir_settle(ctx, ev, WEIR_RETRY, "out of memory for a line");
}

bool weir_lines_render(struct weir_lines *l, struct weir_ctx *ctx, enum weir_line_form form)
{
    l->buf.max = most_bytes;
    while (l->n_rendered < l->n && l->buf.n < ROUND_BYTES) render_batch(l, ctx, form, l->batch[l->n_rendered++]);
    return l->n_rendered > 0;
}

void weir_lines_settle(struct weir_lines *l, struct weir_ctx *ctx, enum weir_status status, const char *why)
{
    uint32_t done = l->n_rendered;
    for (uint32_t i = 0; i < done; i++) ctx->host->settle_all(ctx, l->batch[i], status, why);
    l->n -= done;
    if (done) memmove(l->batch, l->batch + done, l->n * sizeof(struct weir_batch *));
    l->n_rendered = 0;
    l->buf.n = 0;
}

void weir_lines_close(struct weir_lines *l, struct weir_ctx *ctx, enum weir_status status, const char *why)
{
    l->n_rendered = l->n;
    weir_lines_settle(l, ctx, status, why);
    free(l->batch);
    weir_json_buf_free(&l->buf);
    memset(l, 0, sizeof(*l));
}
