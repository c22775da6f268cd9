/* units.c - one table of units for sizes, one for durations; parsing and printing both read them. */
#include "units.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t factor;
    bool print; /* used when printing; ascending */
};

static const struct unit sizes[] = {
    {"B", 1, true},
    {"kB", 1000, false},
    {"KiB", 1ull << 10, true},
    {"MB", 1000000, false},
    {"MiB", 1ull << 20, true},
    {"GB", 1000000000, false},
    {"GiB", 1ull << 30, true},
    {"TiB", 1ull << 40, true},
    {NULL, 0, false},
};

static const struct unit durations[] = {
    {"ns", 1, true},
    {"us", 1000, true},
    {"\xc2\xb5s", 1000, false},
    {"ms", 1000000, true},
    {"s", 1000000000ull, true},
    {"m", 60000000000ull, false},
    {"min", 60000000000ull, true},
    {"h", 3600000000000ull, true},
    {"d", 86400000000000ull, true},
    {NULL, 0, false},
};

static const char size_wanted[] = "expected a size such as \"64KiB\" (units B, KiB, MiB, GiB, TiB, kB, MB, GB)";
static const char duration_wanted[] = "expected a duration such as \"5ms\" (units ns, us, ms, s, min, h, d)";

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    for (; units->name; units++)
        if (strcmp(units->name, name) == 0) return units;
    return NULL;
}

/* "12", "12ms", "1.5 GiB". Five decimals at most, so that decimals * the largest unit fit 64 bits. */
static const char *parse_quantity(const char *text, const struct unit *units, bool bare, const char *wanted,
                                  uint64_t *out)
{
    const char *p = text;
    uint64_t whole = 0, decimals = 0, scale = 1;
    if (!isdigit((unsigned char)*p)) return wanted;
    for (; isdigit((unsigned char)*p); p++)
        if (__builtin_mul_overflow(whole, 10u, &whole) || __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
            return "the number is too large";
    if (*p == '.' && isdigit((unsigned char)p[1]))
        for (p++; isdigit((unsigned char)*p); p++) {
            if (scale >= 100000) return "expected at most five decimals";
            decimals = decimals * 10 + (uint64_t)(*p - '0');
            scale *= 10;
        }
    if (*p == ' ') p++;
    const struct unit *unit = find_unit(units, *p || !(bare || whole == 0) ? p : units[0].name);
    if (!unit) return wanted;
    uint64_t part = decimals * unit->factor;
    if (part % scale) return "the number has more decimals than its unit";
    if (__builtin_mul_overflow(whole, unit->factor, out) || __builtin_add_overflow(*out, part / scale, out))
        return "the number is too large";
    return NULL;
}

const char *weir_parse_size(const char *text, uint64_t *out)
{
    return parse_quantity(text, sizes, true, size_wanted, out);
}

const char *weir_parse_duration(const char *text, uint64_t *out)
{
    return parse_quantity(text, durations, false, duration_wanted, out);
}

const char *weir_parse_bool(const char *text, bool *out)
{
    static const char *const words[] = {"false", "no", "off", "0", "true", "yes", "on", "1"};
    for (size_t i = 0; i < 8; i++)
        if (strcasecmp(text, words[i]) == 0) {
            *out = i >= 4;
            return NULL;
        }
    return "expected true or false";
}

const char *weir_parse_int(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    if (!isdigit((unsigned char)*digits) || (hex && !isxdigit((unsigned char)digits[2]))) return "expected an integer";
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, hex ? 16 : 10);
    if (*end) return "expected an integer";
    if (errno) return "the integer does not fit 64 bits";
    *out = value;
    return NULL;
}

const char *weir_parse_float(const char *text, double *out)
{
    if (!isdigit((unsigned char)*text) && !strchr("+-.", *text)) return "expected a number";
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end) return "expected a number";
    if (!isfinite(value)) return "the number is too large";
    *out = value;
    return NULL;
}

static const char *format(uint64_t value, const struct unit *units, char buf[WEIR_UNIT_TEXT])
{
    const struct unit *best = units;
    for (; units->name; units++)
        if (units->print && value && value % units->factor == 0) best = units;
    snprintf(buf, WEIR_UNIT_TEXT, "%" PRIu64 "%s", value / best->factor, best->name);
    return buf;
}

const char *weir_format_size(uint64_t bytes, char buf[WEIR_UNIT_TEXT])
{
    return format(bytes, sizes, buf);
}

const char *weir_format_duration(uint64_t ns, char buf[WEIR_UNIT_TEXT])
{
    if (!ns) return strcpy(buf, "0s");
    return format(ns, durations, buf);
}
