/* facts.h - what is expected and what was seen, as named texts, and how they differ. */
#ifndef WEIR_CONFTEST_FACTS_H
#define WEIR_CONFTEST_FACTS_H
#include <stdio.h>
#include <weir/schema.h>

struct fact {
    char *key, *value;
    bool part;    /* expected: the value holds this text; else it equals it */
    bool implied; /* a field that is not on the wire, with its default */
};
struct facts {
    struct fact *v;
    size_t n, cap;
    bool no_memory; /* some were dropped; they differ from everything */
};

void facts_add(struct facts *, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Bytes as text, \xHH for those that are none. */
void facts_add_bytes(struct facts *, const char *key, struct weir_slice);
/* One fact a field of the message in wire form, "fields.player.id"; or one that says that it does not parse. */
void facts_add_message(struct facts *, const struct weir_schema *, struct weir_slice wire);
/* Keeps what keep(arg, fact) says. */
void facts_filter(struct facts *, bool (*keep)(void *arg, const struct fact *), void *arg);
const char *facts_get(const struct facts *, const char *key); /* NULL: none */
void facts_free(struct facts *);

/* True when each expected fact is among those seen, and, when `whole`, no field was seen that was not expected. */
bool facts_agree(const struct facts *expected, const struct facts *seen, bool whole);
/* All that was seen, each line with a "+". */
void facts_print(const struct facts *seen, FILE *);
/* Their lines, as a unified diff, each indented. */
void facts_diff(const struct facts *expected, const struct facts *seen, bool whole, FILE *);
#endif
