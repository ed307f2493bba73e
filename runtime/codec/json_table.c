#include "codec/json_table.h"

void codec_json_put_integer(uint8_t *member, size_t size, uint64_t value)
{
    uint8_t v8 = (uint8_t)value;
    uint16_t v16 = (uint16_t)value;
    uint32_t v32 = (uint32_t)value;
    const void *from = size == 1   ? (void *)&v8
                       : size == 2 ? (void *)&v16
                       : size == 4 ? (void *)&v32
                                   : (void *)&value;
    memcpy(member, from, size);
}

uint64_t codec_json_get_uint(const uint8_t *member, size_t size)
{
    uint64_t v64 = 0;
    uint32_t v32 = 0;
    uint16_t v16 = 0;
    switch (size) {
    case 1:
        return *member;
    case 2:
        memcpy(&v16, member, sizeof(v16));
        return v16;
    case 4:
        memcpy(&v32, member, sizeof(v32));
        return v32;
    default:
        memcpy(&v64, member, sizeof(v64));
        return v64;
    }
}

int64_t codec_json_get_int(const uint8_t *member, size_t size)
{
    uint64_t v = codec_json_get_uint(member, size);
    switch (size) {
    case 1:
        return (int8_t)v;
    case 2:
        return (int16_t)v;
    case 4:
        return (int32_t)v;
    default:
        return (int64_t)v;
    }
}

/* A bottom-up merge sort: stable, no recursion, no worst case. */
static struct codec_json_pair *sort_pairs(struct codec_json_pair *from, struct codec_json_pair *to, size_t n)
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            size_t mid = at + width < n ? at + width : n, end = mid + width < n ? mid + width : n;
            size_t a = at, b = mid;
            for (size_t k = at; k < end; k++) {
                bool left = a < mid && (b == end || slice_cmp(from[a].key, from[b].key) <= 0);
                to[k] = left ? from[a++] : from[b++];
            }
        }
        struct codec_json_pair *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

void codec_json_map_sort(struct codec_json_map *map, struct codec_json_pair *scratch)
{
    const struct codec_json_pair *sorted = sort_pairs(map->items, scratch, map->count);
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (i + 1 == map->count || !slice_eq(sorted[i].key, sorted[i + 1].key))
            map->items[kept++] = sorted[i];
    }
    map->count = kept;
}

const char *codec_json_type_name(const struct codec_json_field *field)
{
    if (field->go_type != NULL)
        return field->go_type;
    switch (field->type) {
    case CODEC_JSON_T_BOOL:
        return "bool";
    case CODEC_JSON_T_INT:
        return field->size == 1 ? "int8" : field->size == 2 ? "int16" : field->size == 4 ? "int32" : "int";
    case CODEC_JSON_T_UINT:
        return field->size == 1   ? "uint8"
               : field->size == 2 ? "uint16"
               : field->size == 4 ? "uint32"
                                  : "uint64";
    case CODEC_JSON_T_DOUBLE:
        return "float64";
    case CODEC_JSON_T_STRING:
        return "string";
    case CODEC_JSON_T_BYTES:
        return "[]uint8";
    case CODEC_JSON_T_STRINGS:
        return "[]string";
    case CODEC_JSON_T_MAP:
        return "map[string]string";
    case CODEC_JSON_T_OBJECT:
        return field->table->name;
    default:
        return "value";
    }
}

bool codec_json_is_empty(const struct codec_json_field *field, const uint8_t *base)
{
    const uint8_t *member = base + field->offset;
    if (field->has != 0)
        return !*(const bool *)(base + field->has - 1);
    switch (field->type) {
    case CODEC_JSON_T_BOOL:
        return !*(const bool *)member;
    case CODEC_JSON_T_INT:
    case CODEC_JSON_T_UINT:
        return codec_json_get_uint(member, field->size) == 0;
    case CODEC_JSON_T_DOUBLE: {
        double v;
        memcpy(&v, member, sizeof(v));
        return v == 0;
    }
    case CODEC_JSON_T_STRING:
    case CODEC_JSON_T_BYTES:
    case CODEC_JSON_T_RAW:
        return ((const slice *)(const void *)member)->len == 0;
    case CODEC_JSON_T_STRINGS:
        return ((const struct codec_json_strings *)(const void *)member)->count == 0;
    case CODEC_JSON_T_MAP:
        return ((const struct codec_json_map *)(const void *)member)->count == 0;
    case CODEC_JSON_T_OBJECTS:
        return ((const struct codec_json_array *)(const void *)member)->count == 0;
    case CODEC_JSON_T_CUSTOM:
        return field->empty != NULL && field->empty(member);
    default: /* an object that is always there */
        return false;
    }
}
