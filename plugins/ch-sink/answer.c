/* answer.c - success is HTTP 200 and no exception header and an empty body: ClickHouse may say 200 before it fails, and
 * anything else that answers 200 is no ClickHouse. */
#include "answer.h"
#include <stdio.h>

static const struct {
    int code;
    enum answer answer;
} codes[] = {
    /* the rows: parsing, converting, constraints */
    {6, ANSWER_DATA},   /* CANNOT_PARSE_TEXT */
    {25, ANSWER_DATA},  /* CANNOT_PARSE_ESCAPE_SEQUENCE */
    {26, ANSWER_DATA},  /* CANNOT_PARSE_QUOTED_STRING */
    {27, ANSWER_DATA},  /* CANNOT_PARSE_INPUT_ASSERTION_FAILED */
    {33, ANSWER_DATA},  /* CANNOT_READ_ALL_DATA */
    {34, ANSWER_DATA},  /* CANNOT_READ_MAP_FROM_TEXT */
    {38, ANSWER_DATA},  /* CANNOT_PARSE_DATE */
    {41, ANSWER_DATA},  /* CANNOT_PARSE_DATETIME */
    {53, ANSWER_DATA},  /* TYPE_MISMATCH */
    {69, ANSWER_DATA},  /* ARGUMENT_OUT_OF_BOUND */
    {70, ANSWER_DATA},  /* CANNOT_CONVERT_TYPE */
    {72, ANSWER_DATA},  /* CANNOT_PARSE_NUMBER */
    {117, ANSWER_DATA}, /* INCORRECT_DATA */
    {128, ANSWER_DATA}, /* TOO_LARGE_ARRAY_SIZE */
    {130, ANSWER_DATA}, /* CANNOT_READ_ARRAY_FROM_TEXT */
    {131, ANSWER_DATA}, /* TOO_LARGE_STRING_SIZE */
    {321, ANSWER_DATA}, /* VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE */
    {349, ANSWER_DATA}, /* CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN */
    {376, ANSWER_DATA}, /* CANNOT_PARSE_UUID */
    {395, ANSWER_DATA}, /* FUNCTION_THROW_IF_VALUE_IS_NON_ZERO: a check in a view */
    {407, ANSWER_DATA}, /* DECIMAL_OVERFLOW */
    {441, ANSWER_DATA}, /* CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING */
    {467, ANSWER_DATA}, /* CANNOT_PARSE_BOOL */
    {469, ANSWER_DATA}, /* VIOLATED_CONSTRAINT */
    {675, ANSWER_DATA}, /* CANNOT_PARSE_IPV4 */
    {676, ANSWER_DATA}, /* CANNOT_PARSE_IPV6 */
    {691, ANSWER_DATA}, /* UNKNOWN_ELEMENT_OF_ENUM */
    /* the table */
    {8, ANSWER_TABLE},   /* THERE_IS_NO_COLUMN */
    {10, ANSWER_TABLE},  /* NOT_FOUND_COLUMN_IN_BLOCK */
    {16, ANSWER_TABLE},  /* NO_SUCH_COLUMN_IN_TABLE */
    {20, ANSWER_TABLE},  /* NUMBER_OF_COLUMNS_DOESNT_MATCH */
    {44, ANSWER_TABLE},  /* ILLEGAL_COLUMN */
    {47, ANSWER_TABLE},  /* UNKNOWN_IDENTIFIER */
    {50, ANSWER_TABLE},  /* UNKNOWN_TYPE */
    {60, ANSWER_TABLE},  /* UNKNOWN_TABLE */
    {81, ANSWER_TABLE},  /* UNKNOWN_DATABASE */
    {115, ANSWER_TABLE}, /* UNKNOWN_SETTING: another version answers now */
    {218, ANSWER_TABLE}, /* TABLE_IS_DROPPED */
    /* Everything else is LATER: 252 TOO_MANY_PARTS is back-pressure and the block is fine; 241 memory, 159 timeout,
     * 242 read only, 243 disk full, 516 login, 497 rights ... may all pass, and no row is to blame. */
};

static int code_in(const struct weir_buf *reply)
{
    static const char mark[] = "Code: ";
    const char *at = reply->n ? memmem(reply->p, reply->n, mark, sizeof(mark) - 1) : NULL;
    int code = 0;
    if (!at) return 0;
    const char *end = (const char *)reply->p + reply->n;
    for (at += sizeof(mark) - 1; at < end && *at >= '0' && *at <= '9' && code < 100000; at++)
        code = code * 10 + (*at - '0');
    return code;
}

/* The first line of the body, cut to size. */
static void describe(const struct http_call *call, char *why, size_t size)
{
    if (call->code != CURLE_OK) {
        snprintf(why, size, "%s", call->error);
        return;
    }
    size_t n = 0;
    while (n < call->reply.n && call->reply.p[n] != '\n' && n < 270) n++;
    snprintf(why, size, "HTTP %ld%s%.*s", call->status, n ? ": " : ", empty body", (int)n, (const char *)call->reply.p);
    for (char *c = why; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
}

enum answer answer_of(const struct http_call *call, char *why, size_t size)
{
    describe(call, why, size);
    if (call->code != CURLE_OK) return ANSWER_AWAY;
    int code = call->exception ? call->exception : code_in(&call->reply);
    if (call->status == 200 && code == 0 && call->reply.n == 0) return ANSWER_OK;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (codes[i].code == code) return codes[i].answer;
    return code ? ANSWER_LATER : ANSWER_AWAY; /* without a code it was not ClickHouse who spoke */
}
