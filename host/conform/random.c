/* random.c - numbers from a seed, and messages of any type made of them. */
#include "conform.h"
#include <stdlib.h>
#include <string.h>

uint64_t rng_next(struct rng *r) /* splitmix64 */
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t rng_below(struct rng *r, uint32_t n)
{
    return (uint32_t)(rng_next(r) % n);
}

enum { DEPTH_MAX = 3, TEXT_MAX = 40 };

static void put_varint(FILE *f, uint64_t v)
{
    do {
        fputc((int)((v & 0x7f) | (v > 0x7f ? 0x80 : 0)), f);
    } while (v >>= 7);
}

static void put_fixed(FILE *f, uint64_t v, int bytes)
{
    for (; bytes--; v >>= 8) fputc((int)(v & 0xff), f);
}

/* Small ones and large ones alike: a uniform number is nearly always huge. */
static uint64_t any_number(struct rng *r)
{
    return rng_next(r) >> rng_below(r, 64);
}

static void put_bytes(FILE *f, struct rng *r, bool text)
{
    uint32_t n = rng_below(r, TEXT_MAX);
    put_varint(f, n);
    while (n--) fputc(text ? (int)('a' + rng_below(r, 26)) : (int)rng_below(r, 256), f);
}

static FILE *memory(char **bytes, size_t *n)
{
    FILE *f = open_memstream(bytes, n);
    if (!f) abort(); /* of a case: reported as such */
    return f;
}

static void put_message(FILE *, struct rng *, const ProtobufCMessageDescriptor *, int depth);

static void put_value(FILE *f, struct rng *r, const ProtobufCFieldDescriptor *field, int depth)
{
    const ProtobufCEnumDescriptor *e = field->descriptor;
    char *bytes = NULL;
    size_t n = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64: put_fixed(f, rng_next(r), 8); break;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32: put_fixed(f, rng_next(r), 4); break;
    case PROTOBUF_C_TYPE_STRING: put_bytes(f, r, true); break;
    case PROTOBUF_C_TYPE_BYTES: put_bytes(f, r, false); break;
    case PROTOBUF_C_TYPE_BOOL: put_varint(f, rng_below(r, 2)); break;
    case PROTOBUF_C_TYPE_ENUM:
        put_varint(f, rng_below(r, 8) ? (uint64_t)e->values[rng_below(r, e->n_values)].value : any_number(r));
        break;
    case PROTOBUF_C_TYPE_MESSAGE: {
        FILE *inner = memory(&bytes, &n);
        put_message(inner, r, field->descriptor, depth + 1);
        fclose(inner);
        put_varint(f, n);
        fwrite(bytes, 1, n, f);
        free(bytes);
        break;
    }
    default: put_varint(f, any_number(r));
    }
}

static unsigned wire_type(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64: return 1;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32: return 5;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return 2;
    default: return 0;
    }
}

static void put_message(FILE *f, struct rng *r, const ProtobufCMessageDescriptor *d, int depth)
{
    for (unsigned i = 0; i < d->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &d->fields[i];
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        uint32_t times = repeated ? rng_below(r, 4) : rng_below(r, 5) > 0;
        if (depth == DEPTH_MAX && field->type == PROTOBUF_C_TYPE_MESSAGE) continue;
        while (times--) {
            put_varint(f, (uint64_t)field->id << 3 | wire_type(field));
            put_value(f, r, field, depth);
        }
    }
}

uint8_t *random_message(struct rng *r, const ProtobufCMessageDescriptor *d, size_t *n)
{
    char *bytes = NULL;
    FILE *f = memory(&bytes, n);
    put_message(f, r, d, 0);
    fclose(f);
    if (!bytes) abort();
    return (uint8_t *)bytes;
}
