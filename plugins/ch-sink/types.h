/* types.h - how a field's value is written for a column's type. Types that this plugin does not encode itself travel as
 * String or Int64, and the server converts them: a Native block may declare other types than the table has. */
#ifndef CH_SINK_TYPES_H
#define CH_SINK_TYPES_H
#include "columns.h"

enum ch_form {
    CH_INT, /* little-endian, `width` bytes, within min..max */
    CH_FLOAT32,
    CH_FLOAT64,
    CH_STRING,
    CH_FIXED,     /* `width` bytes, padded with zeros */
    CH_ENUM_NAME, /* an enum as the text of its name */
    CH_ENUM,      /* the table's number for the enum's name; `width` bytes */
    CH_UUID,
    CH_DATE,      /* UInt16 days */
    CH_DATE32,    /* Int32 days */
    CH_DATETIME,  /* UInt32 seconds */
    CH_DATETIME64 /* Int64 ticks of 10^-scale seconds */
};

struct ch_enum_value {
    int64_t number; /* in the message */
    int16_t value;  /* in the table */
};
struct ch_type {
    enum ch_form form;
    bool array;
    bool nullable; /* of the element when it is an array */
    uint32_t width;
    unsigned scale;
    int64_t min;
    uint64_t max;
    struct ch_enum_value *enums;
    uint32_t n_enums;
    char *declared; /* the type in the block's header */
};

/* Whether the table's type takes NULL itself (an array never does). */
bool ch_type_nullable(const char *type);
/* -1 with err: the field cannot fill a column of that type, and what would do. */
int ch_type_of(const struct weir_column *, struct ch_type *, char err[WEIR_COLUMNS_ERR]);
void ch_type_free(struct ch_type *);
#endif
