/* answer.h - what the server's answer to an INSERT means for the block that was sent. */
#ifndef CH_SINK_ANSWER_H
#define CH_SINK_ANSWER_H
#include "http.h"

enum answer {
    ANSWER_OK,
    ANSWER_DATA,  /* a row is at fault: find it */
    ANSWER_TABLE, /* the table is not what it was: read it again and make the block anew */
    ANSWER_AWAY,  /* no answer, or one that says that the server is not there: probe it, then send the same bytes */
    ANSWER_LATER  /* the server cannot now: back off, then send the same bytes */
};
/* `why` gets one line for people, never a secret. */
enum answer answer_of(const struct http_call *, char *why, size_t size);
#endif
