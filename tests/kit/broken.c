/* broken.c - descriptors that do not fit this host; WHICH chooses what is wrong. */
#include <weir/plugin.h>

static void push(struct weir_ctx *ctx, struct weir_batch *batch)
{
    ctx->host->release(ctx, batch);
}

#if defined(NO_SYMBOL)
WEIR_EXPORT const int something_else = 1;
const void *broken_user(void);
const void *broken_user(void)
{
    return (const void *)(uintptr_t)push;
}
#else
const struct weir_plugin weir_plugin_v1 = {
#if defined(BAD_MAGIC)
    .magic = 42,
#else
    .magic = WEIR_MAGIC,
#endif
#if defined(BAD_ABI)
    .abi = WEIR_ABI + 1,
#else
    .abi = WEIR_ABI,
#endif
    .size = (uint32_t)sizeof(struct weir_plugin),
#if defined(BAD_STRIDE)
    .opt_size = (uint32_t)sizeof(struct weir_opt) - 8,
#elif defined(NEW_STRIDE)
    .opt_size = (uint32_t)sizeof(struct weir_opt) + 8,
#else
    .opt_size = (uint32_t)sizeof(struct weir_opt),
#endif
    .metric_size = (uint32_t)sizeof(struct weir_metric),
    .outcome_size = (uint32_t)sizeof(struct weir_outcome),
#if defined(NEW_CALLS)
    .host_size = (uint32_t)sizeof(struct weir_host) + 8,
#endif
    .name = "broken",
    .version = "1.0.0",
    .doc = "Does not fit.",
    .roles = WEIR_SINK,
#if !defined(NO_PUSH)
    .push = push,
#endif
};
#if defined(NO_PUSH)
const void *broken_user(void);
const void *broken_user(void)
{
    return (const void *)(uintptr_t)push;
}
#endif
#endif
