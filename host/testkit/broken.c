/* broken.c - the first rule that a plugin broke, from whichever thread. */
#include "cmocka_include.h"
#include "kit.h"
#include <stdio.h>

void kit_broke(struct weir_kit *kit, const char *plugin, const char *fmt, ...)
{
    struct kit_open *o = kit->open;
    va_list args;
    pthread_mutex_lock(&o->lock);
    if (!*o->broken) {
        int n = snprintf(o->broken, sizeof o->broken, "plugin %s broke a rule: ", plugin);
        va_start(args, fmt);
        vsnprintf(o->broken + n, sizeof o->broken - (size_t)n, fmt, args);
        va_end(args);
    }
    pthread_mutex_unlock(&o->lock);
}

bool kit_is_broken(struct kit_open *o)
{
    pthread_mutex_lock(&o->lock);
    bool is = *o->broken;
    pthread_mutex_unlock(&o->lock);
    return is;
}

void kit_check_rules(struct weir_kit *kit)
{
    if (kit_is_broken(kit->open)) fail_msg("%s", kit->open->broken);
}
