/* cases.c - the suite, in the order in which it runs. */
#include "conform.h"

enum { ALL = WEIR_SOURCE | WEIR_FILTER | WEIR_SINK, TAKES = WEIR_FILTER | WEIR_SINK };

const struct conform_case conform_cases[] = {
    {"load", "the host loads it", ALL, case_load, true},
    {"descriptor", "names, version, doc, roles, sizes and the callbacks that its role needs", ALL, case_descriptor,
     false},
    {"exports", "it gives others one symbol, weir_plugin_v1", ALL, case_exports, false},
    {"options", "each default parses, each bound, choice and requirement is enforced, each has a doc", ALL,
     case_options, true},
    {"metrics", "names with their units, helps, labels; none twice", ALL, case_metrics, false},
    {"outcomes", "slugs and their docs; none twice", ALL, case_outcomes, false},
    {"conf", "the host and the plugin take its conf", ALL, case_conf, true},
    {"open-close", "it opens, drains and closes, and leaves nothing behind", ALL, case_open, false},
    {"drain", "it drains with work in flight, and gives back what it holds", ALL, case_drain, false},
    {"open-again", "it works as well the second and third time in one process", ALL, case_again, false},
    {"two-at-once", "two instances in one process know nothing of each other", ALL, case_two, false},
    {"settles", "each event is settled exactly once", TAKES, case_settles, false},
    {"statuses", "what became of an event further down is what is said further up", WEIR_SOURCE | WEIR_FILTER,
     case_statuses, false},
    {"flow", "nothing is emitted after flow(false) has returned", WEIR_SOURCE, case_flow, false},
    {"window", "nothing is emitted into a full window", WEIR_SOURCE, case_window, false},
    {"lanes", "several lanes, a thread each", ALL, case_lanes, false},
    {"blocking", "no callback holds its lane for 50 ms", ALL, case_blocking, false},
    {"silent", "it writes nothing to stdout and stderr", ALL, case_silent, false},
    {"leaves-nothing", "no thread and no descriptor is left after close", ALL, case_leaves, false},
    {"allocations", "one allocation fails, each in turn: no crash, no leak, no event lost", ALL, case_allocations,
     false},
    {"random", "random events, results, clock steps and flow, from the seed", ALL, case_random, false},
    {NULL, NULL, 0, NULL, false}};
