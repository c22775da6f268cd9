/* test_schemas.c - schema modules: which are loaded, which refused and with what words. The modules are compiled here,
 * because nobody's build makes broken ones. */
#include "schemas.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/weir-schemas-XXXXXX";

/* One message t.Thing with one field `count` of the given type and number. */
#define MODULE(magic, abi, size, type, number)                                                                    \
    "#include <weir/schema.h>\n"                                                                                  \
    "static const ProtobufCFieldDescriptor fields[] = { { \"count\", " #number ", PROTOBUF_C_LABEL_NONE, "        \
    "PROTOBUF_C_TYPE_" #type ", 0, 0, 0, 0, 0, 0, 0, 0 } };\n"                                                    \
    "static const unsigned sorted[] = { 0 };\n"                                                                   \
    "static const ProtobufCIntRange ranges[] = { { " #number ", 0 }, { 0, 1 } };\n"                               \
    "static const ProtobufCMessageDescriptor m = { PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, \"t.Thing\", \"Thing\"," \
    " \"T__Thing\", \"t\", 0, 1, fields, sorted, 1, ranges, 0, 0, 0, 0 };\n"                                      \
    "static const ProtobufCMessageDescriptor *const all[] = { &m, 0 };\n"                                         \
    "const struct weir_schema_module weir_schema_module_v1 = { " #magic ", " #abi ", " #size ", \"t\", all };\n"
#define GOOD MODULE(WEIR_SCHEMA_MAGIC, 1, sizeof(struct weir_schema_module), INT64, 1)

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void compile(const char *name, const char *source)
{
    char command[1024];
    write_file("m.c", source);
    snprintf(command, sizeof(command), "cc -shared -fPIC -I%s/host/include -o %s/%s %s/m.c", WEIR_SOURCE_DIR, folder,
             name, folder);
    assert_int_equal(system(command), 0);
}

static int begin(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

/* Loads the folder and expects one error that holds `words`, or none. */
static struct weir_schemas *load(const char *words)
{
    struct weir_errors errs = {0};
    struct weir_schemas *all = weir_schemas_new();
    assert_non_null(all);
    int rc = weir_schemas_load_folder(all, folder, &errs);
    if (!words && errs.n) fail_msg("%s: %s", errs.v[0].file, errs.v[0].msg);
    assert_int_equal(rc, words ? -1 : 0);
    if (words) {
        assert_int_equal(errs.n, 1);
        if (!strstr(errs.v[0].msg, words)) fail_msg("\"%s\" is not in \"%s\"", words, errs.v[0].msg);
        assert_non_null(errs.v[0].file);
    }
    weir_errors_free(&errs);
    return all;
}

static void loads_a_module(void **state)
{
    (void)state;
    compile("a.schema.so", GOOD);
    compile("b.schema.so", GOOD); /* an equal message twice is one message */
    write_file("notes.txt", "not a module");
    struct weir_schemas *all = load(NULL);
    assert_int_equal(weir_schemas_count(all), 1);
    const struct weir_schema *s = weir_schemas_find(all, "t.Thing");
    assert_non_null(s);
    assert_ptr_equal(weir_schemas_by_id(all, s->id), s);
    assert_null(weir_schemas_by_id(all, 0));
    assert_null(weir_schemas_by_id(all, 2));
    assert_null(weir_schemas_find(all, "t.thing"));
    struct weir_value v;
    assert_true(weir_schemas_get(s, (struct weir_slice){(const uint8_t *)"\x08\x2a", 2}, "count", &v));
    assert_int_equal(v.v.i64, 42);
    assert_false(weir_schemas_get(s, (struct weir_slice){(const uint8_t *)"\x08\x2a", 2}, "cuont", &v));
    const char *nearest;
    assert_true(weir_schemas_has_path(all, "count", &nearest));
    assert_false(weir_schemas_has_path(all, "cuont", &nearest));
    assert_string_equal(nearest, "count");
    struct weir_errors errs = {0};
    assert_int_equal(weir_schemas_load_folder(all, folder, &errs), 0); /* again */
    assert_int_equal(weir_schemas_load_folder(all, "/nowhere", &errs), 0);
    assert_int_equal(weir_schemas_count(all), 1);
    weir_errors_free(&errs);
    weir_schemas_free(all);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *source, *words;
    } wrong[] = {
        {MODULE(0x1234, 1, sizeof(struct weir_schema_module), INT64, 1), "expected 3148435352494557"},
        {MODULE(WEIR_SCHEMA_MAGIC, 7, sizeof(struct weir_schema_module), INT64, 1), "schema ABI 7"},
        {MODULE(WEIR_SCHEMA_MAGIC, 1, 8, INT64, 1), "size 8"},
        {"int other;\n", "no symbol weir_schema_module_v1"},
        {"int weir_schema_module_v1 = 1;\n", "has 4 bytes, expected at least"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char name[32]; /* another name each time: an open object of the same path would be found again */
        snprintf(name, sizeof(name), "w%zu.schema.so", i);
        compile(name, wrong[i].source);
        weir_schemas_free(load(wrong[i].words));
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        unlink(path);
    }
    write_file("text.schema.so", "hello");
    weir_schemas_free(load("a shared object with 7f 45 4c 46 (ELF)"));
}

static void refuses_messages_that_differ(void **state)
{
    (void)state;
    compile("a.schema.so", GOOD);
    compile("b.schema.so", MODULE(WEIR_SCHEMA_MAGIC, 1, sizeof(struct weir_schema_module), INT32, 1));
    struct weir_schemas *all = load("message t.Thing differs from the one in");
    assert_int_equal(weir_schemas_count(all), 1);
    weir_schemas_free(all);
}

static void refuses_what_others_can_write(void **state)
{
    (void)state;
    char path[256];
    compile("a.schema.so", GOOD);
    snprintf(path, sizeof(path), "%s/a.schema.so", folder);
    assert_int_equal(chmod(path, 0757), 0);
    weir_schemas_free(load("the file can be written by everybody"));
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    weir_schemas_free(load("can be written by everybody"));
    assert_int_equal(chmod(folder, 0755), 0);
    weir_schemas_free(load(NULL));
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 0, 12345), 0);
        assert_int_equal(chmod(path, 0775), 0);
        weir_schemas_free(load("can be written by group 12345"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(loads_a_module, begin, end),
        cmocka_unit_test_setup_teardown(refuses_what_does_not_fit, begin, end),
        cmocka_unit_test_setup_teardown(refuses_messages_that_differ, begin, end),
        cmocka_unit_test_setup_teardown(refuses_what_others_can_write, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
