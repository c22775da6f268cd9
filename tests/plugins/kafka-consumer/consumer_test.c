/* consumer_test.c - see consumer_test.h. */
#include "consumer_test.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name_it(struct scene *s, int partitions)
{
    broker_name(s->topic, sizeof s->topic, "read");
    broker_name(s->group, sizeof s->group, "group");
    topic_create(&s->broker, s->topic, partitions);
}

void scene_mock(struct scene *s, int partitions)
{
    broker_mock(&s->broker);
    rd_kafka_mock_group_initial_rebalance_delay_ms(s->broker.mock, 0);
    name_it(s, partitions);
}

bool scene_real(struct scene *s, int partitions)
{
    if (!broker_real(&s->broker)) return false;
    name_it(s, partitions);
    return true;
}

void scene_end(struct scene *s)
{
    topic_delete(&s->broker, s->topic);
    broker_free(&s->broker);
}

struct weir_kit *consumer_open(struct scene *s, const char *more)
{
    char conf[2048];
    snprintf(conf, sizeof conf, "brokers = \"%s\"\ntopic = \"%s\"\ngroup = \"%s\"\n%s", s->broker.list, s->topic,
             s->group, more);
    return weir_kit_open_with("kafka-consumer", conf, WEIR_KIT_REAL_CLOCK);
}

struct weir_event *next_event(struct weir_kit *kit)
{
    struct weir_event *ev = weir_kit_wait_forwarded(kit, BROKER_WAIT_MS);
    if (!ev) {
        const char *why;
        enum weir_state state = weir_kit_state(kit, &why);
        fail_msg("no event came; state %d: %s", state, why);
    }
    return ev;
}

int number_of(const struct weir_event *ev)
{
    char text[16] = "";
    assert_true(ev->value.n < sizeof text);
    memcpy(text, ev->value.p, ev->value.n);
    return atoi(text);
}

void expect_run(struct weir_kit *kit, int from, int n, enum weir_status status)
{
    for (int i = from; i < from + n; i++) {
        struct weir_event *ev = next_event(kit);
        assert_int_equal(number_of(ev), i);
        weir_kit_settle(kit, ev, status, "as the test wants");
    }
}

struct commit_wish {
    struct scene *scene;
    int partition;
    int64_t offset, found;
};

static bool is_committed(void *arg)
{
    struct commit_wish *w = arg;
    w->found = group_committed(&w->scene->broker, w->scene->group, w->scene->topic, w->partition);
    return w->found == w->offset;
}

void wait_committed(struct weir_kit *kit, struct scene *s, int partition, int64_t offset)
{
    struct commit_wish w = {s, partition, offset, -1};
    if (!weir_kit_wait(kit, is_committed, &w, BROKER_WAIT_MS))
        fail_msg("partition %d: committed %lld, expected %lld", partition, (long long)w.found, (long long)offset);
}
