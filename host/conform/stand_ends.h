/* stand_ends.h - the two ends of the stand. */
#ifndef WEIR_CONFORM_STAND_ENDS_H
#define WEIR_CONFORM_STAND_ENDS_H
#include "stand.h"
#include <stdatomic.h>

struct stand { /* shared by all lanes */
    const struct conform *conform;
    const struct stand_order *order;
    _Atomic uint64_t given, resolved, arrived;
    atomic_bool overrun; /* the first lane that sees it writes the result's text */
    struct stand_result *result;
};
extern const struct weir_plugin stand_left, stand_right; /* ctx->shared is the stand */
#endif
