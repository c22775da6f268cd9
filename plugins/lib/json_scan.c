/* json_scan.c - the grammar of JSON (RFC 8259), strictly: strings, numbers, literals, white space.
 * Never reads at or beyond `end`. */
#include "json_in.h"
#include <string.h>

int weir_json_next(struct weir_json_in *in)
{
    while (in->p < in->end && (*in->p == ' ' || *in->p == '\n' || *in->p == '\t' || *in->p == '\r')) in->p++;
    return in->p < in->end ? *in->p : -1;
}

int weir_json_take(struct weir_json_in *in, char c, const char *expected)
{
    if (weir_json_next(in) != (uint8_t)c) return weir_json_expected(in, expected);
    in->p++;
    return 0;
}

bool weir_json_literal(struct weir_json_in *in, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(in->end - in->p) < n || memcmp(in->p, word, n) != 0) return false;
    const uint8_t *after = in->p + n;
    if (after < in->end && ((*after >= 'a' && *after <= 'z') || (*after >= '0' && *after <= '9'))) return false;
    in->p = after;
    return true;
}

/* Four hex digits, or -1. */
static int32_t hex4(const struct weir_json_in *in, const uint8_t *p)
{
    int32_t v = 0;
    if (in->end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int c = p[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0) return -1;
        v = v << 4 | d;
    }
    return v;
}

static int unicode_escape(struct weir_json_in *in, uint32_t *code)
{
    int32_t high = hex4(in, in->p);
    if (high < 0) return weir_json_bad(in->err, in->at, "four hex digits after \\u", "another text");
    in->p += 4;
    *code = (uint32_t)high;
    if (!high) return weir_json_bad(in->err, in->at, "text without NUL", "\\u0000");
    if (high < 0xd800 || high > 0xdfff) return 0;
    int32_t low = in->end - in->p >= 6 && in->p[0] == '\\' && in->p[1] == 'u' ? hex4(in, in->p + 2) : -1;
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return weir_json_bad(in->err, in->at, "a pair of surrogates", "the lone surrogate \\u%04x", (unsigned)high);
    in->p += 6;
    *code = 0x10000u + (((uint32_t)high & 0x3ffu) << 10) + ((uint32_t)low & 0x3ffu);
    return 0;
}

/* The escape whose backslash was just taken. */
static int escape(struct weir_json_in *in, uint8_t out[4], size_t *n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t code = 0;
    if (in->p < in->end && *in->p == 'u') {
        in->p++;
        if (unicode_escape(in, &code) < 0) return -1;
        *n = weir_json_utf8_put(code, out);
        return 0;
    }
    const char *at = in->p < in->end && *in->p ? strchr(from, *in->p) : NULL;
    if (!at) return weir_json_bad(in->err, in->at, "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u", "another escape");
    in->p++;
    out[0] = (uint8_t)to[at - from];
    *n = 1;
    return 0;
}

/* Passes over bytes that stand for themselves. */
static int plain(struct weir_json_in *in)
{
    while (in->p < in->end && *in->p != '"' && *in->p != '\\') {
        size_t width = weir_json_utf8(in->p, in->end);
        if (!width)
            return weir_json_bad(in->err, in->at, "UTF-8", "byte 0x%02x at byte %zu", *in->p,
                                 (size_t)(in->p - in->start));
        if (*in->p < 0x20)
            return weir_json_bad(in->err, in->at, "an escape for a control character", "byte 0x%02x at byte %zu",
                                 *in->p, (size_t)(in->p - in->start));
        in->p += width;
    }
    if (in->p == in->end) return weir_json_bad(in->err, in->at, "a closing quote", "the end of the text");
    return 0;
}

int weir_json_scan_string(struct weir_json_in *in)
{
    if (weir_json_take(in, '"', "a string") < 0) return -1;
    for (;;) {
        const uint8_t *from = in->p;
        if (plain(in) < 0) return -1;
        if (!weir_json_put(in->out, from, (size_t)(in->p - from))) return weir_json_full(in->err, in->at, in->out);
        if (*in->p++ == '"') return 0;
        uint8_t bytes[4];
        size_t n = 0;
        if (escape(in, bytes, &n) < 0) return -1;
        if (!weir_json_put(in->out, bytes, n)) return weir_json_full(in->err, in->at, in->out);
    }
}

