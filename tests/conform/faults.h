/* faults.h - what the faulty plugins may do wrong; numbers, for #if. */
#ifndef FAULTS_H
#define FAULTS_H
#define NONE 0
#define LEAKS_EVENT 1
#define SETTLES_TWICE 2
#define TOUCHES_RELEASED 3
#define BLOCKS 4
#define FORGETS_DRAIN 5
#define USES_GLOBAL 6
#define FOREIGN_THREAD 7
#define LEAKS_TIMER 8
#define LEAKS_FD 9
#define LEAVES_THREAD 10
#define PRINTS 11
#define SECOND_SYMBOL 12
#define DEFAULT_OUT_OF_BOUNDS 13
#define DEFAULT_UNPARSABLE 14
#define CRASHES_WITHOUT_MEMORY 15
#define LEAKS_WITHOUT_MEMORY 16
#define FORWARDS_LAST 17
#define UNKNOWN_OUTCOME 18
#define HANGS 19
#define CRASHES 20
#define EXITS 21
#define NO_DOC 22
#define BAD_METRIC 23
#define OUTCOME_TWICE 24
#define OTHER_NAME 25
#define IGNORES_FLOW 26
#define EMITS_AFTER_DRAINED 27
#define NEVER_GOES_ON 28
#define LOSES_WITHOUT_MEMORY 29
#define SAYS_OK 30
#endif
