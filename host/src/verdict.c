/* verdict.c - what a pipeline guarantees, from the promises of its stages.
 *
 * A source's ticket resolves at the first stage that answers early, else at the last one, of each branch: that is the
 * *settler* of its events there. What lies behind an early answer has nobody waiting for it any more: if the process
 * dies then, it is gone, unless a source somewhere publishes again what is missing. */
#include "verdict.h"
#include "promises.h"
#include <string.h>

enum { NONE = -1 };
struct judged {
    const struct weir_promised *p;
    const struct weir_promises *all;
    int unknown; /* first stage without promise */
};

static bool has(const struct judged *j, int stage, uint32_t flag)
{
    return weir_promises_has(&j->p->stages[stage], flag);
}

static const char *name(const struct judged *j, int stage)
{
    return j->p->stages[stage].conf->name;
}

static bool settles(const struct judged *j, int stage)
{
    return stage > 0 && (j->p->stages[stage].last || has(j, stage, WEIR_ANSWERS_EARLY));
}

/* The stage at which the source's events that come to this one are settled: before it, here, or (NONE) behind it. */
static int settler(const struct judged *j, int stage)
{
    int found = NONE;
    for (int k = stage; k > 0; k = weir_promised_before(j->p, k))
        if (settles(j, k)) found = k;
    return found;
}

/* An answer was given before its events come here. */
static bool late(const struct judged *j, int stage)
{
    int k = settler(j, stage);
    return k != NONE && k != stage;
}

/* It settles events, and its OK does not mean durable. */
static bool vague(const struct judged *j, int stage)
{
    return settles(j, stage) && j->p->stages[stage].known && !has(j, stage, WEIR_DURABLE_ON_OK);
}

static bool any(const struct judged *j, bool (*is)(const struct judged *, int))
{
    for (int k = 0; k < (int)j->p->n; k++)
        if (is(j, k)) return true;
    return false;
}

static struct judged judge(const struct weir_promises *all, const struct weir_promised *p)
{
    struct judged j = {p, all, NONE};
    for (int k = (int)p->n - 1; k >= 0; k--)
        if (!p->stages[k].known) j.unknown = k;
    return j;
}

/* ---- who repairs */

/* Every event of the source comes here: nothing before it chooses among branches. */
static bool gets_all(const struct judged *j, int stage)
{
    for (int k = weir_promised_before(j->p, stage); k >= 0; k = weir_promised_before(j->p, k))
        if (j->p->stages[k].routes) return false;
    return true;
}

/* A repair is worth its name when what the repairing pipeline settles is durable and really goes to that stream. */
static bool sound(const struct judged *j, const char *stream)
{
    if (j->unknown != NONE || any(j, vague) || any(j, late)) return false;
    for (int k = 1; k < (int)j->p->n; k++)
        if (weir_promised_stage_feeds(j->p, (uint32_t)k, stream) && gets_all(j, k)) return true;
    return false;
}

/* The call by which an early answer was made durable: does its server write what the repair reads? When no conf given
 * serves it nobody knows, and the repair is believed. */
static bool reads_what_was_answered(const struct judged *j, int at, const struct weir_promised *repair)
{
    const struct weir_promise *answer = &j->p->stages[at].promise;
    const char *call = weir_promised_calls_by_read(j->p, (uint32_t)at) ? answer->reads : answer->writes;
    bool served = false;
    for (uint32_t i = 0; weir_promised_is_call(call) && i < j->all->n; i++) {
        const struct weir_promised *p = &j->all->pipelines[i];
        if (p->n == 0 || strcmp(p->stages[0].promise.reads, call) != 0) continue;
        if (weir_promised_feeds(p, repair->stages[0].promise.reads)) return true;
        served = true;
    }
    return !served;
}

/* Who fills the gaps that an answer at stage `at` leaves in the stream. */
static const struct weir_promised *repairer(const struct judged *of, int at, const char *stream, bool want_sound)
{
    for (uint32_t i = 0; *stream && i < of->all->n; i++) {
        struct judged j = judge(of->all, &of->all->pipelines[i]);
        if (j.p->n == 0 || !has(&j, 0, WEIR_REPAIRS)) continue;
        if (strcmp(j.p->stages[0].promise.repairs, stream) != 0) continue;
        if (!want_sound || (sound(&j, stream) && reads_what_was_answered(of, at, j.p))) return j.p;
    }
    return NULL;
}

/* Is what stage k writes lost in a crash after the early answer? */
static bool in_window(const struct judged *j, int k)
{
    if (!late(j, k) || vague(j, k)) return false; /* vague: a loss of its own, repaired or not */
    const char *stream = j->p->stages[k].promise.writes;
    if (!*stream) return j->p->stages[k].last; /* passing on is no loss of its own; an end that names nothing is */
    return !repairer(j, settler(j, k), stream, true);
}

static bool has_window(const struct judged *j)
{
    return any(j, vague) || any(j, in_window);
}

/* One between the source and this stage. */
static bool has_window_before(const struct judged *j, int stage)
{
    for (int k = stage; k > 0; k = weir_promised_before(j->p, k))
        if (vague(j, k) || in_window(j, k)) return true;
    return false;
}

