/* show.c - letters for people: a line each, or one whole. Nothing of a record reaches the terminal as it is. */
#include "dead_letters.h"
#include "json_pb.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void print_time(int64_t ms)
{
    char text[32] = "";
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm)) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    fputs(text, stdout);
}

/* UTF-8 of two bytes and more may pass, control characters not: a terminal obeys them. */
static void print_text(const void *p, size_t n)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++) {
        if (c[i] < 0x20 || c[i] == 0x7f || c[i] == '\\' || (c[i] == 0xc2 && i + 1 < n && c[i + 1] < 0xa0))
            printf("\\x%02x", c[i]);
        else
            putchar(c[i]);
    }
}

static void print_string(const char *s)
{
    print_text(s, strlen(s));
}

void list_letters(const struct letters *all, const struct options *o)
{
    size_t n = 0, back = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct letter *l = &all->v[i];
        char place[40];
        if (!l->chosen) continue;
        if (!n++)
            printf("%-10s %-20s %-9s %-14s %-14s %-12s reason\n", "letter", "when", "state", "class", "plugin",
                   "group");
        snprintf(place, sizeof place, "%d:%" PRId64, (int)l->partition, l->offset);
        printf("%-10s ", place);
        print_time(l->ms);
        printf(" %-9s %-14s %-14s %-12s ", l->retried_ms ? "put back" : "dead", l->class, l->plugin, l->from.group);
        print_string(l->error);
        putchar('\n');
        back += l->retried_ms != 0;
    }
    printf("%zu letter%s in %s, %zu of them put back\n", n, n == 1 ? "" : "s", o->topic, back);
}

/* ---- one whole */

static void print_hex(const uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n; at += 16) {
        printf("    %08zx ", at);
        for (size_t i = at; i < at + 16; i++) i < n ? printf(" %02x", p[i]) : printf("   ");
        fputs("  ", stdout);
        for (size_t i = at; i < at + 16 && i < n; i++) putchar(isprint(p[i]) ? p[i] : '.');
        putchar('\n');
    }
}

/* False: there is no such type here, or the bytes are none of it; what was wrong has been said. */
static bool print_json(const char *event, const uint8_t *p, size_t n)
{
    struct weir_json_buf out = {.max = SIZE_MAX};
    struct weir_json_err err = {.pointer = ""};
    const ProtobufCMessageDescriptor *schema = *event ? schema_find(event) : NULL;
    if (!schema) {
        if (*event) printf("    (no %s in the plugin folders: set WEIR_PLUGIN_PATH to show it as JSON)\n", event);
        return false;
    }
    bool ok = !weir_json_from_wire(schema, (struct weir_slice){p, n}, &out, &err);
    if (ok)
        printf("    %.*s\n", (int)out.n, (const char *)out.p);
    else
        printf("    (cannot be shown as a %s: %s%sfound %s, expected %s)\n", event, err.pointer,
               *err.pointer ? ": " : "", err.found, err.expected);
    weir_json_buf_free(&out);
    return ok;
}

static void print_headers(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *headers = NULL;
    const char *name;
    const void *value;
    size_t n;
    if (rd_kafka_message_headers(m, &headers)) return;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &n); i++) {
        fputs("header     ", stdout);
        print_string(name);
        fputs(value ? " = " : " (null)", stdout);
        print_text(value ? value : "", value ? n : 0);
        putchar('\n');
    }
}

static void print_about(const struct letter *l)
{
    printf("letter     %d:%" PRId64 ", ", (int)l->partition, l->offset);
    print_time(l->ms);
    if (l->retried_ms) {
        fputs(", put back ", stdout);
        print_time(l->retried_ms);
    }
    printf("\nrecord     topic %s, partition %d, offset %" PRId64 "\n", l->from.topic, (int)l->from.partition,
           l->from.offset);
    printf("refused    by %s (stage %s of pipeline %s, group %s), attempt %d\nclass      %s\nreason     ", l->plugin,
           l->stage, l->pipeline, l->from.group, l->attempt, l->class);
    print_string(l->error);
    putchar('\n');
}

static int show(void *arg, const rd_kafka_message_t *m)
{
    const struct letter *l = letters_at(arg, m->partition, m->offset);
    if (!l || !l->chosen) return 0;
    print_about(l);
    print_headers(m);
    if (m->key) {
        fputs("key        ", stdout);
        print_text(m->key, m->key_len);
        putchar('\n');
    } else {
        puts("key        none");
    }
    if (!m->payload) {
        puts("value      none");
    } else {
        printf("value      %zu bytes%s%s\n", m->len, *l->event ? ", read as " : "", l->event);
        if (!print_json(l->event, m->payload, m->len)) print_hex(m->payload, m->len);
    }
    return ferror(stdout) ? cannot("cannot write") : 0;
}

int show_letters(const struct letters *all, const struct options *o)
{
    return topic_read(o, o->ranges, o->n_ranges, show, (void *)(uintptr_t)all);
}
