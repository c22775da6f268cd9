/* large_orders.c - refuses orders above a limit: a filter that reads a message type of its own, by its generated code. */
#include <shop/v1/order.pb-c.h>
#include <weir/plugin.h>

struct cfg {
    int64_t max_cents;
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, max_cents, WEIR_INT, .def = "10000", .doc = "largest total, in cents"), WEIR_OPT_END};
enum { ORDER_TOO_LARGE = 1 };
static const struct weir_outcome outcomes[] = {
    WEIR_OUTCOME_NONE, {"order-too-large", "the total is above `max_cents`"}, WEIR_OUTCOME_END};

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    const struct cfg *cfg = ctx->cfg;
    WEIR_EACH (ev, batch) {
        Shop__V1__Order *order = shop__v1__order__unpack(NULL, ev->value.n, ev->value.p);
        if (!order)
            weir_settle(ctx, ev, WEIR_REJECT, "found bytes that are no shop.v1.Order");
        else if (order->total_cents > cfg->max_cents)
            weir_refuse(ctx, ev, ORDER_TOO_LARGE);
        if (order) shop__v1__order__free_unpacked(order, NULL);
    }
    weir_forward(ctx, batch);
}

WEIR_PLUGIN(.name = "large-orders", .version = "1.0.0", .doc = "Refuses orders above a limit.", .roles = WEIR_FILTER,
            .cfg_size = sizeof(struct cfg), .opts = options, .outcomes = outcomes, .push = push);
