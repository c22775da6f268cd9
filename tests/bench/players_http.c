/* players_http.c - the requests of a player and the answers to them, as text. */
#include "players.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- requests */

static char *put(char *at, const char *text, size_t n)
{
    memcpy(at, text, n);
    return at + n;
}
#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static char *put_number(char *at, uint64_t v)
{
    char digits[20];
    size_t n = 0;
    do digits[sizeof digits - ++n] = (char)('0' + v % 10);
    while (v /= 10);
    return put(at, digits + sizeof digits - n, n);
}

static char *put_player(char *at, uint64_t account)
{
    return put_number(PUT(at, "player-"), account);
}

static char *bet_body(char *body, const struct options *o, uint64_t account, uint64_t number)
{
    char *at = PUT(body, "{\"bet_id\":\"");
    at = put(at, o->run, strlen(o->run));
    at = put_number(PUT(at, "-"), number);
    at = put_player(PUT(at, "\",\"account_id\":\""), account);
    at = PUT(at, "\",\"stake_minor\":250,\"currency\":\"EUR\",\"odds_milli\":1850,\"selection\":\"AJA-PSV:home");
    size_t n = (size_t)(at - body) + 2;
    if (n < o->body_bytes) { /* the one field that may be long */
        memset(at, 'x', o->body_bytes - n);
        at += o->body_bytes - n;
    }
    return PUT(at, "\"}");
}

/* The body first, then in front of it the header that says how long it is. */
char *request_write(char *out, const struct options *o, uint64_t account, uint64_t number, size_t *n)
{
    char head[256], *body = out + sizeof head, *end, *h = head;
    switch (o->phase) {
    case OPEN:
        h = PUT(h, "POST /v1/accounts HTTP/1.1\r\n");
        end = PUT(put_player(PUT(body, "{\"account_id\":\""), account), "\",\"currency\":\"EUR\"}");
        break;
    case FUND:
        h = PUT(put_player(PUT(h, "POST /v1/accounts/"), account), "/deposits HTTP/1.1\r\nIdempotency-Key: bench\r\n");
        end = PUT(body, "{\"amount_minor\":1000000000,\"currency\":\"EUR\"}");
        break;
    default: h = PUT(h, "POST /v1/bets HTTP/1.1\r\n"); end = bet_body(body, o, account, number);
    }
    h = PUT(h, "Host: bench\r\nContent-Type: application/json\r\nContent-Length: ");
    h = PUT(put_number(h, (uint64_t)(end - body)), "\r\n\r\n");
    size_t head_n = (size_t)(h - head);
    memcpy(body - head_n, head, head_n);
    *n = (size_t)(end - body) + head_n;
    return body - head_n;
}

/* ---- answers */

#define IS(line, literal) (strncasecmp(line, literal, sizeof(literal) - 1) == 0)
#define AFTER(line, literal) ((line) + sizeof(literal) - 1)

/* One line of the header; `line` goes on past its end, but the caller has seen that a blank line follows. */
static void header_line(const char *line, struct head *h, size_t *length)
{
    static const char wallet[] = "Server-Timing: wallet;dur=";
    switch (*line | 32) {
    case 'c':
        if (IS(line, "Content-Length:")) *length = strtoul(AFTER(line, "Content-Length:"), NULL, 10);
        if (IS(line, "Connection: close")) h->close = true;
        break;
    case 'r': h->answer.retry_after |= IS(line, "Retry-After:"); break;
    case 's':
        if (IS(line, wallet)) h->answer.wallet_ms = strtod(AFTER(line, wallet), NULL);
        break;
    default: break;
    }
}

static void find_outcome(const char *body, size_t n, struct answer *a)
{
    static const char mark[] = "\"outcome\":\"";
    const char *at = memmem(body, n, mark, sizeof mark - 1), *end = NULL;
    if (at) {
        at += sizeof mark - 1;
        end = memchr(at, '"', n - (size_t)(at - body));
    }
    a->outcome = end ? at : "";
    a->outcome_n = end ? (size_t)(end - at) : 0;
}

long answer_read(const char *in, size_t n, struct head *h)
{
    size_t length = 0;
    const char *end = memmem(in, n, "\r\n\r\n", 4), *line;
    if (!end) return n < ANSWER_BYTES ? 0 : -1;
    if (memcmp(in, "HTTP/1.1 ", 9) != 0) return -1;
    *h = (struct head){.answer = {.status = (unsigned)strtoul(in + 9, NULL, 10), .outcome = "", .wallet_ms = -1}};
    for (line = in; line < end; line += 2) {
        header_line(line, h, &length);
        line = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
    }
    size_t head_n = (size_t)(end + 4 - in);
    if (head_n + length > ANSWER_BYTES) return -1;
    if (head_n + length > n) return 0;
    if (h->answer.status >= 300) find_outcome(in + head_n, length, &h->answer);
    return (long)(head_n + length);
}
