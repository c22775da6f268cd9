/* json_time.c - google.protobuf.Timestamp as RFC 3339, years 1 to 9999, both ways.
 * Calendar arithmetic of its own: timegm and strptime depend on libc extensions and locale. */
#include "json_in.h"
#include <stdio.h>
#include <string.h>

enum { DAY = 86400 };
static const int64_t first = -62135596800, last = 253402300799; /* 0001-01-01 and 9999-12-31T23:59:59 */

/* Days since 1970-01-01 of a proleptic Gregorian date; the year begins in March, so that the leap day ends it. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400; /* y >= 0 here */
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int *y, int *m, int *d)
{
    days += 719468;
    int64_t era = days / 146097, doe = days - era * 146097; /* days >= 0: year 1 is far above era 0's begin */
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + era * 400 + (*m <= 2));
}

bool weir_json_is_time(const ProtobufCMessageDescriptor *type)
{
    return strcmp(type->name, "google.protobuf.Timestamp") == 0;
}

/* Exactly `n` digits at *i. */
static bool digits(struct weir_slice s, size_t *i, unsigned n, int *v)
{
    *v = 0;
    if (s.n - *i < n) return false;
    while (n--) {
        if (s.p[*i] < '0' || s.p[*i] > '9') return false;
        *v = *v * 10 + (s.p[(*i)++] - '0');
    }
    return true;
}

static bool sign(struct weir_slice s, size_t *i, const char *any)
{
    if (*i >= s.n || !s.p[*i] || !strchr(any, s.p[*i])) return false;
    (*i)++;
    return true;
}

static bool days_in(int y, int m, int d)
{
    static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return y >= 1 && m >= 1 && m <= 12 && d >= 1 && d <= length[m - 1] + (leap && m == 2);
}

static bool fraction(struct weir_slice s, size_t *i, int32_t *nanos)
{
    int32_t unit = 100000000;
    *nanos = 0;
    if (!sign(s, i, ".")) return true;
    size_t from = *i;
    for (; *i < s.n && s.p[*i] >= '0' && s.p[*i] <= '9'; (*i)++, unit /= 10) *nanos += (s.p[*i] - '0') * unit;
    return *i > from && *i - from <= 9;
}

bool weir_json_time_parse(struct weir_slice s, struct weir_json_time *t)
{
    int y, mo, d, h, mi, sec, oh = 0, om = 0;
    size_t i = 0;
    if (!digits(s, &i, 4, &y) || !sign(s, &i, "-") || !digits(s, &i, 2, &mo) || !sign(s, &i, "-") ||
        !digits(s, &i, 2, &d) || !sign(s, &i, "Tt") || !digits(s, &i, 2, &h) || !sign(s, &i, ":") ||
        !digits(s, &i, 2, &mi) || !sign(s, &i, ":") || !digits(s, &i, 2, &sec) || !fraction(s, &i, &t->nanos))
        return false;
    if (!days_in(y, mo, d) || h > 23 || mi > 59 || sec > 59) return false;
    t->seconds = days_of(y, mo, d) * DAY + h * 3600 + mi * 60 + sec;
    if (!sign(s, &i, "Zz")) {
        bool west = i < s.n && s.p[i] == '-';
        if (!sign(s, &i, "+-") || !digits(s, &i, 2, &oh) || !sign(s, &i, ":") || !digits(s, &i, 2, &om)) return false;
        if (oh > 23 || om > 59) return false;
        t->seconds += (west ? 1 : -1) * (oh * 3600 + om * 60);
    }
    return i == s.n && t->seconds >= first && t->seconds <= last;
}

size_t weir_json_time_print(const struct weir_json_time *t, char out[40])
{
    int y, m, d;
    if (t->seconds < first || t->seconds > last || t->nanos < 0 || t->nanos > 999999999) return 0;
    int64_t days = (t->seconds - (t->seconds < 0 ? DAY - 1 : 0)) / DAY;
    int rest = (int)(t->seconds - days * DAY);
    date_of(days, &y, &m, &d);
    int n = snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d", y, m, d, rest / 3600, rest / 60 % 60, rest % 60);
    if (t->nanos % 1000000 == 0 && t->nanos)
        n += snprintf(out + n, 40 - (size_t)n, ".%03d", t->nanos / 1000000);
    else if (t->nanos % 1000 == 0 && t->nanos)
        n += snprintf(out + n, 40 - (size_t)n, ".%06d", t->nanos / 1000);
    else if (t->nanos)
        n += snprintf(out + n, 40 - (size_t)n, ".%09d", t->nanos);
    out[n++] = 'Z';
    out[n] = '\0';
    return (size_t)n;
}
