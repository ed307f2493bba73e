/* event_data.c: walks the tables of event_shape.c, from events to objects and back. */
#include <stdalign.h>
#include "codec/event_shape.h"

#define MEMBERS_MAX 32 /* the longest table with all that its parts add */

void maker_add(struct maker *m, const char *key, struct codec_value value)
{
    if (m->count < m->cap)
        m->members[m->count++] = (struct codec_member){slice_str(key), value};
    else
        m->arena->used = m->arena->cap + 1; /* told as an arena that is full */
}

struct codec_out maker_out(struct codec_arena *arena, size_t size)
{
    uint8_t *block = codec_arena_take(arena, size, 1);
    return codec_out_on(block, block == NULL ? 0 : size);
}

/* ----------------------------------------------------------------------------------------------- to an
 * object */

static uint64_t load(const void *at, size_t size)
{
    uint8_t n1;
    uint16_t n2;
    uint32_t n4;
    uint64_t n8;
    switch (size) {
    case 1:
        memcpy(&n1, at, 1);
        return n1;
    case 2:
        memcpy(&n2, at, 2);
        return n2;
    case 4:
        memcpy(&n4, at, 4);
        return n4;
    default:
        memcpy(&n8, at, 8);
        return n8;
    }
}

static bool is_there(const struct codec_event *e, const struct field *f, bool not_empty)
{
    if (f->has != 0)
        return *(const bool *)field_at(e, f->has);
    return f->always || not_empty;
}

static void field_to(const struct codec_event *e, const struct field *f, struct maker *m)
{
    const void *at = field_at(e, f->at);
    switch (f->type) {
    case FIELD_TEXT: {
        slice text = *(const slice *)at;
        if (is_there(e, f, text.len > 0))
            maker_add(m, f->key, codec_value_text(text));
        break;
    }
    case FIELD_NUMBER: {
        uint64_t number = load(at, f->size);
        if (is_there(e, f, number != 0))
            maker_add(m, f->key, codec_value_number(number));
        break;
    }
    case FIELD_BOOL:
        if (*(const bool *)at)
            maker_add(m, f->key, codec_value_bool(true));
        break;
    case FIELD_ID:
        maker_add(m, f->key, codec_value_text(slice_make(at, 8)));
        break;
    default:
        part_to(e, f, m);
        break;
    }
}

bool codec_event_to_value(const struct codec_event *e, struct codec_arena *arena, struct codec_value *value)
{
    const struct shape *shape = shape_of_event(e);
    struct maker m = {.arena = arena, .cap = MEMBERS_MAX};
    m.members = codec_arena_take(arena, sizeof(*m.members) * MEMBERS_MAX, alignof(struct codec_member));
    if (shape == NULL || m.members == NULL)
        return false;
    maker_add(&m, "event", codec_value_text(slice_str(codec_event_name(e))));
    maker_add(&m, "offset", codec_value_number(e->offset));
    if (e->protocol == CODEC_MQTT && e->mqtt.version == 5 && e->mqtt.type != CODEC_MQTT_CONNECT)
        maker_add(&m, "version", codec_value_number(5));
    for (size_t i = 0; i < shape->count; i++)
        field_to(e, &shape->fields[i], &m);
    *value = (struct codec_value){.type = CODEC_VALUE_OBJECT};
    value->object.items = m.members;
    value->object.count = m.count;
    return codec_arena_ok(arena);
}

/* --------------------------------------------------------------------------------------------- from an
 * object */

bool text_from(const struct codec_value *object, const char *key, slice *text)
{
    const struct codec_value *v = codec_value_get(object, key);
    if (v == NULL)
        return true;
    *text = v->text;
    return v->type == CODEC_VALUE_TEXT;
}

bool number_from(const struct codec_value *object, const char *key, uint64_t max, uint64_t *number)
{
    const struct codec_value *v = codec_value_get(object, key);
    if (v == NULL)
        return true;
    *number = v->number;
    return v->type == CODEC_VALUE_UINT && v->number <= max;
}

static void store(void *at, size_t size, uint64_t number)
{
    uint8_t n1 = (uint8_t)number;
    uint16_t n2 = (uint16_t)number;
    uint32_t n4 = (uint32_t)number;
    const void *from = size == 1   ? (const void *)&n1
                       : size == 2 ? (const void *)&n2
                       : size == 4 ? &n4
                                   : (const void *)&number;
    memcpy(at, from, size);
}

static bool field_from(const struct codec_value *object, const struct field *f, struct codec_event *e,
                       struct codec_arena *arena)
{
    void *at = field_at(e, f->at);
    const struct codec_value *v = codec_value_get(object, f->key);
    if (f->has != 0 && v != NULL && f->type != FIELD_BODY)
        *(bool *)field_at(e, f->has) = true;
    switch (f->type) {
    case FIELD_TEXT:
        return text_from(object, f->key, at) && (v != NULL || !f->always);
    case FIELD_NUMBER: {
        uint64_t number = 0, max = f->size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * f->size)) - 1;
        if (!number_from(object, f->key, max, &number))
            return false;
        store(at, f->size, number);
        return true;
    }
    case FIELD_BOOL:
        if (v == NULL)
            return true;
        if (v->type != CODEC_VALUE_BOOL)
            return false;
        *(bool *)at = v->boolean;
        return true;
    case FIELD_ID: {
        slice id = SLICE_EMPTY;
        if (!text_from(object, f->key, &id) || id.len != 8)
            return false;
        memcpy(at, id.ptr, 8);
        return true;
    }
    default:
        return part_from(object, f, e, arena);
    }
}

bool codec_event_from_value(const struct codec_value *object, enum codec_protocol protocol,
                            enum codec_direction direction, struct codec_arena *arena, struct codec_event *e,
                            const char **why)
{
    slice name = SLICE_EMPTY;
    uint64_t version = 4;
    *e = (struct codec_event){.protocol = protocol, .direction = direction};
    *why = "event";
    if (!text_from(object, "event", &name))
        return false;
    const struct shape *shape = shape_of_name(name, e);
    if (shape == NULL)
        return false;
    if (*why = "offset", !number_from(object, "offset", UINT64_MAX, &e->offset))
        return false;
    if (protocol == CODEC_MQTT) {
        if (*why = "version", !number_from(object, "version", 5, &version))
            return false;
        e->mqtt.version = (uint8_t)version;
    }
    for (size_t i = 0; i < shape->count; i++) {
        *why = shape->fields[i].key;
        if (!field_from(object, &shape->fields[i], e, arena))
            return false;
    }
    *why = "";
    return codec_arena_ok(arena);
}
