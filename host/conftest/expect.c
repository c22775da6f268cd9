/* expect.c - what a test expects: each waits for what is to come, compares it, and shows the difference. */
#include "rig.h"
#include "units.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *text(struct weir_slice s)
{
    return s.n ? (const char *)s.p : NULL;
}

/* Says what differs; frees both. */
void expect_compare(struct rig *rig, const struct step *s, struct facts *expected, struct facts *seen, bool whole,
                    const char *what, const char *where)
{
    if (!facts_agree(expected, seen, whole)) {
        bool first = !rig->failed;
        rig_fail(rig, s->at, "%s%s%s is not as expected", what, *where ? " " : "", where);
        if (first) facts_diff(expected, seen, whole, rig->out);
    }
    facts_free(expected);
    facts_free(seen);
}

static void copy_facts(struct facts *to, const struct facts *from)
{
    for (size_t i = 0; i < from->n; i++) {
        facts_add(to, from->v[i].key, "%s", from->v[i].value);
        if (to->n) to->v[to->n - 1].implied = from->v[i].implied;
    }
    to->no_memory |= from->no_memory;
}

void expect_headers(struct facts *f, const struct weir_pair *headers, uint32_t n, bool lower)
{
    char key[160];
    for (uint32_t i = 0; i < n; i++) {
        snprintf(key, sizeof key, "header %.*s", (int)headers[i].name.n, (const char *)headers[i].name.p);
        for (char *c = key; lower && *c; c++) *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        facts_add_bytes(f, key, headers[i].value);
    }
}

/* What `message`, `fields`, `has`, `value` and `headers` ask for. */
static void add_content(struct facts *f, const struct content *c)
{
    if (c->message) facts_add(f, "message", "%s", c->message->full_name);
    if (c->value.p) facts_add_bytes(f, "value", c->value);
    expect_headers(f, c->headers.items, c->headers.n, false);
    copy_facts(f, &c->expected);
}

/* ---- arrives */
static void describe(struct rig *rig, const struct weir_event *ev, struct facts *f)
{
    char duration[WEIR_UNIT_TEXT];
    uint64_t now = rig->pipelines[0]->lanes[0].fake_now;
    const struct weir_schema *s = weir_schemas_by_id(rig->test->conf->schemas, ev->schema);
    facts_add(f, "message", "%s", s ? s->full_name : "");
    facts_add_bytes(f, "key", ev->key);
    facts_add(f, "position", "%llu", (unsigned long long)ev->position);
    facts_add(f, "partition", "%u", ev->partition);
    facts_add(f, "attempt", "%u", ev->attempt);
    if (ev->deadline_ns) facts_add(f, "deadline", "%s", weir_format_duration(ev->deadline_ns - now, duration));
    expect_headers(f, ev->headers, ev->n_headers, false);
    if (s)
        facts_add_message(f, s, ev->value);
    else
        facts_add_bytes(f, "value", ev->value);
}

struct wanted {
    const struct step *step;
    struct arrival *arrival;
    struct push *push;
};

static bool has_arrived(struct rig *rig, void *arg)
{
    struct wanted *w = arg;
    for (struct arrival *a = rig->arrivals; a && !w->arrival; a = a->next)
        if (a->fake == w->step->fake && !a->expected) w->arrival = a;
    return w->arrival != NULL;
}

void expect_arrives(struct rig *rig, const struct step *s)
{
    const struct event_keys *k = &s->keys->arrives;
    char duration[WEIR_UNIT_TEXT];
    struct wanted w = {.step = s};
    struct facts expected = {0}, seen = {0};
    if (!rig_wait(rig, has_arrived, &w)) {
        rig_fail(rig, s->at, "arrives: nothing came to %s", s->fake->stage->name);
        return;
    }
    w.arrival->expected = true;
    w.arrival->name = text(k->name);
    add_content(&expected, &k->content);
    if (k->key.p) facts_add_bytes(&expected, "key", k->key);
    if (k->position >= 0) facts_add(&expected, "position", "%lld", (long long)k->position);
    if (k->partition >= 0) facts_add(&expected, "partition", "%lld", (long long)k->partition);
    if (k->attempt >= 0) facts_add(&expected, "attempt", "%lld", (long long)k->attempt);
    if (k->deadline) facts_add(&expected, "deadline", "%s", weir_format_duration(k->deadline, duration));
    describe(rig, w.arrival->ev, &seen);
    expect_compare(rig, s, &expected, &seen, k->content.fields != NULL, "arrives: what came to", s->fake->stage->name);
}

/* ---- settled */
static bool is_asked_for(const struct push *p, const struct step *s)
{
    const char *its = text(p->step->keys->push.name), *name = text(s->keys->settled.name);
    if (p->fake != s->fake || p->asked) return false;
    return name ? its && !strcmp(its, name) : true;
}

static bool has_settled(struct rig *rig, void *arg)
{
    struct wanted *w = arg;
    for (w->push = rig->pushes; w->push && !is_asked_for(w->push, w->step);) w->push = w->push->next;
    return w->push && w->push->settled;
}

