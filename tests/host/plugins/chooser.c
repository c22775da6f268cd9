/* chooser.c - a filter that sends everything into the branch that `to` names. */
#include <stdio.h>
#include <string.h>
#include <weir/plugin.h>

struct cfg {
    struct weir_slice to;
};
static const struct weir_opt options[] = {
    WEIR_OPT(struct cfg, to, WEIR_STRING, .flags = WEIR_REQUIRED, .doc = "the branch"), WEIR_OPT_END};

static uint32_t find(const struct cfg *c, const char *const *outputs, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && strcmp(outputs[i], (const char *)c->to.p) != 0) i++;
    return i;
}

static int check_outputs(const void *cfg, const char *const *outputs, uint32_t n, struct weir_err *err)
{
    const struct cfg *c = cfg;
    if (find(c, outputs, n) < n) return 0;
    snprintf(err->option, sizeof err->option, "to");
    snprintf(err->msg, sizeof err->msg, "no branch \"%s\" begins behind this stage", (const char *)c->to.p);
    return -1;
}

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    ctx->host->forward_to(ctx, batch, find(ctx->cfg, ctx->outputs, ctx->n_outputs));
}

WEIR_PLUGIN(.name = "chooser", .version = "1.0.0", .doc = "Chooses one branch.", .roles = WEIR_FILTER,
            .cfg_size = sizeof(struct cfg), .opts = options, .push = push, .check_outputs = check_outputs);
