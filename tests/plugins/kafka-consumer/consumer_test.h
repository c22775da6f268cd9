/* consumer_test.h - one consumer under test on one topic, and what every case does with it. */
#ifndef WEIR_CONSUMER_TEST_H
#define WEIR_CONSUMER_TEST_H
#include <broker.h>
#include <weir/testkit.h>

struct scene {
    struct broker broker;
    char topic[128], group[128];
};
void scene_mock(struct scene *, int partitions);
bool scene_real(struct scene *, int partitions); /* false: no broker is named, skip */
void scene_end(struct scene *);

/* Opens a kit on the scene's topic and group; `more` are further lines of the stage. */
struct weir_kit *consumer_open(struct scene *, const char *more);
/* The number in the value of the next event, which must come. */
struct weir_event *next_event(struct weir_kit *);
int number_of(const struct weir_event *);
/* Takes and settles events with those numbers, in that order. */
void expect_run(struct weir_kit *, int from, int n, enum weir_status status);
/* Runs the kit until the group's commit for the partition is that. */
void wait_committed(struct weir_kit *, struct scene *, int partition, int64_t offset);

#endif