void expect_settled(struct rig *rig, const struct step *s)
{
    const struct result_keys *k = &s->keys->settled;
    struct wanted w = {.step = s};
    struct facts expected = {0}, seen = {0};
    bool met = has_settled(rig, &w);
    if (!met && w.push) met = rig_wait(rig, has_settled, &w);
    if (!met) {
        rig_fail(rig, s->at, w.push ? "settled: the event is still open" : "settled: no event of %s is left to ask for",
                 s->fake->stage->name);
        return;
    }
    w.push->asked = true;
    facts_add(&expected, "status", "%s", status_names[k->status]);
    facts_add(&expected, "outcome", "%s", k->outcome.n ? (const char *)k->outcome.p : "");
    if (k->why.n) facts_add(&expected, "why", "%s", (const char *)k->why.p);
    if (k->why.n && expected.n == 3) expected.v[2].part = true;
    add_content(&expected, &k->content);
    copy_facts(&seen, &w.push->result);
    expect_compare(rig, s, &expected, &seen, k->content.fields != NULL, "settled: what became of the event of",
                   s->fake->stage->name);
}

/* ---- state, metrics, prints */
struct stage_is {
    const struct stage *stage;
    const struct state_keys *keys;
};

static bool is_in_state(struct rig *rig, void *arg)
{
    const struct stage_is *w = arg;
    (void)rig;
    bool drained = w->keys->is == WEIR_DRAINED && w->stage->drained;
    return ((int)w->stage->state == w->keys->is || drained) &&
           (!w->keys->why.n || strstr(w->stage->why, (const char *)w->keys->why.p));
}

void expect_state(struct rig *rig, const struct step *s)
{
    const struct state_keys *k = &s->keys->state;
    const struct lane *lane = rig_lane(rig, s->pipeline);
    struct stage_is w = {&lane->stages[s->stage], k};
    struct facts expected = {0}, seen = {0};
    if (k->is == WEIR_FAILED) rig->failure_expected = true;
    if (rig_wait(rig, is_in_state, &w)) return;
    facts_add(&expected, "is", "%s", state_names[k->is]);
    facts_add(&seen, "is", "%s", state_names[w.stage->state]);
    if (k->why.n) facts_add(&expected, "why", "%s", (const char *)k->why.p);
    if (expected.n == 2) expected.v[1].part = true;
    facts_add(&seen, "why", "%s", w.stage->why);
    expect_compare(rig, s, &expected, &seen, false, "state: what is said of itself by", w.stage->ctx.stage);
}

/* Does the series "name{a=\"b\"}" have the name and labels of "name{a=b}"? */
static bool is_of(const char *series, const char *wanted)
{
    char label[200];
    size_t n = strcspn(wanted, "{");
    if (strncmp(series, wanted, n) || (series[n] && series[n] != '{')) return false;
    for (const char *at = wanted + n; *at && at[1]; at += strcspn(at + 1, ",}") + 1) {
        size_t name = strcspn(at + 1, "=,}"), whole = strcspn(at + 1, ",}");
        if (name == whole) return whole == 0;
        snprintf(label, sizeof label, "%.*s=\"%.*s\"", (int)name, at + 1, (int)(whole - name - 1), at + 1 + name + 1);
        if (!strstr(series, label)) return false;
    }
    return true;
}

/* The sum of the series that are meant; without one, those of the same name. */
static void add_sum(struct facts *f, const char *wanted, const char *exposition)
{
    char series[512], others[1024] = "no such series";
    size_t n = strcspn(wanted, "{"), used = strlen(others);
    double sum = 0;
    bool any = false;
    for (const char *line = exposition, *end; *line; line = end + (*end == '\n')) {
        end = line + strcspn(line, "\n");
        const char *number = memrchr(line, ' ', (size_t)(end - line));
        if (*line == '#' || !number || strncmp(line, wanted, n)) continue;
        snprintf(series, sizeof series, "%.*s", (int)(number - line), line);
        if (is_of(series, wanted)) {
            sum += strtod(number, NULL);
            any = true;
        } else if (used + strlen(series) + 3 < sizeof others) {
            used += (size_t)sprintf(others + used, "; %s", series);
        }
    }
    if (any)
        facts_add(f, wanted, "%.15g", sum);
    else
        facts_add(f, wanted, "%s", others);
}

