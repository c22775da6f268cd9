// shout.cc - a filter in C++20: values in capitals.
#include <algorithm>
#include <cctype>
#include <span>
#include <weir/plugin.h>

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    WEIR_EACH (ev, batch) {
        auto *text = static_cast<uint8_t *>(ctx->host->batch_alloc(batch, ev->value.n + 1));
        if (!text) {
            weir_settle(ctx, ev, WEIR_RETRY, "out of memory");
            continue;
        }
        std::ranges::transform(std::span(ev->value.p, ev->value.n), text,
                               [](uint8_t c) { return static_cast<uint8_t>(std::toupper(c)); });
        ev->value.p = text;
    }
    weir_forward(ctx, batch);
}

WEIR_PLUGIN(.name = "shout", .version = "1.0.0", .doc = "Values in capitals.", .roles = WEIR_FILTER, .push = push);
