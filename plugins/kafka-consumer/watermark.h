/* watermark.h - up to which offset is everything of a partition dealt with? Pure: no library, no host.
 *
 * Offsets are added in the order they are read and finished in any order. The watermark is the offset after the longest
 * finished prefix: what may be committed. Offsets may have gaps (compaction, transaction markers). */
#ifndef WEIR_KAFKA_WATERMARK_H
#define WEIR_KAFKA_WATERMARK_H
#include <stdbool.h>
#include <stdint.h>

struct wm_entry { /* embedded in what the caller keeps of a message */
    struct wm_entry *next;
    int64_t offset;
    int32_t epoch; /* of the partition's leader, -1 unknown; goes into the commit */
    bool done;
};
struct watermark {
    struct wm_entry *head, *tail; /* read and not yet passed by the watermark, oldest first */
    int64_t next;                 /* the watermark; -1 while nothing was ever finished */
    int32_t epoch;
};

void watermark_init(struct watermark *w);
/* `e->offset` is larger than any added before. */
void watermark_add(struct watermark *w, struct wm_entry *e);
/* Marks one as finished. Returns the entries that the watermark passed by it, oldest first, chained by next: the
 * caller's again. NULL while an older one is unfinished. */
struct wm_entry *watermark_done(struct watermark *w, struct wm_entry *e);

#endif
