/* test_columns_plan.c - which columns a message fills, and what is said about those it cannot. */
#include "columns.h"
#include "parcels/v1/parcel.pb-c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PARCEL (&parcels__v1__parcel__descriptor)

static struct weir_slice text(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static struct weir_columns *plan_of(const struct weir_table_column *cols, uint32_t n, struct weir_pair *map,
                                    uint32_t n_map, unsigned flags, char *err)
{
    struct weir_list list = {map, n_map, sizeof(*map)};
    err[0] = '\0';
    return weir_columns_plan(PARCEL, cols, n, &list, flags, err);
}

static void refused(const struct weir_table_column *cols, uint32_t n, struct weir_pair *map, uint32_t n_map,
                    unsigned flags, const char *expected)
{
    char err[WEIR_COLUMNS_ERR];
    assert_null(plan_of(cols, n, map, n_map, flags, err));
    assert_string_equal(err, expected);
}

static void equal_names_map_by_themselves(void **state)
{
    (void)state;
    char err[WEIR_COLUMNS_ERR];
    const struct weir_table_column cols[] = {
        {"id", "bigint", false, false},          {"size", "text", true, false},
        {"inserted_at", "text", false, true},    {"stops", "integer[]", false, false},
        {"sent_at", "timestamptz", true, false}, {"spare", "text", true, false},
    };
    struct weir_columns *plan = plan_of(cols, 6, NULL, 0, 0, err);
    assert_non_null(plan);
    assert_int_equal(plan->n, 4);
    assert_string_equal(plan->v[0].name, "id");
    assert_string_equal(plan->v[0].type, "bigint");
    assert_true(plan->v[0].required);
    assert_int_equal(plan->v[1].kind, WEIR_COLUMN_ENUM);
    assert_false(plan->v[1].required);
    assert_true(plan->v[2].repeated);
    assert_int_equal(plan->v[2].index, 3);
    assert_int_equal(plan->v[3].kind, WEIR_COLUMN_TIME);
    assert_string_equal(weir_column_enum_name(&plan->v[1], 7), "LARGE");
    assert_string_equal(weir_column_enum_name(&plan->v[1], -1), "RETURNED");
    assert_null(weir_column_enum_name(&plan->v[1], 2));
    assert_null(weir_column_enum_name(&plan->v[1], 1ll << 40));
    weir_columns_free(plan);
}

static void paths_reach_into_messages_and_share_slots(void **state)
{
    (void)state;
    char err[WEIR_COLUMNS_ERR];
    const struct weir_table_column cols[] = {
        {"a", "text", true, false}, {"b", "text", true, false}, {"c", "bigint", true, false}};
    struct weir_pair map[] = {
        {text("a"), text("label.to.street")}, {text("b"), text("label.to.street")}, {text("c"), text("label.to.zip")}};
    struct weir_columns *plan = plan_of(cols, 3, map, 3, 0, err);
    assert_non_null(plan);
    assert_int_equal(plan->v[0].slot, plan->v[1].slot);
    assert_int_not_equal(plan->v[0].slot, plan->v[2].slot);
    assert_int_equal(plan->n_slots, 2);
    weir_columns_free(plan);
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    const struct weir_table_column region = {"region", "text", false, false}, note = {"note", "text", true, false},
                                   label = {"label", "text", true, false};
    refused(&region, 1, NULL, 0, 0,
            "column region is NOT NULL without a default and parcels.v1.Parcel has no field region: map it, columns = "
            "[\"region=FIELD.PATH\"], or give it a default");
    struct weir_pair out = {text("region"), text("")};
    refused(&region, 1, &out, 1, 0, "column region is NOT NULL without a default: it cannot be left out");
    struct weir_pair unknown = {text("nite"), text("note")};
    refused(&note, 1, &unknown, 1, 0, "columns = [\"nite=...\"]: the table has no column nite");
    struct weir_pair wrong = {text("note"), text("label.txt")};
    refused(&note, 1, &wrong, 1, 0, "column note: parcels.v1.Label has no field txt (path \"label.txt\")");
    refused(&label, 1, NULL, 0, 0,
            "column label: field label is a message: name one of its fields, columns = [\"label=label.FIELD\"], or "
            "leave the column out, [\"label=\"]");
    struct weir_pair through = {text("note"), text("inside.note")};
    refused(&note, 1, &through, 1, 0,
            "path inside.note goes through inside, which is repeated: only a repeated scalar can fill a column");
    struct weir_pair scalar = {text("note"), text("id.x")};
    refused(&note, 1, &scalar, 1, 0, "path id.x goes into id, which is not a message");
    struct weir_pair dots = {text("note"), text("label..text")};
    refused(&note, 1, &dots, 1, 0, "column note: malformed field path \"label..text\"");
    refused(&note, 1, NULL, 0, WEIR_COLUMNS_EVERY_FIELD,
            "field id of parcels.v1.Parcel has no column: add one, or let it go with unmapped = \"ignore\"");
    const struct weir_table_column spare = {"spare", "text", true, false};
    refused(&spare, 1, NULL, 0, 0, "no column of the table has the name of a field of parcels.v1.Parcel");
}

static void a_time_is_taken_whole_or_in_parts(void **state)
{
    (void)state;
    const struct weir_table_column cols[] = {{"sent_at", "timestamptz", true, false},
                                             {"sent_s", "bigint", true, false}};
    struct weir_pair parts = {text("sent_s"), text("sent_at.seconds")};
    refused(cols, 2, &parts, 1, 0, "path sent_at.seconds goes into sent_at, which another column takes as a whole");
    const struct weir_table_column turned[] = {cols[1], cols[0]};
    refused(turned, 2, &parts, 1, 0, "column sent_at takes sent_at as a whole, another column a field inside it");
}

static void a_path_has_a_longest_length(void **state)
{
    (void)state;
    char path[400] = "";
    for (int i = 0; i < 40; i++) strcat(path, "label.");
    const struct weir_table_column note = {"note", "text", true, false};
    struct weir_pair deep = {text("note"), text(path)};
    char err[WEIR_COLUMNS_ERR];
    assert_null(plan_of(&note, 1, &deep, 1, 0, err));
    assert_true(err[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_names_map_by_themselves), cmocka_unit_test(paths_reach_into_messages_and_share_slots),
        cmocka_unit_test(what_does_not_fit_is_named),    cmocka_unit_test(a_time_is_taken_whole_or_in_parts),
        cmocka_unit_test(a_path_has_a_longest_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
