/* block.h - rows gathered column by column, and the Native block made of them. */
#ifndef CH_SINK_BLOCK_H
#define CH_SINK_BLOCK_H
#include "buf.h"
#include "types.h"

#define CH_MAX_COLUMNS 512u

struct ch_column {
    struct ch_type type;
    struct weir_buf nulls, offsets, data; /* as the format wants them: one byte, 8 bytes, values */
    uint64_t n;                           /* elements, of all rows */
};
struct ch_layout { /* what a table takes from the message, and a block in the making */
    struct weir_columns *plan;
    struct ch_column *columns; /* one a column of the plan */
    struct weir_row row;
    uint32_t rows;
};

/* NULL: err says why. Takes the plan, also when it fails. */
struct ch_layout *ch_layout_new(struct weir_columns *, char err[WEIR_COLUMNS_ERR]);
void ch_layout_free(struct ch_layout *);

/* Forgets the rows, keeps the memory. */
void ch_block_clear(struct ch_layout *);
/* Adds one event, whole or not at all. */
enum weir_read ch_block_add(struct ch_layout *, struct weir_slice wire, char err[WEIR_COLUMNS_ERR]);
/* The block in the Native format, into `out` (empty before). False: no memory. */
bool ch_block_finish(const struct ch_layout *, struct weir_buf *out);
#endif
