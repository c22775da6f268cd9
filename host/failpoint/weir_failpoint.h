/* weir_failpoint.h - places at which a build for tests can be made to fail. In any other build they are not there.
 *
 *     if (WEIR_FAILPOINT("store.committed")) return; // true when it is told to be an error
 *
 * cmake -DWEIR_FAILPOINTS=ON, and in the environment of the process
 *     WEIR_FAILPOINTS="store.committed=kill:3,store.token=error:1+"
 * name=action:n fires at the n-th pass, with a + from then on: kill (SIGKILL to itself), stall-MS (the lane waits so
 * long), error (the call returns true: what that means stands at the place). It is logged once, on stderr. Names that
 * begin with "sabotage." break a promise on purpose: a test that does not notice is none.
 */
#ifndef WEIR_FAILPOINT_H
#define WEIR_FAILPOINT_H
#include <stdbool.h>
#ifdef WEIR_FAILPOINTS
bool weir_failpoint(const char *name); /* ANY THREAD */
#define WEIR_FAILPOINT(name) weir_failpoint(name)
#else
#define WEIR_FAILPOINT(name) (false)
#endif
#endif
