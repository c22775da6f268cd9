/* describe.c - what a plugin or the host understands, said from the very tables that parse it. */
#include "conf.h"
#include "conf_host.h"
#include "options.h"
#include <string.h>

void weir_describe(const struct weir_plugin *plugin, FILE *out)
{
    (void)plugin, (void)out;
}
void weir_describe_host_keys(FILE *out)
{
    (void)out;
}
void weir_describe_markdown(const struct weir_plugin *plugin, FILE *out)
{
    (void)plugin, (void)out;
}