static void count(struct rig *rig, const struct step *s, struct facts *expected, struct facts *seen)
{
    const struct weir_slice *lines = s->keys->metrics.items;
    char *exposition = NULL, name[256];
    size_t n = 0;
    FILE *out = open_memstream(&exposition, &n);
    if (out) weir_metrics_write(rig->metrics, out);
    if (!out || fclose(out)) expected->no_memory = true;
    for (uint32_t i = 0; i < s->keys->metrics.n && !expected->no_memory; i++) {
        const char *line = (const char *)lines[i].p, *equals = strrchr(line, '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - line), line);
        facts_add(expected, name, "%.15g", strtod(equals + 1, NULL));
        add_sum(seen, name, exposition);
    }
    free(exposition);
}

static bool is_counted(struct rig *rig, void *arg)
{
    struct facts expected = {0}, seen = {0};
    count(rig, arg, &expected, &seen);
    bool agree = facts_agree(&expected, &seen, false);
    facts_free(&expected);
    facts_free(&seen);
    return agree;
}

void expect_metrics(struct rig *rig, const struct step *s)
{
    struct facts expected = {0}, seen = {0};
    if (rig_wait(rig, is_counted, (void *)s)) return;
    count(rig, s, &expected, &seen);
    expect_compare(rig, s, &expected, &seen, false, "metrics: what was counted", "");
}

/* The lines written to stdout since the last look, as "line 1", ... */
static void add_printed(struct rig *rig, struct facts *f)
{
    char key[32], block[65536];
    ssize_t n = pread(rig->prints, block, sizeof block - 1, rig->printed);
    if (n <= 0) return;
    block[n] = '\0';
    rig->printed += n;
    int number = 0;
    for (char *line = block, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        snprintf(key, sizeof key, "fields line %d", ++number); /* as of a message: no other may come */
        facts_add(f, key, "%.*s", (int)(end - line), line);
        end += *end == '\n';
    }
}

void expect_prints(struct rig *rig, const struct step *s)
{
    const struct weir_slice *lines = s->keys->prints.items;
    struct facts expected = {0}, seen = {0};
    char key[32];
    for (uint32_t i = 0; i < s->keys->prints.n; i++) {
        snprintf(key, sizeof key, "fields line %u", i + 1);
        facts_add(&expected, key, "%s", lines[i].n ? (const char *)lines[i].p : "");
    }
    rig_run(rig);
    add_printed(rig, &seen);
    expect_compare(rig, s, &expected, &seen, true, "prints: what was written to stdout", "");
}

/* ---- the rest */
static void show_arrival(struct rig *rig, const struct arrival *a)
{
    struct facts seen = {0};
    fprintf(rig->out, "      %s got an event that no `arrives` expects:\n", a->fake->stage->name);
    describe(rig, a->ev, &seen);
    facts_print(&seen, rig->out);
    facts_free(&seen);
}

static void show_push(struct rig *rig, const struct push *p)
{
    fprintf(rig->out, "      the event that %s pushed at line %d was settled, and no `settled` expects it:\n",
            p->fake->stage->name, p->step->at.line);
    facts_print(&p->result, rig->out);
}

static void show_call(struct rig *rig, const struct call *c)
{
    struct facts seen = {0};
    fputs("      a request came to 127.0.0.1 that no `asked` expects:\n", rig->out);
    call_facts(c, &seen);
    facts_print(&seen, rig->out);
    facts_free(&seen);
}

static void show_request(struct rig *rig, const struct request *r)
{
    struct facts seen = {0};
    fprintf(rig->out, "      the request at line %d was answered, and no `answer` expects it:\n", r->step->at.line);
    request_answer(r, &seen);
    facts_print(&seen, rig->out);
    facts_free(&seen);
}

void show_rest(struct rig *rig)
{
    struct facts printed = {0};
    for (struct arrival *a = rig->arrivals; a; a = a->next)
        if (!a->expected) show_arrival(rig, a);
    for (struct push *p = rig->pushes; p; p = p->next)
        if (p->settled && !p->asked) show_push(rig, p);
    for (struct request *r = rig->requests; r; r = r->next)
        if (r->over && !r->asked) show_request(rig, r);
    for (struct call *c = rig->calls; c; c = c->next)
        if (c->whole && !c->asked) show_call(rig, c);
    add_printed(rig, &printed);
    if (printed.n) fputs("      these lines were written to stdout, and no `prints` expects them:\n", rig->out);
    facts_print(&printed, rig->out);
    facts_free(&printed);
}

static bool is_rest(struct rig *rig)
{
    bool any = lseek(rig->prints, 0, SEEK_END) > rig->printed;
    for (struct arrival *a = rig->arrivals; a; a = a->next) any |= !a->expected;
    for (struct push *p = rig->pushes; p; p = p->next) any |= p->settled && !p->asked;
    for (struct request *r = rig->requests; r; r = r->next) any |= r->over && !r->asked;
    for (struct call *c = rig->calls; c; c = c->next) any |= c->whole && !c->asked;
    return any;
}

void expect_nothing_else(struct rig *rig)
{
    rig_run(rig);
    for (size_t i = 0; i < rig->n_open; i++)
        if (rig->pipelines[i]->failed && !rig->failure_expected)
            rig_fail(rig, rig->test->at, "pipeline %s", rig->pipelines[i]->failure);
    if (!rig->failed && !rig->test->keys.loose && is_rest(rig))
        rig_fail(rig, rig->test->at, "more came than is expected");
}
