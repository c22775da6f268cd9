/* template.c - fills the places of a text. Read anew for each event: a generator need not be faster than that. */
#include "template.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum place { SEQ, SEQ_MOD, LANE, TIME, UUID, WRONG };

static enum place place_of(const char *name, size_t n, uint64_t *modulus)
{
    static const struct {
        const char *name;
        enum place place;
    } places[] = {{"seq", SEQ}, {"lane", LANE}, {"time", TIME}, {"uuid", UUID}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strlen(places[i].name) == n && memcmp(places[i].name, name, n) == 0) return places[i].place;
    if (n < 5 || n > 13 || memcmp(name, "seq%", 4) != 0) return WRONG;
    *modulus = 0;
    for (size_t i = 4; i < n; i++) {
        if (name[i] < '0' || name[i] > '9') return WRONG;
        *modulus = *modulus * 10 + (uint64_t)(name[i] - '0');
    }
    return *modulus ? SEQ_MOD : WRONG;
}

/* xorshift64*: good enough for made-up data */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

static int put_time(char *out, size_t size, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
    return (int)n + snprintf(out + n, size - n, ".%06uZ", (unsigned)(wall_ns / 1000u % 1000000u));
}

static int put_uuid(char *out, size_t size, uint64_t *random)
{
    uint64_t a = next_random(random), b = next_random(random);
    return snprintf(out, size, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
                    (unsigned)(a & 0xfff), (unsigned)(0x8000 | (b >> 50)), (unsigned long long)(b & 0xffffffffffffull));
}

static bool put_place(enum place place, uint64_t modulus, const struct template_values *v, uint64_t *random,
                      struct weir_json_buf *out)
{
    char text[64];
    int n = 0;
    switch (place) {
    case SEQ: n = snprintf(text, sizeof(text), "%llu", (unsigned long long)v->seq); break;
    case SEQ_MOD: n = snprintf(text, sizeof(text), "%llu", (unsigned long long)(v->seq % modulus)); break;
    case LANE: n = snprintf(text, sizeof(text), "%u", v->lane); break;
    case TIME: n = put_time(text, sizeof(text), v->wall_ns); break;
    case UUID: n = put_uuid(text, sizeof(text), random); break;
    case WRONG: break;
    }
    return weir_json_put(out, text, (size_t)n);
}

int template_check(struct weir_slice text, char *msg, size_t size)
{
    for (size_t i = 0; i < text.n; i++) {
        const char *at = (const char *)text.p + i;
        uint64_t modulus;
        if (*at != '{' && *at != '}') continue;
        if (i + 1 < text.n && at[1] == *at) {
            i++;
            continue;
        }
        const char *end = *at == '{' ? memchr(at, '}', text.n - i) : NULL;
        size_t n = end ? (size_t)(end - at - 1) : 0;
        if (!end || place_of(at + 1, n, &modulus) == WRONG) {
            snprintf(
                msg, size,
                "\"%.*s\" is no place; expected {seq}, {seq%%N}, {lane}, {time} or {uuid}, and {{ or }} for a brace",
                end ? (int)(n > 40 ? 42 : n + 2) : 1, at);
            return -1;
        }
        i += n + 1;
    }
    return 0;
}

bool template_put(struct weir_slice text, const struct template_values *v, uint64_t *random, struct weir_json_buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        const char *at = (const char *)text.p + i;
        uint64_t modulus = 0;
        bool fine;
        if (*at == '{' && i + 1 < text.n && at[1] != '{') {
            const char *end = memchr(at, '}', text.n - i);
            size_t n = end ? (size_t)(end - at - 1) : 0;
            enum place place = place_of(at + 1, n, &modulus);
            fine = put_place(place, modulus, v, random, out);
            i += n + 1;
        } else {
            fine = weir_json_put(out, at, 1);
            if (*at == '{' || *at == '}') i++; /* doubled */
        }
        if (!fine) return false;
    }
    return true;
}
