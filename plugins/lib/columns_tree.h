/* columns_tree.h - the plan's inside: the field paths that columns use, as a tree of messages. The planner builds it,
 * the reader walks it. */
#ifndef WEIR_COLUMNS_TREE_H
#define WEIR_COLUMNS_TREE_H
#include "columns.h"

enum step_do {
    STEP_VALUE,   /* a scalar: into slot `target` */
    STEP_TIME,    /* a google.protobuf.Timestamp: into slot `target` */
    STEP_DESCEND, /* a message of which fields are wanted: node `target` */
    STEP_CLEAR    /* no column wants it, but it displaces the others of its oneof */
};
struct weir_columns_step { /* what to do with one field of a message */
    uint32_t id;
    uint32_t target;
    const ProtobufCFieldDescriptor *field;
    enum step_do what;
    enum weir_column_kind kind;
    ProtobufCType type; /* the field's */
    unsigned wire;      /* its wire type; of a packed list, an element's */
    bool repeated;
    bool implicit; /* no presence of its own: absent means zero, as long as the message around it is there */
    bool oneof;    /* groups are told apart by field->quantifier_offset */
};
struct weir_columns_node {
    struct weir_columns_step *steps; /* by id */
    uint32_t n;
};
#endif
