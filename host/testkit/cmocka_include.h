/* cmocka.h wants these four before it. */
#ifndef WEIR_CMOCKA_INCLUDE_H
#define WEIR_CMOCKA_INCLUDE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
