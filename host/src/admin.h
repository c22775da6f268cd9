/* admin.h - the admin listener: /metrics /livez /readyz /status and a small page at /. libmicrohttpd, own thread. */
#ifndef WEIR_ADMIN_H
#define WEIR_ADMIN_H
#include "metrics.h"
#include "status.h"

struct weir_admin;
/* Listens on "host:port" (port 0: any). NULL with err filled. The board and registry must outlive it. */
struct weir_admin *weir_admin_start(const char *listen, struct weir_metrics *, struct weir_status_board *,
                                    struct weir_err *err);
uint16_t weir_admin_port(const struct weir_admin *);
void weir_admin_stop(struct weir_admin *);
#endif