/* ---- sentences */

static void put_once(const struct judged *j, int stage, FILE *out)
{
    if (!has(j, stage, WEIR_ONCE_BY_KEY)) return;
    const char *key = j->p->stages[stage].promise.key;
    fprintf(out, *key ? ", made once by (%s)" : ", made once%s", key);
}

static void put_end(const struct judged *j, int last, FILE *out)
{
    int at = settler(j, last);
    if (!has(j, at, WEIR_DURABLE_ON_OK)) {
        fprintf(out, "%s`%s`, which says OK before an event is durable",
                has(j, 0, WEIR_REPLAYS) ? "at-least-once only as far as " : "none beyond ", name(j, at));
    } else {
        fputs(has(j, 0, WEIR_REPLAYS) ? "at-least-once" : "answered only when durable", out);
        if (at != last) fprintf(out, " at `%s`", name(j, at));
        put_once(j, at, out);
    }
    if (at == last) return;
    fprintf(out, "; `%s` has it after that answer, %s", name(j, last),
            has_window_before(j, last) ? "at-most-once" : "at-least-once");
    put_once(j, last, out);
}

static int count_ends(const struct judged *j)
{
    int n = 0;
    for (int k = 0; k < (int)j->p->n; k++) n += j->p->stages[k].last;
    return n;
}

static void put_guarantee(const struct judged *j, FILE *out)
{
    int ends = count_ends(j), n = 0;
    fputs("  guarantee: ", out);
    if (j->p->n < 2) {
        fputs("none: a pipeline needs a source and a stage that settles its events\n", out);
        return;
    }
    if (j->unknown != NONE) {
        fprintf(out, "unknown: `%s` (plugin %s) makes no promise\n", name(j, j->unknown),
                j->p->stages[j->unknown].plugin);
        return;
    }
    for (int k = 0; k < (int)j->p->n; k++) {
        if (!j->p->stages[k].last) continue;
        if (n++) fputs("             ", out);
        if (ends > 1) fprintf(out, "to `%s`: ", name(j, k));
        put_end(j, k, out);
        fputc('\n', out);
    }
}

static const char *stream_of(const struct judged *j, int stage, char text[160])
{
    const char *writes = j->p->stages[stage].promise.writes;
    if (*writes)
        snprintf(text, 160, "%s", writes);
    else
        snprintf(text, 160, "what `%.100s` does", name(j, stage));
    return text;
}

static void put_vague(const struct judged *j, int stage, char *text, size_t size)
{
    char stream[160];
    snprintf(text, size, "%s: `%s` says OK before an event is durable; a crash loses what it still held",
             stream_of(j, stage, stream), name(j, stage));
}

static void put_early(const struct judged *j, int stage, char *text, size_t size)
{
    char stream[160];
    int at = settler(j, stage);
    const struct weir_promised *claims = repairer(j, at, stream_of(j, stage, stream), false);
    snprintf(text, size, "%s: what `%s` has answered and `%s` has not yet made durable is lost in a crash; %s%s%s",
             stream, name(j, at), name(j, stage), claims ? "`" : "nothing repairs it", claims ? claims->conf->name : "",
             !claims ? ""
             : reads_what_was_answered(j, at, claims)
                 ? "` claims to repair it, but does not itself write it there durably"
                 : "` claims to repair it, but does not read what was answered");
}

/* The windows, then what would be one but is repaired. */
static void put_windows(const struct judged *j, FILE *out)
{
    char text[1024];
    int n = 0;
    fputs("  loss window: ", out);
    for (int k = 0; k < (int)j->p->n; k++) {
        if (vague(j, k))
            put_vague(j, k, text, sizeof(text));
        else if (in_window(j, k))
            put_early(j, k, text, sizeof(text));
        else
            continue;
        fprintf(out, "%s%s", n++ ? "\n               " : "", text);
    }
    if (n == 0) fputs(j->unknown != NONE || j->p->n < 2 ? "unknown" : "none", out);
    for (int k = 1; n == 0 && k < (int)j->p->n; k++) {
        const char *stream = j->p->stages[k].promise.writes;
        const struct weir_promised *by = late(j, k) ? repairer(j, settler(j, k), stream, true) : NULL;
        if (by) fprintf(out, ", `%s` repairs %s", by->conf->name, stream);
    }
    fputc('\n', out);
}

/* ---- joins */

static void put_peers(const struct judged *j, const char *verb, const char *stream, bool writers, FILE *out)
{
    int n = 0;
    for (uint32_t i = 0; i < j->all->n; i++) {
        const struct weir_promised *p = &j->all->pipelines[i];
        bool match =
            writers ? weir_promised_feeds(p, stream) : p->n > 0 && strcmp(p->stages[0].promise.reads, stream) == 0;
        if (!match || p == j->p) continue;
        fputs(n++ ? "," : verb, out);
        fprintf(out, " `%s`", p->conf->name);
        struct judged other = judge(j->all, p);
        if (writers && !weir_promised_is_call(stream) && has_window(&other)) fputs(" with a loss window", out);
    }
    if (n) fputc(')', out);
}

