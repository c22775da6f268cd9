/* reading.c - a header or a field as text. */
#include "reading.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <weir/schema.h>

static const ProtobufCEnumDescriptor *enum_of(const ProtobufCMessageDescriptor *message, const char *path)
{
    char name[128];
    for (;;) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof name) return NULL;
        memcpy(name, path, n);
        name[n] = '\0';
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(message, name);
        if (!f) return NULL;
        if (!path[n]) return f->type == PROTOBUF_C_TYPE_ENUM ? f->descriptor : NULL;
        if (f->type != PROTOBUF_C_TYPE_MESSAGE) return NULL;
        message = f->descriptor;
        path += n + 1;
    }
}

static struct weir_slice text(const char *s)
{
    return (struct weir_slice){(const uint8_t *)s, strlen(s)};
}

static void look_up_names(struct reading *r, struct weir_ctx *ctx, uint32_t schema)
{
    const struct weir_schema *s = ctx->host->schema_by_id(ctx, schema);
    r->schema = schema;
    r->names = s ? enum_of(s->descriptor, r->field->path) : NULL;
}

static bool field_text(struct reading *r, struct weir_ctx *ctx, const struct weir_event *ev, struct weir_slice *out)
{
    struct weir_value v;
    if (!ctx->host->get(ctx, ev, r->field, &v)) return false;
    if (ev->schema != r->schema) look_up_names(r, ctx, ev->schema);
    switch (v.kind) {
    case WEIR_KIND_BYTES: *out = v.v.bytes; return true;
    case WEIR_KIND_BOOL: *out = text(v.v.b ? "true" : "false"); return true;
    case WEIR_KIND_U64: snprintf(r->number, sizeof r->number, "%" PRIu64, v.v.u64); break;
    case WEIR_KIND_I64: {
        const ProtobufCEnumValue *named =
            r->names ? protobuf_c_enum_descriptor_get_value(r->names, (int)v.v.i64) : NULL;
        if (named) return *out = text(named->name), true;
        snprintf(r->number, sizeof r->number, "%" PRId64, v.v.i64);
        break;
    }
    case WEIR_KIND_NONE:
    case WEIR_KIND_F64: return false;
    }
    *out = text(r->number);
    return true;
}

bool reading_text(struct reading *r, struct weir_ctx *ctx, const struct weir_event *ev, struct weir_slice *out)
{
    if (r->field) return field_text(r, ctx, ev, out);
    for (uint32_t i = 0; i < ev->n_headers; i++) {
        const struct weir_pair *h = &ev->headers[i];
        if (h->name.n != r->header.n || memcmp(h->name.p, r->header.p, h->name.n)) continue;
        *out = h->value;
        return true;
    }
    return false;
}
