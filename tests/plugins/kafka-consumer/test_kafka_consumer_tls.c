/* test_kafka_consumer_tls.c - kafka-consumer over TLS with a certificate of its own, before a mock cluster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls_front.h>

struct secure {
    struct scene scene;
    struct tls_files files;
    struct tls_front *front;
    struct weir_kit *kit;
};

static void open_tls(struct secure *s, const char *ca)
{
    char conf[1024];
    const char *port = strrchr(s->scene.broker.list, ':'), *at = s->files.folder;
    assert_non_null(port);
    s->front = tls_front_start(&(struct tls_front_setup){
        .files = &s->files, .backend = (unsigned)strtoul(port + 1, NULL, 10), .ask_client = true, .kafka = true});
    snprintf(conf, sizeof conf,
             "brokers = \"127.0.0.1:%u\"\ntopic = \"%s\"\ngroup = \"%s\"\n"
             "security = { protocol = \"ssl\", ca = \"%s/%s\"\n"
             "  certificate = \"%s/client.pem\", key = \"%s/locked.key\", key_password = \"sesame\" }",
             tls_front_port(s->front), s->scene.topic, s->scene.group, at, ca, at, at);
    s->kit = weir_kit_open_with("kafka-consumer", conf, WEIR_KIT_REAL_CLOCK | WEIR_KIT_NOT_ALONE);
}

static int set_up(void **state)
{
    struct secure *s = calloc(1, sizeof *s);
    assert_non_null(s);
    scene_mock(&s->scene, 1);
    tls_files_make(&s->files);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct secure *s = *state;
    tls_files_remove(&s->files);
    scene_end(&s->scene);
    free(s);
    return 0;
}

static void reads_by_tls(void **state)
{
    struct secure *s = *state;
    topic_write(&s->scene.broker, s->scene.topic, 0, 0, 20);
    open_tls(s, "ca.pem");
    expect_run(s->kit, 0, 20, WEIR_OK);
    wait_committed(s->kit, &s->scene, 0, 20);
    assert_true(tls_front_handshakes(s->front) >= 1);
    weir_kit_close(s->kit);
    tls_front_stop(s->front);
}

static void a_broker_of_another_authority_is_not_trusted(void **state)
{
    struct secure *s = *state;
    open_tls(s, "other.pem");
    assert_true(weir_kit_wait_state(s->kit, WEIR_DEGRADED, BROKER_WAIT_MS));
    assert_int_equal(tls_front_handshakes(s->front), 0);
    weir_kit_close(s->kit);
    tls_front_stop(s->front);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reads_by_tls),
        TEST(a_broker_of_another_authority_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
