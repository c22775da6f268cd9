/* cmocka_for_grpc.h - cmocka with the headers it wants before it. */
#ifndef CMOCKA_FOR_GRPC_H
#define CMOCKA_FOR_GRPC_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#endif
