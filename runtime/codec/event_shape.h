/* event_shape.h: how events look as data: a table of names and fields, between event_shape.c (the tables),
 * event_data.c (walks them in both directions) and event_parts.c (fields that are more than a scalar). */
#ifndef CODEC_EVENT_SHAPE_H
#define CODEC_EVENT_SHAPE_H

#include <midge/event_data.h>

enum field_type {
    FIELD_TEXT,   /* slice */
    FIELD_NUMBER, /* uint8_t to uint64_t, by size */
    FIELD_BOOL,
    FIELD_ID,     /* 8 bytes of text */
    FIELD_HEX,    /* bytes, by size, as hexadecimal text */
    FIELD_JSON,   /* slice: under "json", or under "text" when it is no JSON */
    FIELD_QUEUES, /* slice of names between blanks; extra: size_t, their number */
    FIELD_MAX,    /* struct codec_client_unsub */
    FIELD_BODY,   /* payload slice; `has`: is it complete; extra: uint32_t header size, 0 none; more: uint32_t
                     size */
    FIELD_PROPERTIES,
    FIELD_FILTERS, /* struct codec_mqtt_filters; extra: with options */
    FIELD_CODES,   /* slice of bytes, as numbers */
    FIELD_MASKED,  /* payload of a WebSocket frame: slice, shown without its mask */
    FIELD_ADDRESS, /* 16 bytes; extra: enum codec_proxy_family */
};

/* One member of the object. Places are offsets in struct codec_event. */
struct field {
    const char *key;
    enum field_type type;
    bool always; /* also when empty or 0 */
    uint16_t at;
    uint16_t size; /* of NUMBER, HEX */
    uint16_t has;  /* bool that tells whether it is there; 0: it is when it is not empty */
    uint16_t extra;
    uint16_t more;
};

struct shape {
    const char *name;
    int kind;
    const struct field *fields;
    size_t count;
};

/* The shape of an event, or of a name; NULL: there is none. Reading by name sets what else is needed in the
 * event (its kind, verb, version). */
const struct shape *shape_of_event(const struct codec_event *event);
const struct shape *shape_of_name(slice name, struct codec_event *event);

/* The object being made: members are appended in order. */
struct maker {
    struct codec_arena *arena;
    struct codec_member *members;
    size_t count, cap;
};

void maker_add(struct maker *m, const char *key, struct codec_value value);

/* Bytes copied together in the arena. */
struct codec_out maker_out(struct codec_arena *arena, size_t size);

static inline void *field_at(const struct codec_event *e, uint16_t at)
{
    return (uint8_t *)(uintptr_t)e + at;
}

/* Fields that are more than a scalar: into the object, and out of it. */
void part_to(const struct codec_event *e, const struct field *f, struct maker *m);
bool part_from(const struct codec_value *object, const struct field *f, struct codec_event *e,
               struct codec_arena *arena);

/* A member that must be text, or may be missing (then *text is left alone). */
bool text_from(const struct codec_value *object, const char *key, slice *text);
bool number_from(const struct codec_value *object, const char *key, uint64_t max, uint64_t *number);

#endif
