/* promises.c - asks every stage of every pipeline for its promise. */
#include "promises.h"
#include <stdlib.h>
#include <string.h>

static void ask(struct weir_promised_stage *out, const struct weir_conf_pipeline *pipeline, uint32_t stage)
{
    const struct weir_conf_stage *conf = &pipeline->stages[stage];
    const struct weir_plugin *plugin = conf->loaded ? conf->loaded->plugin : NULL;
    out->conf = conf;
    out->plugin = plugin ? plugin->name : conf->name;
    out->last = weir_conf_is_last(pipeline, stage);
    out->routes = plugin && plugin->check_outputs;
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
        for (uint32_t k = 0; k < p->n_stages; k++) ask(&out->stages[k], p, k);
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

bool weir_promised_stage_feeds(const struct weir_promised *p, uint32_t stage, const char *stream)
{
    const struct weir_promise *s = &p->stages[stage].promise;
    return *stream &&
           (strcmp(s->writes, stream) == 0 || (weir_promised_calls_by_read(p, stage) && strcmp(s->reads, stream) == 0));
}

bool weir_promised_feeds(const struct weir_promised *p, const char *stream)
{
    for (uint32_t k = 0; k < p->n; k++)
        if (weir_promised_stage_feeds(p, k, stream)) return true;
    return false;
}

int weir_promised_before(const struct weir_promised *p, int stage)
{
    return stage > 0 ? (int)p->stages[stage].conf->parent : -1;
}

bool weir_promised_is_behind(const struct weir_promised *p, int stage, uint32_t flag)
{
    while ((stage = weir_promised_before(p, stage)) >= 0)
        if (weir_promises_has(&p->stages[stage], flag)) return true;
    return false;
}

static void put_from(const struct weir_promised *p, uint32_t stage, FILE *out)
{
    uint32_t branches = 0;
    fputs(p->stages[stage].conf->name, out);
    for (uint32_t k = stage; (k = weir_conf_next(p->conf, stage, k)) < p->n;) {
        const struct weir_conf_stage *next = p->stages[k].conf;
        if (next->branch)
            fprintf(out, "%s%s: ", branches++ ? " | " : " ▸ { ", next->branch);
        else
            fputs(" ▸ ", out);
        put_from(p, k, out);
    }
    if (branches) fputs(" }", out);
}

void weir_promised_chain(const struct weir_promised *p, FILE *out)
{
    if (p->n) put_from(p, 0, out);
}