static void put_stream(const struct judged *j, const char *verb, const char *stream, const char *peers, bool writers,
                       FILE *out)
{
    fprintf(out, "  %s: %s", verb, stream);
    put_peers(j, peers, stream, writers, out);
    fputc('\n', out);
}

static void put_streams(const struct judged *j, FILE *out)
{
    for (uint32_t k = 0; k < j->p->n; k++) {
        const char *reads = j->p->stages[k].promise.reads, *writes = j->p->stages[k].promise.writes;
        if (weir_promised_calls_by_read(j->p, k))
            put_stream(j, "calls", reads, " (served by", false, out);
        else if (weir_promised_is_call(reads))
            put_stream(j, "serves", reads, " (called by", true, out);
        else if (*reads)
            put_stream(j, "reads", reads, " (written by", true, out);
        if (weir_promised_is_call(writes))
            put_stream(j, "calls", writes, " (served by", false, out);
        else if (*writes)
            put_stream(j, "writes", writes, " (read by", false, out);
    }
}

/* ---- errors */

static void add_error(const struct judged *j, int stage, struct weir_errors *errs, const char *text)
{
    const struct weir_conf_stage *s = j->p->stages[stage].conf;
    weir_errors_add(errs, s->file, s->line, "%s: %s", s->name, text);
}

/* Where the ways to two stages part; one of them when it is on the way to the other. */
static int parting(const struct judged *j, int a, int b)
{
    while (a != b) {
        int *further = a > b ? &a : &b; /* what comes before has the smaller number */
        *further = weir_promised_before(j->p, *further);
    }
    return a;
}

/* A refusal cannot take back what a stage has done to the world before it or, in another branch, with the same event:
 * that one is answered "no" and the effect stays. */
static int irreversible(const struct judged *j, int refuses)
{
    for (int k = 0; k < (int)j->p->n; k++) {
        if (k == refuses || !has(j, k, WEIR_EFFECT)) continue;
        int at = parting(j, k, refuses);
        if (at == k || (at != refuses && !j->p->stages[at].routes)) return k;
    }
    return NONE;
}

static void refuse_late_refusals(const struct judged *j, struct weir_errors *errs)
{
    char text[512];
    for (int k = 1; k < (int)j->p->n; k++) {
        int effect = has(j, k, WEIR_MAY_REFUSE) ? irreversible(j, k) : NONE;
        if (effect == NONE) continue;
        const struct weir_conf_stage *at = j->p->stages[effect].conf;
        snprintf(text, sizeof(text),
                 "may refuse an event %s `%s` (%.200s:%d) has %san effect that a refusal cannot undo; move it before "
                 "`%s`",
                 parting(j, k, effect) == effect ? "after" : "of which", name(j, effect), at->file, at->line,
                 parting(j, k, effect) == effect ? "had " : "", name(j, effect));
        add_error(j, k, errs, text);
    }
}

/* One stage of a pipeline that must not lose anything. */
static void demand_of(const struct judged *j, int stage, struct weir_errors *errs)
{
    char what[1024], text[1400], stream[160];
    if (!j->p->stages[stage].known) {
        snprintf(text, sizeof(text),
                 "plugin %s makes no promise, so nothing is known of what it does to events; give it a promise() or "
                 "take the stage out",
                 j->p->stages[stage].plugin);
        add_error(j, stage, errs, text);
    }
    if (vague(j, stage)) {
        put_vague(j, stage, what, sizeof(what));
        snprintf(text, sizeof(text), "loss window on %s; settle events by a stage that is durable when it says OK",
                 what);
        add_error(j, stage, errs, text);
    }
    if (in_window(j, stage)) {
        put_early(j, stage, what, sizeof(what));
        snprintf(text, sizeof(text), "loss window on %s; add a pipeline whose source repairs %s to the confs given",
                 what, stream_of(j, stage, stream));
        add_error(j, settler(j, stage), errs, text);
    }
}

static void demand_no_loss(const struct judged *j, struct weir_errors *errs)
{
    for (int k = 0; k < (int)j->p->n; k++) demand_of(j, k, errs);
}

int weir_verdict(const struct weir_conf *conf, bool strict, FILE *out, struct weir_errors *errs)
{
    struct weir_promises all;
    int windows = 0;
    if (weir_promises_ask(&all, conf) != 0) {
        weir_errors_add(errs, NULL, 0, "out of memory");
        return 0;
    }
    for (uint32_t i = 0; i < all.n; i++) {
        struct judged j = judge(&all, &all.pipelines[i]);
        fprintf(out, "%s%s (%s:%d): ", i ? "\n" : "", j.p->conf->name, j.p->conf->file, j.p->conf->line);
        weir_promised_chain(j.p, out);
        fputc('\n', out);
        put_streams(&j, out);
        put_guarantee(&j, out);
        put_windows(&j, out);
        windows += has_window(&j) || j.unknown != NONE;
        refuse_late_refusals(&j, errs);
        if (strict || j.p->conf->require_no_loss) demand_no_loss(&j, errs);
    }
    weir_promises_free(&all);
    return windows;
}
