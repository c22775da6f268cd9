/* json_test.h - short calls for the tests of json_pb. The first failing check ends the test. */
#ifndef JSON_TEST_H
#define JSON_TEST_H
#include <json_pb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kinds.pb-c.h"
#include "presence.pb-c.h"

#define ALL (&kinds__v1__all__descriptor)

static inline struct weir_slice slice(const char *text)
{
    return (struct weir_slice){(const uint8_t *)text, strlen(text)};
}

struct weir_json_buf buf_of(size_t max);
/* The JSON that comes out when `json` has gone in; the caller frees it with buf_free_text. */
char *round_trip(const ProtobufCMessageDescriptor *type, const char *json);
/* json is refused, with this place and these words. */
void refused(const ProtobufCMessageDescriptor *type, const char *json, const char *pointer, const char *found,
             const char *expected);
Kinds__V1__All *parsed(const char *json);
#endif
