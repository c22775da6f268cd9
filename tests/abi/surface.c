/* surface.c - everything of plugin.h that a plugin and the host must see alike, for abidiff to find. */
#include <weir/plugin.h>

WEIR_EXPORT void weir_surface(const struct weir_plugin *, struct weir_ctx *, const struct weir_host *,
                              struct weir_promise *, struct weir_event *, struct weir_batch *, struct weir_result *,
                              struct weir_value *, struct weir_list *, struct weir_timer *, struct weir_watch *,
                              struct weir_task *, struct weir_work *, struct weir_err *, enum weir_level,
                              enum weir_state);
void weir_surface(const struct weir_plugin *plugin, struct weir_ctx *ctx, const struct weir_host *host,
                  struct weir_promise *promise, struct weir_event *event, struct weir_batch *batch,
                  struct weir_result *result, struct weir_value *value, struct weir_list *list,
                  struct weir_timer *timer, struct weir_watch *watch, struct weir_task *task, struct weir_work *work,
                  struct weir_err *err, enum weir_level level, enum weir_state state)
{
    (void)plugin, (void)ctx, (void)host, (void)promise, (void)event, (void)batch, (void)result, (void)value;
    (void)list, (void)timer, (void)watch, (void)task, (void)work, (void)err, (void)level, (void)state;
}
