/* players_tally.c - what became of the bets, and the "bench NAME VALUE" lines that the scripts read. */
#include "players.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const uint64_t LATE_NS = 1000000;

struct tally *tally_at(struct tallies *t, uint64_t ns)
{
    uint64_t second = ns > t->began_ns ? (ns - t->began_ns) / 1000000000u : 0;
    if (second > t->seconds) second = t->seconds;
    if (!t->of[second]) t->of[second] = calloc(1, sizeof *t->of[second]);
    if (!t->of[second]) die("out of memory");
    return t->of[second];
}

/* The number of a kind of answer, by its name; beyond KINDS_MAX all are the last one. */
static unsigned kind_of(struct tallies *t, const struct answer *a)
{
    char name[NAME_BYTES], status[8] = "none";
    if (a->status) snprintf(status, sizeof status, "%u", a->status);
    snprintf(name, sizeof name, "answers_%s%s%.*s", status, a->outcome_n ? "_" : "", (int)a->outcome_n, a->outcome);
    for (unsigned i = 0; i < KINDS_MAX - 1; i++) {
        if (!*t->kinds[i]) memcpy(t->kinds[i], name, sizeof name);
        if (strcmp(t->kinds[i], name) == 0) return i;
    }
    strcpy(t->kinds[KINDS_MAX - 1], "answers_other");
    return KINDS_MAX - 1;
}

static bool ok(const struct answer *a)
{
    return a->status >= 200 && a->status < 300;
}

void tally_answer(struct tallies *t, const struct answer *a, uint64_t due, uint64_t sent, uint64_t now)
{
    struct tally *s = tally_at(t, due), *came = tally_at(t, now);
    s->due++;
    s->kinds[kind_of(t, a)]++;
    s->late += sent - due > LATE_NS;
    histogram_add(&s->all, now - due);
    came->came += a->status != 0;
    t->no_retry_after += a->status == 503 && !a->retry_after;
    if (!ok(a)) return;
    came->came_accepted++;
    histogram_add(&s->accepted, now - due);
    histogram_add(&s->served, now - sent);
    if (a->wallet_ms >= 0) histogram_add(&s->wallet, (uint64_t)(a->wallet_ms * 1e6));
}

void tally_unsent(struct tallies *t, uint64_t due, uint64_t waited)
{
    struct tally *s = tally_at(t, due);
    s->due++;
    s->unsent++;
    histogram_add(&s->all, waited);
}

static void merge(struct tally *to, const struct tally *from)
{
    histogram_merge(&to->all, &from->all);
    histogram_merge(&to->accepted, &from->accepted);
    histogram_merge(&to->served, &from->served);
    histogram_merge(&to->wallet, &from->wallet);
    to->due += from->due;
    to->late += from->late;
    to->unsent += from->unsent;
    for (unsigned i = 0; i < KINDS_MAX; i++) to->kinds[i] += from->kinds[i];
}

static void print_times(const char *prefix, const char *name, const struct histogram *h)
{
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"p50", .5}, {"p99", .99}, {"p999", .999}};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        printf("%s%s%s %.3f\n", prefix, name, quantiles[i].name, histogram_ms(h, quantiles[i].q));
    printf("%s%smax %.3f\n", prefix, name, (double)h->max / 1e6);
}

static uint64_t errors(const struct tallies *t, const struct tally *s)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < KINDS_MAX && *t->kinds[i]; i++)
        n += strncmp(t->kinds[i], "answers_2", 9) ? s->kinds[i] : 0;
    return n;
}

/* The seconds [from, to) as one; those that were due then, and the answers that came then. */
static void print_stretch(struct tallies *t, const char *prefix, uint64_t from, uint64_t to)
{
    static struct tally sum;
    uint64_t came = 0, accepted = 0;
    memset(&sum, 0, sizeof sum);
    for (uint64_t i = from; i < to; i++) {
        if (!t->of[i]) continue;
        merge(&sum, t->of[i]);
        came += t->of[i]->came;
        accepted += t->of[i]->came_accepted;
    }
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"due", sum.due},
                  {"requests", sum.due - sum.unsent},
                  {"ms", (to - from) * 1000},
                  {"requests_s", came / (to - from)},
                  {"accepted", sum.accepted.n},
                  {"accepted_s", accepted / (to - from)},
                  {"errors", errors(t, &sum)},
                  {"late", sum.late},
                  {"unsent", sum.unsent}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        printf("%s%s %llu\n", prefix, counts[i].name, (unsigned long long)counts[i].value);
    print_times(prefix, "", &sum.all);
    print_times(prefix, "accepted_", &sum.accepted);
    print_times(prefix, "served_", &sum.served);
    print_times(prefix, "wallet_", &sum.wallet);
    for (unsigned i = 0; i < KINDS_MAX && *t->kinds[i]; i++)
        printf("%s%s %llu\n", prefix, t->kinds[i], (unsigned long long)sum.kinds[i]);
}

static void write_series(struct tallies *t, const struct options *o)
{
    FILE *f = fopen(o->series, "w");
    if (!f) die("cannot write --series %s", o->series);
    fputs("second\tdue\taccepted\terrors\tunsent\tp50_ms\tp99_ms\n", f);
    for (uint64_t i = 0; i < t->seconds; i++) {
        const struct tally *s = tally_at(t, t->began_ns + i * 1000000000u);
        fprintf(f, "%llu\t%llu\t%llu\t%llu\t%llu\t%.3f\t%.3f\n", (unsigned long long)i, (unsigned long long)s->due,
                (unsigned long long)s->came_accepted, (unsigned long long)errors(t, s), (unsigned long long)s->unsent,
                histogram_ms(&s->accepted, .5), histogram_ms(&s->accepted, .99));
    }
    if (fclose(f)) die("cannot write --series %s", o->series);
}

void tallies_print(struct tallies *t, const struct options *o)
{
    char prefix[16];
    struct rusage used;
    uint64_t from = 0, sent = 0;
    print_stretch(t, "bench ", 0, t->seconds);
    for (unsigned i = 0; o->n_steps > 1 && i < o->n_steps; i++) {
        snprintf(prefix, sizeof prefix, "step%u ", i + 1);
        print_stretch(t, prefix, from, from + o->steps[i].seconds);
        from += o->steps[i].seconds;
    }
    for (uint64_t i = 0; i <= t->seconds; i++) sent += t->of[i] ? t->of[i]->due - t->of[i]->unsent : 0;
    getrusage(RUSAGE_SELF, &used);
    double us = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    printf("bench cpu_us %.2f\n", sent ? us / (double)sent : 0);
    printf("bench cpu_user_us %.2f\n",
           sent ? ((double)used.ru_utime.tv_sec * 1e6 + (double)used.ru_utime.tv_usec) / (double)sent : 0);
    printf("bench bytes_out %llu\nbench bytes_in %llu\n", (unsigned long long)t->bytes_out,
           (unsigned long long)t->bytes_in);
    printf("bench no_retry_after %llu\n", (unsigned long long)t->no_retry_after);
    if (o->series) write_series(t, o);
}
