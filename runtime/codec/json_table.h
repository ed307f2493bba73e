/* codec/json_table.h: what reading, copying and writing by tables share. Private to the toolkit. */
#ifndef CODEC_JSON_TABLE_H
#define CODEC_JSON_TABLE_H

#include <midge/json.h>
#include <stdio.h>

/* An integer member of 1, 2, 4 or 8 bytes; unsigned values are the low bits. */
void codec_json_put_integer(uint8_t *member, size_t size, uint64_t value);
uint64_t codec_json_get_uint(const uint8_t *member, size_t size);
int64_t codec_json_get_int(const uint8_t *member, size_t size);

/* Sort by key; of pairs with the same key the last one stays. `scratch` has room for as many pairs. */
void codec_json_map_sort(struct codec_json_map *map, struct codec_json_pair *scratch);

/* The type of a field as errors name it. */
const char *codec_json_type_name(const struct codec_json_field *field);

/* The member may be left out where that is allowed. */
bool codec_json_is_empty(const struct codec_json_field *field, const uint8_t *base);

#endif
