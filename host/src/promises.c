/* promises.c - asks every stage of every pipeline for its promise. */
#include "promises.h"
#include <stdlib.h>
#include <string.h>

static void ask(struct weir_promised_stage *out, const struct weir_conf_stage *conf)
{
    const struct weir_plugin *plugin = conf->loaded ? conf->loaded->plugin : NULL;
    out->conf = conf;
    out->plugin = plugin ? plugin->name : conf->name;
    if (!plugin || !plugin->promise || (plugin->cfg_size && !conf->cfg)) return;
    struct weir_promise *p = &out->promise;
    p->size = (uint32_t)sizeof(*p);
    plugin->promise(conf->cfg, p);
    /* a plugin that filled a name to the brim left no end */
    p->key[sizeof(p->key) - 1] = p->reads[sizeof(p->reads) - 1] = '\0';
    p->writes[sizeof(p->writes) - 1] = p->repairs[sizeof(p->repairs) - 1] = '\0';
    out->known = true;
}

int weir_promises_ask(struct weir_promises *all, const struct weir_conf *conf)
{
    all->n = 0;
    all->pipelines = calloc(conf->n_pipelines + 1, sizeof(*all->pipelines));
    if (!all->pipelines) return -1;
    for (uint32_t i = 0; i < conf->n_pipelines; i++) {
        const struct weir_conf_pipeline *p = &conf->pipelines[i];
        struct weir_promised *out = &all->pipelines[i];
        out->stages = calloc(p->n_stages + 1, sizeof(*out->stages));
        if (!out->stages) {
            weir_promises_free(all);
            return -1;
        }
        all->n++;
        out->conf = p;
        out->n = p->n_stages;
        for (uint32_t k = 0; k < p->n_stages; k++) ask(&out->stages[k], &p->stages[k]);
    }
    return 0;
}

void weir_promises_free(struct weir_promises *all)
{
    for (uint32_t i = 0; i < all->n; i++) free(all->pipelines[i].stages);
    free(all->pipelines);
    *all = (struct weir_promises){NULL, 0};
}

bool weir_promised_is_call(const char *stream)
{
    return strncmp(stream, "call:", 5) == 0;
}

bool weir_promised_calls_by_read(const struct weir_promised *p, uint32_t stage)
{
    return stage > 0 && weir_promised_is_call(p->stages[stage].promise.reads);
}

bool weir_promised_feeds(const struct weir_promised *p, const char *stream)
{
    for (uint32_t k = 0; *stream && k < p->n; k++) {
        const struct weir_promise *s = &p->stages[k].promise;
        if (strcmp(s->writes, stream) == 0) return true;
        if (weir_promised_calls_by_read(p, k) && strcmp(s->reads, stream) == 0) return true;
    }
    return false;
}

void weir_promised_chain(const struct weir_promised *p, FILE *out)
{
    for (uint32_t k = 0; k < p->n; k++) fprintf(out, "%s%s", k ? " ▸ " : "", p->stages[k].conf->name);
}
