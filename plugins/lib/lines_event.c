/* lines_event.c - one event as one line. */
#include "lines.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <weir/schema.h>

const char *const weir_line_forms[] = {"text", "json", "hex", NULL};

static bool put_text(struct weir_json_buf *out, const char *text)
{
    return weir_json_put(out, text, strlen(text));
}

static bool put_hex(struct weir_json_buf *out, struct weir_slice s)
{
    static const char digits[] = "0123456789abcdef";
    if (!weir_json_room(out, 2 * s.n)) return false;
    for (size_t i = 0; i < s.n; i++) {
        out->p[out->n++] = (uint8_t)digits[s.p[i] >> 4];
        out->p[out->n++] = (uint8_t)digits[s.p[i] & 15];
    }
    return true;
}

/* Bytes of the UTF-8 sequence at p, 0 when there is none. */
static size_t utf8_len(const uint8_t *p, size_t n)
{
    size_t want = p[0] < 0x80 ? 1 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
    if (want == 0 || want > n || p[0] >= 0xf5) return 0;
    for (size_t i = 1; i < want; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (want == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))) return 0;
    if (want == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))) return 0;
    return want;
}

static bool put_escaped(struct weir_json_buf *out, struct weir_slice s)
{
    for (size_t i = 0; i < s.n;) {
        uint8_t c = s.p[i];
        size_t n = utf8_len(s.p + i, s.n - i);
        char code[8];
        bool fine = true;
        if (c == '\n' || c == '\t' || c == '\r' || c == '\\') {
            fine = put_text(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : "\\\\");
        } else if (n == 0 || c < 0x20 || c == 0x7f) {
            snprintf(code, sizeof(code), "\\x%02x", c);
            fine = put_text(out, code);
            n = 1;
        } else {
            fine = weir_json_put(out, s.p + i, n);
        }
        if (!fine) return false;
        i += n;
    }
    return true;
}

/* The value as JSON of its message; false when it is none, or memory is gone: out is then as it was. */
static bool put_message(struct weir_ctx *ctx, const struct weir_event *ev, struct weir_json_buf *out)
{
    struct weir_json_err err;
    const struct weir_schema *schema = ctx->host->schema_by_id(ctx, ev->schema);
    return schema && weir_json_from_wire(schema->descriptor, ev->value, out, &err) == 0;
}

static bool put_text_line(struct weir_ctx *ctx, const struct weir_event *ev, bool hex, struct weir_json_buf *out)
{
    if (ev->key.n && (!put_escaped(out, ev->key) || !put_text(out, "\t"))) return false;
    if (hex) return put_hex(out, ev->value);
    return put_message(ctx, ev, out) || put_escaped(out, ev->value);
}

static bool put_string(struct weir_json_buf *out, struct weir_slice s)
{
    return weir_json_put_string(out, s.p, s.n);
}

static bool put_headers(const struct weir_event *ev, struct weir_json_buf *out)
{
    bool fine = put_text(out, "\"headers\":{");
    for (uint32_t i = 0; fine && i < ev->n_headers; i++)
        fine = (i == 0 || put_text(out, ",")) && put_string(out, ev->headers[i].name) && put_text(out, ":") &&
               put_string(out, ev->headers[i].value);
    return fine && put_text(out, "},");
}

static bool put_time(uint64_t ts_ns, struct weir_json_buf *out)
{
    char text[64];
    time_t seconds = (time_t)(ts_ns / 1000000000u);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof(text), "\"ts\":\"%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof(text) - n, ".%06uZ\",", (unsigned)(ts_ns / 1000u % 1000000u));
    return put_text(out, text);
}

static bool put_json_line(struct weir_ctx *ctx, const struct weir_event *ev, struct weir_json_buf *out)
{
    const struct weir_schema *schema = ctx->host->schema_by_id(ctx, ev->schema);
    bool fine = put_text(out, "{");
    if (fine && ev->ts_ns) fine = put_time(ev->ts_ns, out);
    if (fine && ev->key.n) fine = put_text(out, "\"key\":") && put_string(out, ev->key) && put_text(out, ",");
    if (fine && schema)
        fine = put_text(out, "\"schema\":") &&
               weir_json_put_string(out, schema->full_name, strlen(schema->full_name)) && put_text(out, ",");
    if (fine && ev->n_headers) fine = put_headers(ev, out);
    return fine && put_text(out, "\"value\":") && (put_message(ctx, ev, out) || put_string(out, ev->value)) &&
           put_text(out, "}");
}

bool weir_line_put(struct weir_ctx *ctx, enum weir_line_form form, const struct weir_event *ev,
                   struct weir_json_buf *out)
{
    size_t before = out->n;
    bool fine =
        form == WEIR_LINE_JSON ? put_json_line(ctx, ev, out) : put_text_line(ctx, ev, form == WEIR_LINE_HEX, out);
    if (fine && put_text(out, "\n")) return true;
    out->n = before;
    return false;
}
