/* report.c - the verdict, for people and as JSON. */
#include "audit.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static uint64_t sum(const struct audit *a, enum kind first, enum kind last)
{
    uint64_t n = 0;
    for (int k = (int)first; k <= (int)last; k++) n += a->found[k].n;
    return n;
}

uint64_t audit_lost(const struct audit *a)
{
    return sum(a, LOST_TOPIC, LOST_ANALYSIS);
}

uint64_t audit_doubled(const struct audit *a)
{
    return sum(a, DOUBLED_RECORD, DOUBLED_ANALYSIS);
}

uint64_t audit_differences(const struct audit *a)
{
    return sum(a, LOST_TOPIC, MONEY);
}

void report_text(const struct audit *a, FILE *out)
{
    fprintf(out, "ledger      %" PRIu64 " accepted, %" PRIu64 " refused, %" PRIu64 " accounts\n", a->accepted,
            a->refused, a->accounts);
    fprintf(out, "topic       %" PRIu64 " records, %" PRIu64 " of them repeats\n", a->topic_records, a->topic_repeats);
    fprintf(out, "PostgreSQL  %" PRIu64 " rows\nClickHouse  %" PRIu64 " rows\n", a->record_rows, a->analysis_rows);
    if (a->n_letters)
        fprintf(out,
                "dead        %" PRIu64 " bets instead of a row in PostgreSQL, %" PRIu64 " in ClickHouse; %" PRIu64
                " records that are no bets\n",
                a->dead_record, a->dead_analysis, a->dead_records);
    for (int k = 0; k < N_KINDS; k++) {
        const struct finding *f = &a->found[k];
        if (!f->n) continue;
        fprintf(out, "%" PRIu64 " x %s:\n", f->n, f->text);
        for (uint64_t i = 0; i < f->n && i < FINDINGS_SHOWN; i++)
            fprintf(out, "    %s\n", f->first[i] ? f->first[i] : "");
        if (f->n > FINDINGS_SHOWN) fprintf(out, "    and %" PRIu64 " more\n", f->n - FINDINGS_SHOWN);
    }
    fprintf(out, "lost %" PRIu64 "\ndoubled %" PRIu64 "\nmoney out of balance %" PRIu64 "\n", audit_lost(a),
            audit_doubled(a), a->found[MONEY].n);
    fprintf(out, audit_differences(a) ? "not exact\n" : "exact\n");
}

static void json_string(const char *s, FILE *f)
{
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') fputc('\\', f);
        if ((unsigned char)*s < 0x20)
            fprintf(f, "\\u%04x", (unsigned)*s);
        else
            fputc(*s, f);
    }
    fputc('"', f);
}

int report_json(const struct audit *a, const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        fprintf(stderr, "weir-audit: %s: %s\n", path, strerror(errno));
        return -1;
    }
    fprintf(f,
            "{\"exact\":%s,\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"accounts\":%" PRIu64
            ",\"topic_records\":%" PRIu64 ",\"topic_repeats\":%" PRIu64 ",\"record_rows\":%" PRIu64
            ",\"analysis_rows\":%" PRIu64 ",\"dead_record\":%" PRIu64 ",\"dead_analysis\":%" PRIu64
            ",\"dead_records\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64 ",\"money\":%" PRIu64
            ",\"findings\":{",
            audit_differences(a) ? "false" : "true", a->accepted, a->refused, a->accounts, a->topic_records,
            a->topic_repeats, a->record_rows, a->analysis_rows, a->dead_record, a->dead_analysis, a->dead_records,
            audit_lost(a), audit_doubled(a), a->found[MONEY].n);
    for (int k = 0; k < N_KINDS; k++) {
        const struct finding *kind = &a->found[k];
        fprintf(f, "%s\"%s\":{\"count\":%" PRIu64 ",\"first\":[", k ? "," : "", kind->name, kind->n);
        for (uint64_t i = 0; i < kind->n && i < FINDINGS_SHOWN; i++) {
            if (i) fputc(',', f);
            json_string(kind->first[i] ? kind->first[i] : "", f);
        }
        fputs("]}", f);
    }
    fputs("}}\n", f);
    return fclose(f) ? -1 : 0;
}
