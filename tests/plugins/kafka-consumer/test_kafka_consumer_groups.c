/* test_kafka_consumer_groups.c - members come and go while events flow: none is lost, and in calm none comes twice.
 * On a real broker, with both group protocols. Two kits in one thread, run in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer_test.h"
#include <stdlib.h>
#include <string.h>

enum { PARTS = 4, EACH = 400, MEMBERS = 2 };

struct crowd {
    struct scene scene;
    struct weir_kit *kits[MEMBERS];
    int seen[PARTS][EACH * 2];
    int total, wanted; /* distinct ones */
    int by[MEMBERS];
};

/* Takes what came, settles it at once. */
static void take_all(struct crowd *c)
{
    for (int m = 0; m < MEMBERS; m++) {
        struct weir_event *ev;
        if (!c->kits[m]) continue;
        weir_kit_run(c->kits[m]);
        while ((ev = weir_kit_forwarded(c->kits[m]))) {
            if (c->seen[ev->partition][number_of(ev)]++ == 0) c->total++;
            c->by[m]++;
            weir_kit_settle(c->kits[m], ev, WEIR_OK, NULL);
        }
    }
}

static bool all_seen(void *arg)
{
    struct crowd *c = arg;
    take_all(c);
    return c->total >= c->wanted;
}

static bool both_have_partitions(void *arg)
{
    struct crowd *c = arg;
    take_all(c);
    return weir_kit_metric(c->kits[0], "weir_kafka_consumer_partitions") == 2 &&
           weir_kit_metric(c->kits[1], "weir_kafka_consumer_partitions") == 2;
}

static void wait_for(struct crowd *c, bool (*cond)(void *))
{
    struct weir_kit *kit = c->kits[0] ? c->kits[0] : c->kits[1];
    if (!weir_kit_wait(kit, cond, c, BROKER_WAIT_MS)) fail_msg("%d of %d came", c->total, c->wanted);
}

static void write_more(struct crowd *c, int from)
{
    for (int p = 0; p < PARTS; p++) topic_write(&c->scene.broker, c->scene.topic, p, from, EACH);
    c->wanted += PARTS * EACH;
}

static void a_member_comes_and_goes(const char *more)
{
    struct crowd *c = calloc(1, sizeof *c);
    assert_non_null(c);
    if (!scene_real(&c->scene, PARTS)) {
        free(c);
        skip();
    }
    c->kits[0] = consumer_open(&c->scene, more);
    write_more(c, 0);
    c->kits[1] = consumer_open(&c->scene, more);
    wait_for(c, both_have_partitions);
    wait_for(c, all_seen);
    int first = c->by[1];
    write_more(c, EACH);
    wait_for(c, all_seen);
    assert_true(c->by[1] > first); /* the second one does its part */
    weir_kit_close(c->kits[0]);    /* it hands over while the other one goes on */
    c->kits[0] = NULL;
    weir_kit_close(c->kits[1]);
    c->kits[1] = NULL;
    for (int p = 0; p < PARTS; p++) {
        assert_int_equal(group_committed(&c->scene.broker, c->scene.group, c->scene.topic, p), 2 * EACH);
        for (int i = 0; i < 2 * EACH; i++) assert_int_equal(c->seen[p][i], 1); /* settled before the handover */
    }
    scene_end(&c->scene);
    free(c);
}

static void classic(void **state)
{
    (void)state;
    a_member_comes_and_goes("");
}

static void consumer_protocol(void **state)
{
    (void)state;
    a_member_comes_and_goes("protocol = \"consumer\"");
}

/* What is in flight at a revoke and does not settle in time goes to the next owner; the late settle changes nothing. */
static void a_late_settle_after_a_revoke_is_dropped(void **state)
{
    (void)state;
    struct crowd *c = calloc(1, sizeof *c);
    assert_non_null(c);
    if (!scene_real(&c->scene, PARTS)) {
        free(c);
        skip();
    }
    struct weir_event *held[PARTS];
    for (int p = 0; p < PARTS; p++) topic_write(&c->scene.broker, c->scene.topic, p, 0, 1);
    c->wanted = 2; /* of the two partitions that move */
    c->kits[0] = consumer_open(&c->scene, "revoke_timeout = \"100ms\"");
    for (int p = 0; p < PARTS; p++) held[p] = next_event(c->kits[0]);
    c->kits[1] = consumer_open(&c->scene, "");
    wait_for(c, both_have_partitions);
    wait_for(c, all_seen);
    assert_int_equal(c->by[1], 2);
    for (int p = 0; p < PARTS; p++) weir_kit_settle(c->kits[0], held[p], WEIR_OK, NULL);
    for (int m = 0; m < MEMBERS; m++) weir_kit_close(c->kits[m]);
    for (int p = 0; p < PARTS; p++)
        assert_int_equal(group_committed(&c->scene.broker, c->scene.group, c->scene.topic, p), 1);
    scene_end(&c->scene);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classic),
        cmocka_unit_test(consumer_protocol),
        cmocka_unit_test(a_late_settle_after_a_revoke_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
