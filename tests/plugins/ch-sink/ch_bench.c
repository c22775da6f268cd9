/* ch_bench.c - set-up and shorthand for the tests of ch-sink. */
#include "ch_bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void describe(struct fake *f, const char *engine, const char *order, const char *full)
{
    fake_forget(f);
    fake_row(f, "column", "note", "Nullable(String)", "0000000002 ");
    fake_row(f, "column", "id", "Int64", "0000000001 ");
    fake_row(f, "column", "seen", "DateTime", "0000000003 DEFAULT");
    fake_row(f, "column", "twice", "Int64", "0000000004 MATERIALIZED");
    fake_row(f, "engine", engine, order, full);
    fake_row(f, "setting", "async_insert", "1", "");
    fake_row(f, "setting", "deduplicate_insert", "enable", "");
    fake_row(f, "setting", "insert_deduplication_token", "", "");
    fake_row(f, "merge_tree", "non_replicated_deduplication_window", "0", "");
    fake_row(f, "merge_tree", "fsync_after_insert", "0", "");
}

void describe_good(struct fake *f)
{
    describe(
        f, "ReplacingMergeTree", "id",
        "ReplacingMergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, "
        "index_granularity = 8192");
}

int bench_set_up(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    fake_start(&b->fake);
    describe_good(&b->fake);
    *state = b;
    return 0;
}

int bench_tear_down(void **state)
{
    struct bench *b = *state;
    fake_stop(&b->fake);
    free(b);
    return 0;
}

void open_sink(struct bench *b, const char *more)
{
    char conf[1024];
    snprintf(conf, sizeof(conf),
             "url = \"http://127.0.0.1:%u\"\ndatabase = \"shop\"\ntable = \"par`cels\"\nevent = \"" EVENT "\"\n"
             "key = [ \"id\" ]\n%s\n%s",
             b->fake.port, strstr(more, "linger") ? "" : "linger = \"0ms\"", more);
    b->kit = weir_kit_open_with("ch-sink", conf, WEIR_KIT_REAL_CLOCK);
}

uint64_t push_note(struct bench *b, int64_t id, const char *note, uint32_t partition)
{
    uint8_t wire[256];
    Parcels__V1__Parcel p = PARCELS__V1__PARCEL__INIT;
    p.id = id;
    p.note = (char *)(uintptr_t)note;
    const struct weir_kit_event e = {
        .message = EVENT, .value = {wire, parcels__v1__parcel__pack(&p, wire)}, .partition = partition};
    return weir_kit_push(b->kit, &e);
}

void settles(struct bench *b, uint64_t number, enum weir_status status)
{
    if (!weir_kit_wait_settled(b->kit, number, WAIT)) fail_msg("event %d was not settled", (int)number);
    const struct weir_result *r = weir_kit_settled(b->kit, number);
    if (r->status != status) fail_msg("event %d: status %d, %s", (int)number, r->status, r->why ? r->why : "");
}

void reaches(struct bench *b, enum weir_state state)
{
    const char *why;
    if (weir_kit_wait_state(b->kit, state, WAIT)) return;
    enum weir_state is = weir_kit_state(b->kit, &why);
    fail_msg("state %d (%s), expected %d", is, why, state);
}

const struct fake_request *insert(struct bench *b, size_t i)
{
    assert_true(i < fake_inserts(&b->fake));
    return &b->fake.inserts[i];
}

struct count {
    struct bench *b;
    size_t n;
};
static bool has_inserts(void *arg)
{
    struct count *c = arg;
    return fake_inserts(&c->b->fake) >= c->n;
}

void wait_inserts(struct bench *b, size_t n)
{
    struct count c = {b, n};
    assert_true(weir_kit_wait(b->kit, has_inserts, &c, WAIT));
}

struct fake_answer first_fails(void *arg, const struct fake_request *r, size_t nth)
{
    (void)r;
    return nth == 1 ? *(struct fake_answer *)arg : (struct fake_answer){200, NULL, ""};
}
