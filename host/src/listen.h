/* listen.h - one listening socket, for who needs no pipeline around it. */
#ifndef WEIR_LISTEN_H
#define WEIR_LISTEN_H
#include <weir/plugin.h>

/* "host:port", ":port", "[v6]:port" (port 0: any) or "unix:/path"; non-blocking, the caller's. -1 with err filled. */
int listen_new(const char *address, struct weir_err *);
#endif
