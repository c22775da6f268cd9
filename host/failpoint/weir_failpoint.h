/* weir_failpoint.h - places at which a build for tests can be made to fail. In any other build they are not there.
 *
 *     if (WEIR_FAILPOINT("store.committed")) return; // true when it is told to be an error
 *
 * cmake -DWEIR_FAILPOINTS=ON, and in the environment of the process
 *     WEIR_FAILPOINTS="store.committed=kill:3,store.token=error:1+"
 * or, while it runs, POST /failpoints?set=store.committed=kill:3 on its admin port; GET lists the places that were
 * passed, how often, and what they are told. name=action:n fires at the n-th pass from then on, with a + at each later
 * one, too: kill (SIGKILL to itself), stall-MS (the lane waits so long), error (the call returns true: what that means
 * stands at the place). It is said once, on stderr. Names that begin with "sabotage." break a promise on purpose: a
 * test that does not notice is none.
 */
#ifndef WEIR_FAILPOINT_H
#define WEIR_FAILPOINT_H
#include <stdbool.h>
#include <stdio.h>
#ifdef WEIR_FAILPOINTS
#define WEIR_FAILPOINT_API __attribute__((visibility("default")))
WEIR_FAILPOINT_API bool weir_failpoint(const char *name);     /* ANY THREAD */
WEIR_FAILPOINT_API bool weir_failpoint_set(const char *text); /* ANY THREAD; name=action:n,...; false: malformed */
WEIR_FAILPOINT_API void weir_failpoint_list(FILE *f); /* ANY THREAD; name, passes, what it is told: a line each */
#define WEIR_FAILPOINT(name) weir_failpoint(name)
#else
#define WEIR_FAILPOINT(name) (false)
#endif
#endif
