/* Deep copies of structs described by tables. When the arena is full the walk goes on, writing nothing, so
 * that the arena's `used` tells what would have been enough. */
#include "codec/json_table.h"

struct frame {
    const struct codec_json_table *table;
    const uint8_t *from;
    uint8_t *to; /* a copy of *from's bytes, whose pointers are being replaced; NULL: only counting */
    size_t field;
    size_t left; /* structs that follow this one in an array */
};

static void store(uint8_t *to, const void *value, size_t size)
{
    if (to != NULL)
        memcpy(to, value, size);
}

static slice copy_bytes(slice s, struct codec_arena *arena)
{
    uint8_t *p = codec_arena_take(arena, s.len, 1);
    if (p == NULL)
        return SLICE_EMPTY;
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    return slice_make(p, s.len);
}

static void copy_slice(const uint8_t *from, uint8_t *to, struct codec_arena *arena)
{
    slice s;
    memcpy(&s, from, sizeof(s));
    if (s.ptr != NULL)
        s = copy_bytes(s, arena);
    store(to, &s, sizeof(s));
}

static void copy_strings(const uint8_t *from, uint8_t *to, struct codec_arena *arena)
{
    struct codec_json_strings s;
    memcpy(&s, from, sizeof(s));
    if (s.items == NULL)
        return;
    slice *items = codec_arena_take(arena, s.count * sizeof(slice), _Alignof(slice));
    for (size_t i = 0; i < s.count; i++) {
        slice one = copy_bytes(s.items[i], arena);
        if (items != NULL)
            items[i] = one;
    }
    s.items = items;
    store(to, &s, sizeof(s));
}

static void copy_map(const uint8_t *from, uint8_t *to, struct codec_arena *arena)
{
    struct codec_json_map m;
    memcpy(&m, from, sizeof(m));
    if (m.items == NULL)
        return;
    size_t size = m.count * sizeof(struct codec_json_pair);
    struct codec_json_pair *items = codec_arena_take(arena, size, _Alignof(struct codec_json_pair));
    for (size_t i = 0; i < m.count; i++) {
        slice key = copy_bytes(m.items[i].key, arena), value = copy_bytes(m.items[i].value, arena);
        if (items != NULL)
            items[i] = (struct codec_json_pair){key, value};
    }
    m.items = items;
    store(to, &m, sizeof(m));
}

/* The structs of an array: true when there are any to walk through, in *frame. */
static bool copy_array(const struct codec_json_table *table, const uint8_t *from, uint8_t *to,
                       struct codec_arena *arena, struct frame *frame)
{
    struct codec_json_array a;
    memcpy(&a, from, sizeof(a));
    if (a.items == NULL)
        return false;
    const uint8_t *items = a.items;
    a.items = codec_arena_take(arena, a.count * table->size, _Alignof(max_align_t));
    if (a.items != NULL && a.count > 0)
        memcpy(a.items, items, a.count * table->size);
    store(to, &a, sizeof(a));
    *frame = (struct frame){table, items, a.items, 0, a.count - 1};
    return a.count > 0;
}

/* Copies what the member points to; true when it consists of structs to be walked through, in *inner. */
static bool copy_member(const struct codec_json_field *field, const struct frame *f,
                        struct codec_arena *arena, struct frame *inner)
{
    const uint8_t *from = f->from + field->offset;
    uint8_t *to = f->to == NULL ? NULL : f->to + field->offset;
    switch (field->type) {
    case CODEC_JSON_T_STRING:
    case CODEC_JSON_T_BYTES:
    case CODEC_JSON_T_RAW:
        copy_slice(from, to, arena);
        return false;
    case CODEC_JSON_T_STRINGS:
        copy_strings(from, to, arena);
        return false;
    case CODEC_JSON_T_MAP:
        copy_map(from, to, arena);
        return false;
    case CODEC_JSON_T_OBJECT:
        *inner = (struct frame){field->table, from, to, 0, 0};
        return true;
    case CODEC_JSON_T_OBJECTS:
        return copy_array(field->table, from, to, arena, inner);
    default:
        return false;
    }
}

bool codec_json_copy(const struct codec_json_table *table, void *to, const void *from,
                     struct codec_arena *arena)
{
    struct frame frames[CODEC_JSON_TABLES];
    unsigned depth = 1;
    memcpy(to, from, table->size);
    frames[0] = (struct frame){table, from, to, 0, 0};
    while (depth > 0) {
        struct frame *f = &frames[depth - 1], inner;
        if (f->field == f->table->count) {
            f->field = 0;
            f->from += f->table->size;
            f->to = f->to == NULL ? NULL : f->to + f->table->size;
            depth -= f->left-- == 0;
        } else if (copy_member(&f->table->fields[f->field++], f, arena, &inner)) {
            if (depth == CODEC_JSON_TABLES)
                return false;
            frames[depth++] = inner;
        }
    }
    return codec_arena_ok(arena);
}
