/* text.c - what leaves the process as text is valid UTF-8 and cannot break out of the quotes around it. */
#include "text.h"
#include <string.h>
#include <time.h>

static size_t wanted_len(unsigned char lead)
{
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return 2;
    if (lead >= 0xe0 && lead <= 0xef) return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

size_t weir_utf8_len(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t n = s[0] ? wanted_len(s[0]) : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))) return 0; /* overlong, surrogate */
    if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))) return 0; /* overlong, > 10ffff */
    return n;
}

size_t weir_json_char(char out[8], const char **s)
{
    static const char named[][2] = {{'"', '"'},  {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'},
                                    {'\t', 't'}, {'\b', 'b'},  {'\f', 'f'}};
    char c = **s;
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        if (c == named[i][0]) {
            out[0] = '\\';
            out[1] = named[i][1];
            (*s)++;
            return 2;
        }
    size_t n = weir_utf8_len(*s);
    if (n == 0 || (unsigned char)c < 0x20 || c == 0x7f) {
        (*s)++;
        return (size_t)snprintf(out, 8, "\\u%04x", n == 0 ? 0xfffdu : (unsigned)c);
    }
    memcpy(out, *s, n);
    *s += n;
    return n;
}

void weir_put_json(FILE *f, const char *text)
{
    if (!text) {
        fputs("null", f);
        return;
    }
    char c[8];
    fputc('"', f);
    while (*text) fwrite(c, 1, weir_json_char(c, &text), f);
    fputc('"', f);
}

void weir_put_html(FILE *f, const char *text)
{
    while (text && *text) {
        size_t n = weir_utf8_len(text);
        switch (*text) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        case '\'': fputs("&#39;", f); break;
        default:
            if (n == 0)
                fputs("\xef\xbf\xbd", f);
            else
                fwrite(text, 1, n, f);
        }
        text += n ? n : 1;
    }
}

void weir_rfc3339(char out[32], uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03uZ", (unsigned)(wall_ns / 1000000u % 1000u));
}