int weir_json_scan_name(struct weir_json_in *in, uint8_t tmp[WEIR_JSON_NAME_MAX], struct weir_slice *text)
{
    size_t n = 0;
    if (weir_json_take(in, '"', "a string") < 0) return -1;
    const uint8_t *from = in->p;
    if (plain(in) < 0) return -1;
    if (*in->p == '"') { /* the usual case: no escape, no copy */
        *text = (struct weir_slice){from, (size_t)(in->p++ - from)};
        return 0;
    }
    in->p = from;
    for (;;) {
        from = in->p;
        if (plain(in) < 0) return -1;
        size_t run = (size_t)(in->p - from);
        if (run + 4 > WEIR_JSON_NAME_MAX - n)
            return weir_json_bad(in->err, in->at, "a shorter text", "a long one with escapes");
        memcpy(tmp + n, from, run);
        n += run;
        if (*in->p++ == '"') break;
        size_t width = 0;
        if (escape(in, tmp + n, &width) < 0) return -1;
        n += width;
    }
    *text = (struct weir_slice){tmp, n};
    return 0;
}

static size_t digits(struct weir_json_in *in)
{
    const uint8_t *from = in->p;
    while (in->p < in->end && *in->p >= '0' && *in->p <= '9') in->p++;
    return (size_t)(in->p - from);
}

int weir_json_scan_number(struct weir_json_in *in, struct weir_slice *text)
{
    const uint8_t *from = in->p;
    if (in->p < in->end && *in->p == '-') in->p++;
    bool zero = in->p < in->end && *in->p == '0';
    size_t n = digits(in);
    bool fine = n == 1 || (n > 1 && !zero);
    if (fine && in->p < in->end && *in->p == '.') {
        in->p++;
        fine = digits(in) > 0;
    }
    if (fine && in->p < in->end && (*in->p == 'e' || *in->p == 'E')) {
        in->p++;
        if (in->p < in->end && (*in->p == '+' || *in->p == '-')) in->p++;
        fine = digits(in) > 0;
    }
    if (!fine) {
        in->p = from;
        return weir_json_expected(in, "a value");
    }
    *text = (struct weir_slice){from, (size_t)(in->p - from)};
    return 0;
}

static int skip_members(struct weir_json_in *in, char close)
{
    uint8_t tmp[WEIR_JSON_NAME_MAX];
    struct weir_slice text;
    in->p++;
    if (weir_json_next(in) == close) {
        in->p++;
        return 0;
    }
    for (;;) {
        if (close == '}' && (weir_json_scan_name(in, tmp, &text) < 0 || weir_json_take(in, ':', "a colon") < 0))
            return -1;
        if (weir_json_skip(in) < 0) return -1;
        int c = weir_json_next(in);
        if (c != ',' && c != close) return weir_json_expected(in, close == '}' ? "a comma or }" : "a comma or ]");
        in->p++;
        if (c == close) return 0;
    }
}

int weir_json_skip(struct weir_json_in *in)
{
    struct weir_slice text;
    int c = weir_json_next(in), rc;
    if (c == '{' || c == '[') {
        if (in->depth == WEIR_JSON_MAX_DEPTH) return weir_json_bad(in->err, in->at, "at most 32 levels", "one more");
        in->depth++;
        rc = skip_members(in, c == '{' ? '}' : ']');
        in->depth--;
        return rc;
    }
    if (c == '"') {
        size_t n = in->out->n;
        rc = weir_json_scan_string(in);
        in->out->n = n;
        return rc;
    }
    if (weir_json_literal(in, "true") || weir_json_literal(in, "false") || weir_json_literal(in, "null")) return 0;
    return weir_json_scan_number(in, &text);
}
